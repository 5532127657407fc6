"""A receipt on paper: what its page says, in the language of the request."""

from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from tawsil.consoles.shop.bills import Row
from tawsil.consoles.shop.orders import Order, Told
from tawsil.consoles.words import amount, moment, percent, say
from tawsil.kernel.typesetting import typeset


def printed(told: Told) -> dict[str, Any]:
    """What stands on it, ready to print."""
    order = told.order
    return {
        "title": say("order.receipt"),
        "number": say("order.numbered", number=order.number),
        "facts": list(_facts(told)),
        "pieces": [
            (
                str(item.quantity),
                item.named,
                " · ".join(item.chosen),
                amount(item.total_minor, order.currency),
            )
            for item in order.items or []
        ],
        "rows": list(_rows(order)),
        "notes": list(_notes(order)),
    }


def pdf(said: dict[str, Any], *, locale: str, at: datetime) -> bytes:
    source = files("tawsil.consoles.shop").joinpath("receipt.typ").read_bytes()
    return typeset(source, said, locale=locale, at=at)


def _facts(told: Told) -> Iterator[tuple[str, str]]:
    order = told.order
    if told.merchant is not None:
        yield say("order.from"), told.merchant.name
    clock = ZoneInfo(told.timezone)
    yield say("order.step.placed"), moment(order.placed_at.astimezone(clock))
    if order.delivered_at is not None:
        yield say("order.step.delivered"), moment(order.delivered_at.astimezone(clock))
    if order.destination is not None:
        yield say("order.where"), order.destination.address


def _rows(order: Order) -> Iterator[tuple[str, str, bool]]:
    """As on the page: every part, then what it comes to."""
    yield from ((_called(row), amount(row.minor, order.currency), False) for row in order.rows)
    yield say("order.bill.total"), amount(order.total_minor, order.currency), True
    for word, minor in (("points", order.points_minor), ("credit", order.credit_minor)):
        if minor:
            yield say(f"order.bill.{word}"), amount(-minor, order.currency), False
    if order.points_minor or order.credit_minor:
        word = "charged" if order.had else "due"
        yield say(f"order.bill.{word}"), amount(order.due_minor, order.currency), True


def _called(row: Row) -> str:
    rate = f" {percent(row.rate_bp)}%" if row.rate_bp else ""
    return say(f"order.bill.{row.word}") + (f" · {row.named}" if row.named else "") + rate


def _notes(order: Order) -> Iterator[str]:
    yield say(f"order.paid_by.{order.payment_method}")
    for tip in order.tips or []:
        if tip.state == "paid":
            yield say("order.tip_given.paid", amount=amount(tip.amount_minor, order.currency))
    for refund in order.refunds or []:
        given = amount(refund.amount_minor, order.currency)
        yield say(f"order.refund.{refund.state}", amount=given)
