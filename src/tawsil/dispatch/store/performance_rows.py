"""How couriers do: what they promised, their tallies, and what counts against them."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from tawsil.dispatch.events import IncidentKind
from tawsil.dispatch.model.incident import Incident, IncidentState
from tawsil.dispatch.model.performance import Counters, Tally
from tawsil.dispatch.model.promise import Promise
from tawsil.dispatch.store.rows import page
from tawsil.kernel.db import Tx


class OfferSummary(Struct, frozen=True, kw_only=True):
    """What became of a courier's offers. Half of the answers came within `median_response_s`."""

    made: int
    accepted: int
    rejected: int
    expired: int
    withdrawn: int
    median_response_s: float | None


_counters: Final = msgspec.json.Decoder(Counters)


async def promises(tx: Tx, *, delivery_ids: Sequence[UUID]) -> dict[UUID, Promise]:
    rows = await tx.rows(
        """
        select delivery_id, courier_id, pickup_at, dropoff_at, arrived_at, stranded
        from dispatch.promise where delivery_id = any($1::uuid[])
        """,
        list(delivery_ids),
    )
    return {row["delivery_id"]: msgspec.convert(dict(row), Promise) for row in rows}


async def keep_promises(tx: Tx, kept: Sequence[Promise], *, over: Sequence[UUID]) -> None:
    """Store these, and forget those of the deliveries that are over."""
    if kept:
        await tx.execute(
            """
            insert into dispatch.promise
                (delivery_id, courier_id, pickup_at, dropoff_at, arrived_at, stranded)
            select * from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[],
                $5::timestamptz[], $6::text[])
            on conflict (delivery_id) do update set courier_id = excluded.courier_id,
                pickup_at = excluded.pickup_at, dropoff_at = excluded.dropoff_at,
                arrived_at = excluded.arrived_at, stranded = excluded.stranded
            """,
            [p.delivery_id for p in kept],
            [p.courier_id for p in kept],
            [p.pickup_at for p in kept],
            [p.dropoff_at for p in kept],
            [p.arrived_at for p in kept],
            [p.stranded for p in kept],
        )
    if over:
        await tx.execute(
            "delete from dispatch.promise where delivery_id = any($1::uuid[])", list(over)
        )


async def tallies(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Tally]:
    rows = await tx.rows("select * from dispatch.tally where id = any($1::uuid[])", list(ids))
    return {row["id"]: _tally(row) for row in rows}


async def lock_tallies(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Tally]:
    rows = await tx.rows(
        "select * from dispatch.tally where id = any($1::uuid[]) order by id for update", list(ids)
    )
    return {row["id"]: _tally(row) for row in rows}


async def begin_tallies(tx: Tx, begun: Sequence[Tally]) -> None:
    """Insert those that are not there yet."""
    await tx.execute(
        """
        insert into dispatch.tally (id, version, tenant_id, city_id, as_of_at, counters)
        select u.id, 0, u.tenant_id, u.city_id, u.as_of_at, u.counters
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::jsonb[])
            u (id, tenant_id, city_id, as_of_at, counters)
        order by u.id on conflict (id) do nothing
        """,
        [t.id for t in begun],
        [t.tenant_id for t in begun],
        [t.city_id for t in begun],
        [t.as_of_at for t in begun],
        [msgspec.json.encode(t.counters).decode() for t in begun],
    )


async def save_tallies(tx: Tx, saved: Sequence[Tally], *, expected: Mapping[UUID, int]) -> None:
    """Store tallies whose rows still have the version they were loaded with."""
    if not saved:
        return
    count = await tx.execute(
        """
        update dispatch.tally t
        set version = u.version, as_of_at = u.as_of_at, counters = u.counters, told = u.told
        from unnest($1::uuid[], $2::int[], $3::timestamptz[], $4::jsonb[], $5::int[], $6::int[])
            u (id, version, as_of_at, counters, told, expected)
        where t.id = u.id and t.version = u.expected
        """,
        [t.id for t in saved],
        [t.version for t in saved],
        [t.as_of_at for t in saved],
        [msgspec.json.encode(t.counters).decode() for t in saved],
        [t.told for t in saved],
        [expected[t.id] for t in saved],
    )
    assert count == len(saved), "a tally changed under its lock"


async def lowest_tallies(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID | None,
    within: AbstractSet[UUID] | None,
    limit: int,
    offset: int,
) -> tuple[list[Tally], int]:
    """A tenant's tallies, those whose score was lowest when it was last told of first.

    Of all cities, or of those `within`.
    """
    rows, total = await page(
        tx,
        """
        select *, count(*) over () as total from dispatch.tally
        where tenant_id = $1 and ($2::uuid is null or city_id = $2)
            and ($3::uuid[] is null or city_id = any($3))
        order by told, id limit $4 offset $5
        """,
        tenant_id,
        city_id,
        None if within is None else list(within),
        limit=limit,
        offset=offset,
    )
    return [_tally(row) for row in rows], total


