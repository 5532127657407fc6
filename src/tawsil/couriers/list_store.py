"""Couriers as those who look after them list them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.couriers.events import Availability, Vehicle
from tawsil.couriers.model import Courier
from tawsil.couriers.store import NAMES, courier_of
from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.kernel.reach import Reach


class Filter(Struct, frozen=True, kw_only=True):
    """Which couriers: everything that is set narrows. `area_id` stands for the cities below it.

    `words` are how a name, an e-mail address or a telephone number begins.
    """

    availabilities: tuple[Availability, ...] | None = None
    city_id: UUID | None = None
    area_id: UUID | None = None
    vehicle: Vehicle | None = None
    unsafe: bool | None = None
    suspended: bool | None = None
    least_rating: float | None = None
    words: str | None = None


SORTS: Final = Sorts(
    keys={
        "id": Key("id", UUID),
        "rating": Key("rating", float),
        "since_at": Key("since_at", datetime),
        "availability": Key("availability", str),
        "missed_offers": Key("missed_offers", int),
    },
    default="id",
)
_FILTERS: Final = {
    "availabilities": "availability = any({}::text[])",
    "city_id": "city_id = {}",
    "vehicle": "vehicle = {}",
    "unsafe": "(fault is not null) = {}",
    "suspended": "(suspended_because is not null) = {}",
    "least_rating": "rating >= {}",
}
_REACHED: Final = {"city_ids": "city_id = any({}::uuid[])", "user_id": "id = {}"}


class Within(Struct, frozen=True):
    """What a filter's area and words stand for; None where it names none."""

    city_ids: frozenset[UUID] | None
    ids: Sequence[UUID] | None


async def search(
    tx: Tx, *, reach: Reach, which: Filter, within: Within, take: Take
) -> Slice[Courier]:
    where = Where().within(reach, _REACHED)
    where.matching(which, _FILTERS, besides={"area_id", "words"})
    if within.city_ids is not None:
        where.add("city_id = any({}::uuid[])", within.city_ids)
    if within.ids is not None:
        where.add("id = any({}::uuid[])", list(within.ids))
    found = await rows(tx, columns=NAMES, source="couriers.courier", where=where, take=take)
    return found.map(courier_of)


async def reached(tx: Tx, *, reach: Reach, ids: Sequence[UUID]) -> dict[UUID, Courier]:
    """Those of some couriers that are within reach."""
    where = Where().within(reach, _REACHED).add("id = any({}::uuid[])", list(ids))
    found = await tx.rows(f"select {NAMES} from couriers.courier where {where}", *where.args)  # noqa: S608 - fragments of ours
    return {row["id"]: courier_of(row) for row in found}
