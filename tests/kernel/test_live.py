"""Live streams: everybody hears what concerns them, once each, whatever breaks meanwhile."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from random import Random
from socket import socket
from typing import Any
from uuid import UUID

import httpx
import pytest
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from httpx_sse import aconnect_sse
from msgspec import Struct
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By, Deadline, Event, accept
from tawsil.kernel.events import Recorded, Registry
from tawsil.kernel.http import Caller, live
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.live import Audience, Hub, LiveMessage, SlowConsumerError
from tawsil.kernel.http.reaches import reaching
from tawsil.kernel.http.streams import Ending, Telling

TENANT = UUID("01900000-0000-7000-8000-000000000001")


class Told(Event, frozen=True, tag="tale.told.v1"):
    to: UUID
    n: int


class Tale(Struct, frozen=True):
    stream = "tale"
    id: UUID
    tenant_id: UUID = TENANT
    version: int = 0
    city_id: UUID | None = None
    deadline: Deadline | None = None


def translate(recorded: Recorded[Told]) -> list[LiveMessage]:
    if recorded.event.n < 0:
        raise LookupError("no words for this")
    audience = Audience(tenant_id=recorded.tenant_id, user_ids=frozenset({recorded.event.to}))
    return [LiveMessage(event="told", data={"n": recorded.event.n}, audience=audience)]


class Teller:
    def __init__(self, database: Database, ids: Ids) -> None:
        self.database, self.ids = database, ids

    def hub(self) -> Hub:
        return Hub(self.database, registry=Registry([Told]), translations={Told: translate})

    def caller(self, *permissions: str, **fields: Any) -> Caller:
        ids = {"user_id": self.ids(), "tenant_id": TENANT, "session_id": self.ids()}
        given = {"roles": ("customer",), "permissions": frozenset(permissions)}
        return Caller(**{**ids, **given, **fields})

    async def tell(self, to: Caller, *numbers: int, pause_s: float = 0) -> None:
        async with self.database.transaction() as tx:
            by = By(tenant_id=TENANT, correlation_id=tx.ids())
            for n in numbers:
                decision = accept(Tale(tx.ids()), Told(to=to.user_id, n=n))
                await tx.record([(by, decision)])
                await asyncio.sleep(pause_s)


class Listener:
    """Reads a hub's messages until it is told to go; keeps numbers and its last id."""

    def __init__(self, hub: Hub, caller: Caller) -> None:
        self.hub, self.caller = hub, caller
        self.heard: list[int] = []
        self.last_id: int | None = None
        self.events: list[str] = []

    async def listen(self) -> None:
        async for message in self.hub.messages(self.caller, after=self.last_id):
            if isinstance(message, int):
                self.last_id = message
                continue
            self.events.append(message.event)
            if message.event == "told":
                self.heard.append(message.data["n"])
                self.last_id = message.id

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(self.listen())
        await asyncio.sleep(0)
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(15):
            while len(self.heard) < count:
                await asyncio.sleep(0.005)


@pytest.fixture
def teller(database: Database, ids: Ids, monkeypatch: pytest.MonkeyPatch) -> Teller:
    monkeypatch.setattr(live, "POLL_S", 0.01)
    return Teller(database, ids)


