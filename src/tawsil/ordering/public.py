"""What others may ask of ordering."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.db import Tx
from tawsil.kernel.events import Recorded, Registry
from tawsil.kernel.events import story as _story
from tawsil.kernel.lists import Slice, Take
from tawsil.kernel.reach import Reach
from tawsil.ordering import list_store, store
from tawsil.ordering.access import acting, seen_by, visible
from tawsil.ordering.asking import cancelling, placing, towards
from tawsil.ordering.events import Status
from tawsil.ordering.journey import (
    AcceptOrder,
    CancelOrder,
    ChangeReadyTime,
    Choose,
    ComplainAbout,
    DeliverOrder,
    MarkUndeliverable,
    MoveOrder,
    PlaceOrder,
    accept_order,
    cancel,
    change_ready_time,
    choose,
    deliver,
    depart,
    dispute,
    mark_ready,
    mark_undeliverable,
    pick_up,
    place,
    refund,
    return_to_merchant,
    start_preparing,
)
from tawsil.ordering.list_store import SORTS, Filter, Named, Within, reached
from tawsil.ordering.model import Choice, Order, PaidBy, PaymentStage, legal_moves
from tawsil.ordering.moves import Party
from tawsil.ordering.refunds.model import Decider, PaidTo, Refund, RefundState
from tawsil.ordering.refunds.parts import Ask, Pieces, Scope
from tawsil.ordering.refunds.service import RequestRefund
from tawsil.ordering.refunds.service import request as request_refund
from tawsil.ordering.steps import Acting
from tawsil.ordering.store import Destination, Item
from tawsil.ordering.tips.model import Tip, TipState
from tawsil.ordering.tips.service import GiveTip
from tawsil.ordering.tips.service import give as give_tip

__all__ = [
    "SORTS",
    "AcceptOrder",
    "Acting",
    "Ask",
    "CancelOrder",
    "ChangeReadyTime",
    "Choice",
    "Choose",
    "ComplainAbout",
    "Decider",
    "DeliverOrder",
    "Destination",
    "Filter",
    "GiveTip",
    "Item",
    "MarkUndeliverable",
    "MoveOrder",
    "Order",
    "PaidBy",
    "PaidTo",
    "Party",
    "PaymentStage",
    "Pieces",
    "PlaceOrder",
    "Refund",
    "RefundState",
    "RequestRefund",
    "Scope",
    "Status",
    "Summary",
    "Tip",
    "TipState",
    "accept_order",
    "acting",
    "by_id",
    "cancel",
    "cancelling",
    "carried_by",
    "change_ready_time",
    "choose",
    "deliver",
    "depart",
    "destinations",
    "dispute",
    "get_many",
    "give_tip",
    "items",
    "legal_moves",
    "live",
    "mark_ready",
    "mark_undeliverable",
    "pick_up",
    "place",
    "placing",
    "reached",
    "refund",
    "request_refund",
    "return_to_merchant",
    "search_orders",
    "seen_by",
    "start_preparing",
    "summary",
    "timeline",
    "towards",
    "visible",
    "without_deadline",
]


LONGEST_NUMBER: Final = 18  # digits that a bigint always holds
MOST_NAMED: Final = 500  # customers, of whom so many begin alike, are not told apart by more


class Summary(Struct, frozen=True, kw_only=True):
    """How a city has done since some instant."""

    placed: int
    delivered: int
    cancelled: int
    median_delivery_s: float | None


async def get_many(tx: Tx, *, tenant_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Orders of one tenant, by id; unknown ids are left out."""
    found = await store.get(tx, ids)
    return {order_id: order for order_id, order in found.items() if order.tenant_id == tenant_id}


async def search_orders(tx: Tx, *, reach: Reach, which: Filter, take: Take) -> Slice[Order]:
    """Some of the orders within reach; `take` is made by `SORTS.take(which, …)`."""
    city_ids = named = None
    if which.area_id is not None:
        city_ids = await geography.cities_below(
            tx, tenant_id=reach.tenant_id, area_id=which.area_id
        )
    if which.words is not None:
        named = await _named(tx, which.words, reach=reach)
    within = Within(city_ids=city_ids, named=named)
    return await list_store.search(tx, reach=reach, which=which, within=within, take=take)


async def _named(tx: Tx, words: str, *, reach: Reach) -> Named:
    """Customers are found by name by those alone who look at other people's orders."""
    number = words.removeprefix("#")
    known = number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER
    people = (
        await identity.find(tx, tenant_id=reach.tenant_id, words=words, most=MOST_NAMED)
        if reach.from_above
        else []
    )
    return Named(number=int(number) if known else None, customer_ids=people)


async def by_id(tx: Tx, *, ids: Collection[UUID]) -> dict[UUID, Order]:
    """Orders whosoever they are; only for those who ask on nobody's behalf."""
    return await store.get(tx, list(ids))


async def live(tx: Tx, *, city_id: UUID) -> list[Order]:
    """Every order of a city that has not ended, oldest first."""
    return await store.live(tx, city_id=city_id)


async def carried_by(tx: Tx, *, courier_ids: Sequence[UUID]) -> dict[UUID, list[Order]]:
    """The live orders each courier is on, oldest first; a courier on none is left out."""
    carried: dict[UUID, list[Order]] = {}
    for order in await store.carried_by(tx, courier_ids=courier_ids):
        assert order.courier_id is not None, "it was found by its courier"
        carried.setdefault(order.courier_id, []).append(order)
    return carried


async def items(tx: Tx, *, order_ids: Sequence[UUID]) -> dict[UUID, list[Item]]:
    return await store.items(tx, order_ids)


async def destinations(tx: Tx, *, order_ids: Sequence[UUID]) -> dict[UUID, Destination]:
    """Where orders go, in words: personal data."""
    return await store.destinations(tx, order_ids)


async def summary(tx: Tx, *, city_id: UUID, since: datetime) -> Summary:
    return Summary(**await store.counts(tx, city_id=city_id, since=since))


async def timeline(tx: Tx, registry: Registry, *, order_id: UUID) -> list[Recorded[Any]]:
    """Everything recorded in an order's story: its own events, its payment's, its delivery's."""
    return await _story(tx, registry, correlation_id=order_id)


async def without_deadline(tx: Tx) -> int:
    """How many live orders nothing will wake. Always 0."""
    return await store.without_deadline(tx)
