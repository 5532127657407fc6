"""Tenants over HTTP, for whoever runs the platform: they are made of what two contexts keep.

Geography knows the tenant, identity its people. Neither knows the other, so it is done here, in one
transaction of the tenant that it is about.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from litestar import Response, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from msgspec.structs import replace

from tawsil.geography import public as geography
from tawsil.geography.public import Tenant
from tawsil.identity import public as identity
from tawsil.identity.routes.fields import Email, Language, Name
from tawsil.kernel.batches import Handle
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Command, Refusal, refuse
from tawsil.kernel.http import Caller, Commands, Envelope, Problem, allow, envelope
from tawsil.kernel.text import OneLine

TAGS: Final = ["Tenants"]
READ: Final = "tenant:read"
UPDATE: Final = "tenant:update"
C = TypeVar("C", bound=Command)
Slug = Annotated[
    str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", max_length=60, examples=["wasla"])
]
TenantName = Annotated[OneLine, Meta(min_length=1, max_length=100, examples=["Wasla"])]


class FirstAdmin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who gets the invitation, and runs the company from then on."""

    email: Email
    name: Name
    locale: Language = "en"


class NewTenantBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    slug: Slug
    name: TenantName
    admin: FirstAdmin


class TenantBody(Struct, frozen=True, forbid_unknown_fields=True):
    name: TenantName


class TenantView(Struct, frozen=True, kw_only=True):
    """A company. Nobody of a suspended one comes in."""

    id: UUID
    slug: str
    name: str
    suspended_at: datetime | None
    cities: int = 0

    @classmethod
    def of(cls, tenant: Tenant, *, cities: int = 0) -> "TenantView":
        return cls(
            id=tenant.id,
            slug=tenant.slug,
            name=tenant.name,
            suspended_at=tenant.suspended_at,
            cities=cities,
        )


class Begin(Command, frozen=True, kw_only=True):
    opening: geography.OpenTenant
    inviting: Any


async def begin(tx: Tx, commands: Sequence[Begin]) -> list[Tenant | Refusal]:
    """A tenant and its first administrator, both or neither."""
    outcomes: list[Tenant | Refusal] = []
    for command in commands:
        (opened,) = await geography.open_tenant(tx, [command.opening])
        if isinstance(opened, Tenant):
            (invited,) = await identity.invite(tx, [command.inviting])
            assert not isinstance(invited, Refusal), "nobody is there yet to refuse anybody for"
        outcomes.append(opened)
    return outcomes


class Suspend(Command, frozen=True, kw_only=True):
    """`own_id` is the tenant of whoever asks for it."""

    own_id: UUID


async def suspend(tx: Tx, commands: Sequence[Suspend]) -> list[Tenant | Refusal]:
    outcomes: list[Tenant | Refusal] = []
    for command in commands:
        tenant_id = command.by.tenant_id
        if tenant_id == command.own_id:
            outcomes.append(refuse("tenant.own"))
            continue
        (done,) = await geography.suspend_tenant(tx, [geography.SuspendTenant(by=command.by)])
        if isinstance(done, Tenant):
            await identity.shut_tenant(tx, tenant_id=tenant_id)
        outcomes.append(done)
    return outcomes


async def reinstate(
    tx: Tx, commands: Sequence[geography.ReinstateTenant]
) -> list[Tenant | Refusal]:
    outcomes = await geography.reinstate_tenant(tx, commands)
    for done in outcomes:
        if isinstance(done, Tenant):
            await identity.open_tenant_again(tx, tenant_id=done.id)
    return outcomes


@get("/v4/tenants", opt={"rule": allow(READ)}, tags=TAGS, summary="The companies on this platform")
async def list_tenants(caller: NamedDependency[Caller], state: State) -> Envelope[list[TenantView]]:
    """All of them, by short name."""
    _whole_platform(caller, READ)
    database: Database = state.database
    async with database.transaction() as tx:
        tenants = await geography.tenants(tx)
        cities = await geography.cities(tx)
    return envelope(
        [
            TenantView.of(tenant, cities=sum(city.tenant_id == tenant.id for city in cities))
            for tenant in tenants
        ]
    )


@post(
    "/v4/tenants",
    opt={"rule": allow("tenant:create")},
    status_code=201,
    tags=TAGS,
    summary="Take a company in",
)
async def open_tenant(
    data: JSONBody[NewTenantBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[TenantView]]:
    """Its first administrator is invited by mail, and makes its cities, areas and people."""
    _whole_platform(caller, "tenant:create")
    tenant_id = database.ids()
    by = _on_behalf(caller, tenant_id)
    command = Begin(
        by=by,
        opening=geography.OpenTenant(by=by, slug=data.slug, name=data.name),
        inviting=identity.inviting_first(
            caller,
            id_=database.ids(),
            tenant_id=tenant_id,
            email=data.admin.email,
            name=data.admin.name,
            locale=data.admin.locale,
        ),
    )
    return await commands.submit(begin, command, view=TenantView.of, status=201)


@put(
    "/v4/tenants/{tenant_id:uuid}",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Rename a company",
)
async def rename_tenant(
    tenant_id: FromPath[UUID],
    data: JSONBody[TenantBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[TenantView]]:
    command = geography.RenameTenant(by=_on_behalf(caller, tenant_id), name=data.name)
    return await _change(caller, commands, geography.rename_tenant, command)


@post(
    "/v4/tenants/{tenant_id:uuid}/suspend",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Let nobody of a company come in",
)
async def suspend_tenant(
    tenant_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[TenantView]]:
    """Within a second, by whatever door. What is under way goes on, and nothing is deleted."""
    command = Suspend(by=_on_behalf(caller, tenant_id), own_id=caller.tenant_id)
    return await _change(caller, commands, suspend, command)


@post(
    "/v4/tenants/{tenant_id:uuid}/reinstate",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Let a company's people come in again",
)
async def reinstate_tenant(
    tenant_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[TenantView]]:
    command = geography.ReinstateTenant(by=_on_behalf(caller, tenant_id))
    return await _change(caller, commands, reinstate, command)


async def _change(
    caller: Caller, commands: Commands, handle: Handle[C], command: C
) -> Response[Envelope[TenantView]]:
    _whole_platform(caller, UPDATE)
    return await commands.submit(handle, command, view=TenantView.of)


def _on_behalf(caller: Caller, tenant_id: UUID) -> By:
    """Done by the caller, in the log of the tenant that it is about."""
    return replace(caller.by, tenant_id=tenant_id)


def _whole_platform(caller: Caller, permission: str) -> None:
    if "all" not in caller.scopes(permission):
        raise Problem(403, "request.forbidden", permission=permission)


routes: Final = [list_tenants, open_tenant, rename_tenant, suspend_tenant, reinstate_tenant]
