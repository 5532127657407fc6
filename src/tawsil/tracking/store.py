"""The tables of tracking."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.places import Place
from tawsil.tracking.events import StopKind
from tawsil.tracking.model import Geofence, Position

POSITION: Final = """
    courier_id, tenant_id, latitude, longitude, at, accuracy_m, speed_mps, heading_deg, seq
"""
POSITIONS: Final = """
    unnest($1::uuid[], $2::uuid[], $3::float8[], $4::float8[], $5::timestamptz[], $6::float8[],
        $7::float8[], $8::float8[], $9::int[], $10::bool[])
"""
GEOFENCE: Final = """
    id, version, tenant_id, city_id, reference_id, courier_id, kind, latitude, longitude, radius_m,
    since_at, entered_at, left_at
"""


async def lock_live(tx: Tx, *, courier_ids: Sequence[UUID]) -> set[UUID]:
    """Keep others from recording for these couriers until the end; those that have a row to lock.

    Of a courier's very first pings, two batches may be recorded side by side.
    """
    rows = await tx.rows(
        """
        select courier_id from tracking.live_position where courier_id = any($1::uuid[])
        order by courier_id for update
        """,
        list(courier_ids),
    )
    return {row["courier_id"] for row in rows}


async def from_anchor(tx: Tx, *, since: Mapping[UUID, datetime]) -> list[Position]:
    """Each courier's last believed position before an instant and all from then on, by time."""
    rows = await tx.rows(
        f"""
        select p.* from unnest($1::uuid[], $2::timestamptz[]) u (courier_id, from_at)
        cross join lateral (
            (select {POSITION}, suspect from tracking.position
             where courier_id = u.courier_id and at < u.from_at and not suspect
             order by at desc limit 1)
            union all
            (select {POSITION}, suspect from tracking.position
             where courier_id = u.courier_id and at >= u.from_at)
        ) p order by p.courier_id, p.at
        """,  # noqa: S608 - the column list is a constant
        list(since),
        list(since.values()),
    )
    return [_position(row) for row in rows]


async def add(tx: Tx, positions: Sequence[Position]) -> None:
    await tx.execute(
        f"""
        insert into tracking.position ({POSITION}, suspect, received_at)
        select *, $11::timestamptz from {POSITIONS} on conflict do nothing
        """,  # noqa: S608 - the column list is a constant
        *_columns(positions),
        tx.now,
    )


async def mark(tx: Tx, positions: Sequence[Position]) -> None:
    """Change whether stored positions are suspect."""
    await tx.execute(
        """
        update tracking.position p set suspect = u.suspect
        from unnest($1::uuid[], $2::timestamptz[], $3::bool[]) u (courier_id, at, suspect)
        where p.courier_id = u.courier_id and p.at = u.at
        """,
        [p.courier_id for p in positions],
        [p.at for p in positions],
        [p.suspect for p in positions],
    )


async def set_live(tx: Tx, positions: Sequence[Position], *, locked: set[UUID]) -> None:
    """Make these the live positions; where the row was not locked, only if they are newer."""
    await tx.execute(
        f"""
        insert into tracking.live_position as l ({POSITION}, received_at)
        select courier_id, tenant_id, latitude, longitude, at, accuracy_m, speed_mps, heading_deg,
            seq, $11::timestamptz
        from {POSITIONS} u ({POSITION}, suspect) order by courier_id
        on conflict (courier_id) do update
        set latitude = excluded.latitude, longitude = excluded.longitude, at = excluded.at,
            accuracy_m = excluded.accuracy_m, speed_mps = excluded.speed_mps,
            heading_deg = excluded.heading_deg, seq = excluded.seq,
            received_at = excluded.received_at
        where l.at < excluded.at or (l.at > excluded.at and l.courier_id = any($12::uuid[]))
        """,  # noqa: S608 - the column list is a constant
        *_columns(positions),
        tx.now,
        list(locked),
    )


async def latest(tx: Tx, *, courier_ids: Sequence[UUID]) -> dict[UUID, Position]:
    rows = await tx.rows(
        f"""
        select {POSITION}, false as suspect from tracking.live_position
        where courier_id = any($1::uuid[])
        """,  # noqa: S608 - the column list is a constant
        list(courier_ids),
    )
    return {row["courier_id"]: _position(row) for row in rows}


async def moved_since(tx: Tx, *, since: datetime) -> list[Position]:
    rows = await tx.rows(
        f"""
        select {POSITION}, false as suspect from tracking.live_position
        where received_at > $1 order by courier_id
        """,  # noqa: S608 - the column list is a constant
        since,
    )
    return [_position(row) for row in rows]


