"""Live events over SSE and WebSocket, fed from the event log, replayed from `Last-Event-ID`.

One hub per process follows the log and hands each message to the subscribers it concerns. What has
no place in the log (positions) comes from feeds that are asked once a second. A subscriber that
cannot keep up is dropped with a clear reason; it comes back with its last id and misses nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import product
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from litestar import Litestar, Request, WebSocket, get, websocket
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from litestar.response import ServerSentEvent, ServerSentEventMessage
from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Reader, Recorded, Registry
from tawsil.kernel.http.callers import SIGNED_IN, Caller
from tawsil.kernel.http.errors import Problem
from tawsil.kernel.http.reaches import CitiesBelow, no_areas, reaching
from tawsil.kernel.reach import Reach

log = structlog.get_logger(__name__)

MOST_UNREAD: Final = 1_000
MOST_REPLAYED: Final = 10_000
HEARTBEAT_S: Final = 15.0
LONGEST_ID: Final = 19  # digits that a bigint always holds, and one
POLL_S: Final = 0.25
FEED_S: Final = 1.0
LISTENS: Final = "order:read"
"""What lets somebody hear what is not addressed to them: of a tenant, or of an area."""
SLOW_CONSUMER: Final = 4_008  # WebSocket close codes: application range
GOING_AWAY: Final = 1_001


class SlowConsumerError(Exception):
    """The subscriber did not read what it was told; nothing it has not read is lost."""


class Audience(Struct, frozen=True, kw_only=True):
    """Who may hear: people by id, merchants' staff by location, and operations of the tenant.

    With a city, the managers above it hear what operations hear.
    """

    tenant_id: UUID
    city_id: UUID | None = None
    user_ids: frozenset[UUID] = frozenset()
    location_ids: frozenset[UUID] = frozenset()
    operators: bool = True

    def includes(self, caller: Caller, reach: Reach) -> bool:
        """`reach` is the caller's under `LISTENS`."""
        if caller.tenant_id != self.tenant_id:
            return False
        if self.operators and reach.city(self.city_id):
            return True
        return caller.user_id in self.user_ids or caller.location_id in self.location_ids


class LiveMessage(Struct, frozen=True, kw_only=True):
    """One message. `id` is its position in the log; None when it is not in the log."""

    event: str
    data: Any
    audience: Audience
    id: int | None = None


Translate = Callable[[Recorded[Any]], Sequence[LiveMessage]]
Feed = Callable[[Database], Awaitable[Sequence[LiveMessage]]]
Hear = Callable[[Recorded[Any]], None]
"""Whatever else in this process must know what has happened, some moments after it has."""


class _Subscriber:
    def __init__(self, caller: Caller, reach: Reach) -> None:
        self.caller, self.reach = caller, reach
        self.unread: asyncio.Queue[LiveMessage | None] = asyncio.Queue(MOST_UNREAD)
        self.dropped = False
        self.closed = False

    def tell(self, message: LiveMessage) -> None:
        if self.dropped or self.closed or not message.audience.includes(self.caller, self.reach):
            return
        try:
            self.unread.put_nowait(message)
        except asyncio.QueueFull:
            self.dropped = True

    def end(self) -> None:
        self.closed = True
        if self.unread.empty():
            self.unread.put_nowait(None)


