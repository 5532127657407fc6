"""Tenants come, are renamed, suspended and reinstated. Each command is on behalf of its tenant."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tawsil.geography import model, store
from tawsil.geography.model import Tenant
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Decision, Refusal, refuse


class OpenTenant(Command, frozen=True, kw_only=True):
    """The id of the new tenant is that of whom it is done on behalf of."""

    slug: str
    name: str


class RenameTenant(Command, frozen=True, kw_only=True):
    name: str


class SuspendTenant(Command, frozen=True, kw_only=True):
    pass


class ReinstateTenant(Command, frozen=True, kw_only=True):
    pass


C = TypeVar("C", RenameTenant, SuspendTenant, ReinstateTenant)


async def open_tenant(tx: Tx, commands: Sequence[OpenTenant]) -> list[Tenant | Refusal]:
    outcomes: list[Tenant | Refusal] = []
    for command in commands:
        tenant = Tenant(id=command.by.tenant_id, slug=command.slug, name=command.name)
        decision = model.open_tenant(tenant)
        if not await store.open_tenant(tx, tenant=decision.state):
            outcomes.append(refuse("tenant.slug_taken", slug=command.slug))
            continue
        await tx.record([(command, decision)])
        outcomes.append(decision.state)
    return outcomes


async def rename_tenant(tx: Tx, commands: Sequence[RenameTenant]) -> list[Tenant | Refusal]:
    return await _each(tx, commands, lambda one, c: model.rename_tenant(one, name=c.name))


async def suspend_tenant(tx: Tx, commands: Sequence[SuspendTenant]) -> list[Tenant | Refusal]:
    return await _each(tx, commands, lambda one, _: model.suspend_tenant(one, at=tx.now))


async def reinstate_tenant(tx: Tx, commands: Sequence[ReinstateTenant]) -> list[Tenant | Refusal]:
    return await _each(tx, commands, lambda one, _: model.reinstate_tenant(one))


async def _each(
    tx: Tx, commands: Sequence[C], decide: Callable[[Tenant, C], Decision[Tenant]]
) -> list[Tenant | Refusal]:
    return [await _change(tx, command, decide) for command in commands]


async def _change(
    tx: Tx, command: C, decide: Callable[[Tenant, C], Decision[Tenant]]
) -> Tenant | Refusal:
    tenant = await store.lock_tenant(tx, tenant_id=command.by.tenant_id)
    if tenant is None:
        return refuse("request.not_found", status=404)
    decision = decide(tenant, command)
    if isinstance(decision, Refusal):
        return decision
    if decision.events:
        await store.save_tenant(tx, decision)
        await tx.record([(command, decision)])
    return decision.state
