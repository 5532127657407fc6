"""What others may ask of identity."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.identity import service, store
from tawsil.identity.asking import (
    changing,
    changing_oneself,
    grantable_by,
    inviting,
    inviting_first,
)
from tawsil.identity.authenticator import TokenAuthenticator
from tawsil.identity.events import Role
from tawsil.identity.model.keys import KeyUse, SigningKey
from tawsil.identity.model.second_factors import sealed_about
from tawsil.identity.model.users import NewUser, User
from tawsil.identity.oidc import Providers as OidcProviders
from tawsil.identity.passwords import Passwords
from tawsil.identity.permissions import PERMISSIONS, permissions_of
from tawsil.identity.service.users import change, change_profile
from tawsil.identity.service.users import create as invite
from tawsil.identity.store.lists import SORTS as USER_SORTS
from tawsil.identity.store.lists import Filter as UserFilter
from tawsil.identity.store.people import people
from tawsil.identity.token_keys import TokenKeys
from tawsil.identity.tokens import Grant, Tokens
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.http import Authenticator
from tawsil.kernel.lists import Slice, Take
from tawsil.kernel.reach import Reach
from tawsil.kernel.sealing import Sealer
from tawsil.kernel.settings import Settings

__all__ = [
    "BROWSER_COOKIE",
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
    "change",
    "change_profile",
    "changing",
    "changing_oneself",
    "create_users",
    "disable_users",
    "find",
    "forget_old",
    "get_many",
    "grantable_by",
    "hash_password",
    "invite",
    "inviting",
    "inviting_first",
    "oidc_providers",
    "open_tenant_again",
    "permissions_of",
    "seal_again",
    "search_users",
    "shut_tenant",
]


MOST_SEALED_AT_ONCE: Final = 500


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


async def hash_password(password: str) -> str:
    """The argon2id hash of a password. Takes tens of milliseconds: not inside a transaction."""
    return await Passwords().hash(password)


async def disable_users(tx: Tx, *, ids: Iterable[UUID], by: By) -> list[User | Refusal]:
    """Keep users of `by`'s tenant out; their sessions end within a second."""
    return await service.users.disable(
        tx, [service.users.Disable(by=by, user_id=id_) for id_ in ids]
    )


async def shut_tenant(tx: Tx, *, tenant_id: UUID) -> None:
    """Let nobody of a tenant come in: tokens and keys are refused within a second."""
    await store.tenants.shut(tx, tenant_id=tenant_id)


async def open_tenant_again(tx: Tx, *, tenant_id: UUID) -> None:
    """Let a tenant's people come in; the sessions they had go on."""
    await store.tenants.open_again(tx, tenant_id=tenant_id)


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


async def seal_again(tx: Tx, sealer: Sealer) -> int:
    """Seal some second factors that are not under the first key under it; how many it were."""
    found = await store.second_factors.sealed_otherwise(tx, sealer.mark, most=MOST_SEALED_AT_ONCE)
    await store.second_factors.save_sealed(
        tx,
        {
            user_id: sealer.seal(sealer.unseal(sealed, about=about), about=about)
            for user_id, sealed in found.items()
            for about in [sealed_about(user_id)]
        },
    )
    return len(found)


BROWSER_COOKIE: Final = "tawsil_oidc"
"""By it a browser is known in which a sign-in with another provider began."""


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
