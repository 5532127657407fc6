"""Couriers: enrolled, suspended, and what they have shown of their papers."""

from datetime import date, datetime
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
    to,
    typed,
)
from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.admin.users import User
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused
from tawsil.couriers.events import Availability, SuspendedBecause, Vehicle
from tawsil.geography.public import CourierDocument
from tawsil.identity.public import Role
from tawsil.kernel.http import Caller, Problem, allow, not_found

HERE: Final = "/admin/couriers"
RUN: Final = {"rule": allow("courier:create")}
ACTS: Final = {"suspend": "courier_suspended", "reinstate": "courier_reinstated"}
DOCUMENT_ACTS: Final = {"verify": "document_verified", "withdraw": "document_withdrawn"}


class Courier(Struct, frozen=True, kw_only=True):
    id: UUID
    city_id: UUID
    vehicle: str
    availability: str
    since_at: datetime
    rating: float
    fault: str | None
    suspended_because: str | None


class Document(Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    number_end: str
    expires_on: date
    state: str
    verified_at: datetime | None


@get(HERE, opt={"rule": allow("courier:list")}, include_in_schema=False)
async def show_couriers(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    asked = asked_in(request, "q", "availability", "city_id", "suspended")
    couriers = await listed(request, "/v4/drivers", Courier, query=asked, asked=asked)
    return await admin_page(
        request,
        "admin/couriers.html",
        caller=caller,
        asked=asked,
        couriers=couriers,
        names=await _names(request, [courier.id for courier in couriers.items]),
        availabilities=list(Availability),
        cities=await cities_for(request, caller, "courier:list"),
    )


@get(f"{HERE}/new", opt=RUN, include_in_schema=False)
async def new_courier(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await _form(request, caller)


@post(f"{HERE}/new", opt=RUN, include_in_schema=False, status_code=303)
async def enrol_courier(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    form = await typed(request)
    body = {name: form.get(name, "") for name in ("courier_id", "city_id", "vehicle")}
    outcome = await made(request, "/v4/drivers", body)
    if isinstance(outcome, Refused):
        return await _form(request, caller, form=form, refused=outcome)
    return to(f"{HERE}/{outcome}", done="courier_enrolled")


@get(f"{HERE}/{{courier_id:uuid}}", opt={"rule": allow("courier:list")}, include_in_schema=False)
async def show_courier(
    request: Asked, caller: NamedDependency[Caller], courier_id: FromPath[UUID]
) -> Response[str]:
    return await _courier(request, caller, courier_id)


@post(f"{HERE}/{{courier_id:uuid}}/documents", opt=RUN, include_in_schema=False, status_code=303)
async def add_document(
    request: Asked, caller: NamedDependency[Caller], courier_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    body = {name: form.get(name, "") for name in ("kind", "number", "expires_on")}
    path = f"/v4/drivers/{courier_id}/documents"
    if refused := await act(request, "POST", path, {**body, "verified": "verified" in form}):
        return await _courier(request, caller, courier_id, refused=refused)
    return to(f"{HERE}/{courier_id}", done="document_added")


@post(
    f"{HERE}/{{courier_id:uuid}}/documents/{{document_id:uuid}}/{{step:str}}",
    opt=RUN,
    include_in_schema=False,
    status_code=303,
)
async def rule_on_document(
    request: Asked,
    caller: NamedDependency[Caller],
    courier_id: FromPath[UUID],
    document_id: FromPath[UUID],
    step: FromPath[str],
) -> Response[Any]:
    if step not in DOCUMENT_ACTS:
        raise not_found()
    path = f"/v4/drivers/{courier_id}/documents/{document_id}/{step}"
    if refused := await act(request, "POST", path):
        return await _courier(request, caller, courier_id, refused=refused)
    return to(f"{HERE}/{courier_id}", done=DOCUMENT_ACTS[step])


@post(f"{HERE}/{{courier_id:uuid}}/{{step:str}}", opt=RUN, include_in_schema=False, status_code=303)
async def rule_on_courier(
    request: Asked,
    caller: NamedDependency[Caller],
    courier_id: FromPath[UUID],
    step: FromPath[str],
) -> Response[Any]:
    if step not in ACTS:
        raise not_found()
    form = await typed(request)
    body = {"reason": form.get("reason", "")} if step == "suspend" else None
    if refused := await act(request, "POST", f"/v4/drivers/{courier_id}/{step}", body):
        return await _courier(request, caller, courier_id, refused=refused)
    return to(f"{HERE}/{courier_id}", done=ACTS[step])


async def _form(
    request: Asked,
    caller: Caller,
    *,
    form: dict[str, str] | None = None,
    refused: Refused | None = None,
) -> Response[str]:
    query = {"role": Role.DELIVERY_PARTNER.value, "limit": "100", "sort": "-created_at"}
    users = await listed(request, "/v4/users", User, query=query)
    return await admin_page(
        request,
        "admin/courier_new.html",
        caller=caller,
        users=users.items,
        form=form or {},
        vehicles=list(Vehicle),
        cities=await cities_of(request, caller),
        refused=refused,
    )


async def _courier(
    request: Asked, caller: Caller, courier_id: UUID, *, refused: Refused | None = None
) -> Response[str]:
    path = f"/v4/drivers/{courier_id}"
    courier = await read(request, path, Courier)
    cities = await cities_of(request, caller)
    return await admin_page(
        request,
        "admin/courier.html",
        caller=caller,
        courier=courier,
        names=await _names(request, [courier_id]),
        city=next((city for city in cities if city.id == courier.city_id), None),
        documents=await read(request, f"{path}/documents", list[Document]),
        kinds=list(CourierDocument),
        reasons=list(SuspendedBecause),
        refused=refused,
    )


async def _names(request: Asked, ids: list[UUID]) -> dict[UUID, str]:
    """What couriers are called, as far as whoever asks may read users."""
    names: dict[UUID, str] = {}
    for id_ in ids:
        try:
            names[id_] = (await read(request, f"/v4/users/{id_}", User)).name
        except Problem:
            names[id_] = "\u2014"
    return names


pages: Final = [
    show_couriers,
    new_courier,
    enrol_courier,
    show_courier,
    add_document,
    rule_on_document,
    rule_on_courier,
]
