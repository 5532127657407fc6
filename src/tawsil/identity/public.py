"""What others may ask of identity."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from msgspec import Struct

from tawsil.identity import service, store
from tawsil.identity.authenticator import TokenAuthenticator
from tawsil.identity.events import Role
from tawsil.identity.model.keys import KeyUse, SigningKey
from tawsil.identity.model.users import NewUser, User
from tawsil.identity.oidc import Providers as OidcProviders
from tawsil.identity.passwords import Passwords
from tawsil.identity.permissions import PERMISSIONS, grantable, permissions_of
from tawsil.identity.store.lists import SORTS as USER_SORTS
from tawsil.identity.store.lists import Filter as UserFilter
from tawsil.identity.store.people import people
from tawsil.identity.token_keys import TokenKeys
from tawsil.identity.tokens import Grant, Tokens
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.http import Authenticator, Caller
from tawsil.kernel.lists import Slice, Take
from tawsil.kernel.reach import Reach
from tawsil.kernel.settings import Settings

__all__ = [
    "PERMISSIONS",
    "USER_SORTS",
    "Grant",
    "KeyUse",
    "NewUser",
    "OidcDoor",
    "OidcProviders",
    "Passwords",
    "Role",
    "SigningKey",
    "TokenKeys",
    "Tokens",
    "User",
    "UserFilter",
    "authenticator",
    "create_user",
    "create_users",
    "disable_users",
    "find",
    "forget_old",
    "get_many",
    "grantable_by",
    "hash_password",
    "oidc_providers",
    "permissions_of",
    "search_users",
    "update_user",
]


async def create_users(
    tx: Tx, *, users: Sequence[NewUser], by: By | None = None
) -> list[User | Refusal]:
    """Register users whose passwords are hashed already; any roles. Refused: the e-mail is taken.

    Without `by`, the system does it.
    """
    return await service.users.register(
        tx,
        [
            service.users.Register(
                by=by or By(tenant_id=user.tenant_id, correlation_id=tx.ids()), user=user
            )
            for user in users
        ],
    )


async def search_users(tx: Tx, *, reach: Reach, which: UserFilter, take: Take) -> Slice[User]:
    """Some of a list of the users within reach; `take` is made with `USER_SORTS`."""
    return await store.lists.search(tx, reach=reach, which=which, take=take)


async def create_user(tx: Tx, *, user: NewUser, caller: Caller) -> User | Refusal:
    """Make a user with roles that the caller may grant; they are invited by mail."""
    assert user.tenant_id == caller.tenant_id, "users are made in the caller's tenant"
    command = service.users.Create(by=caller.by, user=user, grantable=grantable_by(caller))
    (outcome,) = await service.users.create(tx, [command])
    return outcome


async def update_user(
    tx: Tx,
    *,
    user_id: UUID,
    caller: Caller,
    reach: Reach,
    name: str,
    phone: str | None,
    locale: str,
    city_id: UUID | None,
    location_id: UUID | None,
    roles: tuple[Role, ...] | None = None,
) -> User | Refusal:
    """Replace what is known of a user within reach who may do no more than the caller.

    Without `roles` they stay. Other roles, or another location, end the user's sessions.
    """
    command = service.users.Change(
        by=caller.by,
        user_id=user_id,
        reach=reach,
        grantable=grantable_by(caller),
        name=name,
        phone=phone,
        locale=locale,
        city_id=city_id,
        location_id=location_id,
        roles=roles,
    )
    (outcome,) = await service.users.change(tx, [command])
    return outcome


def grantable_by(caller: Caller) -> frozenset[Role]:
    """The roles that a caller may grant and take away."""
    return grantable(map(Role, caller.roles), permissions=caller.permissions)


async def hash_password(password: str) -> str:
    """The argon2id hash of a password. Takes tens of milliseconds: not inside a transaction."""
    return await Passwords().hash(password)


async def disable_users(tx: Tx, *, ids: Iterable[UUID], by: By) -> list[User | Refusal]:
    """Keep users of `by`'s tenant out; their sessions end within a second."""
    return await service.users.disable(
        tx, [service.users.Disable(by=by, user_id=id_) for id_ in ids]
    )


async def forget_old(tx: Tx) -> int:
    """Delete sessions, mailed tokens and counts of failures that say nothing any more; how many."""
    return (
        await store.sessions.forget(tx)
        + await store.proofs.forget_old(tx, before_at=tx.now - timedelta(days=1))
        + await service.attempts.forget_old(tx)
        + await store.services.forget_assertions(tx)
        + await store.external.forget_expired(tx)
    )


async def find(tx: Tx, *, tenant_id: UUID, words: str, most: int) -> list[UUID]:
    """Users whose name, e-mail address or telephone number begins with some words."""
    return await people(tx, tenant_id=tenant_id, words=words, most=most)


async def get_many(tx: Tx, *, tenant_id: UUID, ids: Iterable[UUID]) -> dict[UUID, User]:
    """Users of one tenant, by id; unknown ids are left out."""
    found = await store.users.get_many(tx, ids)
    return {id_: user for id_, user in found.items() if user.tenant_id == tenant_id}


def authenticator(
    database: Database, settings: Settings, *, tokens: Tokens | None = None
) -> Authenticator:
    """What verifies the access token of every request; give it the process's `Tokens`."""
    return TokenAuthenticator(
        database, settings=settings, tokens=tokens or Tokens(database, settings=settings)
    )


class OidcDoor(Struct, frozen=True, kw_only=True):
    """A provider that one may sign in with: what to call it, and where a browser begins."""

    name: str
    label: str
    start: str


def oidc_providers(settings: Settings) -> list[OidcDoor]:
    """Whom one may sign in with; a page's button leads to `start?return_to=` a page of ours."""
    return [
        OidcDoor(
            name=about.name,
            label=about.label or about.name,
            start=f"/v4/auth/oidc/{about.name}/start",
        )
        for about in settings.oidc_providers
    ]
