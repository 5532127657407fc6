"""The tables of catalog: merchants."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from tawsil.catalog.hours import Hours
from tawsil.catalog.model import FOREVER, Merchant, search_text
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.places import Place

_hours = msgspec.json.Decoder(Hours)

_AROUND_DEGREES: Final = 0.4  # some 40 km: further than anything is ever delivered


async def insert_merchants(tx: Tx, *, merchants: Sequence[Merchant]) -> None:
    await tx.execute(
        """
        insert into catalog.merchant (id, version, tenant_id, city_id, name_en, name_ar,
            description_en, description_ar, cuisine, address_en, address_ar, place_latitude,
            place_longitude, phone, currency, commission_bp, hours, prep_time_s, rating,
            search_text)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
            $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],
            $12::double precision[], $13::double precision[], $14::text[], $15::text[], $16::int[],
            $17::jsonb[], $18::int[], $19::double precision[], $20::text[])
        """,
        [m.id for m in merchants],
        [m.version for m in merchants],
        [m.tenant_id for m in merchants],
        [m.city_id for m in merchants],
        [m.name_en for m in merchants],
        [m.name_ar for m in merchants],
        [m.description_en for m in merchants],
        [m.description_ar for m in merchants],
        [m.cuisine for m in merchants],
        [m.address_en for m in merchants],
        [m.address_ar for m in merchants],
        [m.place.latitude for m in merchants],
        [m.place.longitude for m in merchants],
        [m.phone for m in merchants],
        [m.currency for m in merchants],
        [m.commission_bp for m in merchants],
        [msgspec.json.encode(m.hours).decode() for m in merchants],
        [m.prep_time_s for m in merchants],
        [m.rating for m in merchants],
        [search_text(m.name_en, m.name_ar, m.cuisine) for m in merchants],
    )


async def merchants(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Merchant]:
    rows = await tx.rows("select * from catalog.merchant where id = any($1::uuid[])", list(ids))
    return {row["id"]: _merchant(row) for row in rows}


async def lock(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Merchant]:
    rows = await tx.rows(
        "select * from catalog.merchant where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: _merchant(row) for row in rows}


async def save(tx: Tx, decisions: Sequence[Accepted[Merchant]]) -> None:
    """Write decided merchants; several decisions about one stand in their order."""
    last = {d.state.id: d.state for d in decisions}
    if not last:
        return
    first = {d.state.id: d.expected_version for d in reversed(decisions)}
    saved = await tx.execute(
        """
        update catalog.merchant m
        set version = u.version, prep_time_s = u.prep_time_s, busy_extra_s = u.busy_extra_s,
            paused_until = u.paused_until
        from unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::int[], $6::timestamptz[])
            u (id, expected, version, prep_time_s, busy_extra_s, paused_until)
        where m.id = u.id and m.version = u.expected
        """,
        list(last),
        [first[id_] for id_ in last],
        [m.version for m in last.values()],
        [m.prep_time_s for m in last.values()],
        [m.busy_extra_s for m in last.values()],
        [m.paused_until for m in last.values()],
    )
    assert saved == len(last), "a locked merchant cannot have changed"


async def search(
    tx: Tx,
    *,
    tenant_id: UUID | None,
    city_id: UUID | None,
    near: Place | None,
    words: str | None,
) -> list[Merchant]:
    """Merchants of a tenant or city, not too far from a place, whose names hold some words."""
    rows = await tx.rows(
        """
        select * from catalog.merchant
        where ($1::uuid is null or tenant_id = $1)
            and ($2::uuid is null or city_id = $2)
            and ($3::text is null or search_text like $3)
            and ($4::double precision is null or (
                place_latitude between $4 - $6 and $4 + $6
                and abs(place_longitude - $5) * cos(radians($4)) <= $6
            ))
        order by name_en, id
        """,
        tenant_id,
        city_id,
        _pattern(words) if words else None,
        near.latitude if near else None,
        near.longitude if near else None,
        _AROUND_DEGREES,
    )
    return [_merchant(row) for row in rows]


def instant(stored: datetime | None) -> datetime | None:
    """A stored instant; the driver reads 'infinity' as a datetime without a time zone."""
    return FOREVER if stored is not None and stored.tzinfo is None else stored


def _pattern(words: str) -> str:
    literal = search_text(words)
    for special in ("\\", "%", "_"):
        literal = literal.replace(special, f"\\{special}")
    return f"%{literal}%"


def _merchant(row: asyncpg.Record) -> Merchant:
    return Merchant(
        id=row["id"],
        version=row["version"],
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
        prep_time_s=row["prep_time_s"],
        busy_extra_s=row["busy_extra_s"],
        paused_until=instant(row["paused_until"]),
        rating=row["rating"],
    )
