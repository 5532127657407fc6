"""Making, rotating and revoking API keys. Their secrets are made before, not in here."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from tawsil.identity import model, store
from tawsil.identity.model.api_keys import ApiKey, KeysOf, NewApiKey
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Decision, Refusal, accepted, refuse

_NOT_FOUND: Final = refuse("request.not_found", status=404)


class CreateApiKey(Command, frozen=True, kw_only=True):
    """Make a key for whoever asks; `held` is what they may do."""

    key: NewApiKey
    held: frozenset[str]


class RotateApiKey(Command, frozen=True, kw_only=True):
    """Give a key another secret, among the keys that whoever asks may see."""

    id: UUID
    among: KeysOf
    secret_hash: bytes
    overlap: timedelta
    held: frozenset[str]


class RevokeApiKey(Command, frozen=True, kw_only=True):
    id: UUID
    among: KeysOf


async def create(tx: Tx, commands: Sequence[CreateApiKey]) -> list[ApiKey | Refusal]:
    """Make keys. Their owners are people: a key or a service makes none."""
    asking = [command.by.actor_id for command in commands if command.by.actor_id]
    owners = await store.users.lock(tx, asking)
    owned = await store.api_keys.counts(tx, owner_ids=asking)
    decided: list[tuple[CreateApiKey, Decision[ApiKey]]] = []
    for command in commands:
        owner = owners.get(command.by.actor_id) if command.by.actor_id else None
        if owner is None or owner.tenant_id != command.by.tenant_id:
            decided.append((command, refuse("identity.not_a_person", status=403)))
            continue
        count = owned.get(owner.id, 0)
        decision = model.api_keys.create(
            command.key, owner=owner, owned=count, held=command.held, at=tx.now
        )
        owned[owner.id] = count + isinstance(decision, Accepted)
        decided.append((command, decision))
    made = [(command, d) for command, d in decided if isinstance(d, Accepted)]
    await store.api_keys.add(tx, [decision.state for _, decision in made])
    await tx.record(made)
    return [d.state if isinstance(d, Accepted) else d for _, d in decided]


async def rotate(tx: Tx, commands: Sequence[RotateApiKey]) -> list[ApiKey | Refusal]:
    """Give keys other secrets."""
    keys = await store.api_keys.lock(tx, [command.id for command in commands])
    decided: list[tuple[Command, Decision[ApiKey]]] = []
    for command in commands:
        key = _seen(keys, command.id, among=command.among)
        if key is None:
            decided.append((command, _NOT_FOUND))
            continue
        decision = model.api_keys.rotate(
            key,
            secret_hash=command.secret_hash,
            overlap=command.overlap,
            held=command.held,
            at=tx.now,
        )
        if isinstance(decision, Accepted):
            keys[key.id] = decision.state
        decided.append((command, decision))
    return await _save(tx, decided)


async def revoke(tx: Tx, commands: Sequence[RevokeApiKey]) -> list[ApiKey | Refusal]:
    """End keys: every process refuses them within a second."""
    keys = await store.api_keys.lock(tx, [command.id for command in commands])
    decided: list[tuple[Command, Decision[ApiKey]]] = []
    for command in commands:
        key = _seen(keys, command.id, among=command.among)
        if key is None:
            decided.append((command, _NOT_FOUND))
            continue
        decision = model.api_keys.revoke(key, at=tx.now)
        keys[key.id] = decision.state
        decided.append((command, decision))
    return await _save(tx, decided)


def _seen(keys: Mapping[UUID, ApiKey], id_: UUID, *, among: KeysOf) -> ApiKey | None:
    """The key, if it may be seen and was not revoked."""
    key = keys.get(id_)
    return key if key and key.revoked_at is None and among.includes(key) else None


async def _save(
    tx: Tx, decided: Sequence[tuple[Command, Decision[ApiKey]]]
) -> list[ApiKey | Refusal]:
    await store.api_keys.save(tx, accepted([decision for _, decision in decided]))
    await tx.record([(c, decision) for c, decision in decided if isinstance(decision, Accepted)])
    return [d.state if isinstance(d, Accepted) else d for _, d in decided]
