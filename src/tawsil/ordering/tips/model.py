"""A tip: asked for, then paid or declined. No I/O, no clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, Deadline, Decision, Event, accept, refuse
from tawsil.ordering import events
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order

TIP_WITHIN: Final = timedelta(days=7)
MOST_TIPS: Final = 3
DELIVERED: Final = frozenset({Status.DELIVERED, Status.DISPUTED, Status.REFUNDED})


class TipState(StrEnum):
    ASKED = "asked"
    PAID = "paid"
    DECLINED = "declined"


class TipFrom(StrEnum):
    CARD = "card"
    CREDIT = "credit"


class Tip(Struct, frozen=True, kw_only=True):
    """What a customer gives a courier after the order; its payment's reference is its id."""

    stream: ClassVar[str] = "tip"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    order_id: UUID
    customer_id: UUID
    courier_id: UUID
    amount_minor: int
    currency: str
    paid_from: TipFrom
    state: TipState = TipState.ASKED
    decline_code: str | None = None
    asked_at: datetime
    ended_at: datetime | None = None

    @property
    def deadline(self) -> Deadline | None:
        return None  # its payment has one


def give(
    order: Order,
    *,
    id_: UUID,
    amount_minor: int,
    paid_from: TipFrom,
    before: Sequence[Tip],
    now: datetime,
) -> Decision[Tip]:
    """For an order that was delivered lately, and not for ever again."""
    delivered_at, courier_id = order.delivered_at, order.courier_id
    if order.status not in DELIVERED or delivered_at is None or courier_id is None:
        return refuse("tip.not_delivered", status_now=order.status)
    if now - delivered_at > TIP_WITHIN:
        return refuse("tip.too_late", days=TIP_WITHIN.days)
    if sum(tip.state is not TipState.DECLINED for tip in before) >= MOST_TIPS:
        return refuse("tip.enough", most=MOST_TIPS)
    tip = Tip(
        id=id_,
        tenant_id=order.tenant_id,
        city_id=order.city_id,
        order_id=order.id,
        customer_id=order.customer_id,
        courier_id=courier_id,
        amount_minor=amount_minor,
        currency=order.amounts.currency,
        paid_from=paid_from,
        asked_at=now,
    )
    return accept(tip, _event(events.TipAsked, tip))


def pay(tip: Tip, *, now: datetime) -> Accepted[Tip]:
    """The courier has it. Word of it that comes twice changes nothing."""
    if tip.state is not TipState.ASKED:
        return accept(tip)
    paid = replace(tip, state=TipState.PAID, ended_at=now)
    return accept(paid, _event(events.TipPaid, paid))


def decline(tip: Tip, *, code: str, now: datetime) -> Accepted[Tip]:
    if tip.state is not TipState.ASKED:
        return accept(tip)
    declined = replace(tip, state=TipState.DECLINED, decline_code=code, ended_at=now)
    return accept(declined, _event(events.TipDeclined, declined, code=code))


def _event(cls: Any, tip: Tip, **fields: Any) -> Event:
    return cls(
        tip_id=tip.id,
        order_id=tip.order_id,
        customer_id=tip.customer_id,
        courier_id=tip.courier_id,
        amount_minor=tip.amount_minor,
        currency=tip.currency,
        **fields,
    )
