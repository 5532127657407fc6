"""The zones of a city: drawn, renamed and retired; deliveries into them paused, and dearer.

A form holds an outline as GeoJSON, so that a zone can be drawn without the map, which is another
way to write the same. What customers meet is the city's conditions (see `dispatch_routes`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from tawsil.consoles.access import HOLD, watch_of
from tawsil.consoles.admin.frame import City, Typed, cities_of, typed
from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.assets import Asked
from tawsil.consoles.dispatch_routes import (
    HOLD_FOR_MIN,
    Done,
    Undo,
    done_of,
    on_to,
    said_once,
)
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.consoles.pages import page
from tawsil.consoles.picture import CityFacts
from tawsil.consoles.words import say
from tawsil.kernel.http import Caller, allow, not_found

ADDRESS: Final = "/city/zones"
ONE: Final = f"{ADDRESS}/{{zone_id:uuid}}"
NEW: Final = "new"
RUN: Final = {"rule": allow(HOLD)}


class _Properties(Struct, frozen=True):
    slug: str
    name: str
    name_en: str
    name_ar: str
    cells: int


Ring = list[tuple[float, float]]


class _Polygon(Struct, frozen=True):
    coordinates: list[Ring]


class _Feature(Struct, frozen=True):
    geometry: _Polygon


_OUTLINES: Final[tuple[Callable[[str], list[Ring]], ...]] = (
    lambda text: msgspec.json.decode(text, type=_Polygon).coordinates,
    lambda text: msgspec.json.decode(text, type=_Feature).geometry.coordinates,
    lambda text: [msgspec.json.decode(text, type=Ring)],
)
"""The ways to write an outline, as GeoJSON has them."""


class Zone(Struct, frozen=True):
    id: UUID
    geometry: _Polygon
    properties: _Properties

    @property
    def form(self) -> dict[str, str]:
        """The zone as its form holds it."""
        known = self.properties
        return {
            "name_en": known.name_en,
            "name_ar": known.name_ar,
            "slug": known.slug,
            "outline": written(self.geometry.coordinates[0]),
        }


class Met(Struct, frozen=True):
    """What customers meet, in the API's units."""

    extra_wait_s: int
    surge_bp: int
    reach_m: int | None
    paused_zone_ids: tuple[UUID, ...]


class Terms(Struct, frozen=True):
    """What customers of the city meet now; `held` by hand, or as the load has it."""

    terms: Met
    held: bool
    held_until_at: datetime | None
    reason: str


class _Zones(Struct, frozen=True):
    features: list[Zone]


@get(ADDRESS, opt=RUN, include_in_schema=False)
async def show_zones(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    city: FromQuery[str | None] = None,
    zone: FromQuery[str | None] = None,
) -> Response[str]:
    """The zones of a city and what customers meet there; one of them, or a new one, to draw."""
    found = await city_asked(state, caller, city)
    return await zones_page(request, caller, found, chosen=zone, done=done_of(request))


@post(ADDRESS, opt=RUN, include_in_schema=False, status_code=303)
async def create_zone(
    request: Asked, caller: NamedDependency[Caller], state: State
) -> Response[Any]:
    form = await typed(request)
    city = await city_asked(state, caller, form.get("city"))
    body = _body(form)
    if isinstance(body, Refused):
        return await zones_page(request, caller, city, chosen=NEW, form=form, refused=body)
    answer = await ask_as_caller(request, "POST", _api(city), json=body)
    if not answer.is_success:
        refused = refusal_of(answer)
        return await zones_page(request, caller, city, chosen=NEW, form=form, refused=refused)
    made = answered(answer, Zone)
    undo = Undo(f"{ADDRESS}/{made.id}/retire", {})
    return on_to(request, address_of(city), Done("zone_made", undo))


