"""Orders as lists: what they are filtered and sorted by, and who reaches which."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.kernel.reach import Reach
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order, PaidBy
from tawsil.ordering.store import order_of


class Filter(Struct, frozen=True, kw_only=True):
    """Which orders: everything that is set narrows. `area_id` stands for the cities below it.

    `words` are a number, or how something about the customer begins.
    """

    statuses: tuple[Status, ...] | None = None
    city_id: UUID | None = None
    area_id: UUID | None = None
    merchant_id: UUID | None = None
    courier_id: UUID | None = None
    customer_id: UUID | None = None
    paid_by: PaidBy | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    least_total_minor: int | None = None
    most_total_minor: int | None = None
    words: str | None = None


SORTS: Final = Sorts(
    keys={
        "placed_at": Key("placed_at", datetime),
        "number": Key("number", int),
        "total": Key("total_minor", int),
        "status": Key("status", str),
    },
    default="-placed_at",
)
_FILTERS: Final = {
    "statuses": "status = any({}::text[])",
    "city_id": "city_id = {}",
    "merchant_id": "merchant_id = {}",
    "courier_id": "courier_id = {}",
    "customer_id": "customer_id = {}",
    "paid_by": "paid_by = {}",
    "from_at": "placed_at >= {}",
    "to_at": "placed_at < {}",
    "least_total_minor": "total_minor >= {}",
    "most_total_minor": "total_minor <= {}",
}
_REACHED: Final = {
    "city_ids": "city_id = any({}::uuid[])",
    "user_id": "customer_id = {}",
    "assigned_to": "courier_id = {}",
    # A merchant hears of an order from the offer on: before, its money is not safe.
    "location_id": "(merchant_id = {} and offered_at is not null)",
}


class Named(Struct, frozen=True):
    """What words may mean: the order of a number, or the orders of some customers."""

    number: int | None
    customer_ids: Sequence[UUID]


class Within(Struct, frozen=True):
    """What a filter's area and words stand for; None where it names none."""

    city_ids: frozenset[UUID] | None
    named: Named | None


async def search(
    tx: Tx, *, reach: Reach, which: Filter, within: Within, take: Take
) -> Slice[Order]:
    where = Where().within(reach, _REACHED)
    where.matching(which, _FILTERS, besides={"area_id", "words"})
    if within.city_ids is not None:
        where.add("city_id = any({}::uuid[])", within.city_ids)
    if within.named is not None:
        where.add(
            "(number = {}::bigint or customer_id = any({}::uuid[]))",
            within.named.number,
            list(within.named.customer_ids),
        )
    found = await rows(tx, columns="*", source='ordering."order"', where=where, take=take)
    return found.map(order_of)


async def reached(tx: Tx, *, reach: Reach, ids: Sequence[UUID]) -> dict[UUID, Order]:
    """Those of some orders that are within reach."""
    where = Where().within(reach, _REACHED).add("id = any({}::uuid[])", list(ids))
    found = await tx.rows(f'select * from ordering."order" where {where}', *where.args)  # noqa: S608 - fragments of ours
    orders = [order_of(dict[str, Any](row)) for row in found]
    return {order.id: order for order in orders}
