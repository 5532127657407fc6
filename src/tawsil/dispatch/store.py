"""The tables of dispatch."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from tawsil.dispatch.events import OfferPayload
from tawsil.dispatch.model import (
    Delivery,
    Etas,
    Offer,
    OfferState,
    State,
)
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place

Column = tuple[str, str, Callable[[Any], object]]
"""A column's name, its type, and what of the state it holds; arrays travel as text."""


def _array(ids: Sequence[UUID] | frozenset[UUID]) -> str:
    return (
        "{" + ",".join(sorted(map(str, ids)) if isinstance(ids, frozenset) else map(str, ids)) + "}"
    )


_DELIVERY: Final[Sequence[Column]] = (
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
    ("state", "text", lambda d: d.state),
    ("level", "int", lambda d: d.level),
    ("courier_id", "uuid", lambda d: d.courier_id),
    ("offer_id", "uuid", lambda d: d.offer_id),
    ("declined_by", "uuid[]", lambda d: _array(d.declined_by)),
    ("first_offered_at", "timestamptz", lambda d: d.first_offered_at),
    ("assigned_at", "timestamptz", lambda d: d.assigned_at),
    ("arrival_eta_at", "timestamptz", lambda d: d.etas and d.etas.arrival_at),
    ("pickup_eta_at", "timestamptz", lambda d: d.etas and d.etas.pickup_at),
    ("dropoff_eta_at", "timestamptz", lambda d: d.etas and d.etas.dropoff_at),
    ("ended_at", "timestamptz", lambda d: d.ended_at),
    ("ended_because", "text", lambda d: d.ended_because),
)
_OFFER: Final[Sequence[Column]] = (
    ("id", "uuid", lambda o: o.id),
    ("version", "int", lambda o: o.version),
    ("tenant_id", "uuid", lambda o: o.tenant_id),
    ("city_id", "uuid", lambda o: o.city_id),
    ("correlation_id", "uuid", lambda o: o.correlation_id),
    ("courier_id", "uuid", lambda o: o.courier_id),
    ("delivery_ids", "uuid[]", lambda o: _array(o.delivery_ids)),
    ("reference_ids", "uuid[]", lambda o: _array(o.reference_ids)),
    ("arrival_at", "timestamptz", lambda o: o.arrival_at),
    ("payload", "jsonb", lambda o: msgspec.json.encode(o.payload).decode()),
    ("joins", "boolean", lambda o: o.joins),
    ("made_at", "timestamptz", lambda o: o.made_at),
    ("expires_at", "timestamptz", lambda o: o.expires_at),
    ("state", "text", lambda o: o.state),
    ("answered_at", "timestamptz", lambda o: o.answered_at),
    ("reason", "text", lambda o: o.reason),
)
_COLUMNS: Final[Mapping[str, Sequence[Column]]] = {"delivery": _DELIVERY, "offer": _OFFER}


def _unnest(columns: Sequence[Column]) -> str:
    return ", ".join(
        f"${n}::{'text' if type_.endswith('[]') else type_}[]"
        for n, (_, type_, _) in enumerate(columns, start=1)
    )


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(name for name, _, _ in columns)


def _insert_sql(table: str) -> str:
    columns = _COLUMNS[table]
    values = ", ".join(f"u.{name}::{type_}" for name, type_, _ in columns)
    return (
        f"insert into dispatch.{table} ({_names(columns)}) select {values} "  # noqa: S608 - constants
        f"from unnest({_unnest(columns)}) u ({_names(columns)}) order by u.id "
        "on conflict do nothing returning id"
    )


def _update_sql(table: str) -> str:
    columns = _COLUMNS[table]
    changes = ", ".join(f"{name} = u.{name}::{type_}" for name, type_, _ in columns[1:])
    return (
        f"update dispatch.{table} t set {changes} "  # noqa: S608 - constants
        f"from unnest({_unnest(columns)}, ${len(columns) + 1}::int[]) "
        f"u ({_names(columns)}, expected) where t.id = u.id and t.version = u.expected"
    )


_INSERT: Final = {table: _insert_sql(table) for table in _COLUMNS}
_UPDATE: Final = {table: _update_sql(table) for table in _COLUMNS}


