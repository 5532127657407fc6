"""The overview, how the system is, which modules are used, and what plugins will be."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.consoles.admin.frame import act, admin_page, cities_of, to, typed
from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused
from tawsil.kernel.http import Caller, allow

READ: Final = {"rule": allow("system:read")}
HEALTH: Final = "/v4/system/health"
CORE: Final = ("ordering", "dispatch", "payments", "tracking", "support")


class Listener(Struct, frozen=True, kw_only=True):
    name: str
    lag: int
    parked: int
    moved_at: datetime | None


class Overdue(Struct, frozen=True, kw_only=True):
    owner: str
    count: int
    oldest_at: datetime


class Waiting(Struct, frozen=True, kw_only=True):
    name: str
    waiting: int
    held: int
    oldest_at: datetime | None


class Provider(Struct, frozen=True, kw_only=True):
    provider: str
    circuit: str
    since_at: datetime | None


class Alarm(Struct, frozen=True, kw_only=True):
    check: str
    currency: str
    amount_minor: int


class Health(Struct, frozen=True, kw_only=True):
    verdict: str
    at: datetime
    listeners: list[Listener]
    overdue: list[Overdue]
    jobs: list[Waiting]
    providers: list[Provider]
    alarms: list[Alarm]
    versions: dict[str, str]


class Module(Struct, frozen=True, kw_only=True):
    module: str
    on: bool
    changed_at: datetime | None
    changed_by_id: UUID | None
    why: str


class _Any(Struct, frozen=True):
    id: UUID


@get("/admin", opt=READ, include_in_schema=False)
async def show_overview(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    """How much there is of everything, and whether somebody should look."""
    one = {"limit": "1"}
    counts = {
        section: (await listed(request, path, _Any, query=one | query)).total
        for section, path, query in (
            ("users", "/v4/users", {}),
            ("merchants", "/v4/admin/merchants", {}),
            ("unverified", "/v4/admin/merchants", {"standing": "UNVERIFIED"}),
            ("couriers", "/v4/drivers", {}),
        )
    }
    return await admin_page(
        request,
        "admin/overview.html",
        caller=caller,
        health=await read(request, HEALTH, Health),
        cities=await cities_of(request, caller),
        counts=counts,
    )


@get("/admin/health", opt=READ, include_in_schema=False)
async def show_health(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await admin_page(
        request,
        "admin/health.html",
        caller=caller,
        health=await read(request, HEALTH, Health),
    )


@get("/admin/modules", opt=READ, include_in_schema=False)
async def show_modules(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await _modules(request, caller)


@post(
    "/admin/modules/{module:str}",
    opt={"rule": allow("system:configure")},
    include_in_schema=False,
    status_code=303,
)
async def switch_module(
    request: Asked, caller: NamedDependency[Caller], module: FromPath[str]
) -> Response[Any]:
    form = await typed(request)
    on = form.get("on") == "true"
    body = {"on": on, "why": form.get("why", "")}
    if refused := await act(request, "PUT", f"/v4/modules/{module}", body):
        return await _modules(request, caller, refused=refused)
    return to("/admin/modules", done="module_on" if on else "module_off", module=module)


@get("/admin/plugins", opt=READ, include_in_schema=False)
async def show_plugins(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    """What a plugin will be able to do; there are none yet, and the page says so."""
    return await admin_page(request, "admin/plugins.html", caller=caller)


async def _modules(
    request: Asked, caller: Caller, *, refused: Refused | None = None
) -> Response[str]:
    return await admin_page(
        request,
        "admin/modules.html",
        caller=caller,
        modules=await read(request, "/v4/modules", list[Module]),
        core=CORE,
        changed=request.query_params.get("module", ""),
        refused=refused,
    )


pages: Final = [show_overview, show_health, show_modules, switch_module, show_plugins]
