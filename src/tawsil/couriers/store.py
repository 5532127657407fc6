"""The tables of couriers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from tawsil.couriers.events import Availability, AvailabilityChanged, Reason, Vehicle
from tawsil.couriers.model import Courier
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted

COLUMNS: Final = """
    id, version, tenant_id, city_id, vehicle, availability, since_at, shift_ends_at, break_ends_at,
    rating, missed_offers
"""


class Span(Struct, frozen=True, kw_only=True):
    """A stretch of time in one availability; the present one has no end."""

    courier_id: UUID
    availability: Availability
    reason: Reason
    from_at: datetime
    to_at: datetime | None


async def add(tx: Tx, couriers: Sequence[Courier]) -> set[UUID]:
    """Insert those that are not there yet; their ids."""
    rows = await tx.rows(
        f"""
        insert into couriers.courier ({COLUMNS})
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
            $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::float8[], $11::int[])
        order by 1
        on conflict (id) do nothing returning id
        """,  # noqa: S608 - the column list is a constant
        *_columns(couriers),
    )
    return {row["id"] for row in rows}


async def lock(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Courier]:
    rows = await tx.rows(
        f"select {COLUMNS} from couriers.courier where id = any($1::uuid[]) order by id for update",  # noqa: S608 - the column list is a constant
        list(ids),
    )
    return {row["id"]: _courier(row) for row in rows}


async def get_many(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Courier]:
    rows = await tx.rows(
        f"select {COLUMNS} from couriers.courier where id = any($1::uuid[])",  # noqa: S608 - the column list is a constant
        list(ids),
    )
    return {row["id"]: _courier(row) for row in rows}


async def on_duty(tx: Tx, *, city_id: UUID) -> list[Courier]:
    rows = await tx.rows(
        f"""
        select {COLUMNS} from couriers.courier
        where city_id = $1 and availability <> 'OFFLINE' order by id
        """,  # noqa: S608 - the column list is a constant
        city_id,
    )
    return [_courier(row) for row in rows]


async def page(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID | None,
    availability: Availability | None,
    limit: int,
    offset: int,
) -> tuple[list[Courier], int]:
    """Some of a tenant's couriers, by id, and how many there are in all."""
    chosen = """
        from couriers.courier where tenant_id = $1 and ($2::uuid is null or city_id = $2)
            and ($3::text is null or availability = $3)
    """
    args = (tenant_id, city_id, availability)
    total = await tx.value(f"select count(*) {chosen}", *args)
    rows = await tx.rows(
        f"select {COLUMNS} {chosen} order by id limit $4 offset $5",
        *args,
        limit,
        offset,
    )
    return [_courier(row) for row in rows], total


async def save(tx: Tx, decisions: Sequence[Accepted[Courier]]) -> None:
    """Store the last state of each courier decided about, and what each move ended and began."""
    if not decisions:
        return
    expected: dict[UUID, int] = {}
    for decision in decisions:
        expected.setdefault(decision.state.id, decision.expected_version)
    last = {decision.state.id: decision.state for decision in decisions}
    saved = await tx.execute(
        """
        update couriers.courier c
        set version = u.version, availability = u.availability, since_at = u.since_at,
            shift_ends_at = u.shift_ends_at, break_ends_at = u.break_ends_at,
            rating = u.rating, missed_offers = u.missed_offers
        from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
            $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::float8[], $11::int[],
            $12::int[]) u (id, version, tenant_id, city_id, vehicle, availability, since_at,
            shift_ends_at, break_ends_at, rating, missed_offers, expected)
        where c.id = u.id and c.version = u.expected
        """,
        *_columns(list(last.values())),
        [expected[id_] for id_ in last],
    )
    assert saved == len(last), "a courier changed under its lock"
    await _keep_history(tx, decisions)


async def _keep_history(tx: Tx, decisions: Sequence[Accepted[Courier]]) -> None:
    moves = [
        (decision.state.id, decision.expected_version + n, event)
        for decision in decisions
        for n, event in enumerate(decision.events, start=1)
        if isinstance(event, AvailabilityChanged)
    ]
    await tx.execute(
        """
        update couriers.availability_history set to_at = greatest(from_at, $2)
        where courier_id = any($1::uuid[]) and to_at is null
        """,
        [id_ for id_, _, _ in moves],
        tx.now,
    )
    await tx.execute(
        """
        insert into couriers.availability_history
            (courier_id, version, availability, reason, from_at, to_at)
        select courier_id, version, availability, reason, $5::timestamptz,
            case when lead(version) over (partition by courier_id order by version) is not null
                then $5::timestamptz end
        from unnest($1::uuid[], $2::int[], $3::text[], $4::text[])
            u (courier_id, version, availability, reason)
        """,
        [id_ for id_, _, _ in moves],
        [version for _, version, _ in moves],
        [event.to for *_, event in moves],
        [event.reason for *_, event in moves],
        tx.now,
    )


async def history(
    tx: Tx, *, courier_ids: Sequence[UUID], from_at: datetime, to_at: datetime
) -> list[Span]:
    rows = await tx.rows(
        """
        select courier_id, availability, reason, from_at, to_at from couriers.availability_history
        where courier_id = any($1::uuid[]) and from_at < $3 and (to_at is null or to_at > $2)
        order by courier_id, version
        """,
        list(courier_ids),
        from_at,
        to_at,
    )
    return [
        Span(
            courier_id=row["courier_id"],
            availability=Availability(row["availability"]),
            reason=Reason(row["reason"]),
            from_at=row["from_at"],
            to_at=row["to_at"],
        )
        for row in rows
    ]


def _columns(couriers: Sequence[Courier]) -> list[list[object]]:
    return [
        [c.id for c in couriers],
        [c.version for c in couriers],
        [c.tenant_id for c in couriers],
        [c.city_id for c in couriers],
        [c.vehicle for c in couriers],
        [c.availability for c in couriers],
        [c.since_at for c in couriers],
        [c.shift_ends_at for c in couriers],
        [c.break_ends_at for c in couriers],
        [c.rating for c in couriers],
        [c.missed_offers for c in couriers],
    ]


def _courier(row: asyncpg.Record) -> Courier:
    return Courier(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        vehicle=Vehicle(row["vehicle"]),
        availability=Availability(row["availability"]),
        since_at=row["since_at"],
        shift_ends_at=row["shift_ends_at"],
        break_ends_at=row["break_ends_at"],
        rating=row["rating"],
        missed_offers=row["missed_offers"],
    )
