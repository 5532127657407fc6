"""The table of deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from tawsil.dispatch.events import Cause, PayParts
from tawsil.dispatch.model import DEFAULT_RULES, Delivery, Etas, Risk, Rules, State, Undo, Watch
from tawsil.dispatch.store.rows import Column, array, page
from tawsil.dispatch.store.rule_rows import rules_by_id
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place

_encode: Final = msgspec.json.Encoder().encode
_parts: Final = msgspec.json.Decoder(PayParts)

COLUMNS: Final[Sequence[Column]] = (
    ("id", "uuid", lambda d: d.id),
    ("version", "int", lambda d: d.version),
    ("tenant_id", "uuid", lambda d: d.tenant_id),
    ("city_id", "uuid", lambda d: d.city_id),
    ("correlation_id", "uuid", lambda d: d.correlation_id),
    ("reference_id", "uuid", lambda d: d.reference_id),
    ("site_id", "uuid", lambda d: d.site_id),
    ("pickup_latitude", "float8", lambda d: d.pickup.latitude),
    ("pickup_longitude", "float8", lambda d: d.pickup.longitude),
    ("dropoff_latitude", "float8", lambda d: d.dropoff.latitude),
    ("dropoff_longitude", "float8", lambda d: d.dropoff.longitude),
    ("ready_at", "timestamptz", lambda d: d.ready_at),
    ("requested_at", "timestamptz", lambda d: d.requested_at),
    ("searched_since_at", "timestamptz", lambda d: d.searched_since_at),
    ("earning_minor", "bigint", lambda d: d.earning_minor),
    ("currency", "text", lambda d: d.currency),
    ("pay", "jsonb", lambda d: _encode(d.parts).decode()),
    ("collect_minor", "bigint", lambda d: d.collect_minor),
    ("rules_id", "uuid", lambda d: d.rules.id),
    ("incentive_minor", "bigint", lambda d: d.incentive_minor),
    ("state", "text", lambda d: d.state),
    ("level", "int", lambda d: d.level),
    ("courier_id", "uuid", lambda d: d.courier_id),
    ("round_id", "uuid", lambda d: d.round_id),
    ("declined_by", "uuid[]", lambda d: array(d.declined_by)),
    ("lost_by", "uuid[]", lambda d: array(d.lost_by)),
    ("lost_because", "text", lambda d: d.lost_because),
    ("first_offered_at", "timestamptz", lambda d: d.first_offered_at),
    ("assigned_at", "timestamptz", lambda d: d.assigned_at),
    ("arrived_at", "timestamptz", lambda d: d.arrived_at),
    ("collected_at", "timestamptz", lambda d: d.collected_at),
    ("arrival_eta_at", "timestamptz", lambda d: d.etas and d.etas.arrival_at),
    ("pickup_eta_at", "timestamptz", lambda d: d.etas and d.etas.pickup_at),
    ("dropoff_eta_at", "timestamptz", lambda d: d.etas and d.etas.dropoff_at),
    ("looked_at", "timestamptz", lambda d: d.watch and d.watch.looked_at),
    ("seen_at", "timestamptz", lambda d: d.watch and d.watch.seen_at),
    ("nearest_m", "float8", lambda d: d.watch and d.watch.nearest_m),
    ("nearer_at", "timestamptz", lambda d: d.watch and d.watch.nearer_at),
    ("at_risk", "text", lambda d: d.risk and d.risk.cause),
    ("at_risk_since_at", "timestamptz", lambda d: d.risk and d.risk.since_at),
    ("stranded", "text[]", lambda d: array(d.stranded)),
    ("undo_until_at", "timestamptz", lambda d: d.undo and d.undo.until_at),
    ("undo_courier_id", "uuid", lambda d: d.undo and d.undo.courier_id),
    ("ended_at", "timestamptz", lambda d: d.ended_at),
    ("ended_because", "text", lambda d: d.ended_because),
)


async def circle_ids(
    tx: Tx, *, delivery_ids: Sequence[UUID], courier_ids: Sequence[UUID]
) -> list[UUID]:
    """These deliveries, what shares an offer with them, and all that their couriers carry."""
    rows = await tx.rows(
        """
        with asked as (
            select id, round_id, courier_id, state from dispatch.delivery
            where id = any($1::uuid[])
        ), couriers as (
            select courier_id from asked where courier_id is not null
            union select o.courier_id from asked a join dispatch.offer o on o.round_id = a.round_id
                where a.state = 'offered' and o.state = 'pending'
            union select unnest($2::uuid[])
        )
        select id from asked
        union
        select d.id from dispatch.delivery d where d.state = 'offered' and d.round_id in (
            select round_id from asked where state = 'offered')
        union
        select d.id from dispatch.delivery d where d.courier_id in (select courier_id from couriers)
            and d.state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed')
        """,
        list(delivery_ids),
        list(courier_ids),
    )
    return [row["id"] for row in rows]


async def lock_deliveries(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Delivery]:
    rows = await tx.rows(
        "select * from dispatch.delivery where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {d.id: d for d in await _deliveries(tx, rows)}


async def deliveries(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Delivery]:
    rows = await tx.rows(
        "select * from dispatch.delivery where id = any($1::uuid[]) order by id", list(ids)
    )
    return {d.id: d for d in await _deliveries(tx, rows)}


async def of_references(tx: Tx, *, reference_ids: Sequence[UUID]) -> dict[UUID, Delivery]:
    rows = await tx.rows(
        "select * from dispatch.delivery where reference_id = any($1::uuid[]) order by id",
        list(reference_ids),
    )
    return {d.reference_id: d for d in await _deliveries(tx, rows)}


async def waiting(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> list[Delivery]:
    rows = await tx.rows(
        """
        select * from dispatch.delivery
        where city_id = $2 and state = 'waiting'
            and tenant_id = $1 order by id
        """,
        tenant_id,
        city_id,
    )
    return await _deliveries(tx, rows)


async def carried_in(tx: Tx, *, city_id: UUID) -> list[Delivery]:
    """All that couriers of a city carry or are about to collect."""
    rows = await tx.rows(
        """
        select * from dispatch.delivery where city_id = $1
            and state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed')
        order by courier_id, dropoff_eta_at, id
        """,
        city_id,
    )
    return await _deliveries(tx, rows)


async def carried_by(tx: Tx, *, tenant_id: UUID, courier_ids: Sequence[UUID]) -> list[Delivery]:
    rows = await tx.rows(
        """
        select * from dispatch.delivery where courier_id = any($2::uuid[]) and tenant_id = $1
            and state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed')
        order by courier_id, dropoff_eta_at, id
        """,
        tenant_id,
        list(courier_ids),
    )
    return await _deliveries(tx, rows)


async def unassigned(
    tx: Tx, *, tenant_id: UUID, city_id: UUID | None, limit: int, offset: int
) -> tuple[list[Delivery], int]:
    """Deliveries that nobody has, those searched for longest first."""
    rows, total = await page(
        tx,
        """
        select *, count(*) over () as total from dispatch.delivery
        where tenant_id = $1 and ($2::uuid is null or city_id = $2)
            and state in ('waiting', 'offered')
        order by searched_since_at, id limit $3 offset $4
        """,
        tenant_id,
        city_id,
        limit=limit,
        offset=offset,
    )
    return await _deliveries(tx, rows), total


async def in_doubt(tx: Tx, *, tenant_id: UUID, city_id: UUID, now: datetime) -> list[Delivery]:
    """With a courier who may be lost, or whom an operator chose just now; oldest doubt first."""
    rows = await tx.rows(
        """
        select * from dispatch.delivery
        where city_id = $2 and tenant_id = $1
            and state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed')
            and (at_risk is not null or undo_until_at > $3)
        order by at_risk_since_at nulls last, id
        """,
        tenant_id,
        city_id,
        now,
    )
    return await _deliveries(tx, rows)


async def try_lock_city(tx: Tx, *, city_id: UUID) -> bool:
    """Be the one dispatcher of a city until the transaction ends; False if another is."""
    return await tx.value(
        "select pg_try_advisory_xact_lock(hashtextextended('dispatch:' || $1::text, 0))",
        str(city_id),
    )


async def _deliveries(tx: Tx, rows: Sequence[asyncpg.Record]) -> list[Delivery]:
    set_ = {row["rules_id"] for row in rows} - {None}
    rules: dict[UUID | None, Rules] = {None: DEFAULT_RULES}
    rules |= await rules_by_id(tx, ids=set_) if set_ else {}
    return [_delivery(row, rules[row["rules_id"]]) for row in rows]


def _delivery(row: asyncpg.Record, rules: Rules) -> Delivery:
    etas = None
    if row["pickup_eta_at"] is not None:
        etas = Etas(
            arrival_at=row["arrival_eta_at"],
            pickup_at=row["pickup_eta_at"],
            dropoff_at=row["dropoff_eta_at"],
        )
    return Delivery(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        correlation_id=row["correlation_id"],
        reference_id=row["reference_id"],
        site_id=row["site_id"],
        pickup=Place(row["pickup_latitude"], row["pickup_longitude"]),
        dropoff=Place(row["dropoff_latitude"], row["dropoff_longitude"]),
        ready_at=row["ready_at"],
        requested_at=row["requested_at"],
        searched_since_at=row["searched_since_at"],
        earning_minor=row["earning_minor"],
        currency=row["currency"],
        parts=_parts.decode(row["pay"]),
        collect_minor=row["collect_minor"],
        rules=rules,
        incentive_minor=row["incentive_minor"],
        state=State(row["state"]),
        level=row["level"],
        courier_id=row["courier_id"],
        round_id=row["round_id"],
        declined_by=frozenset(row["declined_by"]),
        lost_by=frozenset(row["lost_by"]),
        lost_because=Cause(row["lost_because"]) if row["lost_because"] else None,
        first_offered_at=row["first_offered_at"],
        assigned_at=row["assigned_at"],
        arrived_at=row["arrived_at"],
        collected_at=row["collected_at"],
        etas=etas,
        watch=_watch(row),
        risk=_risk(row),
        stranded=frozenset(map(Cause, row["stranded"])),
        undo=_undo(row),
        ended_at=row["ended_at"],
        ended_because=row["ended_because"],
    )


def _watch(row: asyncpg.Record) -> Watch | None:
    if row["looked_at"] is None:
        return None
    return Watch(
        looked_at=row["looked_at"],
        seen_at=row["seen_at"],
        nearest_m=row["nearest_m"],
        nearer_at=row["nearer_at"],
    )


def _risk(row: asyncpg.Record) -> Risk | None:
    if row["at_risk"] is None:
        return None
    return Risk(cause=Cause(row["at_risk"]), since_at=row["at_risk_since_at"])


def _undo(row: asyncpg.Record) -> Undo | None:
    if row["undo_until_at"] is None:
        return None
    return Undo(until_at=row["undo_until_at"], courier_id=row["undo_courier_id"])
