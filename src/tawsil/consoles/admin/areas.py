"""The tree of areas: what lies in what, which cities are in it, and who manages it."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.consoles.admin.frame import act, admin_page, cities_of, to, typed
from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.admin.users import User
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused
from tawsil.kernel.http import Caller, allow, not_found

HERE: Final = "/admin/areas"
RUN: Final = {"rule": allow("location:create")}
LEVELS: Final = ("country", "region", "district", "municipality")
MANAGERS: Final = (
    "country_distributor",
    "regional_manager",
    "district_manager",
    "municipal_manager",
)


class Area(Struct, frozen=True, kw_only=True):
    id: UUID
    level: str
    parent_id: UUID | None
    slug: str
    name: str
    name_en: str
    name_ar: str
    city_ids: list[UUID]

    @property
    def depth(self) -> int:
        return LEVELS.index(self.level)


@get(HERE, opt=RUN, include_in_schema=False)
async def show_areas(request: Asked, caller: NamedDependency[Caller]) -> Response[str]:
    return await _areas(request, caller)


@post(HERE, opt=RUN, include_in_schema=False, status_code=303)
async def create_area(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    form = await typed(request)
    body = {**_named(form), "parent_id": form.get("parent_id") or None}
    if refused := await act(request, "POST", "/v4/areas", body):
        return await _areas(request, caller, refused=refused, form=form)
    return to(HERE, done="area_made")


@post(f"{HERE}/{{area_id:uuid}}", opt=RUN, include_in_schema=False, status_code=303)
async def rename_area(
    request: Asked, caller: NamedDependency[Caller], area_id: FromPath[UUID]
) -> Response[Any]:
    await _check_known(request, area_id)
    form = await typed(request)
    if refused := await act(request, "PUT", f"/v4/areas/{area_id}", _named(form)):
        return await _areas(request, caller, refused=refused)
    return to(HERE, done="area_renamed")


@post(f"{HERE}/{{area_id:uuid}}/move", opt=RUN, include_in_schema=False, status_code=303)
async def move_area(
    request: Asked, caller: NamedDependency[Caller], area_id: FromPath[UUID]
) -> Response[Any]:
    """With all that lies in it; the next page offers the way back."""
    await _check_known(request, area_id)
    form = await typed(request)
    before = form.get("from_id", "")
    body = {"parent_id": form.get("parent_id", "")}
    if refused := await act(request, "POST", f"/v4/areas/{area_id}/move", body):
        return await _areas(request, caller, refused=refused)
    if form.get("back"):
        return to(HERE, done="area_back")
    return to(HERE, done="area_moved", area=str(area_id), back_to=before)


async def _check_known(request: Asked, area_id: UUID) -> None:
    """Raise `Problem` 404 unless it is an area of the company."""
    if area_id not in {area.id for area in await read(request, "/v4/areas", list[Area])}:
        raise not_found()


def _named(form: dict[str, str]) -> dict[str, str]:
    return {name: form.get(name, "") for name in ("slug", "name_en", "name_ar")}


async def _areas(
    request: Asked,
    caller: Caller,
    *,
    refused: Refused | None = None,
    form: dict[str, str] | None = None,
) -> Response[str]:
    """The tree in the order one reads it: each area with what lies in it below."""
    areas = await read(request, "/v4/areas", list[Area])
    managers = [
        user
        for role in MANAGERS
        for user in (
            await listed(request, "/v4/users", User, query={"role": role, "limit": "100"})
        ).items
    ]
    return await admin_page(
        request,
        "admin/areas.html",
        caller=caller,
        areas=_in_order(areas, None),
        parents={
            level: [area for area in areas if area.depth == depth - 1]
            for depth, level in enumerate(LEVELS)
        },
        cities={city.id: city for city in await cities_of(request, caller)},
        managers=managers,
        moved=_moved(request, areas),
        form=form or {},
        refused=refused,
    )


def _moved(request: Asked, areas: list[Area]) -> tuple[str, str] | None:
    """Which area was moved just now, and where from; only ids of areas that there are."""
    known = {str(area.id) for area in areas}
    pair = (request.query_params.get("area", ""), request.query_params.get("back_to", ""))
    return pair if set(pair) <= known else None


def _in_order(areas: list[Area], parent_id: UUID | None) -> list[Area]:
    return [
        each
        for area in areas
        if area.parent_id == parent_id
        for each in (area, *_in_order(areas, area.id))
    ]


pages: Final = [show_areas, create_area, rename_area, move_area]
