"""Merchants as those who look after them list them."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.catalog.model import Merchant, Standing, search_text
from tawsil.catalog.store import merchant_of
from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, holding, rows
from tawsil.kernel.reach import Reach


class Filter(Struct, frozen=True, kw_only=True):
    """Which merchants: everything that is set narrows. `area_id` stands for the cities below it."""

    standings: tuple[Standing, ...] | None = None
    city_id: UUID | None = None
    area_id: UUID | None = None
    cuisine: str | None = None
    words: str | None = None


SORTS: Final = Sorts(
    keys={
        "name": Key("name_en", str),
        "rating": Key("coalesce(rating, 0)", float),
        "prep_time": Key("prep_time_s", int),
        "standing": Key("standing", str),
    },
    default="name",
)
_FILTERS: Final = {
    "standings": "standing = any({}::text[])",
    "city_id": "city_id = {}",
    "cuisine": "cuisine = {}",
}
_REACHED: Final = {"city_ids": "city_id = any({}::uuid[])", "location_id": "id = {}"}


async def list_merchants(
    tx: Tx, *, reach: Reach, which: Filter, city_ids: frozenset[UUID] | None, take: Take
) -> Slice[Merchant]:
    """`city_ids` are those of the filter's area, if it has one."""
    where = Where().within(reach, _REACHED)
    where.matching(which, _FILTERS, besides={"area_id", "words"})
    if city_ids is not None:
        where.add("city_id = any({}::uuid[])", city_ids)
    if which.words is not None:
        where.add("search_text like {}", holding(search_text(which.words)))
    found = await rows(tx, columns="*", source="catalog.merchant", where=where, take=take)
    return found.map(merchant_of)


async def reached(tx: Tx, *, reach: Reach, ids: Sequence[UUID]) -> dict[UUID, Merchant]:
    """Those of some merchants that are within reach."""
    where = Where().within(reach, _REACHED).add("id = any({}::uuid[])", list(ids))
    found = await tx.rows(f"select * from catalog.merchant where {where}", *where.args)  # noqa: S608 - fragments of ours
    return {row["id"]: merchant_of(row) for row in found}
