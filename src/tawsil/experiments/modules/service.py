"""Switching modules, and knowing which are off."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tawsil.experiments.events import Module
from tawsil.experiments.modules import model, store
from tawsil.experiments.modules.model import Switch
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Command, Refusal

KEPT_FOR: Final = timedelta(seconds=2)


class SwitchModule(Command, frozen=True, kw_only=True):
    module: Module
    on: bool
    why: str


async def switch_module(tx: Tx, commands: Sequence[SwitchModule]) -> list[Switch | Refusal]:
    return [await _switch(tx, command) for command in commands]


async def _switch(tx: Tx, command: SwitchModule) -> Switch | Refusal:
    by = command.by
    known = (await store.lock(tx, tenant_id=by.tenant_id)).get(command.module)
    decision = model.turn(
        known or Switch(id=tx.ids(), tenant_id=by.tenant_id, module=command.module),
        on=command.on,
        why=command.why,
        by_id=by.actor_id,
        at=tx.now,
    )
    if isinstance(decision, Refusal):
        return decision
    if decision.events:
        await store.save(tx, decision.state)
        await tx.record([(command, decision)])
    return decision.state


class ModulesOff:
    """The modules that a tenant does without: read again after two seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[UUID, tuple[datetime, frozenset[str]]] = {}

    async def __call__(self, tenant_id: UUID) -> frozenset[str]:
        now = self._database.now()
        kept = self._kept.get(tenant_id)
        if kept is not None and now - kept[0] < KEPT_FOR:
            return kept[1]
        async with self._database.within([tenant_id]).transaction() as tx:
            off = (await store.off(tx, tenant_ids=[tenant_id])).get(tenant_id)
        values = frozenset(module.value for module in off or ())
        self._kept[tenant_id] = (now, values)
        return values
