"""The log of decisions. Its documents are packed by whoever keeps them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from msgspec import Struct
from msgspec.structs import asdict

from tawsil.dispatch.store.rows import page
from tawsil.kernel.db import Tx


class DecisionRow(Struct, frozen=True, kw_only=True):
    """One tick as it is kept: what was known, who was thought of, what came of it."""

    id: UUID
    tenant_id: UUID
    city_id: UUID
    at: datetime
    policy: str
    policy_version: int
    delivery_ids: tuple[UUID, ...]
    offer_ids: tuple[UUID, ...]
    jobs: int
    couriers: int
    solver_s: float
    """From the city as it was seen to the plan, travel times included."""
    plan_hash: bytes
    inputs: bytes
    story: bytes


class DecisionLine(Struct, frozen=True, kw_only=True):
    """A tick in a list. `told`: how many offers it made."""

    id: UUID
    at: datetime
    policy: str
    policy_version: int
    jobs: int
    couriers: int
    told: int
    solver_s: float


async def add_decision(tx: Tx, row: DecisionRow) -> None:
    await tx.execute(
        """
        insert into dispatch.decision (id, tenant_id, city_id, at, policy, policy_version,
            delivery_ids, offer_ids, jobs, couriers, solver_s, plan_hash, inputs, story)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        """,
        *asdict(row).values(),
    )


async def last_decision_at(tx: Tx, *, city_id: UUID) -> datetime | None:
    return await tx.value("select max(at) from dispatch.decision where city_id = $1", city_id)


async def decision(tx: Tx, *, tenant_id: UUID, id_: UUID) -> DecisionRow | None:
    row = await tx.row(
        "select * from dispatch.decision where id = $2 and tenant_id = $1", tenant_id, id_
    )
    return None if row is None else _decision(row)


async def lately_told(
    tx: Tx, *, tenant_id: UUID, city_id: UUID, limit: int
) -> Sequence[DecisionLine]:
    """The ticks that told somebody something, newest first, without their documents."""
    rows = await tx.rows(
        """
        select id, at, policy, policy_version, jobs, couriers, cardinality(offer_ids) as told,
            solver_s
        from dispatch.decision where city_id = $2 and tenant_id = $1 and offer_ids <> '{}'
        order by at desc, id desc limit $3
        """,
        tenant_id,
        city_id,
        limit,
    )
    return [DecisionLine(**dict(row)) for row in rows]


async def decisions_about(
    tx: Tx, *, delivery_id: UUID, limit: int, offset: int
) -> tuple[list[DecisionRow], int]:
    """The ticks that considered a delivery, newest first, without their inputs."""
    rows, total = await page(
        tx,
        """
        select id, tenant_id, city_id, at, policy, policy_version, delivery_ids, offer_ids, jobs,
            couriers, solver_s, plan_hash, ''::bytea as inputs, story, count(*) over () as total
        from dispatch.decision
        where delivery_ids @> array[$1::uuid] order by at desc, id desc limit $2 offset $3
        """,
        delivery_id,
        limit=limit,
        offset=offset,
    )
    return [_decision(row) for row in rows], total


async def decision_of_offer(tx: Tx, *, offer_id: UUID) -> DecisionRow | None:
    """The tick that made an offer."""
    row = await tx.row(
        "select * from dispatch.decision where offer_ids @> array[$1::uuid]", offer_id
    )
    return None if row is None else _decision(row)


async def decisions_between(
    tx: Tx, *, city_id: UUID, from_at: datetime, to_at: datetime, after: UUID | None, limit: int
) -> Sequence[DecisionRow]:
    """The ticks of a window by id, which is the order of time: those after one of them."""
    rows = await tx.rows(
        """
        select * from dispatch.decision
        where city_id = $1 and at >= $2 and at < $3 and ($4::uuid is null or id > $4)
        order by id limit $5
        """,
        city_id,
        from_at,
        to_at,
        after,
        limit,
    )
    return [_decision(row) for row in rows]


async def policies_between(
    tx: Tx, *, city_id: UUID, from_at: datetime, to_at: datetime
) -> list[tuple[UUID, int]]:
    """By what a window was decided, the most used first: one of its ticks, and how many."""
    rows = await tx.rows(
        """
        select min(id::text)::uuid as id, count(*) as ticks from dispatch.decision
        where city_id = $1 and at >= $2 and at < $3
        group by policy, policy_version order by count(*) desc, 1
        """,
        city_id,
        from_at,
        to_at,
    )
    return [(row["id"], row["ticks"]) for row in rows]


async def requested_ids(tx: Tx, *, city_id: UUID, from_at: datetime, to_at: datetime) -> list[UUID]:
    """Deliveries that were asked for in a window."""
    rows = await tx.rows(
        """
        select id from dispatch.delivery
        where city_id = $1 and requested_at >= $2 and requested_at < $3 order by requested_at, id
        """,
        city_id,
        from_at,
        to_at,
    )
    return [row["id"] for row in rows]


def _decision(row: asyncpg.Record) -> DecisionRow:
    return DecisionRow(
        id=row["id"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        at=row["at"],
        policy=row["policy"],
        policy_version=row["policy_version"],
        delivery_ids=tuple(row["delivery_ids"]),
        offer_ids=tuple(row["offer_ids"]),
        jobs=row["jobs"],
        couriers=row["couriers"],
        solver_s=row["solver_s"],
        plan_hash=row["plan_hash"],
        inputs=row["inputs"],
        story=row["story"],
    )
