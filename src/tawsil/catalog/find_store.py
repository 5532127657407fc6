"""The tables of catalog: finding merchants by what they are, and both them and dishes by words."""

from collections.abc import Collection, Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.catalog.model import Merchant
from tawsil.catalog.search_store import Known
from tawsil.catalog.store import merchant_of
from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Where, holding
from tawsil.kernel.places import Place

_AROUND_DEGREES: Final = 0.4  # some 40 km: further than anything is ever delivered
_METRES_PER_DEGREE: Final = 111_195.0
CHEAP_BELOW: Final = 0.75
"""Of what is typical in the city: half of the dishes of a merchant cost less than this share."""
DEAR_FROM: Final = 1.35


class Sort(StrEnum):
    """What comes first. Nearest, where a place is known."""

    DISTANCE = "distance"
    RATING = "rating"
    PRICE = "price"
    NAME = "name"


_SORTS: Final[Mapping[Sort, str]] = {
    Sort.DISTANCE: "distance_m nulls last",
    Sort.RATING: "rating desc nulls last, distance_m nulls last",
    Sort.PRICE: "typical_minor nulls last, distance_m nulls last",
    Sort.NAME: "",
}


class Asked(Struct, frozen=True, kw_only=True):
    """What somebody looks for: everything that is set narrows."""

    tenant_id: UUID | None = None
    city_id: UUID | None = None
    near: Place | None = None
    words: str | None = None
    open_now: bool = False
    max_distance_m: int | None = None
    min_rating: float | None = None
    cuisines: tuple[str, ...] | None = None
    price_levels: tuple[int, ...] | None = None
    sort: Sort = Sort.DISTANCE
    open_first: bool = False


class Clocks(Struct, frozen=True, kw_only=True):
    """The minute of the week in each city; merchants with other hours today, and the open ones."""

    minutes: Mapping[UUID, int]
    special: frozenset[UUID] = frozenset()
    special_open: frozenset[UUID] = frozenset()


class Wanted(Struct, frozen=True, kw_only=True):
    """Words that are looked for, `every` one or any, among what else is asked."""

    asked: Asked
    clocks: Clocks
    known: tuple[Known, ...]
    every: bool


class Hit(Struct, frozen=True, kw_only=True):
    """Something found: a merchant, or (`product_id`) a dish of it; what it costs among others."""

    merchant_id: UUID
    product_id: UUID | None = None
    price_level: int | None
    total: int


_CANDIDATE: Final = """
    with clock as (select * from unnest({cities}::uuid[], {minutes}::int[]) c (city_id, minute)),
    typical as (
        select city_id, percentile_cont(0.5) within group (order by typical_minor) as city_minor
        from catalog.search_merchant
        where city_id in (select city_id from clock) and typical_minor is not null
        group by city_id
    ),
    here as (
        select m.id, m.name_en, m.rating, m.search_text, s.names, s.words, s.typical_minor,
            {distance} as distance_m,
            coalesce(m.paused_until <= {now}, true)
                and case when m.id = any({special}::uuid[]) then m.id = any({special_open}::uuid[])
                    else m.open_week @> c.minute end as open,
            case when s.typical_minor < {cheap} * t.city_minor then 1
                when s.typical_minor < {dear} * t.city_minor then 2
                when s.typical_minor is not null then 3 end as price_level
        from catalog.merchant m join clock c on c.city_id = m.city_id
            left join catalog.search_merchant s on s.merchant_id = m.id
            left join typical t on t.city_id = m.city_id
        where {narrow}
    ),
    candidate as materialized (select * from here where {keep})
"""


def _candidates(tx: Tx, asked: Asked, clocks: Clocks) -> tuple[str, Where]:
    """Merchants that fit, whatever words are looked for; the parameters they are asked with."""
    narrow, keep = Where(), Where()
    keep.args = narrow.args
    narrow.add("m.standing = 'ACTIVE'")
    distance = "null::double precision"
    if asked.tenant_id is not None:
        narrow.add("m.tenant_id = {}", asked.tenant_id)
    if asked.city_id is not None:
        narrow.add("m.city_id = {}", asked.city_id)
    if asked.min_rating is not None:
        narrow.add("m.rating >= {}::double precision", asked.min_rating)
    if asked.cuisines is not None:
        narrow.add("m.cuisine = any({}::text[])", asked.cuisines)
    if asked.near is not None:
        lat = narrow.parameter(asked.near.latitude) + "::double precision"
        lon = narrow.parameter(asked.near.longitude) + "::double precision"
        around = f"{_AROUND_DEGREES}::double precision"
        narrow.add(
            f"m.place_latitude between {lat} - {around} and {lat} + {around}"
            f" and abs(m.place_longitude - {lon}) * cos(radians({lat})) <= {around}"
        )
        distance = (
            f"{_METRES_PER_DEGREE} * sqrt((m.place_latitude - {lat}) ^ 2"
            f" + ((m.place_longitude - {lon}) * cos(radians({lat}))) ^ 2)"
        )
    if asked.max_distance_m is not None:
        keep.add("distance_m <= {}::int", asked.max_distance_m)
    if asked.price_levels is not None:
        keep.add("price_level = any({}::int[])", asked.price_levels)
    if asked.open_now:
        keep.add("open")
    sql = _CANDIDATE.format(
        cities=narrow.parameter(list(clocks.minutes)),
        minutes=narrow.parameter(list(clocks.minutes.values())),
        special=narrow.parameter(clocks.special),
        special_open=narrow.parameter(clocks.special_open),
        now=narrow.parameter(tx.now),
        cheap=CHEAP_BELOW,
        dear=DEAR_FROM,
        distance=distance,
        narrow=narrow,
        keep=keep,
    )
    return sql, narrow


