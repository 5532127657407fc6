"""One platform: its database, its clock, its acquirer, its routes, as any process needs them."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from random import Random
from time import monotonic_ns
from typing import TYPE_CHECKING
from uuid import UUID

from litestar import Litestar

from tawsil.apps import wiring
from tawsil.apps.about import ABOUT
from tawsil.apps.feeds import positions, zones
from tawsil.apps.live import TRANSLATIONS, forgetting, people_of_orders
from tawsil.consoles.pages import show_problem
from tawsil.experiments import public as experiments
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
from tawsil.kernel.sealing import open_digester, open_sealer
from tawsil.kernel.settings import Settings, SettingsError, secrets_of
from tawsil.ordering.chat.relay import TemplateRelay
from tawsil.payments import public as payments
from tawsil.payments.events import Provider
from tawsil.payments.model.payee import Payee, Payees
from tawsil.payments.model.reconciliation import BalanceFile
from tawsil.payments.providers.direct import Direct
from tawsil.payments.providers.direct_payouts import DirectPayee
from tawsil.payments.providers.known import Providers

if TYPE_CHECKING:
    from tawsil.payments.providers.stripe import Stripe

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
            "digester": open_digester(settings),
            "oidc": identity.OidcProviders(settings.oidc_providers, now=database.now),
            "default_tenant_id": DEFAULT_TENANT,
            "purses_of": payments.purses_of,
            "providers": preferred(settings),
            "after_payment": "/paid",
            "relay": TemplateRelay(settings.call_relays),
            "psp_webhook_secrets": secrets_of(settings.psp_webhook_secrets),
            "stripe_webhook_secrets": secrets_of(settings.stripe_webhook_secrets),
        },
        limiter=Limiter(shared or local, exempt=Networks(networks(settings.rate_limits_exempt))),
        proxies=Networks(networks(settings.trusted_proxies)),
        shared_with=settings.cors_origins.replace(",", " ").split(),
        lifespan=[hub.running, *([shared.running] if shared else [])],
        cities_below=cities_below,
        owns_city=geography.OwnsCity(database),
        modules_off=experiments.ModulesOff(database),
        about=ABOUT,
        connects_to=settings.map_hosts,
        show_problem=show_problem,
    )


@asynccontextmanager
async def open_providers(settings: Settings) -> AsyncGenerator[Providers, None]:
    """Those who take cards, over HTTP, in the order of preference."""
    async with AsyncExitStack() as stack:
        psps = {
            provider: await stack.enter_async_context(_open(settings, provider))
            for provider in preferred(settings)
        }
        yield Providers(psps)


@asynccontextmanager
async def open_balance_files(
    settings: Settings,
) -> AsyncGenerator[Mapping[Provider, BalanceFile], None]:
    """Whose balance files can be read: all that take cards."""
    async with AsyncExitStack() as stack:
        yield {
            provider: await stack.enter_async_context(_open(settings, provider))
            for provider in preferred(settings)
        }


@asynccontextmanager
async def open_payees(settings: Settings) -> AsyncGenerator[Payees, None]:
    """Those who pay out, over HTTP: Stripe if it takes cards, the direct one in any case."""
    async with AsyncExitStack() as stack:
        direct = DirectPayee(
            url=settings.psp_url,
            api_key=settings.psp_api_key.get_secret_value(),
            timeout_s=settings.psp_timeout_s,
        )
        payees: dict[Provider, Payee] = {Provider.DIRECT: await stack.enter_async_context(direct)}
        if Provider.STRIPE in preferred(settings):
            from tawsil.payments.providers.stripe_connect import (  # noqa: PLC0415 - half a second
                StripeConnect,
            )

            client = await stack.enter_async_context(_stripe(settings))
            payees[Provider.STRIPE] = StripeConnect(client)
        yield payees


def preferred(settings: Settings) -> tuple[Provider, ...]:
    """Who takes cards, whoever is asked first coming first.

    Raises:
        SettingsError: a name that nobody has, or the same one twice.
    """
    names = settings.providers.replace(",", " ").split()
    known = [provider.value for provider in Provider]
    if not names or len(set(names)) < len(names) or not set(names) <= set(known):
        raise SettingsError(
            f"These settings cannot be used: providers: must be one or more of {', '.join(known)},"
            " each once, with commas between"
        )
    return tuple(Provider(name) for name in names)


def _open(settings: Settings, provider: Provider) -> "Direct | Stripe":
    match provider:
        case Provider.DIRECT:
            return Direct(
                url=settings.psp_url,
                api_key=settings.psp_api_key.get_secret_value(),
                timeout_s=settings.psp_timeout_s,
            )
        case Provider.STRIPE:
            return _stripe(settings)


def _stripe(settings: Settings) -> "Stripe":
    from tawsil.payments.providers.stripe import Stripe  # noqa: PLC0415 - half a second

    return Stripe(
        url=settings.stripe_url,
        api_key=settings.stripe_api_key.get_secret_value(),
        timeout_s=settings.stripe_timeout_s,
        return_url=f"{settings.url}/v4/payments/returned",
    )
