"""Cities: what is written about each, where it lies, how it is just now, and what was changed."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.consoles import words
from tawsil.consoles.admin.areas import Area
from tawsil.consoles.admin.frame import (
    act,
    admin_page,
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
from tawsil.kernel.http import Caller, Problem, allow

HERE: Final = "/admin/cities"
RUN: Final = {"rule": allow("location:create")}
AUDIT: Final = "/v4/admin/audit-logs"
NOBODY: Final = "\u2014"


class Place(Struct, frozen=True):
    latitude: float
    longitude: float


class City(Struct, frozen=True, kw_only=True):
    id: UUID
    slug: str
    name: str
    name_en: str
    name_ar: str
    currency: str
    timezone: str
    centre: Place
    most_delivery_distance_m: int
    municipality_id: UUID | None


class Conditions(Struct, frozen=True, kw_only=True):
    pressure: str
    held: bool
    reason: str


class Entry(Struct, frozen=True, kw_only=True):
    type: str
    at: datetime
    actor_role: str
    actor_id: UUID | None
    data: dict[str, Any]

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        told = {name: _shown(value) for name, value in self.data.items()}
        return words.say(f"event.{self.type.rsplit('.', 1)[0]}", n=None, **told)


@get(HERE, opt=RUN, include_in_schema=False)
async def show_cities(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await _cities(request, caller)


@post(HERE, opt=RUN, include_in_schema=False, status_code=303)
async def open_city(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    form = await typed(request)
    body = {
        **_said(form),
        "slug": form.get("slug", ""),
        "currency": form.get("currency", "").upper(),
        "municipality_id": form.get("municipality_id") or None,
    }
    outcome = await made(request, "/v4/cities", body)
    if isinstance(outcome, Refused):
        return await _cities(request, caller, refused=outcome, form=form)
    return to(f"{HERE}/{outcome}", done="city_opened")


@get(f"{HERE}/{{city_id:uuid}}", opt=RUN, include_in_schema=False)
async def show_city(
    request: Asked, caller: NamedDependency[Caller], city_id: FromPath[UUID]
) -> Response[str]:
    return await _city(request, caller, city_id)


@post(f"{HERE}/{{city_id:uuid}}", opt=RUN, include_in_schema=False, status_code=303)
async def change_city(
    request: Asked, caller: NamedDependency[Caller], city_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    if refused := await act(request, "PUT", f"/v4/cities/{city_id}", _said(form)):
        return await _city(request, caller, city_id, refused=refused)
    return to(f"{HERE}/{city_id}", done="city_changed")


@post(f"{HERE}/{{city_id:uuid}}/municipality", opt=RUN, include_in_schema=False, status_code=303)
async def place_city(
    request: Asked, caller: NamedDependency[Caller], city_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    body = {"municipality_id": form.get("municipality_id") or None}
    if refused := await act(request, "PUT", f"/v4/cities/{city_id}/municipality", body):
        return await _city(request, caller, city_id, refused=refused)
    return to(f"{HERE}/{city_id}", done="city_placed")


def _said(form: dict[str, str]) -> dict[str, Any]:
    return {
        "name_en": form.get("name_en", ""),
        "name_ar": form.get("name_ar", ""),
        "timezone": form.get("timezone", ""),
        "centre": {
            "latitude": _number(form.get("latitude", "")),
            "longitude": _number(form.get("longitude", "")),
        },
    }


def _number(text: str) -> float | str:
    """A number; what is none stays as it was typed, and the API says so."""
    try:
        return float(text)
    except ValueError:
        return text


async def _cities(
    request: Asked,
    caller: Caller,
    *,
    refused: Refused | None = None,
    form: dict[str, str] | None = None,
) -> Response[str]:
    areas = await read(request, "/v4/areas", list[Area])
    return await admin_page(
        request,
        "admin/cities.html",
        caller=caller,
        cities=await cities_of(request, caller),
        municipalities=[area for area in areas if area.level == "municipality"],
        form=form or {},
        refused=refused,
    )


async def own_city(request: Asked, caller: Caller, city_id: UUID) -> City:
    """A city of the caller's company.

    Raises:
        Problem: 404.
    """
    if city_id not in {city.id for city in await cities_of(request, caller)}:
        raise Problem(404, "request.not_found")
    return await read(request, f"/v4/cities/{city_id}", City)


async def _city(
    request: Asked, caller: Caller, city_id: UUID, *, refused: Refused | None = None
) -> Response[str]:
    city = await own_city(request, caller, city_id)
    areas = await read(request, "/v4/areas", list[Area])
    history = await history_of(request, city_id)
    return await admin_page(
        request,
        "admin/city.html",
        caller=caller,
        city=city,
        municipalities=[area for area in areas if area.level == "municipality"],
        conditions=await read(request, f"/v4/cities/{city_id}/conditions", Conditions),
        history=history,
        names=await names_of(request, [entry.actor_id for entry in history]),
        refused=refused,
    )


async def history_of(request: Asked, city_id: UUID) -> list[Entry]:
    """What was changed about a city, the newest first."""
    query = {"stream": "city", "stream_id": str(city_id), "limit": "20"}
    return (await listed(request, AUDIT, Entry, query=query)).items


async def names_of(request: Asked, ids: list[UUID | None]) -> dict[UUID | None, str]:
    """What people are called, each asked once."""
    names: dict[UUID | None, str] = {None: NOBODY}
    for id_ in ids:
        if id_ not in names:
            try:
                names[id_] = (await read(request, f"/v4/users/{id_}", User)).name
            except Problem:
                names[id_] = NOBODY
    return names


def _shown(value: Any) -> str:
    """A field of an event: the names of fields as words, everything else as it is."""
    if isinstance(value, list):
        named = msgspec.convert(value, list[str], strict=False)
        return ", ".join(words.word("admin.rule", name) for name in named)
    return words.isolated(NOBODY if value is None else str(value))


pages: Final = [show_cities, open_city, show_city, change_city, place_city]
