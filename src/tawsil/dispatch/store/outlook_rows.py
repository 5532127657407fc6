"""What was asked for lately and at this time of earlier days; and the table of suggestions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from msgspec import Struct

from tawsil.dispatch.model import SUGGESTION_LASTS, Suggestion
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place


class Asked(Struct, frozen=True, kw_only=True):
    """Deliveries asked for at one site, in windows of time."""

    site_id: UUID
    place: Place
    ages_s: tuple[float, ...]
    """How long ago each of the first window was."""
    notices_s: tuple[float, ...]
    """Of each of them, how long from being asked for to being ready."""
    earlier: tuple[int, ...]
    """The other windows by number, once for each delivery in them."""


async def asked_in(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID,
    windows: Sequence[tuple[datetime, datetime]],
) -> list[Asked]:
    """By site; each window is [from, to), the first of them the one that ends now."""
    rows = await tx.rows(
        """
        select d.site_id,
            (array_agg(d.pickup_latitude order by d.id desc))[1] as latitude,
            (array_agg(d.pickup_longitude order by d.id desc))[1] as longitude,
            array_agg(extract(epoch from $5::timestamptz - d.requested_at)::float8 order by d.id)
                filter (where w.n = 1) as ages_s,
            array_agg(extract(epoch from d.ready_at - d.requested_at)::float8 order by d.id)
                filter (where w.n = 1) as notices_s,
            array_agg(w.n::int order by w.n) filter (where w.n > 1) as earlier
        from unnest($3::timestamptz[], $4::timestamptz[]) with ordinality w (from_at, to_at, n)
        join dispatch.delivery d on d.city_id = $2
            and d.requested_at >= w.from_at and d.requested_at < w.to_at
        where d.tenant_id = $1
        group by d.site_id order by d.site_id
        """,
        tenant_id,
        city_id,
        [from_at for from_at, _ in windows],
        [to_at for _, to_at in windows],
        tx.now,
    )
    return [
        Asked(
            site_id=row["site_id"],
            place=Place(row["latitude"], row["longitude"]),
            ages_s=tuple(row["ages_s"] or ()),
            notices_s=tuple(row["notices_s"] or ()),
            earlier=tuple(row["earlier"] or ()),
        )
        for row in rows
    ]


async def keep_suggestions(tx: Tx, suggestions: Sequence[Suggestion]) -> None:
    """Each in the place of the courier's last one."""
    await tx.execute(
        """
        insert into dispatch.suggestion (id, version, tenant_id, city_id, courier_id, site_id,
            latitude, longitude, made_at)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[],
            $6::uuid[], $7::float8[], $8::float8[], $9::timestamptz[]) order by 5
        on conflict (courier_id) do update set id = excluded.id, version = excluded.version,
            tenant_id = excluded.tenant_id, city_id = excluded.city_id,
            site_id = excluded.site_id, latitude = excluded.latitude,
            longitude = excluded.longitude, made_at = excluded.made_at
        """,
        [s.id for s in suggestions],
        [s.version for s in suggestions],
        [s.tenant_id for s in suggestions],
        [s.city_id for s in suggestions],
        [s.courier_id for s in suggestions],
        [s.site_id for s in suggestions],
        [s.place.latitude for s in suggestions],
        [s.place.longitude for s in suggestions],
        [s.made_at for s in suggestions],
    )


async def fresh_suggestions(
    tx: Tx, *, tenant_id: UUID, courier_ids: Sequence[UUID]
) -> dict[UUID, Suggestion]:
    """Those that still hold, by courier."""
    since_at: datetime = tx.now - SUGGESTION_LASTS
    rows = await tx.rows(
        """
        select * from dispatch.suggestion
        where courier_id = any($2::uuid[]) and tenant_id = $1 and made_at > $3
        """,
        tenant_id,
        list(courier_ids),
        since_at,
    )
    return {row["courier_id"]: _suggestion(row) for row in rows}


async def acceptance(tx: Tx, *, within: timedelta) -> dict[UUID, float]:
    """By city, the share of yeses among the offers of late that were answered or missed.

    A broadcast that passes is not missed.
    """
    rows = await tx.rows(
        """
        select city_id, avg((state = 'accepted')::int)::float8 as share from dispatch.offer
        where made_at > $1 and (state in ('accepted', 'rejected')
            or (state = 'expired' and mode <> 'broadcast'))
        group by city_id
        """,
        tx.now - within,
    )
    return {row["city_id"]: row["share"] for row in rows}


def _suggestion(row: asyncpg.Record) -> Suggestion:
    return Suggestion(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        courier_id=row["courier_id"],
        site_id=row["site_id"],
        place=Place(row["latitude"], row["longitude"]),
        made_at=row["made_at"],
    )
