"""The table of modules."""

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from tawsil.experiments.events import Module
from tawsil.experiments.modules.model import Switch
from tawsil.kernel.db import Tx


async def lock(tx: Tx, *, tenant_id: UUID) -> dict[Module, Switch]:
    """What a tenant has said of modules; nobody says more meanwhile."""
    await tx.execute(
        "select pg_advisory_xact_lock(hashtextextended('modules of ' || $1, 0))", str(tenant_id)
    )
    return await of_tenant(tx, tenant_id=tenant_id)


async def of_tenant(tx: Tx, *, tenant_id: UUID) -> dict[Module, Switch]:
    rows = await tx.rows("select * from experiments.module where tenant_id = $1", tenant_id)
    return {switch.module: switch for switch in map(_switch, rows)}


async def off(tx: Tx, *, tenant_ids: Iterable[UUID]) -> dict[UUID, frozenset[Module]]:
    """The modules that tenants do without."""
    rows = await tx.rows(
        """
        select tenant_id, array_agg(module) as modules from experiments.module
        where tenant_id = any($1::uuid[]) and not "on" group by tenant_id
        """,
        list(tenant_ids),
    )
    return {row["tenant_id"]: frozenset(map(Module, row["modules"])) for row in rows}


async def save(tx: Tx, switch: Switch) -> None:
    await tx.execute(
        """
        insert into experiments.module (id, version, tenant_id, module, "on", changed_at,
            changed_by_id, why)
        values ($1, $2, $3, $4, $5, $6, $7, $8)
        on conflict (id) do update set version = excluded.version, "on" = excluded."on",
            changed_at = excluded.changed_at, changed_by_id = excluded.changed_by_id,
            why = excluded.why
        """,
        switch.id,
        switch.version,
        switch.tenant_id,
        switch.module.value,
        switch.on,
        switch.changed_at,
        switch.changed_by_id,
        switch.why,
    )


def _switch(row: asyncpg.Record) -> Switch:
    known = dict(row)
    return Switch(module=Module(known.pop("module")), **known)
