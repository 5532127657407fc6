"""Lots of points, and why staff gave or took some."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.payments.model.points import Lot

Purse = tuple[UUID, UUID, str]
"""A tenant, a customer of it, and a currency."""


class Given(Struct, frozen=True):
    """So many points more, that lapse then."""

    purse: Purse
    lapses_at: datetime
    amount_minor: int


class PointsAdjustment(Struct, frozen=True, kw_only=True):
    transfer_key: UUID
    tenant_id: UUID
    customer_id: UUID
    currency: str
    amount_minor: int
    reason: str
    adjusted_by: UUID | None


async def give(tx: Tx, given: Sequence[Given]) -> list[Lot]:
    """Add points to their lots; the lots as they are then."""
    if not given:
        return []
    rows = await tx.rows(
        """
        insert into payments.lot
            (id, tenant_id, customer_id, currency, lapses_at, given_minor, left_minor)
        select *, u.amount from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[],
            $5::timestamptz[], $6::bigint[])
            as u (id, tenant_id, customer_id, currency, lapses_at, amount)
        on conflict (tenant_id, customer_id, currency, lapses_at) do update
            set given_minor = payments.lot.given_minor + excluded.given_minor,
                left_minor = payments.lot.left_minor + excluded.left_minor
        returning *
        """,
        [tx.ids() for _ in given],
        [one.purse[0] for one in given],
        [one.purse[1] for one in given],
        [one.purse[2] for one in given],
        [one.lapses_at for one in given],
        [one.amount_minor for one in given],
    )
    return [_lot(row) for row in rows]


async def use(tx: Tx, used: Mapping[Purse, int]) -> list[Lot]:
    """Take points out of the oldest lots; the lots as they are then.

    Whoever writes entries of these accounts holds them, so nobody else uses them meanwhile.
    """
    if not used:
        return []
    rows = await tx.rows(
        """
        with wanted as (
            select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[])
                as u (tenant_id, customer_id, currency, amount)
        ), aged as (
            select l.id, l.left_minor, w.amount - coalesce(sum(l.left_minor) over (
                partition by l.tenant_id, l.customer_id, l.currency
                order by l.lapses_at rows between unbounded preceding and 1 preceding
            ), 0) as wanted
            from payments.lot l join wanted w
                on l.tenant_id = w.tenant_id and l.customer_id = w.customer_id
                and l.currency = w.currency
            where l.left_minor > 0
        )
        update payments.lot l set left_minor = l.left_minor - least(a.left_minor, a.wanted)
        from aged a where a.id = l.id and a.wanted > 0
        returning l.*
        """,
        [tenant_id for tenant_id, _, _ in used],
        [customer_id for _, customer_id, _ in used],
        [currency for *_, currency in used],
        list(used.values()),
    )
    return [_lot(row) for row in rows]


async def lock(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Lot]:
    rows = await tx.rows(
        "select * from payments.lot where id = any($1::uuid[]) order by id for update", list(ids)
    )
    return {row["id"]: _lot(row) for row in rows}


async def get(tx: Tx, ids: Sequence[UUID]) -> list[Lot]:
    rows = await tx.rows("select * from payments.lot where id = any($1::uuid[])", list(ids))
    return [_lot(row) for row in rows]


async def of_customer(tx: Tx, *, tenant_id: UUID, customer_id: UUID) -> list[Lot]:
    """The lots of which something is left, the first to lapse first."""
    rows = await tx.rows(
        """
        select * from payments.lot
        where tenant_id = $1 and customer_id = $2 and left_minor > 0 order by currency, lapses_at
        """,
        tenant_id,
        customer_id,
    )
    return [_lot(row) for row in rows]


async def save(tx: Tx, lots: Sequence[Lot]) -> None:
    """Write locked lots as decided about."""
    if lots:
        await tx.execute(
            """
            update payments.lot l set version = u.version, left_minor = u.left_minor,
                reminded = u.reminded, again_at = u.again_at
            from unnest($1::uuid[], $2::int[], $3::bigint[], $4::bool[], $5::timestamptz[])
                as u (id, version, left_minor, reminded, again_at)
            where l.id = u.id
            """,
            [lot.id for lot in lots],
            [lot.version for lot in lots],
            [lot.left_minor for lot in lots],
            [lot.reminded for lot in lots],
            [lot.again_at for lot in lots],
        )


async def moved(tx: Tx, *, keys: Sequence[UUID]) -> dict[UUID, int]:
    """The points that transfers moved, by the id they were asked for under."""
    rows = await tx.rows(
        """
        select t.key, sum(e.amount_minor)::bigint as amount from payments.transfer t
        join payments.entry e on e.transfer_id = t.id
        join payments.account a on a.id = e.account_id and a.kind = 'loyalty'
        where t.key = any($1::uuid[]) group by t.key
        """,
        list(keys),
    )
    return {row["key"]: row["amount"] for row in rows}


async def owed(tx: Tx, *, tenant_id: UUID) -> dict[str, int]:
    """All points of a tenant's customers by currency: what the platform owes them."""
    rows = await tx.rows(
        """
        select a.currency, sum(h.posted_minor)::bigint as owed from payments.account a
        join payments.holding h on h.account_id = a.id
        where a.tenant_id = $1 and a.kind = 'loyalty' group by a.currency order by a.currency
        """,
        tenant_id,
    )
    return {row["currency"]: row["owed"] for row in rows}


async def unreconciled(tx: Tx) -> int:
    """By how much lots and accounts of points differ in all: zero, always."""
    return await tx.value(
        """
        select coalesce(sum(
            abs(coalesce(l.left_minor, 0) - coalesce(h.posted_minor, 0))
        ), 0)::bigint
        from (
            select tenant_id, customer_id, currency, sum(left_minor) as left_minor
            from payments.lot group by tenant_id, customer_id, currency
        ) l
        full join (
            select a.tenant_id, a.owner_id, a.currency, h.posted_minor
            from payments.account a join payments.holding h on h.account_id = a.id
            where a.kind = 'loyalty'
        ) h on h.tenant_id = l.tenant_id and h.owner_id = l.customer_id
            and h.currency = l.currency
        """
    )


async def note(tx: Tx, adjustments: Sequence[PointsAdjustment]) -> None:
    """Why points were given or taken by hand."""
    if adjustments:
        await tx.execute(
            """
            insert into payments.points_adjustment (transfer_key, tenant_id, customer_id,
                currency, amount_minor, reason, adjusted_by, at)
            select *, $8::timestamptz from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[],
                $5::bigint[], $6::text[], $7::uuid[])
            """,
            [one.transfer_key for one in adjustments],
            [one.tenant_id for one in adjustments],
            [one.customer_id for one in adjustments],
            [one.currency for one in adjustments],
            [one.amount_minor for one in adjustments],
            [one.reason for one in adjustments],
            [one.adjusted_by for one in adjustments],
            tx.now,
        )


def _lot(row: Any) -> Lot:
    return Lot(**dict(row))
