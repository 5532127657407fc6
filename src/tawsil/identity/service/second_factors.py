"""Turning the second factor on and off, and asking for it."""

from collections.abc import Sequence
from functools import partial

from tawsil.identity import model, store
from tawsil.identity.events import Role
from tawsil.identity.model.mails import Mail
from tawsil.identity.model.second_factors import (
    ALREADY_ON,
    NOT_BEGUN,
    NOT_ON,
    WRONG,
    SecondFactor,
    Shown,
)
from tawsil.identity.model.users import User
from tawsil.identity.service import mails, sessions
from tawsil.identity.service.users import AboutUser, decide
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Decision, Refusal


class Begin(AboutUser, frozen=True, kw_only=True):
    """Share a secret with an app; it counts for nothing until the app has shown a code."""

    sealed_secret: bytes


class Confirm(AboutUser, frozen=True, kw_only=True):
    """`recovery_hashes` are of the codes that the user is about to be shown."""

    shown: Shown
    recovery_hashes: tuple[bytes, ...]


class Remove(AboutUser, frozen=True, kw_only=True):
    shown: Shown


class TakeAway(AboutUser, frozen=True, kw_only=True):
    """Turn it off for somebody who has lost both the app and the codes."""

    grantable: frozenset[Role]


async def begin(tx: Tx, commands: Sequence[Begin]) -> list[SecondFactor | Refusal]:
    users = await store.users.lock(tx, [command.user_id for command in commands])
    outcomes: list[SecondFactor | Refusal] = []
    for command in commands:
        user = users[command.user_id]
        factor = await store.second_factors.get(tx, user.id)
        if factor is not None and factor.confirmed_at is not None:
            outcomes.append(ALREADY_ON)
            continue
        begun = SecondFactor(
            user_id=user.id,
            tenant_id=user.tenant_id,
            sealed_secret=command.sealed_secret,
            begun_at=tx.now,
        )
        await store.second_factors.put(tx, begun)
        outcomes.append(begun)
    return outcomes


async def confirm(tx: Tx, commands: Sequence[Confirm]) -> list[User | Refusal]:
    outcomes: list[User | Refusal] = []
    for command in commands:
        await store.users.lock(tx, [command.user_id])
        factor = await store.second_factors.get(tx, command.user_id)
        if factor is None:
            outcomes.append(NOT_BEGUN)
            continue
        if factor.confirmed_at is not None:
            outcomes.append(ALREADY_ON)
            continue
        confirmed = factor.accept(command.shown, at=tx.now)
        if isinstance(confirmed, Refusal):
            outcomes.append(confirmed)
            continue
        await store.second_factors.put(tx, confirmed)
        await store.second_factors.put_recovery_codes(
            tx, user_id=command.user_id, hashes=command.recovery_hashes
        )
        await mails.ask(tx, [(command.user_id, Mail.SECOND_FACTOR_ENABLED)])
        outcomes += await decide(tx, [command], lambda user, _: model.second_factors.enabled(user))
    return outcomes


async def remove(tx: Tx, commands: Sequence[Remove]) -> list[User | Refusal]:
    outcomes: list[User | Refusal] = []
    for command in commands:
        users = await store.users.lock(tx, [command.user_id])
        factor = await store.second_factors.get(tx, command.user_id)
        if factor is None or factor.confirmed_at is None:
            outcomes.append(NOT_ON)
            continue
        if refused := await show(tx, users[command.user_id], command.shown):
            outcomes.append(refused)
            continue
        await store.second_factors.remove(tx, command.user_id)
        await mails.ask(tx, [(command.user_id, Mail.SECOND_FACTOR_DISABLED)])
        outcomes += await decide(tx, [command], lambda user, _: model.second_factors.disabled(user))
    return outcomes


async def take_away(tx: Tx, commands: Sequence[TakeAway]) -> list[User | Refusal]:
    """End the sessions, too: somebody else may have asked for it in the user's name."""
    outcomes: list[User | Refusal] = []
    for command in commands:
        await store.users.lock(tx, [command.user_id])
        factor = await store.second_factors.get(tx, command.user_id)
        (outcome,) = await decide(tx, [command], partial(_taken_away, factor))
        outcomes.append(outcome)
        if isinstance(outcome, User):
            await store.second_factors.remove(tx, command.user_id)
            await mails.ask(tx, [(command.user_id, Mail.SECOND_FACTOR_DISABLED)])
            await sessions.end_all(tx, [sessions.EndAll(by=command.by, user_id=command.user_id)])
    return outcomes


def _taken_away(factor: SecondFactor | None, user: User, command: TakeAway) -> Decision[User]:
    refused = model.users.check_manages(user, by=command.by, grantable=command.grantable)
    if refused is not None:
        return refused
    if factor is None or factor.confirmed_at is None:
        return NOT_ON
    return model.second_factors.disabled(user)


async def show(tx: Tx, user: User, shown: Shown) -> Refusal | None:
    """Why a code is not accepted from a user, who is locked; one that is cannot be used again."""
    factor = await store.second_factors.get(tx, user.id)
    if factor is None:
        return WRONG
    accepted = factor.accept(shown, at=tx.now)
    if isinstance(accepted, SecondFactor):
        await store.second_factors.put(tx, accepted)
        return None
    spent = await store.second_factors.spend_recovery_code(
        tx, user_id=user.id, code_hash=shown.code_hash
    )
    return None if spent else WRONG
