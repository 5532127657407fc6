"""Changing passwords: with the one before, or with a mailed link."""

from collections.abc import Sequence
from uuid import UUID

from tawsil.identity import model, store
from tawsil.identity.events import RevokedBecause
from tawsil.identity.model.mails import Mail, Purpose
from tawsil.identity.model.users import User
from tawsil.identity.service import mails, sessions
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Refusal, refuse

PASSWORD_WRONG = refuse("identity.password_wrong", status=403)


class ResetPassword(Command, frozen=True, kw_only=True):
    """Give whoever got the mail a new password, which was hashed already."""

    token_hash: bytes
    password_hash: str


class ChangePassword(Command, frozen=True, kw_only=True):
    """Put a new hash in the place of one whose password was shown; keep the session that asks."""

    user_id: UUID
    session_id: UUID
    from_hash: str
    password_hash: str


async def reset(tx: Tx, commands: Sequence[ResetPassword]) -> list[User | Refusal]:
    """End every session, and count the address as verified: the mail was read there."""
    outcomes: list[User | Refusal] = []
    for command in commands:
        user = await mails.spend(tx, command.token_hash, purpose=Purpose.RESET_PASSWORD)
        if isinstance(user, Refusal):
            outcomes.append(user)
            continue
        by = user.acting(correlation_id=command.by.correlation_id)
        user = await mails.verified(tx, user, by=by)
        outcomes.append(await _save(tx, user, password_hash=command.password_hash, by=by))
    return outcomes


async def change(tx: Tx, commands: Sequence[ChangePassword]) -> list[User | Refusal]:
    """Refused if the password was changed since it was shown."""
    users = await store.users.lock(tx, [command.user_id for command in commands])
    outcomes: list[User | Refusal] = []
    for command in commands:
        user = users.get(command.user_id)
        if user is None or user.tenant_id != command.by.tenant_id:
            outcomes.append(refuse("request.not_found", status=404))
            continue
        if await store.users.password_hash(tx, user.id) != command.from_hash:
            outcomes.append(PASSWORD_WRONG)
            continue
        users[user.id] = await _save(
            tx,
            user,
            password_hash=command.password_hash,
            by=command.by,
            except_id=command.session_id,
        )
        outcomes.append(users[user.id])
    return outcomes


async def _save(
    tx: Tx, user: User, *, password_hash: str, by: By, except_id: UUID | None = None
) -> User:
    """Save a locked user's password, end the sessions that stand on the old one, and say so."""
    decision = model.users.change_password(user)
    await store.users.save_password(tx, user_id=user.id, password_hash=password_hash)
    await store.users.save(tx, [decision.state])
    await tx.record([(by, decision)])
    await store.proofs.spend_all(tx, user_id=user.id, purpose=Purpose.RESET_PASSWORD)
    because = RevokedBecause.PASSWORD_CHANGED
    ending = sessions.EndAll(by=by, user_id=user.id, because=because, except_id=except_id)
    await sessions.end_all(tx, [ending])
    await mails.ask(tx, [(user.id, Mail.PASSWORD_CHANGED)])
    return decision.state
