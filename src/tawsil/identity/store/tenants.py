"""Tenants of which nobody comes in."""

from collections.abc import Iterable
from uuid import UUID

from tawsil.kernel.db import Tx


async def shut(tx: Tx, *, tenant_id: UUID) -> None:
    await tx.execute(
        """
        insert into identity.shut_tenant (tenant_id, since_at) values ($1, $2)
        on conflict do nothing
        """,
        tenant_id,
        tx.now,
    )


async def open_again(tx: Tx, *, tenant_id: UUID) -> None:
    await tx.execute("delete from identity.shut_tenant where tenant_id = $1", tenant_id)


async def all_shut(tx: Tx) -> frozenset[UUID]:
    rows = await tx.rows("select tenant_id from identity.shut_tenant")
    return frozenset(row["tenant_id"] for row in rows)


async def shut_among(tx: Tx, tenant_ids: Iterable[UUID]) -> frozenset[UUID]:
    rows = await tx.rows(
        "select tenant_id from identity.shut_tenant where tenant_id = any($1::uuid[])",
        list(tenant_ids),
    )
    return frozenset(row["tenant_id"] for row in rows)
