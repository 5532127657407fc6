"""Pausing deliveries into zones and making them dearer, from the page of a city's zones.

The API holds all the terms of a city at once, with one end. So a pause keeps the rest as it is at
that moment, and what is held already ends with it: the page says so.
"""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from msgspec.structs import replace

from tawsil.consoles.admin.frame import get as read
from tawsil.consoles.admin.frame import ticked, typed
from tawsil.consoles.assets import Asked
from tawsil.consoles.dispatch_routes import Conditions, Done, on_to, until
from tawsil.consoles.operations.zones import (
    ADDRESS,
    RUN,
    Met,
    Terms,
    address_of,
    city_asked,
    zones_page,
)
from tawsil.consoles.own_api import answered, ask_as_caller, refusal_of
from tawsil.consoles.picture import CityFacts
from tawsil.kernel.http import Caller

AS_USUAL: Final = Met(extra_wait_s=0, surge_bp=0, reach_m=None, paused_zone_ids=())


@post(f"{ADDRESS}/pause", opt=RUN, include_in_schema=False, status_code=303)
async def pause_zones(
    request: Asked, caller: NamedDependency[Caller], state: State
) -> Response[Any]:
    """Nothing is delivered into these zones for a while; all else stays as it is now."""
    form = await typed(request)
    city = await city_asked(state, caller, form.get("city"))
    met = (await _terms(request, city)).terms
    paused = {str(id_) for id_ in met.paused_zone_ids} | set(await ticked(request, "zone"))
    return await _hold(request, caller, city, form, {**_body(met), "paused_zone_ids": paused})


@post(f"{ADDRESS}/surge", opt=RUN, include_in_schema=False, status_code=303)
async def hold_surge(
    request: Asked, caller: NamedDependency[Caller], state: State
) -> Response[Any]:
    """The delivery fee times so much for a while; all else stays as it is now."""
    form = await typed(request)
    city = await city_asked(state, caller, form.get("city"))
    met = (await _terms(request, city)).terms
    return await _hold(
        request, caller, city, form, {**_body(met), "surge_bp": _surge_bp(form.get("times", ""))}
    )


@post(f"{ADDRESS}/resume", opt=RUN, include_in_schema=False, status_code=303)
async def resume_zones(
    request: Asked, caller: NamedDependency[Caller], state: State
) -> Response[Any]:
    """These zones have deliveries again. Nothing else being held, the load decides again."""
    form = await typed(request)
    city = await city_asked(state, caller, form.get("city"))
    now = await _terms(request, city)
    resumed = set(await ticked(request, "zone"))
    paused = tuple(id_ for id_ in now.terms.paused_zone_ids if str(id_) not in resumed)
    met = replace(now.terms, paused_zone_ids=paused)
    if met == AS_USUAL:
        return await _change(request, caller, city, "DELETE", None, code="zones_resumed")
    body = {"terms": _body(met), "until": now.held_until_at, "reason": now.reason}
    return await _change(request, caller, city, "PUT", body, code="zones_resumed")


async def _terms(request: Asked, city: CityFacts) -> Terms:
    return await read(request, _api(city), Terms)


async def _hold(
    request: Asked, caller: Caller, city: CityFacts, form: Mapping[str, str], terms: dict[str, Any]
) -> Response[Any]:
    body = {"terms": terms, "until": until(form), "reason": form.get("reason", "")}
    code = "zones_paused" if "zone" in form else "surge_held"
    return await _change(request, caller, city, "PUT", body, code=code)


async def _change(
    request: Asked, caller: Caller, city: CityFacts, method: str, body: Any, *, code: str
) -> Response[Any]:
    answer = await ask_as_caller(request, "GET", _api(city))
    was = answered(answer, Conditions)
    answer = await ask_as_caller(request, method, _api(city), json=body)
    if not answer.is_success:
        return await zones_page(request, caller, city, refused=refusal_of(answer))
    here = address_of(city)
    return on_to(request, here, Done(code, was.undo(after=here)))


def _api(city: CityFacts) -> str:
    return f"/v4/cities/{city.id}/conditions"


def _body(met: Met) -> dict[str, Any]:
    return {name: getattr(met, name) for name in Met.__struct_fields__}


def _surge_bp(times: str) -> int | str:
    """What is no number stays as it is, and the API says so."""
    try:
        return round((float(times) - 1) * 10_000)
    except (ValueError, OverflowError):
        return times


pages: Final = [pause_zones, hold_surge, resume_zones]
