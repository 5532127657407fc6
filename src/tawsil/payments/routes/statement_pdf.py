"""A statement of account on paper: A4, in English or, from right to left, in Arabic."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Literal

from babel.dates import format_datetime
from babel.numbers import format_decimal
from msgspec import Struct

from tawsil.kernel.i18n import text
from tawsil.kernel.money import digits, major
from tawsil.kernel.typesetting import typeset
from tawsil.payments.model.statements import Account, Standing, StatementLine

_FROM_LEFT, _SO_FAR = "\u2066", "\u2069"
"""Around what is read from left to right wherever it stands (Unicode's isolates)."""


class Paper(Struct, frozen=True, kw_only=True):
    """What stands on a statement. `from_at` and `to_at` bound it; without, it is all there is."""

    account: Account
    standing: Standing
    lines: Sequence[StatementLine]
    from_at: datetime | None
    to_at: datetime | None
    at: datetime


def pdf(paper: Paper, *, locale: str, as_: Literal["pdf", "png"] = "pdf") -> bytes:
    """Set it. Takes a tenth of a second and more, so not in an event loop's own thread."""
    source = files("tawsil.payments.routes").joinpath("statement.typ").read_bytes()
    return typeset(source, _printed(paper, locale), locale=locale, at=paper.at, as_=as_)


def _printed(paper: Paper, locale: str) -> dict[str, Any]:
    account, currency = paper.account, paper.account.currency

    def word(name: str, **params: Any) -> str:
        return text(f"statement.{name}", params=params, locale=locale)

    def amount(minor: int) -> str:
        return amount_of(minor, currency, locale=locale)

    facts = [
        (word("account"), word(f"account.{account.ref.kind}")),
        (word("owner"), str(account.ref.owner_id or word("house"))),
        (word("currency"), currency),
        (word("period"), _period(paper, locale)),
        (word("pending"), _isolated(amount(paper.standing.pending_minor))),
        (word("printed"), _isolated(instant(paper.at, locale=locale))),
    ]
    names = ("title", "note", "at", "what", "reference", "amount", "balance", "opening", "closing")
    return {
        "words": {name: word(name) for name in names},
        "facts": facts,
        "opening": amount(paper.standing.opening_minor),
        "closing": amount(paper.standing.closing_minor),
        "lines": [
            {
                "at": instant(line.at, locale=locale),
                "what": word(f"kind.{line.kind}"),
                "reference": str(line.reference_id),
                "amount": amount(line.amount_minor),
                "balance": amount(line.balance_minor),
            }
            for line in paper.lines
        ],
    }


def amount_of(minor: int, currency: str, *, locale: str) -> str:
    """With as many decimals as the currency has, in the numerals and signs of the language."""
    form = "#,##0" + ("." + "0" * digits(currency) if digits(currency) else "")
    return format_decimal(
        major(minor, currency), format=form, locale=locale, numbering_system="default"
    )


def instant(at: datetime, *, locale: str) -> str:
    return format_datetime(at, "yyyy-MM-dd HH:mm", tzinfo=UTC, locale=locale)


def _period(paper: Paper, locale: str) -> str:
    first, last = (
        _isolated(instant(at, locale=locale)) if at else "…" for at in (paper.from_at, paper.to_at)
    )
    return text("statement.from_to", params={"first": first, "last": last}, locale=locale)


def _isolated(written: str) -> str:
    return f"{_FROM_LEFT}{written}{_SO_FAR}"