async def add_incidents(tx: Tx, added: Sequence[Incident]) -> None:
    """Insert what was noted and not contested yet."""
    if not added:
        return
    await tx.execute(
        """
        insert into dispatch.incident (id, version, tenant_id, city_id, courier_id, kind,
            subject_id, happened_at, late_s, state)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
            $7::uuid[], $8::timestamptz[], $9::int[], $10::text[])
        """,
        [i.id for i in added],
        [i.version for i in added],
        [i.tenant_id for i in added],
        [i.city_id for i in added],
        [i.courier_id for i in added],
        [i.kind for i in added],
        [i.subject_id for i in added],
        [i.happened_at for i in added],
        [i.late_s for i in added],
        [i.state for i in added],
    )


async def lock_incidents(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Incident]:
    rows = await tx.rows(
        "select * from dispatch.incident where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: _incident(row) for row in rows}


async def save_incidents(
    tx: Tx, saved: Sequence[Incident], *, expected: Mapping[UUID, int]
) -> None:
    """Store incidents whose rows still have the version they were loaded with."""
    if not saved:
        return
    count = await tx.execute(
        """
        update dispatch.incident i
        set version = u.version, state = u.state, contested_at = u.contested_at,
            contest_reason = u.contest_reason, decided_at = u.decided_at,
            decision_reason = u.decision_reason
        from unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::text[],
            $6::timestamptz[], $7::text[], $8::int[])
            u (id, version, state, contested_at, contest_reason, decided_at, decision_reason,
               expected)
        where i.id = u.id and i.version = u.expected
        """,
        [i.id for i in saved],
        [i.version for i in saved],
        [i.state for i in saved],
        [i.contested_at for i in saved],
        [i.contest_reason for i in saved],
        [i.decided_at for i in saved],
        [i.decision_reason for i in saved],
        [expected[i.id] for i in saved],
    )
    assert count == len(saved), "an incident changed under its lock"


async def incidents_of(
    tx: Tx,
    *,
    tenant_id: UUID,
    courier_id: UUID,
    states: Sequence[IncidentState],
    since_at: datetime | None,
    limit: int,
    offset: int,
) -> tuple[list[Incident], int]:
    """A courier's incidents in these states, the latest first."""
    rows, total = await page(
        tx,
        """
        select *, count(*) over () as total from dispatch.incident
        where courier_id = $2 and tenant_id = $1 and state = any($3::text[])
            and ($4::timestamptz is null or happened_at >= $4)
        order by happened_at desc, id desc limit $5 offset $6
        """,
        tenant_id,
        courier_id,
        [str(state) for state in states],
        since_at,
        limit=limit,
        offset=offset,
    )
    return [_incident(row) for row in rows], total


async def contested_incidents(
    tx: Tx, *, tenant_id: UUID, limit: int, offset: int
) -> tuple[list[Incident], int]:
    """What waits for operations to decide, the longest waiting first."""
    rows, total = await page(
        tx,
        """
        select *, count(*) over () as total from dispatch.incident
        where tenant_id = $1 and state = 'contested'
        order by contested_at, id limit $2 offset $3
        """,
        tenant_id,
        limit=limit,
        offset=offset,
    )
    return [_incident(row) for row in rows], total


async def offer_summary(
    tx: Tx, *, tenant_id: UUID, courier_id: UUID, since_at: datetime
) -> OfferSummary:
    """Of the offers made to a courier since then."""
    row = await tx.row(
        """
        select count(*) as made,
            count(*) filter (where state = 'accepted') as accepted,
            count(*) filter (where state = 'rejected') as rejected,
            count(*) filter (where state = 'expired') as expired,
            count(*) filter (where state = 'withdrawn') as withdrawn,
            percentile_cont(0.5) within group (order by extract(epoch from answered_at - made_at))
                filter (where answered_at is not null) as median_response_s
        from dispatch.offer where courier_id = $2 and tenant_id = $1 and made_at >= $3
        """,
        tenant_id,
        courier_id,
        since_at,
    )
    assert row is not None, "a count is always one row"
    return OfferSummary(**row)


def _tally(row: asyncpg.Record) -> Tally:
    return Tally(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        as_of_at=row["as_of_at"],
        counters=_counters.decode(row["counters"]),
        told=row["told"],
    )


def _incident(row: asyncpg.Record) -> Incident:
    return Incident(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        courier_id=row["courier_id"],
        kind=IncidentKind(row["kind"]),
        subject_id=row["subject_id"],
        happened_at=row["happened_at"],
        late_s=row["late_s"],
        state=IncidentState(row["state"]),
        contested_at=row["contested_at"],
        contest_reason=row["contest_reason"],
        decided_at=row["decided_at"],
        decision_reason=row["decision_reason"],
    )
