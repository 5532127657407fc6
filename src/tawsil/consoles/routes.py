"""The pages of operations: sign-in, the live city, an order's story, dispatch, the design.

The application's state holds `registry: Registry` and `settings: Settings`, and may hold a
`watch: Watch` to be drawn from instead of the database. Signing in asks the routes of identity, and
the live city listens to those of `kernel.http.live`, of the same application.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from tawsil.consoles import base_map, dispatch_routes, sessions
from tawsil.consoles.access import READ, STAFF, May, uuid_or_none, watch_of
from tawsil.consoles.assets import Asked, show_asset, unless_known
from tawsil.consoles.pages import (
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
from tawsil.consoles.sessions import UNTIL_COOKIE, Refused, Tokens
from tawsil.consoles.snapshot import Snapshot
from tawsil.kernel.http import PUBLIC, SIGNED_IN, Caller, Problem, allow, not_found
from tawsil.kernel.http.envelope import request_context
from tawsil.kernel.http.middleware import LOCALE_COOKIE
from tawsil.kernel.http.origins import ACCESS_COOKIE, cookie_of
from tawsil.kernel.i18n import LOCALES, text

HOME: Final = "/city"
A_YEAR_S: Final = 365 * 86_400
PRIVATE_HOUR: Final = "private, max-age=3600"


@get("/", opt={"rule": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def go_in(request: Asked) -> Redirect:
    """To work, or to where one signs in."""
    known = cookie_of(request, ACCESS_COOKIE) or UNTIL_COOKIE in request.cookies
    return Redirect(HOME if known else "/sign-in", status_code=303)


@get("/sign-in", opt={"rule": PUBLIC}, include_in_schema=False)
async def show_sign_in(request: Asked, next: FromQuery[str | None] = None) -> Response[str]:  # noqa: A002 - the name in the address
    return page(request, "sign_in.html", email="", next=next, refused=None)


@post("/sign-in", opt={"rule": PUBLIC}, include_in_schema=False, status_code=303)
async def sign_in(request: Asked) -> Response[Any]:
    """Start a session; on a wrong password the same page again, saying so."""
    form = await request.form()
    email, password = str(form.get("email", "")), str(form.get("password", ""))
    after = local_address(str(form.get("next", "")), otherwise=HOME)
    tokens = await sessions.sign_in(request, email=email, password=password)
    if isinstance(tokens, Refused):
        wrong = tokens.status in {400, 401}
        return page(
            request,
            "sign_in.html",
            status=401 if wrong else tokens.status,
            email=email,
            next=after,
            refused=text("console.sign_in.wrong") if wrong else tokens.message,
        )
    return _go(request, after, tokens)


@post("/sign-out", opt={"rule": PUBLIC}, include_in_schema=False, status_code=303)
async def sign_out(request: Asked) -> Redirect:
    await sessions.sign_out(request)
    return Redirect("/sign-in", status_code=303, cookies=sessions.no_cookies(request))


@get("/session", opt={"rule": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def show_session(request: Asked, next: FromQuery[str | None] = None) -> Response[Any]:  # noqa: A002 - the name in the address
    """Where an expired session is taken up again; the page's script does it without asking."""
    after = local_address(next, otherwise=HOME)
    if sessions.refresh_token_of(request) is None:
        return page(request, "sign_in.html", status=401, email="", next=after, refused=None)
    return page(request, "session.html", next=after)


@post("/session/refresh", opt={"rule": PUBLIC}, include_in_schema=False, status_code=303)
async def refresh_session(request: Asked) -> Response[Any]:
    """New tokens: for a form, on to `next`; for a script, how long they last."""
    scripted = request.headers.get("accept", "").startswith("application/json")
    form: Mapping[str, Any] = {} if scripted else await request.form()
    after = local_address(str(form.get("next", "")), otherwise=HOME)
    refresh_token = sessions.refresh_token_of(request)
    tokens = await sessions.refresh(request, refresh_token=refresh_token) if refresh_token else None
    if isinstance(tokens, Tokens):
        return _go(request, after, tokens, scripted=scripted)
    gone = sessions.no_cookies(request) if tokens is None or tokens.status == 401 else []
    if scripted:
        status = tokens.status if tokens else 401
        return Response({"expires_in": 0}, status_code=status, cookies=gone)
    return Redirect("/sign-in", status_code=303, cookies=gone)


def _go(request: Asked, to: str, tokens: Tokens, *, scripted: bool = False) -> Response[Any]:
    now_s = int(request_context.get().at.timestamp())
    cookies = sessions.cookies_of(request, tokens, now_s=now_s)
    if scripted:
        return Response({"expires_in": tokens.expires_in}, status_code=200, cookies=cookies)
    return Redirect(to, status_code=303, cookies=cookies)


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
        may=May.of(caller),
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


@get("/city/map.geojson", opt={"rule": allow(STAFF)}, include_in_schema=False)
async def show_map(
    request: Asked,
    caller: NamedDependency[Caller],
    state: State,
    city: FromQuery[str | None] = None,
) -> Response[bytes]:
    """The ground a city stands on, as GeoJSON."""
    found = await watch_of(state, caller).city(tenant_id=caller.tenant_id, slug=city)
    if found is None:
        raise not_found()
    return unless_known(
        request,
        await base_map.of(found, data=state.settings.data),
        media_type="application/geo+json",
        cache_control=PRIVATE_HOUR,
    )


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
    return page(request, "order.html", caller=caller, may=May.of(caller), story=story)


@get("/design", opt={"rule": PUBLIC}, include_in_schema=False, sync_to_thread=False)
def show_design(request: Asked) -> Response[str]:
    """Tokens and components, to look at in both languages and themes."""
    return page(request, "design.html")


def _stage(asked: str | None) -> Stage:
    return Stage(asked) if asked in set(Stage) else Stage.ALL


_pages: Final = Router(
    path="/",
    route_handlers=[
        go_in,
        show_sign_in,
        sign_in,
        sign_out,
        show_session,
        refresh_session,
        change_preferences,
        show_city,
        show_order,
        *dispatch_routes.pages,
        show_design,
    ],
    opt={"own_pages": True},
    exception_handlers={Problem: show_problem},
)
routes: Final = [_pages, show_snapshot, show_map, *dispatch_routes.parts, show_asset]
