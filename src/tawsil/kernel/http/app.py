"""The HTTP application: routes from the wiring, everything else from here."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any, Final, cast

import asyncpg
from litestar import Litestar, Response, get, head
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import ControllerRouterHandler, Scope
from prometheus_client import CONTENT_TYPE_LATEST

from tawsil.kernel import metrics
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.http import origins
from tawsil.kernel.http.addresses import BehindProxies, Networks
from tawsil.kernel.http.bodies import MOST_BODY_BYTES, StrictRequest
from tawsil.kernel.http.callers import (
    PUBLIC,
    Authenticator,
    Caller,
    Guarded,
    ModulesOff,
    none_off,
    provide_caller,
)
from tawsil.kernel.http.commands import Batchers, provide_commands
from tawsil.kernel.http.errors import Problem, ShowProblem, as_pages_to_browsers
from tawsil.kernel.http.limits import UNLIMITED, Limiter
from tawsil.kernel.http.middleware import RequestMiddleware
from tawsil.kernel.http.openapi import About, Document
from tawsil.kernel.http.options import options_of
from tawsil.kernel.http.reaches import (
    CitiesBelow,
    CityCheck,
    OwnsCity,
    any_city,
    no_areas,
    provide_city_check,
    provide_reach,
    reaching,
)
from tawsil.kernel.http.reference import reference_routes

READY_WITHIN_S: Final = 2.0
TELL_EVERY_S: Final = 1.0
OPEN: Final = {"rule": PUBLIC, "limit": UNLIMITED}
Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


@get("/health", opt=OPEN, include_in_schema=False, sync_to_thread=False)
def health() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@head("/health", opt=OPEN, include_in_schema=False, sync_to_thread=False)
def health_head() -> None:
    """The same for those who ask for no body."""


@get("/ready", opt=OPEN, include_in_schema=False)
async def ready(state: State) -> dict[str, str]:
    """The process can serve: its database answers."""
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            await state.database.pool.fetchval("select 1")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Problem(
            503, "request.unavailable", headers={"Retry-After": "1"}, retry_after_s=1
        ) from error
    return {"status": "ready"}


@get("/metrics", opt=OPEN, include_in_schema=False, sync_to_thread=False)
def show_metrics(state: State) -> Response[bytes]:
    """Everything counted, for Prometheus."""
    pool = state.database.pool
    metrics.database_connections.set(pool.get_size() - pool.get_idle_size())
    return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def create_app(
    *,
    routes: Sequence[ControllerRouterHandler],
    database: Database,
    authenticate: Authenticator,
    state: dict[str, Any] | None = None,
    limiter: Limiter | None = None,
    proxies: Networks | None = None,
    shared_with: Collection[str] = (),
    lifespan: Sequence[Lifespan] = (),
    configure: Callable[[AppConfig], AppConfig] | None = None,
    cities_below: CitiesBelow = no_areas,
    owns_city: OwnsCity = any_city,
    modules_off: ModulesOff = none_off,
    about: About | None = None,
    connects_to: Collection[str] = (),
    show_problem: ShowProblem | None = None,
) -> Litestar:
    """An application over one database; `state` holds what routes are given besides it.

    Without a `limiter` everybody may ask as often as they like; without `proxies` nobody is
    believed about whom they speak for; without `cities_below` managers of areas reach nothing;
    without `owns_city` nobody asks whose city a body names; without `modules_off` none is;
    without `connects_to` pages fetch from nobody but us; without `show_problem` browsers that are
    lost are answered as programs are.
    """
    app = Litestar(
        route_handlers=[
            *options_of([health, health_head, *routes]),
            *(health, health_head, ready, show_metrics, *reference_routes, *routes),
        ],
        middleware=[
            DefineMiddleware(
                Guarded,
                authenticate=authenticate,
                limiter=limiter,
                shared_with=frozenset(shared_with),
                modules_off=modules_off,
            )
        ],
        dependencies=_dependencies(),
        state=State(
            {
                "database": database,
                "authenticate": authenticate,
                "limiter": limiter,
                "batchers": Batchers(database),
                "reach_of": reaching(cities_below),
                "check_city": CityCheck(owns_city),
                **(state or {}),
            }
        ),
        exception_handlers=as_pages_to_browsers(show_problem),
        cors_config=origins.shared_with(shared_with),
        request_class=StrictRequest,
        request_max_body_size=MOST_BODY_BYTES,
        lifespan=[_telling, *lifespan],
        on_app_init=[configure] if configure else [],
        openapi_config=None,
        logging_config=None,
    )
    app.state.document = Document(app, about or About())
    # Around routing too: an address or a method that nothing answers to has no route's middleware.
    ids = Ids(database.now, Random())  # noqa: S311 - a request's id is no secret, and soon made
    app.asgi_handler = RequestMiddleware(
        app.asgi_handler, now=database.now, ids=ids, connects_to=connects_to
    )
    if proxies:
        app.asgi_handler = BehindProxies(app.asgi_handler, trusted=proxies)
    return app


def _dependencies() -> dict[str, Provide]:
    """What any route may ask for by name."""
    return {
        "caller": Provide(provide_caller, sync_to_thread=False),
        "check_city": Provide(provide_city_check, sync_to_thread=False),
        "commands": Provide(provide_commands),
        "database": Provide(_provide_database, sync_to_thread=False),
        "reach": Provide(provide_reach),
    }


@asynccontextmanager
async def _telling(_: Litestar) -> AsyncGenerator[None, None]:
    """What was counted reaches the metrics, which other processes show too, within a second."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            metrics.tell()

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        metrics.tell()


def _provide_database(state: State, scope: Scope) -> Database:
    """Bound to the caller's tenant; the whole of it where nobody is asked who they are."""
    caller: Caller | None = cast("Any", scope).get("user")
    return state.database if caller is None else state.database.within([caller.tenant_id])
