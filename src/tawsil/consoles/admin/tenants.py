"""Companies on this platform, for whoever runs it."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.consoles.admin.frame import act, admin_page, to, typed
from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import Refused
from tawsil.kernel.http import Caller, allow

HERE: Final = "/admin/tenants"
UPDATE: Final = {"rule": allow("tenant:update")}


class Tenant(Struct, frozen=True, kw_only=True):
    id: UUID
    slug: str
    name: str
    suspended_at: datetime | None
    cities: int


@get(HERE, opt={"rule": allow("tenant:read")}, include_in_schema=False)
async def show_tenants(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await _tenants(request, caller)


@post(HERE, opt={"rule": allow("tenant:create")}, include_in_schema=False, status_code=303)
async def open_tenant(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    form = await typed(request)
    body = {
        "slug": form.get("slug", ""),
        "name": form.get("name", ""),
        "admin": {
            "email": form.get("email", ""),
            "name": form.get("admin_name", ""),
            "locale": form.get("locale", "en"),
        },
    }
    if refused := await act(request, "POST", "/v4/tenants", body):
        return await _tenants(request, caller, refused=refused, form=form)
    return to(HERE, done="tenant_opened")


@post(f"{HERE}/{{tenant_id:uuid}}", opt=UPDATE, include_in_schema=False, status_code=303)
async def rename_tenant(
    request: Asked, caller: NamedDependency[Caller], tenant_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    body = {"name": form.get("name", "")}
    if refused := await act(request, "PUT", f"/v4/tenants/{tenant_id}", body):
        return await _tenants(request, caller, refused=refused)
    return to(HERE, done="tenant_renamed")


@post(f"{HERE}/{{tenant_id:uuid}}/suspend", opt=UPDATE, include_in_schema=False, status_code=303)
async def suspend_tenant(
    request: Asked, caller: NamedDependency[Caller], tenant_id: FromPath[UUID]
) -> Response[Any]:
    if refused := await act(request, "POST", f"/v4/tenants/{tenant_id}/suspend"):
        return await _tenants(request, caller, refused=refused)
    return to(HERE, done="tenant_suspended", id=str(tenant_id))


@post(f"{HERE}/{{tenant_id:uuid}}/reinstate", opt=UPDATE, include_in_schema=False, status_code=303)
async def reinstate_tenant(
    request: Asked, caller: NamedDependency[Caller], tenant_id: FromPath[UUID]
) -> Response[Any]:
    if refused := await act(request, "POST", f"/v4/tenants/{tenant_id}/reinstate"):
        return await _tenants(request, caller, refused=refused)
    return to(HERE, done="tenant_reinstated")


async def _tenants(
    request: Asked,
    caller: Caller,
    *,
    refused: Refused | None = None,
    form: dict[str, str] | None = None,
) -> Response[str]:
    return await admin_page(
        request,
        "admin/tenants.html",
        caller=caller,
        tenants=await read(request, "/v4/tenants", list[Tenant]),
        undoable=request.query_params.get("id", ""),
        form=form or {},
        refused=refused,
    )


pages: Final = [show_tenants, open_tenant, rename_tenant, suspend_tenant, reinstate_tenant]
