"""Registering and removing service accounts."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tawsil.identity import model, store
from tawsil.identity.model.services import NewServiceAccount, ServiceAccount
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Decision, Refusal, accepted, refuse

_NOT_FOUND: Final = refuse("request.not_found", status=404)


class CreateServiceAccount(Command, frozen=True, kw_only=True):
    """Register a service for the tenant of whoever asks; `held` is what they may do."""

    account: NewServiceAccount
    held: frozenset[str]


class RemoveServiceAccount(Command, frozen=True, kw_only=True):
    id: UUID


async def create(
    tx: Tx, commands: Sequence[CreateServiceAccount]
) -> list[ServiceAccount | Refusal]:
    """Register services. Their makers are people: a key or a service makes none."""
    asking = [command.by.actor_id for command in commands if command.by.actor_id]
    makers = await store.users.lock(tx, asking)
    decided: list[tuple[Command, Decision[ServiceAccount]]] = []
    for command in commands:
        maker = makers.get(command.by.actor_id) if command.by.actor_id else None
        if maker is None or maker.tenant_id != command.by.tenant_id:
            decided.append((command, refuse("identity.not_a_person", status=403)))
            continue
        decision = model.services.create(command.account, maker=maker, held=command.held, at=tx.now)
        decided.append((command, decision))
    made = [(command, d) for command, d in decided if isinstance(d, Accepted)]
    await store.services.add(tx, [decision.state for _, decision in made])
    await tx.record(made)
    return [d.state if isinstance(d, Accepted) else d for _, d in decided]


async def remove(
    tx: Tx, commands: Sequence[RemoveServiceAccount]
) -> list[ServiceAccount | Refusal]:
    """End services: every process refuses their tokens within a second."""
    accounts = await store.services.lock(tx, [command.id for command in commands])
    decided: list[tuple[Command, Decision[ServiceAccount]]] = []
    for command in commands:
        account = accounts.get(command.id)
        if (
            account is None
            or account.tenant_id != command.by.tenant_id
            or account.removed_at is not None
        ):
            decided.append((command, _NOT_FOUND))
            continue
        decision = model.services.remove(account, at=tx.now)
        accounts[account.id] = decision.state
        decided.append((command, decision))
    await store.services.save(tx, accepted([decision for _, decision in decided]))
    await tx.record([(c, d) for c, d in decided if isinstance(d, Accepted)])
    return [d.state if isinstance(d, Accepted) else d for _, d in decided]
