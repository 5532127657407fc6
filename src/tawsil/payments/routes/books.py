"""The books of a month: what came and went, and closing it."""

from datetime import date
from typing import Annotated, Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Caller,
    Commands,
    Envelope,
    allow,
    envelope,
    not_found,
)
from tawsil.kernel.http.lists import csv_lines
from tawsil.payments.events import AccountKind
from tawsil.payments.model.ledger import TransferKind
from tawsil.payments.model.months import AccountTotals, TransferTotals
from tawsil.payments.routes.access import check_whole
from tawsil.payments.service import months as service
from tawsil.payments.service.months import CloseMonth, Month

TAGS: Final = ["Books"]
READ: Final = "payment:read"
CLOSE: Final = "payment:update"
EARLIEST: Final = date(2000, 1, 1)


class AccountTotalsView(Struct, frozen=True, kw_only=True):
    """All accounts of a kind. Above zero is owed by the platform, below zero is owed to it."""

    kind: AccountKind
    currency: str
    opening_minor: int
    in_minor: int
    out_minor: int
    closing_minor: int

    @classmethod
    def of(cls, totals: AccountTotals) -> "AccountTotalsView":
        return cls(**{name: getattr(totals, name) for name in cls.__struct_fields__})


class TransferTotalsView(Struct, frozen=True, kw_only=True):
    kind: TransferKind
    currency: str
    count: int
    moved_minor: int

    @classmethod
    def of(cls, totals: TransferTotals) -> "TransferTotalsView":
        return cls(**{name: getattr(totals, name) for name in cls.__struct_fields__})


class MonthView(Struct, frozen=True, kw_only=True):
    """A calendar month in UTC; `closed` ones stay as they were when they were closed."""

    month: Annotated[str, Meta(examples=["2026-10"])]
    closed: bool
    accounts: list[AccountTotalsView]
    transfers: list[TransferTotalsView]
    open_differences: int

    @classmethod
    def of(cls, found: Month) -> "MonthView":
        report = found.report
        return cls(
            month=f"{report.month:%Y-%m}",
            closed=found.closed,
            accounts=[AccountTotalsView.of(totals) for totals in report.accounts],
            transfers=[TransferTotalsView.of(totals) for totals in report.transfers],
            open_differences=report.open_differences,
        )


@get(
    "/v4/books/months/{month:str}",
    opt={"rule": allow(READ), "limit": HEAVY},
    tags=TAGS,
    summary="Show the books of a month",
)
async def show_month(
    month: FromPath[str], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[MonthView]:
    """Such as 2026-10: by kind of account and of transfer, per currency; each adds up to zero."""
    return envelope(MonthView.of(await _month(month, caller, database)))


@get(
    "/v4/books/months/{month:str}/accounts.csv",
    opt={"rule": allow(READ), "limit": HEAVY},
    tags=TAGS,
    summary="The accounts of a month, as a file",
    media_type="text/csv",
)
async def export_month(
    month: FromPath[str], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Response[str]:
    """One line per kind of account and currency."""
    view = MonthView.of(await _month(month, caller, database))
    names = AccountTotalsView.__struct_fields__
    rows = [[getattr(totals, name) for name in names] for totals in view.accounts]
    return Response(
        csv_lines([names, *rows]),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="books-{view.month}.csv"'},
    )


@post(
    "/v4/books/months/{month:str}/close",
    opt={"rule": allow(CLOSE)},
    status_code=200,
    tags=TAGS,
    summary="Close the books of a month",
)
async def close_month(
    month: FromPath[str], caller: NamedDependency[Caller], commands: NamedDependency[Commands]
) -> Response[Envelope[MonthView]]:
    """Once it is over and no difference with an acquirer is open in it; once."""
    check_whole(caller, CLOSE)
    command = CloseMonth(by=caller.by, month=_month_of(month))
    return await commands.submit(service.close, command, view=MonthView.of)


async def _month(month: str, caller: Caller, database: Database) -> Month:
    check_whole(caller, READ)
    asked = _month_of(month)
    if asked > database.now().date():
        raise not_found()
    async with database.transaction() as tx:
        return await service.month(tx, tenant_id=caller.tenant_id, month=asked)


def _month_of(text: str) -> date:
    """The first day of `2026-10`.

    Raises:
        Problem: 404, there is no such month.
    """
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise not_found() from None
    if first.isoformat() != f"{text}-01" or first < EARLIEST:
        raise not_found()
    return first


routes: Final[list[Any]] = [show_month, export_month, close_month]