async def test_a_message_reaches_its_audience_alone(teller: Teller) -> None:
    me = teller.caller("order:read:own")
    place = teller.ids()
    audience = Audience(
        tenant_id=TENANT, user_ids=frozenset({me.user_id}), location_ids=frozenset({place})
    )
    elsewhere = {"tenant_id": teller.ids()}
    hears = {
        "me": (me, True),
        "somebody": (teller.caller("order:read:own"), False),
        "staff of the place": (teller.caller(location_id=place), True),
        "staff of another": (teller.caller(location_id=teller.ids()), False),
        "operations": (teller.caller("order:read"), True),
        "operations elsewhere": (teller.caller("*:*", **elsewhere), False),
        "me elsewhere": (teller.caller(user_id=me.user_id, **elsewhere), False),
    }
    manager = teller.caller("order:read:district", location_id=teller.ids())
    city, beyond = teller.ids(), teller.ids()

    async def city_below(**asked: Any) -> frozenset[UUID]:
        return frozenset({city} if asked["area_id"] == manager.location_id else ())

    reach_of = reaching(city_below)

    async def hears_of(audience: Audience, caller: Caller) -> bool:
        return audience.includes(caller, await reach_of(caller, live.LISTENS))

    for name, (caller, expected) in hears.items():
        assert await hears_of(audience, caller) is expected, name
        nobody = Audience(tenant_id=TENANT, operators=False)
        assert not await hears_of(nobody, caller), name
    for city_id, expected in ((city, True), (beyond, False), (None, False)):
        assert await hears_of(Audience(tenant_id=TENANT, city_id=city_id), manager) is expected
    hidden = Audience(tenant_id=TENANT, city_id=city, operators=False)
    assert not await hears_of(hidden, manager)
    hub = teller.hub()
    async with hub.running(), Listener(hub, me).listening():
        other = Listener(hub, hears["somebody"][0])
        async with other.listening():
            await teller.tell(me, 1, 2)
            await teller.tell(other.caller, 3)
            await other.until(1)
            assert other.heard == [3]


async def test_what_cannot_be_said_does_not_silence_the_rest(teller: Teller) -> None:
    hub, me = teller.hub(), teller.caller()
    async with hub.running():
        listener = Listener(hub, me)
        async with listener.listening():
            await teller.tell(me, 1, -1, 2)
            await listener.until(2)
        again = Listener(hub, me)
        again.last_id = 0
        async with again.listening():
            await again.until(2)
    assert listener.heard == again.heard == [1, 2]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whoever_comes_back_has_missed_nothing_and_hears_nothing_twice(
    teller: Teller, seed: int
) -> None:
    """A storm of open transactions, while listeners go from one process to another."""
    random, hubs = Random(seed), [teller.hub(), teller.hub()]
    listeners = [Listener(hubs[n % 2], teller.caller()) for n in range(6)]
    count = 60

    async def storm(listener: Listener) -> None:
        for n in range(count):
            await teller.tell(listener.caller, n, pause_s=random.random() * 0.006)

    async def restless(listener: Listener) -> None:
        while len(listener.heard) < count:
            listener.hub = random.choice(hubs)
            async with listener.listening():
                await asyncio.sleep(random.random() * 0.1)

    async with AsyncExitStack() as stack:
        for hub in hubs:
            await stack.enter_async_context(hub.running())
        for listener in listeners:
            listener.last_id = 0
        async with asyncio.timeout(30):
            await asyncio.gather(*map(storm, listeners), *map(restless, listeners))
    for listener in listeners:
        assert listener.heard == list(range(count))


async def test_a_position_from_another_log_is_forgotten(teller: Teller) -> None:
    hub, me = teller.hub(), teller.caller()
    async with hub.running():
        listener = Listener(hub, me)
        listener.last_id = 10**17
        async with listener.listening():
            await asyncio.sleep(0.05)
            await teller.tell(me, 1)
            await listener.until(1)


