"""The table of commission plans, which only grows; and what merchants have sold."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from tawsil.kernel.db import Tx
from tawsil.pricing.model.commission import CommissionPlan, PlannedCommission

_plan = msgspec.json.Decoder(CommissionPlan)


async def insert(tx: Tx, planned: Sequence[PlannedCommission]) -> None:
    await tx.execute(
        """
        insert into pricing.commission_plan (id, version, tenant_id, city_id, merchant_id,
            starts_at, plan, reason, set_at, set_by_id)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[],
            $6::timestamptz[], $7::jsonb[], $8::text[], $9::timestamptz[], $10::uuid[])
        """,
        [p.id for p in planned],
        [p.version for p in planned],
        [p.tenant_id for p in planned],
        [p.city_id for p in planned],
        [p.merchant_id for p in planned],
        [p.starts_at for p in planned],
        [msgspec.json.encode(p.plan).decode() for p in planned],
        [p.reason for p in planned],
        [p.set_at for p in planned],
        [p.set_by_id for p in planned],
    )


async def in_force(
    tx: Tx, *, merchant_ids: Sequence[UUID], at: datetime
) -> dict[UUID, PlannedCommission]:
    """By merchant: the plan that began last, and of several that begin together the newest."""
    rows = await tx.rows(
        """
        select distinct on (merchant_id) * from pricing.commission_plan
        where merchant_id = any($1::uuid[]) and starts_at <= $2
        order by merchant_id, starts_at desc, id desc
        """,
        list(merchant_ids),
        at,
    )
    return {row["merchant_id"]: _planned(row) for row in rows}


async def planned(
    tx: Tx, *, merchant_id: UUID, limit: int, offset: int
) -> tuple[list[PlannedCommission], int]:
    """All plans of a merchant, the latest to begin first, and how many there are."""
    rows = await tx.rows(
        """
        select *, count(*) over () as total from pricing.commission_plan where merchant_id = $1
        order by starts_at desc, id desc limit $2 offset $3
        """,
        merchant_id,
        limit,
        offset,
    )
    total = rows[0]["total"] if rows else 0
    return [_planned(row) for row in rows], total


async def turnovers(tx: Tx, *, since: Mapping[UUID, datetime]) -> dict[UUID, int]:
    """What merchants have sold, each since an instant: the subtotals of quotes that were taken."""
    if not since:
        return {}
    rows = await tx.rows(
        """
        select merchant_id, sum(subtotal_minor)::bigint as turnover_minor
        from unnest($1::uuid[], $2::timestamptz[]) asked (id, since_at)
        join pricing.quote on merchant_id = asked.id and issued_at >= since_at
        where status = 'taken' group by merchant_id
        """,
        list(since),
        list(since.values()),
    )
    return {row["merchant_id"]: row["turnover_minor"] for row in rows}


def _planned(row: asyncpg.Record) -> PlannedCommission:
    return PlannedCommission(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        merchant_id=row["merchant_id"],
        starts_at=row["starts_at"],
        plan=_plan.decode(row["plan"]),
        reason=row["reason"],
        set_at=row["set_at"],
        set_by_id=row["set_by_id"],
    )
