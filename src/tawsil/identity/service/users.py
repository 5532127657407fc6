"""Registering users, keeping them out, and what is said of them."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from tawsil.identity import model, store
from tawsil.identity.events import RevokedBecause, Role
from tawsil.identity.model.mails import Mail
from tawsil.identity.model.users import EMAIL_TAKEN, TENANT_SUSPENDED, NewUser, User
from tawsil.identity.service import mails, sessions
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, Command, Decision, Refusal, accept, refuse
from tawsil.kernel.reach import Reach


class AboutUser(Command, frozen=True, kw_only=True):
    """Something asked of one user of the tenant on whose behalf it is asked."""

    user_id: UUID


C = TypeVar("C", bound=AboutUser)


class Register(Command, frozen=True, kw_only=True):
    """Make a user. `mail` is sent when it was made."""

    user: NewUser
    mail: Mail | None = None


class Create(Command, frozen=True, kw_only=True):
    """Make a user with roles that whoever asks may grant, and invite them."""

    user: NewUser
    grantable: frozenset[Role]


class Disable(AboutUser, frozen=True, kw_only=True):
    """Keep a user out. With `grantable`, only one who may do no more than whoever asks."""

    grantable: frozenset[Role] | None = None


class Enable(AboutUser, frozen=True, kw_only=True):
    grantable: frozenset[Role] | None = None


class SignOut(AboutUser, frozen=True, kw_only=True):
    """End every session of a user who may do no more than whoever asks."""

    grantable: frozenset[Role]


class Change(AboutUser, frozen=True, kw_only=True):
    """Replace what is known of a user within reach; the roles only where they are named."""

    reach: Reach
    grantable: frozenset[Role]
    name: str
    phone: str | None
    locale: str
    city_id: UUID | None
    location_id: UUID | None
    roles: tuple[Role, ...] | None


class ChangeProfile(AboutUser, frozen=True, kw_only=True):
    """Replace what a user says of themselves; the home city only where it is named."""

    name: str
    phone: str | None
    locale: str
    city_id: UUID | UnsetType | None = UNSET


async def register(tx: Tx, commands: Sequence[Register]) -> list[User | Refusal]:
    """Make users, each refused if its e-mail address is in use, here or earlier in the batch."""
    shut = await store.tenants.shut_among(tx, {command.by.tenant_id for command in commands})
    if shut:
        return await _register_open(tx, commands, shut=shut)
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


async def _register_open(
    tx: Tx, commands: Sequence[Register], *, shut: frozenset[UUID]
) -> list[User | Refusal]:
    """Those whose tenants are open; of a suspended one nobody is made."""
    open_ = [command for command in commands if command.by.tenant_id not in shut]
    made = iter(await register(tx, open_) if open_ else [])
    return [TENANT_SUSPENDED if c.by.tenant_id in shut else next(made) for c in commands]


async def create(tx: Tx, commands: Sequence[Create]) -> list[User | Refusal]:
    """Make users and invite them by mail to choose a password."""
    refused = [
        model.users.check_grant(
            command.user.roles,
            location_id=command.user.location_id,
            grantable=command.grantable,
        )
        for command in commands
    ]
    made = iter(
        await register(
            tx,
            [
                Register(by=command.by, user=command.user, mail=Mail.INVITATION)
                for command, why_not in zip(commands, refused, strict=True)
                if why_not is None
            ],
        )
    )
    return [next(made) if why_not is None else why_not for why_not in refused]


async def disable(tx: Tx, commands: Sequence[Disable]) -> list[User | Refusal]:
    """Keep users out, and end the sessions they have."""

    def keep_out(user: User, command: Disable) -> Decision[User]:
        return _not_managed(user, command) or model.users.disable(user, at=tx.now)

    outcomes = await decide(tx, commands, keep_out)
    await end_sessions_of(tx, commands, outcomes, because=RevokedBecause.USER_DISABLED)
    return outcomes


async def enable(tx: Tx, commands: Sequence[Enable]) -> list[User | Refusal]:
    """Let users in again."""

    def let_in(user: User, command: Enable) -> Decision[User]:
        return _not_managed(user, command) or model.users.enable(user)

    return await decide(tx, commands, let_in)


async def sign_out(tx: Tx, commands: Sequence[SignOut]) -> list[User | Refusal]:
    """End the sessions of users, who may sign in again at once."""

    def look(user: User, command: SignOut) -> Decision[User]:
        return _not_managed(user, command) or accept(user)

    outcomes = await decide(tx, commands, look)
    await end_sessions_of(tx, commands, outcomes, because=RevokedBecause.LOGGED_OUT)
    return outcomes


def _not_managed(user: User, command: Disable | Enable | SignOut) -> Refusal | None:
    if command.grantable is None:
        return None
    return model.users.check_manages(user, by=command.by, grantable=command.grantable)


async def change(tx: Tx, commands: Sequence[Change]) -> list[User | Refusal]:
    """Change users. What tokens carry, roles and location, ends the sessions that had another."""
    carried: dict[UUID, set[tuple[tuple[Role, ...], UUID | None]]] = defaultdict(set)

    def about(user: User, command: Change) -> Decision[User]:
        decision = _change(user, command)
        if isinstance(decision, Accepted):
            known = (user, decision.state)
            carried[user.id].update((known_.roles, known_.location_id) for known_ in known)
        return decision

    outcomes = await decide(tx, commands, about)
    by_user = {command.user_id: command.by for command in commands}
    because = RevokedBecause.ROLES_CHANGED
    ending = [
        sessions.EndAll(by=by_user[user_id], user_id=user_id, because=because)
        for user_id, known in carried.items()
        if len(known) > 1
    ]
    await sessions.end_all(tx, ending)
    return outcomes


def _change(user: User, command: Change) -> Decision[User]:
    if not command.reach.city(user.city_id):
        return refuse("request.not_found", status=404)
    if refused := model.users.check_manages(user, by=command.by, grantable=command.grantable):
        return refused
    roles = command.roles or user.roles
    if refused := model.users.check_grant(
        roles, location_id=command.location_id, grantable=command.grantable
    ):
        return refused
    changed = replace(
        user,
        name=command.name,
        phone=command.phone,
        locale=command.locale,
        city_id=command.city_id,
        location_id=command.location_id,
    )
    return model.users.change_roles(changed, roles=roles)


async def change_profile(tx: Tx, commands: Sequence[ChangeProfile]) -> list[User | Refusal]:
    """Replace what users say of themselves. Personal data: no event carries it."""

    def change(user: User, command: ChangeProfile) -> Decision[User]:
        return accept(
            replace(
                user,
                name=command.name,
                phone=command.phone,
                locale=command.locale,
                city_id=user.city_id if command.city_id is UNSET else command.city_id,
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
