"""Switching flags, and asking them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tawsil.experiments.events import CityRollout, Rollout
from tawsil.experiments.flags import model, store
from tawsil.experiments.flags.model import Flag
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Command, Refusal

KEPT_FOR: Final = timedelta(seconds=2)


class SetFlag(Command, frozen=True, kw_only=True):
    """All that a flag says; it is made if there is none of this key."""

    key: str
    description: str
    everywhere: Rollout
    cities: tuple[CityRollout, ...] = ()
    seen: int | None = None
    why: str


async def set_flag(tx: Tx, commands: Sequence[SetFlag]) -> list[Flag | Refusal]:
    return [await _set(tx, command) for command in commands]


async def _set(tx: Tx, command: SetFlag) -> Flag | Refusal:
    tenant_id = command.by.tenant_id
    known = await store.lock(tx, tenant_id=tenant_id, key=command.key)
    decision = model.change(
        known
        or Flag(
            id=tx.ids(),
            tenant_id=tenant_id,
            key=command.key,
            description=command.description,
            changed_at=tx.now,
        ),
        description=command.description,
        everywhere=command.everywhere,
        cities=command.cities,
        seen=command.seen,
        at=tx.now,
    )
    if isinstance(decision, Refusal):
        return decision
    if decision.events:
        await store.save(tx, decision.state, by=command.by, why=command.why)
        await tx.record([(command, decision)])
    return decision.state


async def is_on(
    tx: Tx, *, tenant_id: UUID, key: str, city_id: UUID | None = None, subject: str | None = None
) -> bool:
    """What a flag says now; one that nobody made is off."""
    flag = await store.get(tx, tenant_id=tenant_id, key=key)
    return flag is not None and flag.is_on(city_id=city_id, subject=subject)


class Flags:
    """The flags of a process: read again after two seconds, so that asking costs nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[UUID, tuple[datetime, Mapping[str, Flag]]] = {}

    async def is_on(
        self,
        *,
        tenant_id: UUID,
        key: str,
        city_id: UUID | None = None,
        subject: str | None = None,
    ) -> bool:
        flag = (await self._of(tenant_id)).get(key)
        return flag is not None and flag.is_on(city_id=city_id, subject=subject)

    async def _of(self, tenant_id: UUID) -> Mapping[str, Flag]:
        now = self._database.now()
        kept = self._kept.get(tenant_id)
        if kept is not None and now - kept[0] < KEPT_FOR:
            return kept[1]
        async with self._database.within([tenant_id]).transaction() as tx:
            flags = {flag.key: flag for flag in await store.of_tenant(tx, tenant_id=tenant_id)}
        self._kept[tenant_id] = (now, flags)
        return flags
