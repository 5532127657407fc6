"""Flags: what is on where, for how many, and who switched it why."""

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
from tawsil.consoles.own_api import Refused
from tawsil.kernel.http import Caller, allow, not_found

HERE: Final = "/admin/flags"
READ: Final = {"rule": allow("system:read")}
CONFIGURE: Final = {"rule": allow("system:configure")}


class Rollout(Struct, frozen=True, kw_only=True):
    on: bool
    percent: int = 100


class CityRollout(Rollout, frozen=True, kw_only=True):
    city_id: UUID


class Flag(Struct, frozen=True, kw_only=True):
    key: str
    description: str
    everywhere: Rollout
    cities: list[CityRollout]
    version: int
    changed_at: datetime

    def of(self, city_id: UUID) -> CityRollout | None:
        return next((one for one in self.cities if one.city_id == city_id), None)


class Change(Struct, frozen=True, kw_only=True):
    version: int
    at: datetime
    by_id: UUID | None
    by_role: str
    why: str
    everywhere: Rollout
    cities: list[CityRollout]


@get(HERE, opt=READ, include_in_schema=False)
async def show_flags(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await _flags(request, caller)


@post(HERE, opt=CONFIGURE, include_in_schema=False, status_code=303)
async def make_flag(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    """A new one is off everywhere, until somebody says more."""
    form = await typed(request)
    body = {
        "key": form.get("key", ""),
        "description": form.get("description", ""),
        "everywhere": {"on": False, "percent": 100},
        "why": form.get("why", ""),
        "seen": 0,
    }
    if refused := await act(request, "PUT", "/v4/flags", body):
        return await _flags(request, caller, refused=refused, form=form)
    return to(f"{HERE}/{form['key']}", done="flag_made")


@get(f"{HERE}/{{key:str}}", opt=READ, include_in_schema=False)
async def show_flag(
    request: Asked, caller: NamedDependency[Caller], key: FromPath[str]
) -> Response[str]:
    return await _flag(request, caller, key)


@post(f"{HERE}/{{key:str}}", opt=CONFIGURE, include_in_schema=False, status_code=303)
async def switch_flag(
    request: Asked, caller: NamedDependency[Caller], key: FromPath[str]
) -> Response[Any]:
    """All that it says: everywhere, and in each city that has a word of its own."""
    form = await typed(request)
    cities = [
        {"city_id": str(city.id), **rollout}
        for city in await cities_of(request, caller)
        for rollout in [_rollout(form, str(city.id))]
        if rollout is not None
    ]
    body = {
        "key": key,
        "description": form.get("description", ""),
        "everywhere": _rollout(form, "everywhere") or {"on": False, "percent": 100},
        "cities": cities,
        "why": form.get("why", ""),
        "seen": int(form["seen"]) if form.get("seen", "").isdigit() else None,
    }
    if refused := await act(request, "PUT", "/v4/flags", body):
        return await _flag(request, caller, key, refused=refused)
    return to(f"{HERE}/{key}", done="flag_switched")


@post(
    f"{HERE}/{{key:str}}/back/{{to_version:int}}",
    opt=CONFIGURE,
    include_in_schema=False,
    status_code=303,
)
async def put_back(
    request: Asked, caller: NamedDependency[Caller], key: FromPath[str], to_version: FromPath[int]
) -> Response[Any]:
    """As it was after an earlier change."""
    flag = await read(request, f"{_path(key)}", Flag)
    changes = await read(request, f"{_path(key)}/history", list[Change])
    earlier = next((one for one in changes if one.version == to_version), None)
    if earlier is None:
        raise not_found()
    body = {
        "key": key,
        "description": flag.description,
        "everywhere": earlier.everywhere,
        "cities": earlier.cities,
        "why": f"\u21a9 {to_version}",
        "seen": flag.version,
    }
    if refused := await act(request, "PUT", "/v4/flags", body):
        return await _flag(request, caller, key, refused=refused)
    return to(f"{HERE}/{key}", done="flag_back")


def _rollout(form: dict[str, str], name: str) -> dict[str, Any] | None:
    """What a row of the form says; None where what is so everywhere is to count."""
    match form.get(f"state-{name}"):
        case "on":
            percent = form.get(f"percent-{name}", "")
            return {"on": True, "percent": int(percent) if percent.isdigit() else percent}
        case "off":
            return {"on": False, "percent": 100}
        case _:
            return None


def _path(key: str) -> str:
    if not key.replace("_", "").isalnum():
        raise not_found()
    return f"/v4/flags/{key}"


async def _flags(
    request: Asked,
    caller: Caller,
    *,
    refused: Refused | None = None,
    form: dict[str, str] | None = None,
) -> Response[str]:
    return await admin_page(
        request,
        "admin/flags.html",
        caller=caller,
        flags=await read(request, "/v4/flags", list[Flag]),
        cities={city.id: city for city in await cities_of(request, caller)},
        form=form or {},
        refused=refused,
    )


async def _flag(
    request: Asked, caller: Caller, key: str, *, refused: Refused | None = None
) -> Response[str]:
    return await admin_page(
        request,
        "admin/flag.html",
        caller=caller,
        flag=await read(request, _path(key), Flag),
        changes=await read(request, f"{_path(key)}/history", list[Change]),
        cities={city.id: city for city in await cities_of(request, caller)},
        refused=refused,
    )


pages: Final = [show_flags, make_flag, show_flag, switch_flag, put_back]
