"""Users and their roles: found, invited, changed, kept out, signed out."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.consoles.admin.frame import (
    act,
    admin_page,
    asked_in,
    cities_for,
    cities_of,
    made,
    ticked,
    to,
    typed,
)
from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused
from tawsil.identity.public import Role
from tawsil.kernel.http import Caller, allow, not_found

HERE: Final = "/admin/users"
UPDATE: Final = {"rule": allow("user:update")}
ACTS: Final = {
    "disable": ("disable", "user_disabled"),
    "enable": ("enable", "user_enabled"),
    "second-factor": ("totp/disable", "user_factor"),
    "sign-out": ("sessions/end", "user_signed_out"),
}
FOUND: Final = "100"


class User(Struct, frozen=True, kw_only=True):
    id: UUID
    email: str
    name: str
    phone: str | None
    email_verified: bool
    locale: str
    roles: list[str]
    location_id: UUID | None
    city_id: UUID | None
    created_at: datetime
    disabled_at: datetime | None


class UserSession(Struct, frozen=True, kw_only=True):
    id: UUID
    user_agent: str | None
    ip_address: str | None
    started_at: datetime
    last_used_at: datetime


class Place(Struct, frozen=True, kw_only=True):
    """A merchant or an area, by its name: where somebody's role holds."""

    id: UUID
    name: str


@get(HERE, opt={"rule": allow("user:list")}, include_in_schema=False)
async def show_users(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    """The newest first; the filters are in the address."""
    asked = asked_in(request, "q", "role", "status", "city_id")
    return await admin_page(
        request,
        "admin/users.html",
        caller=caller,
        asked=asked,
        users=await listed(
            request, "/v4/users", User, query={**asked, "sort": "-created_at"}, asked=asked
        ),
        roles=list(Role),
        cities=await cities_for(request, caller, "user:list"),
    )


@get(f"{HERE}/new", opt={"rule": allow("user:create")}, include_in_schema=False)
async def new_user(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await _form(request, caller)


@post(f"{HERE}/new", opt={"rule": allow("user:create")}, include_in_schema=False, status_code=303)
async def create_user(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    form = await typed(request)
    roles = await ticked(request, "roles")
    outcome = await made(
        request, "/v4/users", {"email": form.get("email", ""), **_said(form), "roles": roles}
    )
    if isinstance(outcome, Refused):
        return await _form(request, caller, form=form, chosen=roles, refused=outcome)
    return to(f"{HERE}/{outcome}", done="user_invited")


@get(f"{HERE}/{{user_id:uuid}}", opt={"rule": allow("user:read")}, include_in_schema=False)
async def show_user(
    request: Asked, caller: NamedDependency[Caller], user_id: FromPath[UUID]
) -> Response[str]:
    return await _user(request, caller, user_id)


@post(f"{HERE}/{{user_id:uuid}}", opt=UPDATE, include_in_schema=False, status_code=303)
async def change_user(
    request: Asked, caller: NamedDependency[Caller], user_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    roles = await ticked(request, "roles")
    body = _said(form) | ({"roles": roles} if roles else {})
    if refused := await act(request, "PUT", f"/v4/users/{user_id}", body):
        return await _user(request, caller, user_id, refused=refused)
    return to(f"{HERE}/{user_id}", done="user_changed")


@post(f"{HERE}/{{user_id:uuid}}/{{step:str}}", opt=UPDATE, include_in_schema=False, status_code=303)
async def do_to_user(
    request: Asked,
    caller: NamedDependency[Caller],
    user_id: FromPath[UUID],
    step: FromPath[str],
) -> Response[Any]:
    """Keep out, let in, take the second factor away, sign out."""
    if step not in ACTS:
        raise not_found()
    path, done = ACTS[step]
    if refused := await act(request, "POST", f"/v4/users/{user_id}/{path}"):
        return await _user(request, caller, user_id, refused=refused)
    return to(f"{HERE}/{user_id}", done=done)


def _said(form: dict[str, str]) -> dict[str, Any]:
    """What a form says of somebody, as the API takes it; what is left empty is nothing."""
    return {
        "name": form.get("name", ""),
        "phone": "".join(form.get("phone", "").split()) or None,
        "locale": form.get("locale", "en"),
        "city_id": form.get("city_id") or None,
        "location_id": form.get("location_id") or None,
    }


async def _form(
    request: Asked,
    caller: Caller,
    *,
    form: dict[str, str] | None = None,
    chosen: list[str] | None = None,
    refused: Refused | None = None,
) -> Response[str]:
    return await admin_page(
        request,
        "admin/user_new.html",
        caller=caller,
        form=form or {},
        chosen=chosen or [request.query_params.get("role", "")],
        roles=list(Role),
        cities=await cities_of(request, caller),
        spots=await _spots(request),
        refused=refused,
    )


async def _user(
    request: Asked, caller: Caller, user_id: UUID, *, refused: Refused | None = None
) -> Response[str]:
    return await admin_page(
        request,
        "admin/user.html",
        caller=caller,
        user=await read(request, f"/v4/users/{user_id}", User),
        sessions=await read(request, f"/v4/users/{user_id}/sessions", list[UserSession]),
        roles=list(Role),
        cities=await cities_of(request, caller),
        spots=await _spots(request),
        refused=refused,
    )


async def _spots(request: Asked) -> dict[str, list[Place]]:
    """Where roles may hold: a hundred merchants by name, and the areas."""
    merchants = await listed(request, "/v4/admin/merchants", Place, query={"limit": FOUND})
    return {
        "merchants": merchants.items,
        "areas": await read(request, "/v4/areas", list[Place]),
    }


pages: Final = [show_users, new_user, create_user, show_user, change_user, do_to_user]
