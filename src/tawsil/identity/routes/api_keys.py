"""API keys of merchants and integrations.

The answers that show a secret are not kept for an Idempotency-Key: only hashes of secrets are
stored. A request whose answer was lost is repeated, and the key nobody has the secret of revoked.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from msgspec import Meta, Struct

from tawsil.identity import key_text, service, store
from tawsil.identity.model.api_keys import ApiKey, KeysOf, NewApiKey
from tawsil.identity.routes.fields import Name, Permission
from tawsil.identity.service.api_keys import CreateApiKey, RevokeApiKey, RotateApiKey
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Caller,
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    allow,
    envelope,
    page_envelope,
    settled,
)

LONGEST_OVERLAP_S: Final = 30 * 86_400


class ApiKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new key. It acts for the merchant or the tenant of whoever makes it."""

    name: Name
    permissions: Annotated[
        list[Permission],
        Meta(min_length=1, max_length=50, examples=[["order:read:assigned", "menu:update:own"]]),
    ]
    expires_at: Annotated[datetime, Meta(tz=True, examples=["2027-11-20T12:00:00Z"])] | None = None


class RotateApiKeyBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the secret there was goes on working."""

    overlap_s: Annotated[int, Meta(ge=0, le=LONGEST_OVERLAP_S, examples=[3_600])] = 3_600


class ApiKeyView(Struct, frozen=True, kw_only=True):
    """A key. `last_used_at` is exact to the minute; `owner_id` is who made it."""

    id: UUID
    name: str
    permissions: tuple[str, ...]
    owner_id: UUID
    location_id: UUID | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    old_secret_until_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyView":
        return cls(
            id=key.id,
            name=key.name,
            permissions=key.permissions,
            owner_id=key.owner_id,
            location_id=key.location_id,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
            old_secret_until_at=key.old_secret_until_at,
        )


class ApiKeyShown(Struct, frozen=True, kw_only=True):
    """A key with its secret, which is shown this once."""

    key: ApiKeyView
    secret: str


@post(
    "/v4/api-keys",
    opt={"rule": allow("api_key:create")},
    status_code=HTTP_201_CREATED,
    tags=["API keys"],
    summary="Make an API key",
)
async def create_api_key(
    data: JSONBody[ApiKeyBody],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Response[Envelope[ApiKeyShown]]:
    """Show a secret, once: send it as `Authorization: Bearer …` or `X-Api-Key`.

    A key may do what is listed, as far as its owner may still do it: whoever is disabled or loses a
    role takes that from their keys too.
    """
    id_ = database.ids()
    text, secret_hash = key_text.mint(id_)
    command = CreateApiKey(
        by=caller.by,
        key=NewApiKey(
            id=id_,
            name=data.name,
            permissions=tuple(data.permissions),
            secret_hash=secret_hash,
            expires_at=data.expires_at,
        ),
        held=caller.permissions,
    )
    async with database.transaction() as tx:
        key: ApiKey = settled(await one(service.api_keys.create, tx, command))
    return _shown(key, text, status=HTTP_201_CREATED)


@get(
    "/v4/api-keys",
    opt={"rule": allow("api_key:read")},
    tags=["API keys"],
    summary="API keys",
)
async def list_api_keys(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[ApiKeyView]]:
    """Keys that were not revoked, the newest first: a merchant's own, or all of the tenant."""
    query = PageQuery(page=page, limit=limit)
    among = _seen_by(caller, "api_key:read")
    async with database.transaction() as tx:
        keys, total = await store.api_keys.page(
            tx, among=among, limit=query.limit, offset=query.offset
        )
    return page_envelope(Page([ApiKeyView.of(key) for key in keys], total), query)


@post(
    "/v4/api-keys/{key_id:uuid}/rotate",
    opt={"rule": allow("api_key:update")},
    status_code=HTTP_200_OK,
    tags=["API keys"],
    summary="Give an API key another secret",
)
async def rotate_api_key(
    key_id: FromPath[UUID],
    data: JSONBody[RotateApiKeyBody],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Response[Envelope[ApiKeyShown]]:
    """Show a new secret, once. The one there was works until the overlap ends; one before it, no
    more. Only for who may do all that the key may.
    """
    text, secret_hash = key_text.mint(key_id)
    command = RotateApiKey(
        by=caller.by,
        id=key_id,
        among=_seen_by(caller, "api_key:update"),
        secret_hash=secret_hash,
        overlap=timedelta(seconds=data.overlap_s),
        held=caller.permissions,
    )
    async with database.transaction() as tx:
        key: ApiKey = settled(await one(service.api_keys.rotate, tx, command))
    return _shown(key, text, status=HTTP_200_OK)


@delete(
    "/v4/api-keys/{key_id:uuid}",
    opt={"rule": allow("api_key:delete")},
    status_code=HTTP_204_NO_CONTENT,
    tags=["API keys"],
    summary="Revoke an API key",
)
async def revoke_api_key(
    key_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> None:
    """End a key: it is refused within a second."""
    command = RevokeApiKey(by=caller.by, id=key_id, among=_seen_by(caller, "api_key:delete"))
    async with database.transaction() as tx:
        settled(await one(service.api_keys.revoke, tx, command))


def _shown(key: ApiKey, text: str, *, status: int) -> Response[Envelope[ApiKeyShown]]:
    return Response(
        envelope(ApiKeyShown(key=ApiKeyView.of(key), secret=text)),
        status_code=status,
        headers={"Cache-Control": "no-store"},
    )


def _seen_by(caller: Caller, permission: str) -> KeysOf:
    """With the scope `all` those of the tenant, else those of the caller's place, or its own."""
    if "all" in caller.scopes(permission):
        return KeysOf(tenant_id=caller.tenant_id)
    if caller.location_id is not None:
        return KeysOf(tenant_id=caller.tenant_id, location_id=caller.location_id)
    return KeysOf(tenant_id=caller.tenant_id, owner_id=caller.user_id)


routes: Final = [create_api_key, list_api_keys, rotate_api_key, revoke_api_key]
