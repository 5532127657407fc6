"""How each tenant has found each provider."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from tawsil.kernel.db import Tx
from tawsil.payments.events import Provider
from tawsil.payments.model.breaker import Breaker, Circuit, breaker


async def of_tenants(tx: Tx, *, tenant_ids: Sequence[UUID]) -> dict[UUID, dict[Provider, Breaker]]:
    """What is known of providers; one that never failed anybody is not in it."""
    found: dict[UUID, dict[Provider, Breaker]] = {id_: {} for id_ in tenant_ids}
    rows = await tx.rows(
        "select * from payments.breaker where tenant_id = any($1::uuid[])", list(found)
    )
    for row in rows:
        found[row["tenant_id"]][Provider(row["provider"])] = _breaker(row)
    return found


async def lock(tx: Tx, *, tenant_id: UUID, provider: Provider) -> Breaker:
    """A provider's breaker, held until the transaction ends; a new one if there was none."""
    new = breaker(tenant_id=tenant_id, provider=provider, at=tx.now)
    await tx.execute(
        """
        insert into payments.breaker (id, version, tenant_id, provider, circuit, strain, times,
            since_at)
        values ($1, 0, $2, $3, $4, 0, 0, $5) on conflict do nothing
        """,
        new.id,
        new.tenant_id,
        new.provider.value,
        new.circuit.value,
        new.since_at,
    )
    row = await tx.row("select * from payments.breaker where id = $1 for update", new.id)
    assert row is not None, "it was there or was added"
    return _breaker(row)


async def lock_ids(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Breaker]:
    rows = await tx.rows(
        "select * from payments.breaker where id = any($1::uuid[]) order by id for update",
        list(ids),
    )
    return {row["id"]: _breaker(row) for row in rows}


async def save(tx: Tx, changed: Breaker) -> None:
    """Write a breaker that is locked."""
    count = await tx.execute(
        """
        update payments.breaker
        set version = $2, circuit = $3, strain = $4, strained_at = $5, times = $6, since_at = $7,
            until_at = $8, reason = $9
        where id = $1
        """,
        changed.id,
        changed.version,
        changed.circuit.value,
        changed.strain,
        changed.strained_at,
        changed.times,
        changed.since_at,
        changed.until_at,
        changed.reason,
    )
    assert count == 1, "a locked breaker is there"


def _breaker(row: asyncpg.Record) -> Breaker:
    fields: dict[str, Any] = dict(row) | {
        "provider": Provider(row["provider"]),
        "circuit": Circuit(row["circuit"]),
    }
    return Breaker(**fields)
