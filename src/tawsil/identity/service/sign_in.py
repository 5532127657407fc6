"""Signing in with a password and, where it is on, a second factor."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from tawsil.identity import store
from tawsil.identity.model.attempts import Origin
from tawsil.identity.model.second_factors import REQUIRED, SecondFactor, Shown
from tawsil.identity.model.sessions import Device, RefreshToken
from tawsil.identity.model.users import LOGIN_FAILED, TENANT_SUSPENDED, User
from tawsil.identity.service import attempts, second_factors, sessions
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal


class Account(Struct, frozen=True):
    """What is looked at before a password is: nothing of it, if there is no such account."""

    user: User | None = None
    password_hash: str | None = None
    second_factor: SecondFactor | None = None


class SignIn(Command, frozen=True, kw_only=True):
    """Let somebody in. `matched` is the hash that the password shown has, if it has it."""

    origin: Origin
    user_id: UUID | None
    matched: str | None
    shown: Shown | None
    device: Device
    first: RefreshToken


async def look(tx: Tx, origin: Origin, *, email: str) -> Account | Refusal:
    """The account that is tried, unless it has been tried too often from there."""
    if refused := await attempts.hopeless(tx, origin):
        return refused
    found = await store.users.credential(tx, tenant_id=origin.tenant_id, email=email)
    if found is None:
        return Account()
    user, password_hash = found
    factor = await store.second_factors.get(tx, user.id)
    on = factor if factor is not None and factor.confirmed_at is not None else None
    return Account(user, password_hash, on)


async def sign_in(tx: Tx, commands: Sequence[SignIn]) -> list[User | Refusal]:
    """Start sessions of those who have proved who they are; count the failures of the others."""
    return [await _sign_in(tx, command) for command in commands]


async def _sign_in(tx: Tx, command: SignIn) -> User | Refusal:
    held = await attempts.hold(tx, command.origin)
    if held.refused is not None:
        return held.refused
    if await store.tenants.shut_among(tx, [command.origin.tenant_id]):
        return TENANT_SUSPENDED
    outcome = await _proved(tx, command)
    if isinstance(outcome, User):
        start = sessions.StartSession(
            by=outcome.acting(correlation_id=command.by.correlation_id),
            user_id=outcome.id,
            device=command.device,
            first=command.first,
        )
        await sessions.start_sessions(tx, [start])
        await attempts.succeeded(tx, held, user_id=outcome.id)
        return outcome
    if outcome != REQUIRED:
        await attempts.failed(tx, held)
    return outcome


async def _proved(tx: Tx, command: SignIn) -> User | Refusal:
    """The user, locked, if the password is still theirs and the second factor was shown."""
    if command.user_id is None or command.matched is None:
        return LOGIN_FAILED
    user = (await store.users.lock(tx, [command.user_id])).get(command.user_id)
    if user is None or user.disabled_at is not None:
        return LOGIN_FAILED
    if await store.users.password_hash(tx, user.id) != command.matched:
        return LOGIN_FAILED
    factor = await store.second_factors.get(tx, user.id)
    if factor is None or factor.confirmed_at is None:
        return user
    if command.shown is None:
        return REQUIRED
    return await second_factors.show(tx, user, command.shown) or user
