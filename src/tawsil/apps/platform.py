"""One platform: its database, its clock, its acquirer, its routes, as any process needs them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random
from time import monotonic_ns
from uuid import UUID

from litestar import Litestar

from tawsil.apps import wiring
from tawsil.apps.about import ABOUT
from tawsil.apps.live import TRANSLATIONS, forgetting, people_of_orders, positions, zones
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.db import Database, JobQueue, connect
from tawsil.kernel.http import Authenticator
from tawsil.kernel.http.addresses import Networks, networks
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.cached import Cache
from tawsil.kernel.http.limits import Limiter, LocalWindows
from tawsil.kernel.http.live import Hub
from tawsil.kernel.http.shared_limits import SharedWindows
from tawsil.kernel.jobs import DatabaseJobs
from tawsil.kernel.sealing import open_sealer
from tawsil.kernel.settings import Settings
from tawsil.payments.providers.direct import HttpPsp

DEFAULT_TENANT = UUID("01920000-0000-7000-8000-000000000001")


@asynccontextmanager
async def open_database(
    settings: Settings,
    *,
    most: int = 10,
    now: Callable[[], datetime] = system_now,
    random: Random | None = None,
    jobs: JobQueue | None = None,
) -> AsyncGenerator[Database, None]:
    """A pool on the database of the settings, on the system's clock unless another is given."""
    assert settings.database_url is not None, "the command line resolves the database first"
    pool = await connect(settings.database_url.get_secret_value(), most=most)
    try:
        yield Database(pool, now=now, ids=Ids(now, random), jobs=jobs or DatabaseJobs())
    finally:
        await pool.close()


def create_api(
    settings: Settings, database: Database, *, authenticate: Authenticator | None = None
) -> Litestar:
    """The HTTP application with every route and the live stream.

    Whoever verifies tokens otherwise than identity does gives `authenticate`.
    """
    cities_below = geography.CitiesBelow(database)
    menus = Cache("menus", now=database.now)
    hub = Hub(
        database,
        registry=wiring.REGISTRY,
        translations=TRANSLATIONS,
        feeds=[positions(), zones()],
        cities_below=cities_below,
        concerned_by=people_of_orders,
        hear=[forgetting(menus)],
    )
    tokens = identity.Tokens(database, settings=settings)
    local = LocalWindows(now_ns=monotonic_ns)
    valkey = settings.valkey_url
    shared = SharedWindows(valkey.get_secret_value(), otherwise=local) if valkey else None
    return create_app(
        routes=wiring.ROUTES,
        database=database,
        authenticate=authenticate or identity.authenticator(database, settings, tokens=tokens),
        state={
            "settings": settings,
            "registry": wiring.REGISTRY,
            "hub": hub,
            "menus": menus,
            "tokens": tokens,
            "passwords": identity.Passwords(),
            "sealer": open_sealer(settings),
            "oidc": identity.OidcProviders(settings.oidc_providers, now=database.now),
            "default_tenant_id": DEFAULT_TENANT,
            "psp_webhook_secret": settings.psp_webhook_secret.get_secret_value(),
        },
        limiter=Limiter(shared or local, exempt=Networks(networks(settings.rate_limits_exempt))),
        proxies=Networks(networks(settings.trusted_proxies)),
        shared_with=settings.cors_origins.replace(",", " ").split(),
        lifespan=[hub.running, *([shared.running] if shared else [])],
        cities_below=cities_below,
        about=ABOUT,
    )


@asynccontextmanager
async def open_psp(settings: Settings) -> AsyncGenerator[HttpPsp, None]:
    """The acquirer over HTTP."""
    async with HttpPsp(
        url=settings.psp_url,
        api_key=settings.psp_api_key.get_secret_value(),
        timeout_s=settings.psp_timeout_s,
    ) as psp:
        yield psp
