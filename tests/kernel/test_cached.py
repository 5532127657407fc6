"""What is kept is what there is: forgotten when it changes, even while it is being read."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Response, get
from litestar.params import FromPath

from tawsil.kernel import metrics
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.http import SIGNED_IN, Envelope
from tawsil.kernel.http.cached import KEPT_FOR, Cache, Kept, answer_kept


@pytest.fixture
def cache(clock: VirtualClock) -> Cache:
    return Cache("words", now=clock)


async def read(words: str) -> Kept:
    return Kept.of(words)


def data(kept: Kept | None) -> bytes | None:
    return None if kept is None else bytes(kept.data)


async def test_kept_until_it_changes_or_is_old(cache: Cache, clock: VirtualClock) -> None:
    assert cache.recall(1, "en") is None
    await cache.keep(1, "en", read=lambda: read("one"))
    await cache.keep(1, "ar", read=lambda: read("واحد"))
    await cache.keep(2, "en", read=lambda: read("two"))
    assert data(cache.recall(1, "en")) == b'"one"'
    cache.forget(1)
    assert cache.recall(1, "en") is cache.recall(1, "ar") is None
    assert data(cache.recall(2, "en")) == b'"two"'
    clock.advance(KEPT_FOR)
    assert cache.recall(2, "en") is None


async def test_what_changes_by_itself_is_kept_until_then(cache: Cache, clock: VirtualClock) -> None:
    soon = clock() + timedelta(seconds=5)

    async def until_soon() -> Kept:
        return Kept.of("out", until=soon)

    await cache.keep(1, "en", read=until_soon)
    clock.advance(timedelta(seconds=4))
    assert cache.recall(1, "en") is not None
    clock.advance(timedelta(seconds=1))
    assert cache.recall(1, "en") is None


async def test_the_most_that_is_kept_is_what_was_asked_for_last(clock: VirtualClock) -> None:
    cache = Cache("few", now=clock, most=2)
    for subject in (1, 2):
        await cache.keep(subject, "", read=lambda: read("x"))
    assert cache.recall(1, "")
    await cache.keep(3, "", read=lambda: read("x"))
    assert [cache.recall(subject, "") is not None for subject in (1, 2, 3)] == [True, False, True]


async def test_what_cannot_be_read_takes_no_room(cache: Cache) -> None:
    async def fail() -> Kept:
        raise LookupError

    for subject in range(100):
        with pytest.raises(LookupError):
            await cache.keep(subject, "", read=fail)
    assert len(cache) == 0


@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(st.sampled_from(["write", "hear", "begin", "end"]), max_size=40),
)
async def test_nobody_is_told_what_was_no_longer_so_when_the_change_was_heard(
    moves: list[str],
) -> None:
    """Readings overlap with changes in every order; a change is heard at any time after it."""
    clock = VirtualClock(datetime(2026, 11, 20, tzinfo=UTC))
    cache, truth, heard = Cache("races", now=clock), 0, 0
    reading: list[tuple[asyncio.Future[None], asyncio.Task[Kept]]] = []
    for move in moves:
        if move == "write":
            truth += 1
        elif move == "hear":
            heard = truth
            cache.forget("it")
        elif move == "begin":
            gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            async def slowly(seen: int = truth, gate: "asyncio.Future[None]" = gate) -> Kept:
                await gate
                return Kept.of(seen)

            task = asyncio.create_task(cache.keep("it", "", read=slowly))
            await asyncio.sleep(0)
            reading.append((gate, task))
        elif reading:
            gate, task = reading.pop(0)
            gate.set_result(None)
            await task
        kept = cache.recall("it", "")
        assert kept is None or int(bytes(kept.data)) >= heard
    for gate, task in reading:
        gate.set_result(None)
        await task


async def test_over_http(serve: Any, callers: Any, cache: Cache) -> None:
    called = 0

    def recall(scope: Any) -> Kept | None:
        return cache.recall(scope["path_params"]["n"], "")

    @get("/kept/{n:int}", opt={"rule": SIGNED_IN, "recall": recall})
    async def show(n: FromPath[int]) -> Response[Envelope[str]]:
        nonlocal called
        called += 1
        return answer_kept(await cache.keep(n, "", read=lambda: read(f"n is {n}")), str)

    client: httpx.AsyncClient = await serve([show])
    assert (await client.get("/kept/1")).status_code == 401
    me = {"Authorization": f"Bearer {callers.token('customer')}"}
    first, again = [await client.get("/kept/1", headers=me) for _ in range(2)]
    assert called == 1
    assert first.json()["data"] == again.json()["data"] == "n is 1"
    assert first.json()["meta"]["request_id"] == first.headers["X-Request-ID"]
    assert first.headers["X-Request-ID"] != again.headers["X-Request-ID"]
    assert again.headers["Content-Type"] == "application/json"
    assert again.headers["X-Frame-Options"] == "DENY"
    assert first.headers["ETag"] == again.headers["ETag"]
    unchanged = await client.get("/kept/1", headers={**me, "If-None-Match": first.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["ETag"] == first.headers["ETag"]
    other = await client.get("/kept/2", headers={**me, "If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200
    assert (await client.get("/kept/1")).status_code == 401, "kept for those who may read it"
    shown = metrics.exposition().decode()
    assert 'cache_hit_ratio{cache="words"}' in shown
    assert 'http_requests_total{method="GET",path="/kept/{n}",status="304"}' in shown
