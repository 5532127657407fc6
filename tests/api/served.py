"""A platform in this process: a small city behind a real server, with its people signed in."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from pydantic import SecretStr

from tawsil.apps import wiring
from tawsil.apps.platform import create_api, open_database
from tawsil.identity import public as identity
from tawsil.kernel.db import Database
from tawsil.kernel.settings import Settings
from walk.small_city import CITY, COURIER, DOOR, MERCHANT, PASSWORD, PEOPLE, TENANT, settle_in

PATIENCE_S = 60.0
OTHERS = {
    "support": identity.Role.SUPPORT_STAFF,
    "admin": identity.Role.SUPER_ADMIN,
    "passer-by": identity.Role.CUSTOMER,
}
EMAILS = {name: person.email for name, person in PEOPLE.items()} | {
    name: f"{name}@example.com" for name in OTHERS
}
Known = dict[str, list[str]]
"""Real ids, by the name of the parameter that takes them."""


class Platform:
    """Where it is served, and what is in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.known: Known = {}

    def client(self, who: str | None = None) -> httpx.Client:
        """A client, signed in as one of the city's people."""
        client = httpx.Client(base_url=self.url, timeout=PATIENCE_S, trust_env=False)
        if who is not None:
            client.headers["Authorization"] = f"Bearer {self.token(who)}"
        return client

    def token(self, who: str) -> str:
        with self.client() as client:
            given = {"email": EMAILS[who], "password": PASSWORD}
            answer = client.post("/v4/auth/login", json=given)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["access_token"]


@contextmanager
def serving(database_url: str, data: Path) -> Iterator[Platform]:
    """Serve a migrated, empty database until the end; what is heard is acted on meanwhile."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(
        database_url=SecretStr(database_url),
        data=data,
        port=port,
        log_level="ERROR",
        access_token_s=86_400,
        rate_limits_exempt="127.0.0.1/32",
    )
    stop: list[Callable[[], None]] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(_serve(settings, stop))
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    platform = Platform(settings.url)
    try:
        _wait_until_ready(platform, failed)
        platform.known = _live_a_little(platform)
        with platform.client() as client:
            client.get("/docs/openapi.json")  # writing it may take longer than a fuzzer waits
        yield platform
    finally:
        for end in stop:
            end()
        thread.join(PATIENCE_S)
        assert not thread.is_alive(), "the server stops"


async def _serve(settings: Settings, stop: list[Callable[[], None]]) -> None:
    async with open_database(settings, most=8) as database:
        await settle_in(database)
        await _more_people(database)
        app = create_api(settings, database)
        server = Server(
            app,
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            log_level=LogLevels.error,
        )
        loop = asyncio.get_running_loop()
        hearing = asyncio.create_task(_hear(database))
        stop.append(lambda: loop.call_soon_threadsafe(app.state.hub.close))
        stop.append(lambda: loop.call_soon_threadsafe(server.stop))
        try:
            await server.serve()
        finally:
            hearing.cancel()


async def _hear(database: Database) -> None:
    subscriptions = wiring.subscriptions()
    while True:
        moved = [await subscription.advance(database) for subscription in subscriptions]
        await asyncio.sleep(0.05 if any(moved) else 0.5)


async def _more_people(database: Database) -> None:
    password_hash = await identity.hash_password(PASSWORD)
    async with database.transaction() as tx:
        await identity.create_users(
            tx,
            users=[
                identity.NewUser(
                    id=tx.ids(),
                    tenant_id=TENANT,
                    email=EMAILS[name],
                    name=name.title(),
                    password_hash=password_hash,
                    roles=(role,),
                )
                for name, role in OTHERS.items()
            ],
        )


def _wait_until_ready(platform: Platform, failed: list[BaseException]) -> None:
    with platform.client() as client:
        for _ in range(int(PATIENCE_S / 0.1)):
            if failed:
                raise failed[0]
            try:
                if client.get("/ready").status_code == 200:
                    return
            except httpx.TransportError:
                threading.Event().wait(0.1)
    raise TimeoutError("the platform is not ready")


def _live_a_little(platform: Platform) -> Known:
    """Orders at several stages, a ticket, a quote: something to ask about."""
    with platform.client("customer") as customer, platform.client("support") as support:
        menu = customer.get(f"/v4/merchants/{MERCHANT}/menu").json()["data"]
        products = [product["id"] for one in menu["categories"] for product in one["products"]]

        def done(client: httpx.Client, path: str, **body: Any) -> Any:
            answer = client.post(path, json=body)
            assert answer.is_success, answer.text
            return answer.json()["data"]

        def quote() -> str:
            place = {"latitude": DOOR.latitude, "longitude": DOOR.longitude}
            return done(
                customer,
                "/v4/quotes",
                merchant_id=str(MERCHANT),
                lines=[{"product_id": products[0], "quantity": 2}],
                dropoff={**place, "address": "12 Palm Street"},
            )["id"]

        def order() -> str:
            placed = done(customer, "/v4/orders", quote_id=quote(), payment_method="cash")
            return placed["id"]

        orders = [order() for _ in range(3)]
        ticket = done(
            support,
            "/v4/support/tickets",
            kind="order_problem",
            priority="normal",
            subject_kind="order",
            subject_id=orders[0],
            words="The rider is late.",
        )
        me = customer.get("/v4/users/profile").json()["data"]["id"]
        quoted = quote()
    return {
        "city_id": [str(CITY)],
        "courier_id": [str(COURIER)],
        "merchant_id": [str(MERCHANT)],
        "order_id": orders,
        "product_id": products,
        "quote_id": [quoted],
        "reference_id": orders,
        "ticket_id": [ticket["id"]],
        "user_id": [me],
    }
