"""The live city: map, queue, and the stories of orders and couriers."""

from typing import Any, Final
from uuid import UUID

from litestar import Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from tawsil.consoles import dispatch_routes
from tawsil.consoles.access import READ, STAFF, May, uuid_or_none, watch_of
from tawsil.consoles.assets import Asked
from tawsil.consoles.pages import HOME, HTML, fragment, page
from tawsil.consoles.picture import Narrowing, Presence, Stage
from tawsil.consoles.snapshot import Snapshot
from tawsil.couriers.public import Vehicle
from tawsil.kernel.http import SIGNED_IN, Caller, allow, not_found

LONGEST_TEXT: Final = 60


def narrowing_of(request: Asked) -> Narrowing:
    """What the address narrows the city to; what it says that is nothing narrows nothing."""
    asked = request.query_params
    stage, presence, vehicle = (asked.get(name) for name in ("stage", "presence", "vehicle"))
    return Narrowing(
        stage=Stage(stage) if stage in set(Stage) else Stage.ALL,
        presence=Presence(presence) if presence in set(Presence) else None,
        vehicle=vehicle if vehicle in set(Vehicle) else None,
        zone=uuid_or_none(asked.get("zone")),
        late=asked.get("late") == "1",
        text=(asked.get("q") or "").strip()[:LONGEST_TEXT],
    )


@get("/city", opt={"rule": SIGNED_IN}, include_in_schema=False)
async def show_city(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    city: FromQuery[str | None] = None,
    order: FromQuery[str | None] = None,
    courier: FromQuery[str | None] = None,
) -> Response[Any]:
    """The live city; complete without scripts, alive with them.

    Whoever may read orders but not watch the city (support) has its dispatch instead.
    """
    if not May.of(caller).city and "all" in caller.scopes(READ):
        return Redirect(dispatch_routes.ADDRESS, status_code=303)
    watch = watch_of(state, caller)
    whole = await watch.picture(tenant_id=caller.tenant_id, slug=city)
    if whole is None:
        raise not_found()
    chosen, rider_id = uuid_or_none(order), uuid_or_none(courier)
    story = await watch.story(tenant_id=caller.tenant_id, order_id=chosen) if chosen else None
    rider = None
    if rider_id and story is None:
        rider = await watch.rider(tenant_id=caller.tenant_id, courier_id=rider_id)
    to = narrowing_of(request)
    picture = whole.narrowed(to)
    shown = page(
        request,
        "city.html",
        caller=caller,
        picture=picture,
        may=May.of(caller),
        to=to,
        story=story,
        rider=rider,
        chosen=chosen if story else None,
        snapshot=Snapshot.of(picture),
        vehicles=[vehicle.value for vehicle in Vehicle],
        done=dispatch_routes.done_of(request),
    )
    return dispatch_routes.said_once(request, shown)


@get("/city/snapshot", opt={"rule": allow(STAFF)}, include_in_schema=False)
async def show_snapshot(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    city: FromQuery[str | None] = None,
    order: FromQuery[str | None] = None,
) -> Response[Snapshot]:
    """The city now: data for the map, and the parts of the page that have changed by now."""
    whole = await watch_of(state, caller).picture(tenant_id=caller.tenant_id, slug=city)
    if whole is None:
        raise not_found()
    to = narrowing_of(request)
    picture = whole.narrowed(to)
    known = {"picture": picture, "to": to, "chosen": uuid_or_none(order)}
    snapshot = Snapshot.of(
        picture,
        banner=fragment("_banner.html", city=picture.city, conditions=picture.conditions),
        strip=fragment("_strip.html", **known),
        queue=fragment("_queue.html", **known),
    )
    return Response(snapshot, headers={"Cache-Control": "no-store"})


@get("/city/orders/{order_id:uuid}", opt={"rule": allow(READ)}, include_in_schema=False)
async def show_order(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    order_id: FromPath[UUID],
    part: FromQuery[str | None] = None,
) -> Response[str]:
    """An order's story as a page of its own, or the part of the live city (`part`)."""
    story = await watch_of(state, caller, permission=READ).story(
        tenant_id=caller.tenant_id, order_id=order_id
    )
    if story is None:
        raise not_found()
    may = May.of(caller)
    if part:
        close = f"{HOME}?city={story.city.slug}"
        return _part("_story.html", story=story, may=may, close=close)
    return page(request, "order.html", caller=caller, may=may, story=story)


@get("/city/couriers/{courier_id:uuid}", opt={"rule": allow(STAFF)}, include_in_schema=False)
async def show_courier(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    courier_id: FromPath[UUID],
    part: FromQuery[str | None] = None,
) -> Response[str]:
    """A courier now, as a page of its own, or the part of the live city (`part`)."""
    rider = await watch_of(state, caller).rider(tenant_id=caller.tenant_id, courier_id=courier_id)
    if rider is None:
        raise not_found()
    if part:
        return _part("_rider.html", rider=rider, close=f"{HOME}?city={rider.city.slug}")
    return page(request, "rider.html", caller=caller, may=May.of(caller), rider=rider)


def _part(template: str, **known: Any) -> Response[str]:
    return Response(
        fragment(template, **known), media_type=HTML, headers={"Cache-Control": "no-store"}
    )


pages: Final = [show_city, show_order, show_courier]
parts: Final = [show_snapshot]