async def plan_anew(tx: Tx) -> None:
    """Have what is looked for in this transaction planned as it is asked: a plan for anything,
    which the database falls back to after a few times, knows no word from another.
    """
    await tx.execute("set local plan_cache_mode = force_custom_plan")


async def with_special_days(
    tx: Tx, *, city_ids: Collection[UUID], days: Collection[date]
) -> list[Merchant]:
    """Those that have hours of their own on any of some days."""
    rows = await tx.rows(
        """
        select * from catalog.merchant
        where city_id = any($1::uuid[]) and special_days <> '[]'
            and special_days @> any(select jsonb_build_array(jsonb_build_object('day', day))
                from unnest($2::text[]) d (day))
        """,
        list(city_ids),
        [day.isoformat() for day in days],
    )
    return [merchant_of(row) for row in rows]


async def merchants(
    tx: Tx, *, asked: Asked, clocks: Clocks, limit: int | None, offset: int = 0
) -> list[Hit]:
    """Merchants in order; each says how many there are in all."""
    candidates, where = _candidates(tx, asked, clocks)
    named = "true"
    if asked.words is not None:
        named = f"search_text like {where.parameter(holding(asked.words))}"
    order = [
        *(["open desc"] if asked.open_first else []),
        *([_SORTS[asked.sort]] if _SORTS[asked.sort] else []),
        "name_en, id",
    ]
    rows = await tx.rows(
        f"""
        {candidates}
        select id, price_level, count(*) over () as total from candidate where {named}
        order by {", ".join(order)} limit {where.parameter(limit)} offset {where.parameter(offset)}
        """,  # noqa: S608 - fragments of ours
        *where.args,
    )
    return [_hit(row) for row in rows]


async def merchants_called(tx: Tx, wanted: Wanted, *, limit: int) -> list[Hit]:
    """Merchants by words that they are called or known for: the best fitting first."""
    candidates, where = _candidates(tx, wanted.asked, wanted.clocks)
    score, fits = _scored(where, wanted)
    rows = await tx.rows(
        f"""
        {candidates}
        select id, price_level, count(*) over () as total
        from candidate e where {fits}
        order by {score} desc, {_after_score(wanted.asked)}, name_en, id
        limit {where.parameter(limit)}
        """,  # noqa: S608 - fragments of ours
        *where.args,
    )
    return [_hit(row) for row in rows]


async def dishes_called(tx: Tx, wanted: Wanted, *, limit: int) -> list[Hit]:
    """Dishes by words that they are called or told of by: the best fitting first.

    Of those that fit as well, one of each merchant comes before a second of any.
    """
    candidates, where = _candidates(tx, wanted.asked, wanted.clocks)
    score, fits = _scored(where, wanted)
    tenant = where.parameter(wanted.asked.tenant_id)
    rows = await tx.rows(
        f"""
        {candidates}
        , called as materialized (
            select e.product_id, e.merchant_id, {score} as score
            from catalog.search_dish e where e.tenant_id = {tenant} and {fits}
        ),
        fitting as (
            select c.*, d.product_id, d.score from called d join candidate c on c.id = d.merchant_id
        )
        select id, price_level, product_id, count(*) over () as total
        from fitting
        order by score desc, open desc,
            row_number() over (partition by id, score order by product_id),
            {_after_score(wanted.asked)}, product_id
        limit {where.parameter(limit)}
        """,  # noqa: S608 - fragments of ours
        *where.args,
    )
    return [_hit(row) for row in rows]


def _after_score(asked: Asked) -> str:
    return ", ".join(part for part in ("open desc", _SORTS[asked.sort]) if part)


def _scored(where: Where, wanted: Wanted) -> tuple[str, str]:
    """How well something fits, and whether it does: in every word, or in any.

    A word of the name counts most, the word itself more than one that only begins like it; the
    others count where not every word is asked for, as looking at all of them takes the longest.
    """
    scores: list[str] = []
    fits: list[str] = []
    for one in wanted.known:
        likely = where.parameter(list(one.words)) + "::text[]"
        itself = where.parameter([one.typed]) + "::text[]"
        fits.append(f"e.words && {likely}")
        scores.append(f"(e.names && {itself})::int * 4 + (e.names && {likely})::int * 3")
        if not wanted.every:
            scores.append(f"(e.words && {likely})::int")
    return " + ".join(scores), f"({(' and ' if wanted.every else ' or ').join(fits)})"


def _hit(row: Any) -> Hit:
    return Hit(
        merchant_id=row["id"],
        product_id=row.get("product_id"),
        price_level=row["price_level"],
        total=row["total"],
    )
