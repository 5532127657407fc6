"""The log of decisions."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from tawsil.dispatch.store.rows import total
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
    return [_decision(row) for row in rows], total(rows)


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