def _values(states: Sequence[Delivery | Offer]) -> list[list[object]]:
    columns = _COLUMNS[states[0].stream]
    return [[value(state) for state in states] for _, _, value in columns]


async def add(tx: Tx, states: Sequence[Delivery | Offer]) -> set[UUID]:
    """Insert new ones; the ids of those that did not stand in the way of others."""
    if not states:
        return set()
    rows = await tx.rows(_INSERT[states[0].stream], *_values(states))
    return {row["id"] for row in rows}


async def save(tx: Tx, states: Sequence[Delivery | Offer], *, expected: Mapping[UUID, int]) -> None:
    """Store states whose rows still have the version they were loaded with."""
    if not states:
        return
    saved = await tx.execute(
        _UPDATE[states[0].stream], *_values(states), [expected[s.id] for s in states]
    )
    assert saved == len(states), f"a {states[0].stream} changed under its lock"


async def circle_ids(
    tx: Tx, *, delivery_ids: Sequence[UUID], courier_ids: Sequence[UUID]
) -> list[UUID]:
    """These deliveries, what shares an offer with them, and all that their couriers carry."""
    rows = await tx.rows(
        """
        with asked as (
            select id, offer_id, courier_id, state from dispatch.delivery
            where id = any($1::uuid[])
        ), couriers as (
            select courier_id from asked where courier_id is not null
            union select o.courier_id from asked a join dispatch.offer o on o.id = a.offer_id
                where a.state = 'offered'
            union select unnest($2::uuid[])
        )
        select id from asked
        union
        select d.id from dispatch.delivery d where d.state = 'offered' and d.offer_id in (
            select offer_id from asked where state = 'offered')
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
    return {row["id"]: _delivery(row) for row in rows}


async def lock_offers(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Offer]:
    rows = await tx.rows(
        "select * from dispatch.offer where id = any($1::uuid[]) order by id for update", list(ids)
    )
    return {row["id"]: _offer(row) for row in rows}


async def deliveries(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Delivery]:
    rows = await tx.rows(
        "select * from dispatch.delivery where id = any($1::uuid[]) order by id", list(ids)
    )
    return {row["id"]: _delivery(row) for row in rows}


async def of_references(tx: Tx, *, reference_ids: Sequence[UUID]) -> dict[UUID, Delivery]:
    rows = await tx.rows(
        "select * from dispatch.delivery where reference_id = any($1::uuid[]) order by id",
        list(reference_ids),
    )
    return {row["reference_id"]: _delivery(row) for row in rows}


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
    return [_delivery(row) for row in rows]


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
    return [_delivery(row) for row in rows]


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
    return [_delivery(row) for row in rows]


async def unassigned(
    tx: Tx, *, tenant_id: UUID, city_id: UUID | None, limit: int, offset: int
) -> tuple[list[Delivery], int]:
    """Deliveries that nobody has, those searched for longest first."""
    rows = await tx.rows(
        """
        select *, count(*) over () as total from dispatch.delivery
        where tenant_id = $1 and ($2::uuid is null or city_id = $2)
            and state in ('waiting', 'offered')
        order by searched_since_at, id limit $3 offset $4
        """,
        tenant_id,
        city_id,
        limit,
        offset,
    )
    return [_delivery(row) for row in rows], _total(rows)


async def offers(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Offer]:
    rows = await tx.rows("select * from dispatch.offer where id = any($1::uuid[])", list(ids))
    return {row["id"]: _offer(row) for row in rows}


async def offers_of(
    tx: Tx, *, tenant_id: UUID, courier_id: UUID, limit: int, offset: int
) -> tuple[list[Offer], int]:
    """A courier's offers: the pending one, then the newest."""
    rows = await tx.rows(
        """
        select *, count(*) over () as total from dispatch.offer
        where courier_id = $2 and tenant_id = $1
        order by (state = 'pending') desc, made_at desc, id limit $3 offset $4
        """,
        tenant_id,
        courier_id,
        limit,
        offset,
    )
    return [_offer(row) for row in rows], _total(rows)


async def offers_about(tx: Tx, *, delivery_id: UUID) -> list[Offer]:
    """Every offer that a delivery was ever in."""
    rows = await tx.rows(
        "select * from dispatch.offer where delivery_ids @> array[$1::uuid] order by made_at, id",
        delivery_id,
    )
    return [_offer(row) for row in rows]


async def pending_of(tx: Tx, *, courier_ids: Sequence[UUID]) -> list[Offer]:
    rows = await tx.rows(
        "select * from dispatch.offer where courier_id = any($1::uuid[]) and state = 'pending'",
        list(courier_ids),
    )
    return [_offer(row) for row in rows]


async def couriers_asked(tx: Tx, *, city_id: UUID) -> set[UUID]:
    """Couriers of a city with an offer on their screen."""
    rows = await tx.rows(
        "select courier_id from dispatch.offer where city_id = $1 and state = 'pending'", city_id
    )
    return {row["courier_id"] for row in rows}


async def try_lock_city(tx: Tx, *, city_id: UUID) -> bool:
    """Be the one dispatcher of a city until the transaction ends; False if another is."""
    return await tx.value(
        "select pg_try_advisory_xact_lock(hashtextextended('dispatch:' || $1::text, 0))",
        str(city_id),
    )


class DecisionRow(Struct, frozen=True, kw_only=True):
    """One tick as it is kept: what was known, who was thought of, what came of it."""

    id: UUID
    tenant_id: UUID
    city_id: UUID
    at: datetime
    policy: str
    policy_version: int
    delivery_ids: tuple[UUID, ...]
    inputs: Any
    candidates: Any
    exclusions: Any
    outcome: Any


_DOCUMENTS: Final = ("inputs", "candidates", "exclusions", "outcome")


async def add_decision(tx: Tx, row: DecisionRow) -> None:
    await tx.execute(
        """
        insert into dispatch.decision (id, tenant_id, city_id, at, policy, policy_version,
            delivery_ids, inputs, candidates, exclusions, outcome)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        row.id,
        row.tenant_id,
        row.city_id,
        row.at,
        row.policy,
        row.policy_version,
        list(row.delivery_ids),
        *[msgspec.json.encode(getattr(row, name)).decode() for name in _DOCUMENTS],
    )


async def last_decision_at(tx: Tx, *, city_id: UUID) -> datetime | None:
    return await tx.value("select max(at) from dispatch.decision where city_id = $1", city_id)


async def decisions_about(
    tx: Tx, *, delivery_id: UUID, limit: int, offset: int
) -> tuple[list[DecisionRow], int]:
    """The ticks that considered a delivery, newest first."""
    rows = await tx.rows(
        """
        select *, count(*) over () as total from dispatch.decision
        where delivery_ids @> array[$1::uuid] order by at desc, id desc limit $2 offset $3
        """,
        delivery_id,
        limit,
        offset,
    )
    return [_decision(row) for row in rows], _total(rows)


def _total(rows: Sequence[asyncpg.Record]) -> int:
    return rows[0]["total"] if rows else 0


def _decision(row: asyncpg.Record) -> DecisionRow:
    return DecisionRow(
        id=row["id"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        at=row["at"],
        policy=row["policy"],
        policy_version=row["policy_version"],
        delivery_ids=tuple(row["delivery_ids"]),
        **{name: msgspec.json.decode(row[name]) for name in _DOCUMENTS},
    )


def _delivery(row: asyncpg.Record) -> Delivery:
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
        state=State(row["state"]),
        level=row["level"],
        courier_id=row["courier_id"],
        offer_id=row["offer_id"],
        declined_by=frozenset(row["declined_by"]),
        first_offered_at=row["first_offered_at"],
        assigned_at=row["assigned_at"],
        etas=etas,
        ended_at=row["ended_at"],
        ended_because=row["ended_because"],
    )


def _offer(row: asyncpg.Record) -> Offer:
    return Offer(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        correlation_id=row["correlation_id"],
        courier_id=row["courier_id"],
        delivery_ids=tuple(row["delivery_ids"]),
        reference_ids=tuple(row["reference_ids"]),
        arrival_at=row["arrival_at"],
        payload=msgspec.json.decode(row["payload"], type=OfferPayload),
        joins=row["joins"],
        made_at=row["made_at"],
        expires_at=row["expires_at"],
        state=OfferState(row["state"]),
        answered_at=row["answered_at"],
        reason=row["reason"],
    )