@post(ONE, opt=RUN, include_in_schema=False, status_code=303)
async def change_zone(
    request: Asked, caller: NamedDependency[Caller], state: State, zone_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    city = await city_asked(state, caller, form.get("city"))
    before = await _own_zone(request, city, zone_id)
    body, chosen = _body(form), str(zone_id)
    if isinstance(body, Refused):
        return await zones_page(request, caller, city, chosen=chosen, form=form, refused=body)
    answer = await ask_as_caller(request, "PUT", _api(city, zone_id), json=body)
    if not answer.is_success:
        refused = refusal_of(answer)
        return await zones_page(request, caller, city, chosen=chosen, form=form, refused=refused)
    undo = Undo(f"{ADDRESS}/{zone_id}", before.form)
    return on_to(request, address_of(city), Done("zone_changed", undo))


@post(f"{ONE}/retire", opt=RUN, include_in_schema=False, status_code=303)
async def retire_zone(
    request: Asked, caller: NamedDependency[Caller], state: State, zone_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    city = await city_asked(state, caller, form.get("city"))
    answer = await ask_as_caller(request, "DELETE", _api(city, zone_id))
    if not answer.is_success:
        return await zones_page(
            request, caller, city, chosen=str(zone_id), refused=refusal_of(answer)
        )
    undo = Undo(f"{ADDRESS}/{zone_id}/reinstate", {})
    return on_to(request, address_of(city), Done("zone_retired", undo))


@post(f"{ONE}/reinstate", opt=RUN, include_in_schema=False, status_code=303)
async def reinstate_zone(
    request: Asked, caller: NamedDependency[Caller], state: State, zone_id: FromPath[UUID]
) -> Response[Any]:
    form = await typed(request)
    city = await city_asked(state, caller, form.get("city"))
    answer = await ask_as_caller(request, "POST", f"{_api(city, zone_id)}/reinstate")
    if not answer.is_success:
        return await zones_page(request, caller, city, refused=refusal_of(answer))
    undo = Undo(f"{ADDRESS}/{zone_id}/retire", {})
    return on_to(request, address_of(city), Done("zone_reinstated", undo))


async def city_asked(state: State, caller: Caller, slug: str | None) -> CityFacts:
    watch = watch_of(state, caller, permission=HOLD)
    city = await watch.city(tenant_id=caller.tenant_id, slug=slug or None)
    if city is None:
        raise not_found()
    return city


def address_of(city: CityFacts) -> str:
    return f"{ADDRESS}?{urlencode({'city': city.slug})}"


async def zones_page(
    request: Asked,
    caller: Caller,
    city: CityFacts,
    *,
    chosen: str | None = None,
    form: Mapping[str, str] | None = None,
    refused: Refused | None = None,
    done: Done | None = None,
) -> Response[str]:
    """`chosen` is the zone that is drawn, or a new one; `form` what was typed before a refusal."""
    zones = await _zones(request, city)
    one = next((zone for zone in zones if str(zone.id) == chosen), None)
    terms = await read(request, f"/v4/cities/{city.id}/conditions", Terms)
    filled = form or (one.form if one else {})
    cities: list[City] = await cities_of(request, caller)
    shown = page(
        request,
        "zones.html",
        status=refused.status if refused else 200,
        caller=caller,
        here=address_of(city) if request.method == "POST" else None,
        city=city,
        cities=cities,
        zones=zones,
        chosen=one,
        drawing=one is not None or chosen == NEW,
        form=Typed(filled),
        terms=terms,
        hold_for_min=HOLD_FOR_MIN,
        refused=refused,
        done=done,
        drawn={
            "centre": (city.centre.longitude, city.centre.latitude),
            "chosen": one.id if one else None,
            "zones": [
                {
                    "id": zone.id,
                    "name": zone.properties.name,
                    "paused": zone.id in terms.terms.paused_zone_ids,
                    "ring": zone.geometry.coordinates[0],
                }
                for zone in zones
            ],
        },
    )
    return said_once(request, shown)


async def _zones(request: Asked, city: CityFacts) -> list[Zone]:
    return (await read(request, _api(city), _Zones)).features


async def _own_zone(request: Asked, city: CityFacts, zone_id: UUID) -> Zone:
    for zone in await _zones(request, city):
        if zone.id == zone_id:
            return zone
    raise not_found()


def _api(city: CityFacts, zone_id: UUID | None = None) -> str:
    zones = f"/v4/cities/{city.id}/zones"
    return f"{zones}/{zone_id}" if zone_id else zones


def written(ring: Sequence[tuple[float, float]]) -> str:
    """An outline as GeoJSON, a corner to a line."""
    corners = ",\n".join(f"  [{longitude}, {latitude}]" for longitude, latitude in ring)
    return f'{{"type": "Polygon", "coordinates": [[\n{corners}\n]]}}'


def _body(form: Mapping[str, str]) -> dict[str, Any] | Refused:
    """What the API takes; without a short name, the English name makes one."""
    geometry = _geometry(form.get("outline", ""))
    if geometry is None:
        return Refused(422, "zone.no_outline", say("zones.no_outline"))
    name_en = form.get("name_en", "")
    return {
        "name_en": name_en,
        "name_ar": form.get("name_ar", ""),
        "slug": form.get("slug") or re.sub(r"[^a-z0-9]+", "-", name_en.lower()).strip("-")[:60],
        "geometry": geometry,
    }


def _geometry(text: str) -> dict[str, Any] | None:
    """A polygon, a feature that has one, or the bare list of its corners."""
    for read_as in _OUTLINES:
        with suppress(msgspec.DecodeError):
            rings = read_as(text)
            if len(rings) != 1 or not rings[0]:
                return None
            first, last = rings[0][0], rings[0][-1]
            closed = rings[0] if first == last else [*rings[0], first]
            return {"type": "Polygon", "coordinates": [closed]}
    return None


pages: Final = [show_zones, create_zone, change_zone, retire_zone, reinstate_zone]
