"""Service accounts: programs that sign for themselves."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.status_codes import HTTP_201_CREATED, HTTP_204_NO_CONTENT
from msgspec import Meta, Struct, to_builtins

from tawsil.identity import assertions, service, store
from tawsil.identity.assertions import UnfitKeyError
from tawsil.identity.model.services import NewServiceAccount, ServiceAccount
from tawsil.identity.routes.fields import Name, Permission
from tawsil.identity.service.services import CreateServiceAccount, RemoveServiceAccount
from tawsil.kernel.batches import one
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import refuse
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

Base64Url = Annotated[str, Meta(min_length=1, max_length=1_400, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
KeyId = Annotated[str, Meta(max_length=200)]


class RsaKeyBody(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kty", tag="RSA"
):
    n: Base64Url
    e: Annotated[str, Meta(min_length=2, max_length=8, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]
    kid: KeyId | None = None
    use: Literal["sig"] | None = None
    alg: Literal["RS256", "PS256"] | None = None


class EcKeyBody(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kty", tag="EC"
):
    crv: Literal["P-256", "P-384"]
    x: Base64Url
    y: Base64Url
    kid: KeyId | None = None
    use: Literal["sig"] | None = None
    alg: Literal["ES256", "ES384"] | None = None


class EdKeyBody(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kty", tag="OKP"
):
    crv: Literal["Ed25519"]
    x: Base64Url
    kid: KeyId | None = None
    use: Literal["sig"] | None = None
    alg: Literal["EdDSA", "Ed25519"] | None = None


class ServiceAccountBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service. Its private key stays with it: there is no field for one."""

    name: Annotated[Name, Meta(examples=["Invoice archive"])]
    permissions: Annotated[
        list[Permission], Meta(min_length=1, max_length=50, examples=[["order:read"]])
    ]
    public_key: Annotated[
        RsaKeyBody | EcKeyBody | EdKeyBody,
        Meta(
            description="The public key as a JSON Web Key (RFC 7517).",
            examples=[
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                }
            ],
        ),
    ]


class ServiceAccountView(Struct, frozen=True, kw_only=True):
    """A service. Its `id` is its `client_id`."""

    id: UUID
    name: str
    roles: tuple[str, ...]
    permissions: tuple[str, ...]
    public_key: dict[str, str]
    created_by: UUID
    created_at: datetime

    @classmethod
    def of(cls, account: ServiceAccount) -> "ServiceAccountView":
        return cls(
            id=account.id,
            name=account.name,
            roles=account.roles,
            permissions=account.permissions,
            public_key=dict(account.public_key),
            created_by=account.created_by,
            created_at=account.created_at,
        )


@post(
    "/v4/service-accounts",
    opt={"rule": allow("system:configure")},
    status_code=HTTP_201_CREATED,
    tags=["Service accounts"],
    summary="Register a service",
)
async def create_service_account(
    data: JSONBody[ServiceAccountBody],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[ServiceAccountView]:
    """Register a service of the tenant with its public key and some of what the caller may do."""
    public_key: dict[str, str] = {
        name: value for name, value in to_builtins(data.public_key).items() if value is not None
    }
    try:
        assertions.read_key(public_key)
    except UnfitKeyError as error:
        return settled(refuse("identity.public_key_unfit", status=422, why=str(error)))
    command = CreateServiceAccount(
        by=caller.by,
        account=NewServiceAccount(
            id=database.ids(),
            name=data.name,
            permissions=tuple(data.permissions),
            public_key=public_key,
        ),
        held=caller.permissions,
    )
    async with database.transaction() as tx:
        account: ServiceAccount = settled(await one(service.services.create, tx, command))
    return envelope(ServiceAccountView.of(account))


@get(
    "/v4/service-accounts",
    opt={"rule": allow("system:configure")},
    tags=["Service accounts"],
    summary="The services of the tenant",
)
async def list_service_accounts(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[ServiceAccountView]]:
    """Services that were not removed, the newest first."""
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        accounts, total = await store.services.page(
            tx, tenant_id=caller.tenant_id, limit=query.limit, offset=query.offset
        )
    return page_envelope(Page([ServiceAccountView.of(one) for one in accounts], total), query)


@delete(
    "/v4/service-accounts/{account_id:uuid}",
    opt={"rule": allow("system:configure")},
    status_code=HTTP_204_NO_CONTENT,
    tags=["Service accounts"],
    summary="Remove a service",
)
async def remove_service_account(
    account_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> None:
    """End a service's access: its tokens are refused within a second."""
    command = RemoveServiceAccount(by=caller.by, id=account_id)
    async with database.transaction() as tx:
        settled(await one(service.services.remove, tx, command))


routes: Final = [create_service_account, list_service_accounts, remove_service_account]