async def trail(tx: Tx, *, courier_id: UUID, from_at: datetime, to_at: datetime) -> list[Position]:
    rows = await tx.rows(
        f"""
        select {POSITION}, suspect from tracking.position
        where courier_id = $1 and at >= $2 and at < $3 order by at
        """,  # noqa: S608 - the column list is a constant
        courier_id,
        from_at,
        to_at,
    )
    return [_position(row) for row in rows]


async def forget(tx: Tx, *, before_at: datetime) -> int:
    """Delete positions from before an instant; how many."""
    await tx.execute("delete from tracking.live_position where at < $1", before_at)
    return await tx.execute("delete from tracking.position where at < $1", before_at)


async def watch(tx: Tx, geofences: Sequence[Geofence]) -> None:
    """Watch these; one that is watched already for the same courier and place stays as it is."""
    await tx.execute(
        f"""
        insert into tracking.geofence as g ({GEOFENCE})
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[],
            $7::text[], $8::float8[], $9::float8[], $10::float8[], $11::timestamptz[],
            $12::timestamptz[], $13::timestamptz[])
        order by 5, 7
        on conflict (reference_id, kind) do update
        set id = excluded.id, version = excluded.version, tenant_id = excluded.tenant_id,
            city_id = excluded.city_id, courier_id = excluded.courier_id,
            latitude = excluded.latitude, longitude = excluded.longitude,
            radius_m = excluded.radius_m, since_at = excluded.since_at, entered_at = null,
            left_at = null
        where (g.courier_id, g.latitude, g.longitude, g.radius_m) is distinct from
            (excluded.courier_id, excluded.latitude, excluded.longitude, excluded.radius_m)
        """,  # noqa: S608 - the column list is a constant
        [g.id for g in geofences],
        [g.version for g in geofences],
        [g.tenant_id for g in geofences],
        [g.city_id for g in geofences],
        [g.reference_id for g in geofences],
        [g.courier_id for g in geofences],
        [g.kind for g in geofences],
        [g.place.latitude for g in geofences],
        [g.place.longitude for g in geofences],
        [g.radius_m for g in geofences],
        [g.since_at for g in geofences],
        [g.entered_at for g in geofences],
        [g.left_at for g in geofences],
    )


async def unwatch(tx: Tx, *, reference_ids: Sequence[UUID]) -> None:
    await tx.execute(
        "delete from tracking.geofence where reference_id = any($1::uuid[])", list(reference_ids)
    )


async def lock_watched(tx: Tx, *, courier_ids: Sequence[UUID]) -> list[Geofence]:
    """The geofences that still have something to tell of these couriers."""
    rows = await tx.rows(
        f"""
        select {GEOFENCE} from tracking.geofence
        where courier_id = any($1::uuid[]) and left_at is null order by id for update
        """,  # noqa: S608 - the column list is a constant
        list(courier_ids),
    )
    return [_geofence(row) for row in rows]


async def save_geofences(tx: Tx, decisions: Sequence[Accepted[Geofence]]) -> None:
    if not decisions:
        return
    saved = await tx.execute(
        """
        update tracking.geofence g
        set version = u.version, entered_at = u.entered_at, left_at = u.left_at
        from unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::timestamptz[])
            u (id, expected, version, entered_at, left_at)
        where g.id = u.id and g.version = u.expected
        """,
        [d.state.id for d in decisions],
        [d.expected_version for d in decisions],
        [d.state.version for d in decisions],
        [d.state.entered_at for d in decisions],
        [d.state.left_at for d in decisions],
    )
    assert saved == len(decisions), "a geofence changed under its lock"


def _columns(positions: Sequence[Position]) -> list[list[object]]:
    return [
        [p.courier_id for p in positions],
        [p.tenant_id for p in positions],
        [p.place.latitude for p in positions],
        [p.place.longitude for p in positions],
        [p.at for p in positions],
        [p.accuracy_m for p in positions],
        [p.speed_mps for p in positions],
        [p.heading_deg for p in positions],
        [p.seq for p in positions],
        [p.suspect for p in positions],
    ]


def _position(row: asyncpg.Record) -> Position:
    return Position(
        courier_id=row["courier_id"],
        tenant_id=row["tenant_id"],
        place=Place(row["latitude"], row["longitude"]),
        at=row["at"],
        accuracy_m=row["accuracy_m"],
        speed_mps=row["speed_mps"],
        heading_deg=row["heading_deg"],
        seq=row["seq"],
        suspect=row["suspect"],
    )


def _geofence(row: asyncpg.Record) -> Geofence:
    return Geofence(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        reference_id=row["reference_id"],
        courier_id=row["courier_id"],
        kind=StopKind(row["kind"]),
        place=Place(row["latitude"], row["longitude"]),
        radius_m=row["radius_m"],
        since_at=row["since_at"],
        entered_at=row["entered_at"],
        left_at=row["left_at"],
    )
