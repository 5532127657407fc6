"""The whole application with every route, over real tables, and a key to every door."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import httpx
import pytest
import structlog
from argon2 import PasswordHasher
from joserfc.jwk import RSAKey
from litestar import Litestar
from msgspec import Struct

from ordering.conftest import Street
from tawsil.apps import wiring
from tawsil.apps.about import ABOUT
from tawsil.apps.live import TRANSLATIONS
from tawsil.apps.platform import preferred
from tawsil.geography import public as geography
from tawsil.identity import store
from tawsil.identity.model.keys import SigningKey
from tawsil.identity.public import (
    NewUser,
    OidcProviders,
    Passwords,
    Role,
    Tokens,
    authenticator,
    create_users,
)
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http import Problem, openapi
from tawsil.kernel.http.addresses import Networks, networks
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.cached import Cache
from tawsil.kernel.http.limits import SECOND_NS, Limiter, LocalWindows
from tawsil.kernel.http.live import Hub
from tawsil.kernel.logs import configure_logs
from tawsil.kernel.sealing import open_sealer
from tawsil.kernel.settings import Settings

SITE = "http://tawsil.test"
ADMIN = "somebody@example.org"
PASSWORD = "correct horse battery 7461"


class Everything(Struct):
    """An application, a client of it, and who stands in its tables."""

    client: httpx.AsyncClient
    app: Litestar
    street: Street
    settings: Settings

    def at(self, address: str) -> httpx.AsyncClient:
        """A client that is limited like anybody; the fixture's own is not."""
        transport = httpx.ASGITransport(cast("Any", self.app), client=(address, 4711))
        return httpx.AsyncClient(transport=transport, base_url=SITE)

    @property
    def document(self) -> dict[str, Any]:
        return openapi.document(self.app.routes, ABOUT)


def plain_logs() -> None:
    """A line for each error, not a drawing of its locals."""
    configure_logs(Settings(log_level="WARNING"), service="tawsil-tests", version="0")
    structlog.configure(cache_logger_on_first_use=False)


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> Iterator[None]:
    plain_logs()
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def rsa() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture
async def everything(
    database: Database, clock: VirtualClock, by: By, ids: Ids, callers: Any, rsa: RSAKey
) -> AsyncIterator[Everything]:
    """Real sign-ins work, and so do the tokens of `callers`."""
    settings = Settings()
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    street = Street(by, ids)
    kid = rsa.thumbprint()
    sealed = open_sealer(settings).seal(
        rsa.as_pem(private=True), about=f"identity.signing_key/{kid}"
    )
    key = SigningKey(kid=kid, private_sealed=sealed, created_at=clock(), signs_at=clock())
    admin = NewUser(
        id=street.customer_id,
        tenant_id=by.tenant_id,
        email=ADMIN,
        name="Somebody",
        password_hash=hasher.hash(PASSWORD),
        roles=(Role.ADMIN,),
    )
    async with database.transaction() as tx:
        await street.open(tx)
        await create_users(tx, users=[admin])
        await store.keys.add(tx, key, others_retire_at=clock())
    tokens = Tokens(database, settings=settings)
    really = authenticator(database, settings, tokens=tokens)

    async def authenticate(token: str) -> Any:
        try:
            return await callers(token)
        except Problem:
            return await really(token)

    app = create_app(
        routes=wiring.ROUTES,
        database=database,
        authenticate=authenticate,
        state={
            "settings": settings,
            "registry": wiring.REGISTRY,
            "hub": Hub(database, registry=wiring.REGISTRY, translations=TRANSLATIONS),
            "tokens": tokens,
            "passwords": Passwords(hasher),
            "sealer": open_sealer(settings),
            "menus": Cache("menus", now=database.now),
            "oidc": OidcProviders(settings.oidc_providers, now=database.now),
            "default_tenant_id": by.tenant_id,
            "providers": preferred(settings),
            "psp_webhook_secrets": ["the acquirer's secret"],
        },
        cities_below=geography.CitiesBelow(database),
        limiter=Limiter(
            LocalWindows(now_ns=lambda: int(clock().timestamp()) * SECOND_NS),
            exempt=Networks(networks("127.0.0.1")),
        ),
    )
    transport = httpx.ASGITransport(cast("Any", app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=SITE) as client:
        yield Everything(client, app, street, settings)
