"""The tables of catalog: merchants."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from tawsil.catalog.events import SuspendedBecause
from tawsil.catalog.hours import Hours, SpecialDays, minutes_of_week
from tawsil.catalog.model import FOREVER, Merchant, Standing, search_text
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.places import Place

_hours = msgspec.json.Decoder(Hours)
_special_days = msgspec.json.Decoder(SpecialDays)

_COLUMNS: Final[Mapping[str, str]] = {
    "id": "uuid",
    "version": "int",
    "edition": "int",
    "tenant_id": "uuid",
    "city_id": "uuid",
    "name_en": "text",
    "name_ar": "text",
    "description_en": "text",
    "description_ar": "text",
    "cuisine": "text",
    "address_en": "text",
    "address_ar": "text",
    "place_latitude": "float8",
    "place_longitude": "float8",
    "phone": "text",
    "currency": "text",
    "commission_bp": "int",
    "hours": "jsonb",
    "special_days": "jsonb",
    "prep_time_s": "int",
    "busy_extra_s": "int",
    "paused_until": "timestamptz",
    "rating": "float8",
    "ratings": "int",
    "standing": "text",
    "suspended_because": "text",
    "search_text": "text",
    "open_week": "text",
}
_NEVER_CHANGING: Final = ("id", "tenant_id", "city_id", "currency", "rating", "ratings")
_CHANGING: Final = [name for name in _COLUMNS if name not in _NEVER_CHANGING]


def _flat(merchant: Merchant) -> dict[str, Any]:
    return {
        **{name: getattr(merchant, name, None) for name in _COLUMNS},
        "place_latitude": merchant.place.latitude,
        "place_longitude": merchant.place.longitude,
        "hours": msgspec.json.encode(merchant.hours).decode(),
        "special_days": msgspec.json.encode(merchant.special_days).decode(),
        "search_text": search_text(merchant.name_en, merchant.name_ar, merchant.cuisine),
        "open_week": _multirange(minutes_of_week(merchant.hours)),
    }


def _multirange(spans: Iterable[tuple[int, int]]) -> str:
    inside = ",".join(f"[{start},{end})" for start, end in spans)
    return f"{{{inside}}}"


def _stored(column: str) -> str:
    """A column out of `u`. The driver takes no array of multiranges, so that one comes as text."""
    return f"u.{column}::int4multirange" if column == "open_week" else f"u.{column}"


async def insert_merchants(tx: Tx, *, merchants: Sequence[Merchant]) -> None:
    flat = [_flat(merchant) for merchant in merchants]
    values = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(_COLUMNS.values(), start=1))
    await tx.execute(
        f"""
        insert into catalog.merchant ({", ".join(_COLUMNS)})
        select {", ".join(map(_stored, _COLUMNS))} from unnest({values}) u ({", ".join(_COLUMNS)})
        """,  # noqa: S608 - our own column names
        *[[row[name] for row in flat] for name in _COLUMNS],
    )


async def merchants(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Merchant]:
    rows = await tx.rows("select * from catalog.merchant where id = any($1::uuid[])", list(ids))
    return {row["id"]: merchant_of(row) for row in rows}


async def lock(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Merchant]:
    rows = await tx.rows(
        "select * from catalog.merchant where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: merchant_of(row) for row in rows}


async def save(tx: Tx, decisions: Sequence[Accepted[Merchant]]) -> None:
    """Write decided merchants; several decisions about one stand in their order."""
    last = {d.state.id: d.state for d in decisions}
    if not last:
        return
    first = {d.state.id: d.expected_version for d in reversed(decisions)}
    flat = [_flat(merchant) for merchant in last.values()]
    changes = ", ".join(f"{name} = {_stored(name)}" for name in _CHANGING)
    values = ", ".join(f"${n}::{_COLUMNS[name]}[]" for n, name in enumerate(_CHANGING, start=3))
    saved = await tx.execute(
        f"""
        update catalog.merchant m set {changes}
        from unnest($1::uuid[], $2::int[], {values}) u (id, expected, {", ".join(_CHANGING)})
        where m.id = u.id and m.version = u.expected
        """,  # noqa: S608 - our own column names
        list(last),
        [first[id_] for id_ in last],
        *[[row[name] for row in flat] for name in _CHANGING],
    )
    assert saved == len(last), "a locked merchant cannot have changed"


class Rated(Struct, frozen=True, kw_only=True):
    """By how much what people gave a merchant has changed: so many ratings, so many points."""

    merchant_id: UUID
    ratings: int
    points: int


async def rate(tx: Tx, *, rated: Sequence[Rated]) -> None:
    """Move averages; what is told of one merchant several times adds up."""
    if not rated:
        return
    await lock(tx, ids=[one.merchant_id for one in rated])
    await tx.execute(
        """
        update catalog.merchant m set ratings = m.ratings + u.ratings,
            ratings_sum = m.ratings_sum + u.points,
            rating = (m.ratings_sum + u.points)::float8 / nullif(m.ratings + u.ratings, 0)
        from (
            select id, sum(ratings) as ratings, sum(points) as points
            from unnest($1::uuid[], $2::int[], $3::int[]) as r (id, ratings, points) group by id
        ) u where m.id = u.id
        """,
        [one.merchant_id for one in rated],
        [one.ratings for one in rated],
        [one.points for one in rated],
    )


def instant(stored: datetime | None) -> datetime | None:
    """A stored instant; the driver reads 'infinity' as a datetime without a time zone."""
    return FOREVER if stored is not None and stored.tzinfo is None else stored


def merchant_of(row: Any) -> Merchant:
    because = row["suspended_because"]
    return Merchant(
        id=row["id"],
        version=row["version"],
        edition=row["edition"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        name_en=row["name_en"],
        name_ar=row["name_ar"],
        description_en=row["description_en"],
        description_ar=row["description_ar"],
        cuisine=row["cuisine"],
        address_en=row["address_en"],
        address_ar=row["address_ar"],
        place=Place(row["place_latitude"], row["place_longitude"]),
        phone=row["phone"],
        currency=row["currency"],
        commission_bp=row["commission_bp"],
        hours=_hours.decode(row["hours"]),
        special_days=_special_days.decode(row["special_days"]),
        prep_time_s=row["prep_time_s"],
        busy_extra_s=row["busy_extra_s"],
        paused_until=instant(row["paused_until"]),
        rating=row["rating"],
        ratings=row["ratings"],
        standing=Standing(row["standing"]),
        suspended_because=SuspendedBecause(because) if because else None,
    )
