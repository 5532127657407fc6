"""The sandbox acquirer on a port of this machine, and a worker that does what is enqueued."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import httpx
import pytest
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from litestar import Litestar
from msgspec import Struct

from payments.stripe_shop import Shop, opened
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments import public
from tawsil.payments.events import Provider
from tawsil.payments.jobs.cards import CardJobs
from tawsil.payments.providers.direct import Direct
from tawsil.payments.providers.known import Providers
from tawsil.simulation.psp.server import Settings, create_app

API_KEY = "key-of-the-sandbox"
SECRET = "secret-of-the-sandbox"
PACE = 0.04
TIMEOUT_S = 0.4
"""Longer than a slow answer at this pace, shorter than a lost one."""


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@pytest.fixture(name="free_port")
def _free_port() -> int:
    return free_port()


@pytest.fixture(name="served")
def _served() -> Callable[..., Any]:
    return served


@asynccontextmanager
async def served(app: Litestar, *, port: int | None = None) -> AsyncIterator[str]:
    """An application on a real port, in this event loop."""
    port = port or free_port()
    server = Server(
        app,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGI,
        log_level=LogLevels.error,
    )
    running = asyncio.create_task(server.serve())
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for _ in range(200):
            try:
                await client.get("/health")
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
    try:
        yield url
    finally:
        if "stop" in app.state:
            app.state["stop"]()
        server.stop()
        await running


@pytest.fixture
async def shop(
    database: Database, clock: VirtualClock, jobs: HeldJobs, callers: Any
) -> AsyncIterator[Shop]:
    async with opened(served, database=database, clock=clock, jobs=jobs, callers=callers) as shop:
        yield shop


class Till(Struct):
    """A worker, the acquirer it asks, and the clock they share."""

    clock: VirtualClock
    database: Database
    jobs: HeldJobs
    cards: CardJobs
    psp: Direct
    sandbox: httpx.AsyncClient

    async def work(self, *, times: int = 1) -> None:
        """Do what is enqueued until nothing is, each job so many times."""
        handlers: dict[str, Callable[[Any], Awaitable[None]]] = {
            "payments.authorise": self.cards.authorise,
            "payments.capture": self.cards.capture,
            "payments.void": self.cards.void,
            "payments.refund": self.cards.refund,
            "payments.reconcile": self.cards.reconcile,
        }
        while self.jobs.waiting:
            job = self.jobs.waiting.popleft()
            await asyncio.gather(*[handlers[job.name](job.payload) for _ in range(times)])

    async def wait(self) -> None:
        """Let the next deadline pass, and do what follows."""
        async with self.database.transaction() as tx:
            due_at = await tx.value("select min(due_at) from kernel.deadline")
        assert due_at is not None, "somebody waits for something"
        self.clock.set(max(self.clock(), due_at))
        await Deadlines({"payment": public.on_due}).fire(self.database)
        await self.work()


@pytest.fixture
def open_till(database: Database, clock: VirtualClock, jobs: HeldJobs) -> Callable[..., Any]:
    @asynccontextmanager
    async def make(webhook_url: str | None = None) -> AsyncIterator[Till]:
        settings = Settings(
            api_key=API_KEY, webhook_url=webhook_url, webhook_secret=SECRET, pace=PACE
        )
        app = create_app(settings, now=clock, ids=Ids(clock, Random(3)))
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with (
            served(app, port=free_port()) as url,
            Direct(url=url, api_key=API_KEY, timeout_s=TIMEOUT_S) as psp,
            httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as sandbox,
        ):
            cards = CardJobs(database=database, providers=Providers({Provider.DIRECT: psp}))
            yield Till(clock, database, jobs, cards, psp, sandbox)

    return make


@pytest.fixture
async def till(open_till: Callable[..., Any]) -> AsyncIterator[Till]:
    async with open_till() as opened:
        yield opened
