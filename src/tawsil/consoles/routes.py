"""The pages: sign-in, accounts, the live city, an order's story, dispatch, money, the design.

The application's state holds `registry: Registry` and `settings: Settings`, and may hold a
`watch: Watch` to be drawn from instead of the database. Signing in asks the routes of identity, and
the live city listens to those of `kernel.http.live`, of the same application.
"""

from typing import Any, Final
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from tawsil.consoles import (
    account_routes,
    courier,
    dispatch_routes,
    elsewhere_routes,
    installing,
    mailed_routes,
    maps_routes,
    merchant,
    money_routes,
    sign_in_routes,
)
from tawsil.consoles.access import READ, STAFF, May, uuid_or_none, watch_of
from tawsil.consoles.assets import Asked, show_asset
from tawsil.consoles.desk.refunds import pages_of_refunds
from tawsil.consoles.desk.tickets import pages_of_tickets
from tawsil.consoles.pages import (
    A_YEAR_S,
    HOME,
    HTML,
    THEME_COOKIE,
    THEMES,
    cookie,
    fragment,
    local_address,
    page,
    show_problem,
)
from tawsil.consoles.picture import Stage
from tawsil.consoles.shop import routes as shop_routes
from tawsil.consoles.snapshot import Snapshot
from tawsil.consoles.studies.experiments import pages_of_experiments
from tawsil.consoles.studies.policies import pages_of_policies
from tawsil.kernel.http import PUBLIC, SIGNED_IN, Caller, Problem, allow, not_found
from tawsil.kernel.http.middleware import LOCALE_COOKIE
from tawsil.kernel.i18n import LOCALES


@post("/preferences", opt={"rule": PUBLIC}, include_in_schema=False, status_code=303)
async def change_preferences(request: Asked) -> Redirect:
    """Remember a language or a theme, and come back."""
    form = await request.form()
    chosen = [
        cookie(request, key, value, max_age=A_YEAR_S)
        for key, field, legal in (
            (LOCALE_COOKIE, "locale", LOCALES),
            (THEME_COOKIE, "theme", THEMES),
        )
        for value in [str(form.get(field, ""))]
        if value in legal
    ]
    after = local_address(str(form.get("next", "")), otherwise="/")
    return Redirect(after, status_code=303, cookies=chosen)


@get("/city", opt={"rule": SIGNED_IN}, include_in_schema=False)
async def show_city(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    city: FromQuery[str | None] = None,
    stage: FromQuery[str | None] = None,
    order: FromQuery[str | None] = None,
) -> Response[Any]:
    """The live city; complete without scripts, alive with them.

    Whoever may read orders but not watch the city (support) has its dispatch instead.
    """
    if not May.of(caller).city and "all" in caller.scopes(READ):
        return Redirect(dispatch_routes.ADDRESS, status_code=303)
    watch = watch_of(state, caller)
    picture = await watch.picture(tenant_id=caller.tenant_id, slug=city)
    if picture is None:
        raise not_found()
    chosen = uuid_or_none(order)
    story = await watch.story(tenant_id=caller.tenant_id, order_id=chosen) if chosen else None
    return page(
        request,
        "city.html",
        caller=caller,
        picture=picture,
        stage=_stage(stage),
        story=story,
        chosen=chosen if story else None,
        snapshot=Snapshot.of(picture),
    )


@get("/city/snapshot", opt={"rule": allow(STAFF)}, include_in_schema=False)
async def show_snapshot(
    caller: NamedDependency[Caller],
    state: State,
    city: FromQuery[str | None] = None,
    stage: FromQuery[str | None] = None,
    order: FromQuery[str | None] = None,
) -> Response[Snapshot]:
    """The city now: data for the map, and the parts of the page that have changed by now."""
    picture = await watch_of(state, caller).picture(tenant_id=caller.tenant_id, slug=city)
    if picture is None:
        raise not_found()
    known = {"picture": picture, "stage": _stage(stage), "chosen": uuid_or_none(order)}
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
    if part:
        return Response(
            fragment(
                "_story.html",
                story=story,
                close=f"{HOME}?city={story.city.slug}",
            ),
            media_type=HTML,
            headers={"Cache-Control": "no-store"},
        )
    return page(request, "order.html", caller=caller, story=story)


@get("/design", opt={"rule": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def show_design(request: Asked) -> Response[str]:
    """Tokens and components, to look at in both languages and themes."""
    return page(request, "design.html")


def _stage(asked: str | None) -> Stage:
    return Stage(asked) if asked in set(Stage) else Stage.ALL


_pages: Final = Router(
    path="/",
    route_handlers=[
        *shop_routes.pages,
        *sign_in_routes.pages,
        *elsewhere_routes.pages,
        *mailed_routes.pages,
        *account_routes.pages,
        change_preferences,
        show_city,
        show_order,
        *dispatch_routes.pages,
        *money_routes.pages,
        *courier.pages,
        *pages_of_tickets,
        *pages_of_refunds,
        *pages_of_policies,
        *pages_of_experiments,
        *merchant.pages,
        show_design,
    ],
    opt={"own_pages": True},
    exception_handlers={Problem: show_problem},
)
routes: Final = [
    _pages,
    show_snapshot,
    *dispatch_routes.parts,
    *courier.parts,
    *maps_routes.routes,
    *installing.parts,
    show_asset,
]