class Hub:
    """Follows the log and tells whoever listens."""

    def __init__(
        self,
        database: Database,
        *,
        registry: Registry,
        translations: Mapping[type[Event], Translate],
        feeds: Sequence[Feed] = (),
        cities_below: CitiesBelow = no_areas,
        hear: Sequence[Hear] = (),
    ) -> None:
        self._database = database
        self._registry = registry
        self._translations = translations
        self._feeds = feeds
        self._reach_of = reaching(cities_below)
        self._hear = hear
        self._subscribers: set[_Subscriber] = set()
        self._position = 0
        self.closed = asyncio.Event()

    @asynccontextmanager
    async def running(self, _: Litestar | None = None) -> AsyncGenerator[None, None]:
        """Follow the log while the application lives."""
        self._position = await self._database.pool.fetchval(
            "select coalesce(max(seq), 0) from kernel.event"
        )
        tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._feed())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """End every stream, so that the server can stop; clients come back with their last id."""
        self.closed.set()
        for subscriber in self._subscribers:
            subscriber.end()

    async def messages(
        self, caller: Caller, *, after: int | None
    ) -> AsyncGenerator[LiveMessage | int, None]:
        """What concerns the caller, from `after` on, then as it happens.

        A number is a position that everything up to was told: come back with it, miss nothing.

        Raises:
            SlowConsumerError: the caller fell too far behind.
        """
        reach = await self._reach_of(caller, LISTENS)
        subscriber = _Subscriber(caller, reach)
        self._subscribers.add(subscriber)
        try:
            told_to = self._position
            if after is not None and after > told_to:
                told_to = await self._known(after)
            elif after is not None:
                async for message in self._replay(subscriber, after=after, to=told_to):
                    yield message
            yield told_to
            while not (subscriber.unread.empty() and (subscriber.dropped or subscriber.closed)):
                try:
                    async with asyncio.timeout(HEARTBEAT_S):  # wait_for may swallow an ending
                        message = await subscriber.unread.get()
                except TimeoutError:
                    if subscriber.unread.empty():
                        told_to = max(told_to, self._position)
                        yield told_to
                    continue
                if message is not None and (message.id is None or message.id > told_to):
                    yield message
            if subscriber.dropped:
                raise SlowConsumerError
        finally:
            self._subscribers.discard(subscriber)

    async def _known(self, after: int) -> int:
        """A position ahead of this process is another's that reads faster, or of another log."""
        end = await self._database.pool.fetchval("select coalesce(max(seq), 0) from kernel.event")
        return after if after <= end else self._position

    async def _replay(
        self, subscriber: _Subscriber, *, after: int, to: int
    ) -> AsyncGenerator[LiveMessage, None]:
        reader, seq = Reader(self._registry), max(after, to - MOST_REPLAYED)
        if seq > after:
            yield LiveMessage(
                event="reload",  # too much was missed to be told: load the state again
                data={"after": after, "from": seq},
                audience=Audience(tenant_id=subscriber.caller.tenant_id),
            )
        while seq < to:
            async with self._database.transaction() as tx:
                events, reached = await reader.after(tx, seq)
            for message in self._translated(e for e in events if e.seq <= to):
                if message.audience.includes(subscriber.caller, subscriber.reach):
                    yield message
            if reached == seq:
                await asyncio.sleep(POLL_S)
            seq = reached

    def _translated(self, events: Iterable[Recorded[Any]]) -> list[LiveMessage]:
        messages: list[LiveMessage] = []
        for recorded in events:
            event: Event = recorded.event
            translate = self._translations.get(type(event))
            if translate is None:
                continue
            try:
                messages += [replace(m, id=recorded.seq) for m in translate(recorded)]
            except Exception:
                log.exception("live.cannot_translate", seq=recorded.seq)
        return messages

    async def _follow(self) -> None:
        reader = Reader(self._registry)
        while True:
            try:
                async with self._database.transaction() as tx:
                    events, reached = await reader.after(tx, self._position)
                self._position = reached
                for recorded, hear in product(events, self._hear):
                    hear(recorded)
                self._tell(self._translated(events))
                if events:
                    continue
            except Exception as error:  # noqa: BLE001 - the hub outlives a database restart
                log.warning("live.cannot_follow", error=repr(error))
            await asyncio.sleep(POLL_S)

    async def _feed(self) -> None:
        while True:
            await asyncio.sleep(FEED_S)
            if not self._subscribers:
                continue
            for feed in self._feeds:
                try:
                    self._tell(await feed(self._database))
                except Exception as error:  # noqa: BLE001 - see _follow
                    log.warning("live.cannot_feed", error=repr(error))

    def _tell(self, messages: Sequence[LiveMessage]) -> None:
        for message in messages:
            for subscriber in self._subscribers:
                subscriber.tell(message)


def _last_id(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < LONGEST_ID):
        raise Problem(400, "request.invalid", why="Last-Event-ID must be a number we sent")
    return int(text)


@get(
    "/v4/live",
    opt={"rule": SIGNED_IN},
    tags=["Live"],
    summary="Live events (server-sent)",
    media_type="text/event-stream",
)
async def live_sse(
    request: Request[Any, Any, State], caller: NamedDependency[Caller]
) -> ServerSentEvent:
    """Everything that concerns the caller, as it happens.

    Reconnect with `Last-Event-ID` (browsers do it by themselves) to hear what was missed.
    """
    after = _last_id(
        request.headers.get("last-event-id") or request.query_params.get("last_event_id")
    )
    hub: Hub = request.app.state.hub

    async def stream() -> AsyncGenerator[ServerSentEventMessage, None]:
        yield ServerSentEventMessage(event="hello", data="{}", retry=2_000)
        with suppress(SlowConsumerError):
            async for message in hub.messages(caller, after=after):
                yield _as_sent(message)

    return ServerSentEvent(stream())


def _as_sent(message: LiveMessage | int) -> ServerSentEventMessage:
    if isinstance(message, int):
        return ServerSentEventMessage(comment="still here", id=str(message))
    return ServerSentEventMessage(
        event=message.event,
        data=msgspec.json.encode(message.data).decode(),
        id=None if message.id is None else str(message.id),
    )


@websocket("/v4/live/ws", opt={"rule": SIGNED_IN})
async def live_websocket(
    socket: WebSocket[Any, Any, State], caller: NamedDependency[Caller]
) -> None:
    """The same over a WebSocket: JSON messages {id, event, data}; `?last_event_id=` replays."""
    after = _last_id(socket.query_params.get("last_event_id"))
    hub: Hub = socket.app.state.hub
    await socket.accept()
    gone = asyncio.create_task(_until_gone(socket))
    code, reason = GOING_AWAY, "restarting: reconnect with last_event_id"
    try:
        async for message in hub.messages(caller, after=after):
            if gone.done():
                return
            known = (
                {"id": message, "event": "heartbeat"}
                if isinstance(message, int)
                else {"id": message.id, "event": message.event, "data": message.data}
            )
            await socket.send_data(msgspec.json.encode(known).decode())
    except SlowConsumerError:
        code, reason = SLOW_CONSUMER, "too slow: reconnect with last_event_id"
    except WebSocketDisconnect:
        return
    finally:
        gone.cancel()  # the server closes a socket only when nobody waits to receive from it
        await asyncio.wait({gone})
    await socket.close(code=code, reason=reason)


async def _until_gone(socket: WebSocket[Any, Any, State]) -> None:
    try:
        while True:
            await socket.receive_data(mode="text")
    except WebSocketDisconnect:
        return


routes: Final = [live_sse, live_websocket]