async def test_who_missed_too_much_is_told_so(
    teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_REPLAYED", 5)
    me = teller.caller()
    await teller.tell(me, *range(20))
    hub = teller.hub()
    async with hub.running():
        listener = Listener(hub, me)
        listener.last_id = 1
        async with listener.listening():
            await listener.until(5)
    assert listener.events[0] == "reload"
    assert listener.heard == [15, 16, 17, 18, 19]


async def test_a_slow_consumer_is_dropped_and_comes_back(
    teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_UNREAD", 10)
    hub, me = teller.hub(), teller.caller()
    async with hub.running():
        slow = hub.messages(me, after=None)
        assert isinstance(await anext(slow), int)
        await teller.tell(me, *range(30))
        await asyncio.sleep(0.2)
        heard: list[LiveMessage] = []
        with pytest.raises(SlowConsumerError):
            async for message in slow:
                assert isinstance(message, LiveMessage)
                heard.append(message)
        assert [message.data["n"] for message in heard] == list(range(10))
        assert not hub._streams
        back = Listener(hub, me)
        back.last_id = heard[-1].id
        monkeypatch.setattr(live, "MOST_UNREAD", 1_000)
        async with back.listening():
            await back.until(20)
        assert back.heard == list(range(10, 30))


async def test_a_quiet_stream_says_how_far_it_is(
    teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whoever hears little does not have much replayed."""
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    hub, me, other = teller.hub(), teller.caller(), teller.caller()
    async with hub.running():
        listener = Listener(hub, me)
        async with listener.listening():
            await teller.tell(other, *range(7))
            await asyncio.sleep(0.3)
    end = await teller.database.pool.fetchval("select max(seq) from kernel.event")
    assert listener.last_id == end


async def test_closing_ends_every_stream(teller: Teller) -> None:
    hub = teller.hub()
    async with hub.running(), AsyncExitStack() as stack:
        tasks = [
            await stack.enter_async_context(Listener(hub, teller.caller()).listening())
            for _ in range(5)
        ]
        await asyncio.sleep(0.02)
        hub.close()
        await asyncio.wait_for(asyncio.gather(*tasks), 1)
        assert not hub._streams


# ── over the wire ──────────────────────────────────────────────────────────────────────────────


class Wire(Struct):
    address: str
    teller: Teller
    hub: Hub
    me: Caller
    headers: dict[str, str]


@pytest.fixture
async def wire(teller: Teller, callers: Any) -> AsyncIterator[Wire]:
    hub, user_id = teller.hub(), teller.ids()
    token = callers.token("customer", user_id=user_id)
    app = create_app(
        routes=live.routes,
        database=teller.database,
        authenticate=callers,
        state={"hub": hub},
        lifespan=[hub.running],
    )
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(app, port=port, interface=Interfaces.ASGI, log_level=LogLevels.critical)
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        me = teller.caller(user_id=user_id)
        headers = {"Authorization": f"Bearer {token}"}
        yield Wire(f"127.0.0.1:{port}", teller, hub, me, headers)
    finally:
        hub.close()
        await asyncio.sleep(0.1)
        server.stop()
        await serving


async def test_a_websocket_asks_who_it_is_replays_and_says_why_it_ends(wire: Wire) -> None:
    url = f"ws://{wire.address}/v4/live/ws"
    for headers in ({}, {"Authorization": "Bearer forged"}):
        with pytest.raises(InvalidStatus):
            await connect_websocket(url, additional_headers=headers, proxy=None)
    with pytest.raises(InvalidStatus):
        await connect_websocket(
            f"{url}?last_event_id=x", additional_headers=wire.headers, proxy=None
        )
    await wire.teller.tell(wire.me, 1, 2, 3)
    async with connect_websocket(
        f"{url}?last_event_id=0", additional_headers=wire.headers, proxy=None
    ) as stream:
        messages: list[Any] = []
        async with asyncio.timeout(5):
            while len([m for m in messages if m["event"] == "told"]) < 3:
                messages.append(json.loads(await stream.recv()))
        told = [m for m in messages if m["event"] == "told"]
        assert [m["data"]["n"] for m in told] == [1, 2, 3]
        assert sorted({m["id"] for m in told}) == [m["id"] for m in told]
        wire.hub.close()
        with pytest.raises(ConnectionClosed) as ended:
            async with asyncio.timeout(5):
                while True:
                    await stream.recv()
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1_001


async def test_a_slow_websocket_is_told_that_it_is(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_UNREAD", 3)
    url = f"ws://{wire.address}/v4/live/ws"
    async with connect_websocket(url, additional_headers=wire.headers, proxy=None) as stream:
        assert json.loads(await stream.recv())["event"] == "heartbeat"
        (mine,) = wire.hub._streams
        audience = Audience(tenant_id=TENANT, user_ids=frozenset({wire.me.user_id}))
        message = LiveMessage(event="x", data=None, audience=audience)
        for _ in range(5):
            mine.tell(Telling(message))
        assert mine.ending is Ending.SLOW
        with pytest.raises(ConnectionClosed) as ended:
            async with asyncio.timeout(5):
                while True:
                    await stream.recv()
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 4_008


async def test_a_stream_beats_as_often_as_it_was_asked_to(wire: Wire) -> None:
    """An event: of comments, a browser tells its page nothing."""
    async with httpx.AsyncClient(
        base_url=f"http://{wire.address}", headers=wire.headers, trust_env=False, timeout=5
    ) as client:
        for wrong in ("1", "61", "x"):
            assert (await client.get("/v4/live", params={"beat_s": wrong})).status_code == 400
        heard_at: list[float] = []
        async with client.stream("GET", "/v4/live", params={"beat_s": 2}) as stream:
            async for line in stream.aiter_lines():
                if line == "event: beat":
                    heard_at.append(asyncio.get_running_loop().time())
                if len(heard_at) == 2:
                    break
        assert 1.5 < heard_at[1] - heard_at[0] < 3.5


async def test_server_sent_events(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    await wire.teller.tell(wire.me, 1)
    async with httpx.AsyncClient(
        base_url=f"http://{wire.address}", headers=wire.headers, trust_env=False, timeout=5
    ) as client:
        assert (await client.get("/v4/live", headers={"Authorization": ""})).status_code == 401
        for wrong in ("x", "-1", "²", "1" * 30):
            answer = await client.get("/v4/live", params={"last_event_id": wrong})
            assert answer.status_code == 400, wrong
        lines: list[str] = []
        async with client.stream("GET", "/v4/live", headers={"Last-Event-ID": "0"}) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            async for line in stream.aiter_lines():
                lines.append(line)
                if len([one for one in lines if one.startswith(":")]) > 2:
                    break
        text = "\n".join(lines)
        assert lines[:3] == ["event: hello", "data: {}", "retry: 2000"]
        (start,) = [n for n, line in enumerate(lines) if line == "event: told"]
        assert lines[start - 1].startswith("id: ")
        assert lines[start + 1] == 'data: {"n":1}'
        assert ": still here" in text
        last_id = lines[start - 1].removeprefix("id: ")
        await wire.teller.tell(wire.me, 2)
        async with aconnect_sse(
            client, "GET", "/v4/live", params={"last_event_id": last_id}
        ) as source:
            async for message in source.aiter_sse():
                if message.event == "told":
                    assert json.loads(message.data) == {"n": 2}
                    break


async def test_a_revoked_session_ends_both_kinds_of_stream_within_seconds(
    wire: Wire, callers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CHECKED_WITHIN_S", 0.2)
    base = f"http://{wire.address}"
    async with (
        httpx.AsyncClient(base_url=base, headers=wire.headers, trust_env=False) as client,
        connect_websocket(
            f"ws://{wire.address}/v4/live/ws", additional_headers=wire.headers, proxy=None
        ) as socket_,
        client.stream("GET", "/v4/live") as sse,
    ):
        lines = sse.aiter_lines()
        assert await anext(lines) == "event: hello"
        assert json.loads(await socket_.recv())["event"] == "heartbeat"
        callers._book.clear()
        async with asyncio.timeout(5):
            rest = [line async for line in lines]
            with pytest.raises(ConnectionClosed) as ended:
                while True:
                    await socket_.recv()
    assert rest[-3:-1] == ["event: goodbye", 'data: {"reason":"signed_out"}']
    assert ended.value.rcvd is not None
    assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (
        4_401,
        "the token or its session has ended: sign in or refresh",
    )
    async with asyncio.timeout(5):
        while wire.hub._streams:
            await asyncio.sleep(0.01)


async def test_who_goes_leaves_nothing_behind(wire: Wire) -> None:
    async with httpx.AsyncClient(
        base_url=f"http://{wire.address}", headers=wire.headers, trust_env=False
    ) as client:
        for _ in range(3):
            async with client.stream("GET", "/v4/live") as stream:
                assert await anext(stream.aiter_lines()) == "event: hello"
    async with asyncio.timeout(5):
        while wire.hub._streams:
            await asyncio.sleep(0.01)
