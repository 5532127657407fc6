"""How a merchant's orders look on its board."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.catalog import public as catalog
from tawsil.dispatch import public as dispatch
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order, PaidBy
from tawsil.ordering.store import Item


class BoardCourierView(Struct, frozen=True, kw_only=True):
    """Who fetches it: when they are expected, whether they are there, how old that knowledge is.

    `expected_at` is null once they have arrived, `seen_age_s` if they were never seen.
    """

    expected_at: datetime | None
    arrived: bool
    seen_age_s: int | None


class BoardOrderView(Struct, frozen=True, kw_only=True):
    """An order for the kitchen: what is in it, what its customer asked for, what is next.

    `answer_by_at` is set while nobody has taken it: then it is called off. `may_hand_over`: the
    courier is here, and the kitchen may say that the bag is theirs. `unread` are messages.
    """

    id: UUID
    number: int
    status: Status
    items: list[Item]
    notes: str
    payment_method: PaidBy
    currency: str
    subtotal_minor: int
    prep_time_s: int
    placed_at: datetime
    offered_at: datetime
    answer_by_at: datetime | None
    accepted_at: datetime | None
    ready_at: datetime | None
    picked_up_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None
    courier: BoardCourierView | None
    may_hand_over: bool
    unread: int


class BoardMerchantView(Struct, frozen=True, kw_only=True):
    """Whether it takes orders, and why not: as the public is told, or `missed_orders`."""

    id: UUID
    taking: bool
    closed_because: str | None
    opens_at: datetime | None
    paused: bool
    paused_until: datetime | None
    paused_because: str | None
    missed_in_a_row: int
    busy_extra_s: int
    prep_time_s: int


class BoardView(Struct, frozen=True, kw_only=True):
    """`at` is the platform's clock, for countdowns."""

    at: datetime
    merchant: BoardMerchantView
    orders: list[BoardOrderView]


def show_order(
    order: Order,
    *,
    items: list[Item],
    notes: str,
    delivery: dispatch.Delivery | None,
    seen_at: datetime | None,
    unread: int,
    now: datetime,
) -> BoardOrderView:
    assert order.offered_at is not None, "a board shows what was offered"
    deadline = order.deadline
    asked = order.status is Status.PENDING and deadline is not None
    courier = _show_courier(order, delivery, seen_at, now=now)
    ready = order.status in {Status.ACCEPTED, Status.PREPARING, Status.READY_FOR_PICKUP}
    return BoardOrderView(
        id=order.id,
        number=order.number,
        status=order.status,
        items=items,
        notes=notes,
        payment_method=order.paid_by,
        currency=order.amounts.currency,
        subtotal_minor=order.amounts.subtotal_minor,
        prep_time_s=order.prep_time_s,
        placed_at=order.placed_at,
        offered_at=order.offered_at,
        answer_by_at=deadline.at if asked and deadline else None,
        accepted_at=order.accepted_at,
        ready_at=order.ready_at,
        picked_up_at=order.picked_up_at,
        ended_at=order.ended_at,
        ended_because=order.ended_because,
        courier=courier,
        may_hand_over=ready and courier is not None and courier.arrived,
        unread=unread,
    )


def _show_courier(
    order: Order,
    delivery: dispatch.Delivery | None,
    seen_at: datetime | None,
    *,
    now: datetime,
) -> BoardCourierView | None:
    """While the courier is on the way here, or here."""
    if order.courier_id is None or order.picked_up_at is not None or not order.live:
        return None
    arrived = delivery is not None and delivery.arrived_at is not None
    etas = delivery.etas if delivery else None
    return BoardCourierView(
        expected_at=etas.arrival_at if etas and not arrived else None,
        arrived=arrived,
        seen_age_s=None if seen_at is None else max(0, round((now - seen_at).total_seconds())),
    )


def show_merchant(
    found: catalog.Found, *, missed: Sequence[datetime], silent: bool
) -> BoardMerchantView:
    merchant, refusal = found.merchant, found.refusal
    until = merchant.paused_until
    return BoardMerchantView(
        id=merchant.id,
        taking=refusal is None,
        closed_because=refusal.code.removeprefix("merchant.") if refusal else None,
        opens_at=refusal.detail.get("opens_at") if refusal else None,
        paused=until is not None,
        paused_until=None if until == catalog.FOREVER else until,
        paused_because="missed_orders" if silent else None,
        missed_in_a_row=len(missed),
        busy_extra_s=merchant.busy_extra_s,
        prep_time_s=merchant.prep_time_s,
    )
