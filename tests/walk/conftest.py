"""A whole platform: its real processes, over real HTTP, on a real database."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.db import Database, connect
from tawsil.kernel.jobs import DatabaseJobs
from tawsil.kernel.places import Place
from tawsil.kernel.postgres import EmbeddedPostgres
from tawsil.migrations import migrate
from walk.small_city import COURIER, DOOR, MERCHANT, PASSWORD, PEOPLE, settle_in

PATIENCE_S = 90.0  # a busy machine starts four processes slowly


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def position(place: Place) -> dict[str, float]:
    return {"latitude": place.latitude, "longitude": place.longitude}


class Walk:
    """People of the small city, signed in over HTTP."""

    def __init__(self, client: httpx.AsyncClient, database: Database) -> None:
        self.client = client
        self.database = database
        self._tokens: dict[str, str] = {}

    async def as_(
        self, who: str, method: str, path: str, *, key: str | None = None, **body: Any
    ) -> httpx.Response:
        """A request as somebody; `key` is an Idempotency-Key."""
        if who not in self._tokens:
            answer = await self.client.post(
                "/v4/auth/login", json={"email": PEOPLE[who].email, "password": PASSWORD}
            )
            assert answer.status_code == 200, answer.text
            self._tokens[who] = answer.json()["data"]["access_token"]
        headers = {"Authorization": f"Bearer {self._tokens[who]}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        sent = {} if method == "GET" else {"json": body}
        return await self.client.request(method, path, headers=headers, **sent)

    async def get(self, who: str, path: str) -> Any:
        answer = await self.as_(who, "GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def do(self, who: str, path: str, **body: Any) -> Any:
        answer = await self.as_(who, "POST", path, **body)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()["data"]

    async def shawarma_quote(self, *, tip_minor: int = 0) -> Any:
        """A binding quote for two shawarmas brought to the door."""
        menu = await self.get("customer", f"/v4/merchants/{MERCHANT}/menu")
        shawarma = menu["categories"][0]["products"][0]
        return await self.do(
            "customer",
            "/v4/quotes",
            merchant_id=str(MERCHANT),
            lines=[{"product_id": shawarma["id"], "quantity": 2}],
            dropoff={**position(DOOR), "address": "12 Palm Street", "instructions": "Ring twice"},
            tip_minor=tip_minor,
        )

    async def place(self, *, card: str = "pm_card_visa") -> str:
        """A placed order's path."""
        quote = await self.shawarma_quote()
        order = await self.do(
            "customer",
            "/v4/orders",
            quote_id=quote["id"],
            payment_method="card",
            card_token=card,
        )
        return f"/v4/orders/{order['id']}"

    async def order(self, path: str) -> Any:
        return await self.get("customer", path)

    async def becomes(self, path: str, **fields: Any) -> Any:
        """The order, once its fields are as given."""

        async def look() -> Any:
            order = await self.order(path)
            return order if all(order[name] == value for name, value in fields.items()) else None

        return await self.until(f"the order becomes {fields}", look)

    async def on_duty(self, place: Place) -> None:
        """The courier is on duty and seen somewhere."""
        await self.as_("courier", "POST", f"/v4/drivers/{COURIER}/availability/start-shift")
        await self.seen_at(place)

    async def seen_at(self, place: Place) -> None:
        ping = {**position(place), "accuracy_m": 5, "at": datetime.now(UTC).isoformat()}
        await self.do("courier", f"/v4/drivers/{COURIER}/positions", pings=[ping])

    async def carried(self, path: str) -> None:
        """The order paid, accepted, cooked, offered to the courier and picked up."""
        await self.becomes(path, payment="safe")
        await self.do("merchant", f"{path}/accept", prep_time_minutes=1)
        await self.do("merchant", f"{path}/steps/ready")
        offer = await self.until("an offer", self.pending_offer)
        await self.do("courier", f"/v4/drivers/{COURIER}/offers/{offer['id']}/accept")
        await self.becomes(path, courier_id=str(COURIER))
        await self.do("courier", f"{path}/steps/pick-up")

    async def pending_offer(self) -> Any:
        offers = await self.get("courier", f"/v4/drivers/{COURIER}/offers")
        return next((offer for offer in offers if offer["state"] == "pending"), None)

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> Any:
        """Ask again until there is an answer; the error says what never came."""
        async with asyncio.timeout(PATIENCE_S):
            while not (found := await look()):
                await asyncio.sleep(0.1)
        assert found, what
        return found


@pytest.fixture(scope="session")
async def walk(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> AsyncIterator[Walk]:
    """`tawsil up`, with a small city in it."""
    data = tmp_path_factory.mktemp("platform")
    port, psp_port, stripe_port = free_port(), free_port(), free_port()
    server_data = Path(os.environ.get("TAWSIL_TEST_DATA", ".tawsil/test-postgres"))
    with EmbeddedPostgres(data=server_data / f"walk-{worker_id}") as server:
        name = f"tawsil_walk_{os.getpid()}"
        server.create_database(name)
        url = server.url(name)
        migrate(url)
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "TAWSIL_DATA": str(data),
            "TAWSIL_PORT": str(port),
            "TAWSIL_PSP_URL": f"http://127.0.0.1:{psp_port}",
            "TAWSIL_STRIPE_URL": f"http://127.0.0.1:{stripe_port}",
            "TAWSIL_PSP_PACE": "0.05",
            "TAWSIL_DISPATCH_TICK_S": "0.2",
            "TAWSIL_LOG_LEVEL": "WARNING",
            "TAWSIL_RATE_LIMITS_EXEMPT": "127.0.0.1",  # everybody here lives at one address
        }
        pool = await connect(url, most=4)
        database = Database(pool, now=system_now, ids=Ids(system_now), jobs=DatabaseJobs())
        await settle_in(database)
        process = subprocess.Popen([sys.executable, "-m", "tawsil.apps.cli", "up"], env=environment)
        try:
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S, trust_env=False
            ) as client:
                walk = Walk(client, database)
                await walk.until("the platform is ready", lambda: _ready(client))
                yield walk
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 0, "the platform stops cleanly"
            await pool.close()
            server.drop_database(name)


async def _ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/ready")).status_code == 200
    except httpx.TransportError:
        return False
