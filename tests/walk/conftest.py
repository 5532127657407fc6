"""A whole platform: its real processes, over real HTTP, on a real database."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.db import Database, connect
from tawsil.kernel.jobs import DatabaseJobs
from tawsil.kernel.postgres import EmbeddedPostgres
from tawsil.migrations import migrate
from walk.small_city import PASSWORD, PEOPLE, settle_in

PATIENCE_S = 30.0


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
    port, psp_port = free_port(), free_port()
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
            "TAWSIL_PSP_PACE": "0.05",
            "TAWSIL_DISPATCH_TICK_S": "0.2",
            "TAWSIL_LOG_LEVEL": "WARNING",
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
