"""Registering users, keeping them out, and what they say of themselves."""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from tawsil.identity import model, store
from tawsil.identity.events import RevokedBecause
from tawsil.identity.model.users import EMAIL_TAKEN, NewUser, User
from tawsil.identity.service import sessions
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal, refuse


class Register(Command, frozen=True, kw_only=True):
    user: NewUser


class Disable(Command, frozen=True, kw_only=True):
    user_id: UUID


class ChangeProfile(Command, frozen=True, kw_only=True):
    user_id: UUID
    name: str
    phone: str | None
    locale: str


async def register(tx: Tx, commands: Sequence[Register]) -> list[User | Refusal]:
    """Make users, each refused if its e-mail address is in use, here or earlier in the batch."""
    decisions = [model.users.register(command.user, at=tx.now) for command in commands]
    added = await store.users.add(
        tx,
        [decision.state for decision in decisions],
        password_hashes=[command.user.password_hash for command in commands],
    )
    await tx.record(
        [
            (command, decision)
            for command, decision in zip(commands, decisions, strict=True)
            if decision.state.id in added
        ]
    )
    return [d.state if d.state.id in added else EMAIL_TAKEN for d in decisions]


async def disable(tx: Tx, commands: Sequence[Disable]) -> list[User | Refusal]:
    """Keep users out, and end the sessions they have."""
    users = await store.users.lock(tx, [command.user_id for command in commands])
    by_user: dict[UUID, Disable] = {}
    outcomes: list[User | Refusal] = []
    for command in commands:
        user = users.get(command.user_id)
        if user is None or user.tenant_id != command.by.tenant_id:
            outcomes.append(refuse("request.not_found", status=404))
            continue
        users[user.id] = model.users.disable(user, at=tx.now)
        by_user[user.id] = command
        outcomes.append(users[user.id])
    await store.users.save_disabled(tx, [users[id_] for id_ in by_user])
    session_ids = await store.sessions.live_of(tx, list(by_user))
    await sessions.revoke(
        tx,
        [
            sessions.Revoke(
                by=by_user[user_id].by,
                session_id=session_id,
                because=RevokedBecause.USER_DISABLED,
            )
            for session_id, user_id in session_ids.items()
        ],
    )
    return outcomes


async def change_profile(tx: Tx, commands: Sequence[ChangeProfile]) -> list[User | Refusal]:
    """Replace what users say of themselves. Personal data: no event carries it."""
    users = await store.users.lock(tx, [command.user_id for command in commands])
    changed: dict[UUID, User] = {}
    outcomes: list[User | Refusal] = []
    for command in commands:
        user = users.get(command.user_id)
        if user is None or user.tenant_id != command.by.tenant_id:
            outcomes.append(refuse("request.not_found", status=404))
            continue
        user = changed[user.id] = replace(
            user, name=command.name, phone=command.phone, locale=command.locale
        )
        outcomes.append(user)
    await store.users.save_profiles(tx, list(changed.values()))
    return outcomes
