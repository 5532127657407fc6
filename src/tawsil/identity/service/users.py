"""Registering users, keeping them out, and what is said of them."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from msgspec.structs import replace

from tawsil.identity import model, store
from tawsil.identity.events import RevokedBecause
from tawsil.identity.model.users import EMAIL_TAKEN, NewUser, User
from tawsil.identity.service import mails, sessions
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Decision, Refusal, accept, refuse


class AboutUser(Command, frozen=True, kw_only=True):
    """Something asked of one user of the tenant on whose behalf it is asked."""

    user_id: UUID


C = TypeVar("C", bound=AboutUser)


class Register(Command, frozen=True, kw_only=True):
    """Make a user. `mail` is sent when it was made."""

    user: NewUser
    mail: model.mails.Mail | None = None


class Disable(AboutUser, frozen=True, kw_only=True):
    pass


class Enable(AboutUser, frozen=True, kw_only=True):
    pass


class ChangeProfile(AboutUser, frozen=True, kw_only=True):
    name: str
    phone: str | None
    locale: str
    city_id: UUID | None = None


async def register(tx: Tx, commands: Sequence[Register]) -> list[User | Refusal]:
    """Make users, each refused if its e-mail address is in use, here or earlier in the batch."""
    decisions = [model.users.register(command.user, at=tx.now) for command in commands]
    added = await store.users.add(
        tx,
        [decision.state for decision in decisions],
        password_hashes=[command.user.password_hash for command in commands],
    )
    made = [
        (command, decision)
        for command, decision in zip(commands, decisions, strict=True)
        if decision.state.id in added
    ]
    await tx.record(made)
    await mails.ask(tx, [(command.user.id, command.mail) for command, _ in made if command.mail])
    return [d.state if d.state.id in added else EMAIL_TAKEN for d in decisions]


async def disable(tx: Tx, commands: Sequence[Disable]) -> list[User | Refusal]:
    """Keep users out, and end the sessions they have."""
    outcomes = await decide(tx, commands, lambda user, _: model.users.disable(user, at=tx.now))
    await end_sessions_of(tx, commands, outcomes, because=RevokedBecause.USER_DISABLED)
    return outcomes


async def enable(tx: Tx, commands: Sequence[Enable]) -> list[User | Refusal]:
    """Let users in again."""
    return await decide(tx, commands, lambda user, _: model.users.enable(user))


async def change_profile(tx: Tx, commands: Sequence[ChangeProfile]) -> list[User | Refusal]:
    """Replace what users say of themselves. Personal data: no event carries it."""

    def change(user: User, command: ChangeProfile) -> Decision[User]:
        return accept(
            replace(
                user,
                name=command.name,
                phone=command.phone,
                locale=command.locale,
                city_id=command.city_id,
            )
        )

    return await decide(tx, commands, change)


async def decide(
    tx: Tx, commands: Sequence[C], about: Callable[[User, C], Decision[User]]
) -> list[User | Refusal]:
    """Decide about users one command after another, save what became of them, record why."""
    users = await store.users.lock(tx, [command.user_id for command in commands])
    decided: list[tuple[Command, Accepted[User]]] = []
    outcomes: list[User | Refusal] = []
    for command in commands:
        user = users.get(command.user_id)
        if user is None or user.tenant_id != command.by.tenant_id:
            outcomes.append(refuse("request.not_found", status=404))
            continue
        decision = about(user, command)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        users[user.id] = decision.state
        decided.append((command, decision))
        outcomes.append(decision.state)
    await store.users.save(tx, list({d.state.id: d.state for _, d in decided}.values()))
    await tx.record(decided)
    return outcomes


async def end_sessions_of(
    tx: Tx,
    commands: Sequence[AboutUser],
    outcomes: Sequence[User | Refusal],
    *,
    because: RevokedBecause,
) -> None:
    """End the sessions of those users whose commands were done."""
    await sessions.end_all(
        tx,
        [
            sessions.EndAll(by=command.by, user_id=command.user_id, because=because)
            for command, outcome in zip(commands, outcomes, strict=True)
            if isinstance(outcome, User)
        ],
    )
