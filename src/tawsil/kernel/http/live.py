"""Live events over SSE and WebSocket, fed from the event log, replayed from `Last-Event-ID`.

One hub per process follows the log and hands each message to the streams it concerns. What has no
place in the log (positions) comes from feeds that are asked once a second. A listener that cannot
keep up is dropped with a clear reason; it comes back with its last id and misses nothing. So does
one whose token or session has ended meanwhile.
"""

import asyncio
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, suppress
from itertools import product
from typing import Annotated, Any, Final
from uuid import UUID

import asyncpg
import structlog
from litestar import Litestar, Request, WebSocket, get, websocket
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.exceptions import WebSocketDisconnect
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent
from litestar.types import Receive, Scope, Send
from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Reader, Recorded, Registry
from tawsil.kernel.http.callers import SIGNED_IN, Caller
from tawsil.kernel.http.errors import Problem
from tawsil.kernel.http.reaches import CitiesBelow, no_areas, reaching
from tawsil.kernel.http.streams import Audience, Ending, LiveMessage, Stream, Streams, Telling

__all__ = ["Audience", "Hub", "LiveMessage", "routes"]

log = structlog.get_logger(__name__)

MOST_UNREAD: Final = 1_000
MOST_REPLAYED: Final = 10_000
HEARTBEAT_S: Final = 15.0
LONGEST_ID: Final = 19  # digits that a bigint always holds, and one
POLL_S: Final = 0.25
FEED_S: Final = 1.0
BEAT_S: Final = 0.5
BREATH_S: Final = 0.1
CHECKED_WITHIN_S: Final = 2.0
REACH_EVERY: Final = 5  # checks
LISTENS: Final = "order:read"
"""What lets somebody hear what is not addressed to them: of a tenant, or of an area."""
GOING_AWAY: Final = 1_001
CLOSE_CODES: Final = {  # of a WebSocket; from 4000 on they are ours
    Ending.RESTART: (GOING_AWAY, "restarting: reconnect with last_event_id"),
    Ending.SLOW: (4_008, "too slow: reconnect with last_event_id"),
    Ending.SIGNED_OUT: (4_401, "the token or its session has ended: sign in or refresh"),
}


class SlowConsumerError(Exception):
    """The subscriber did not read what it was told; nothing it has not read is lost."""


class SignedOutError(Exception):
    """The subscriber's token or session has ended."""


class Concerned(Struct, frozen=True):
    """Who has to do with a subject, besides those who look at it from above."""

    user_ids: frozenset[UUID] = frozenset()
    location_ids: frozenset[UUID] = frozenset()


Translate = Callable[[Recorded[Any]], Sequence[LiveMessage]]
Feed = Callable[[Database], Awaitable[Sequence[LiveMessage]]]
Hear = Callable[[Recorded[Any]], None]
"""Whatever else in this process must know what has happened, some moments after it has."""
ConcernedBy = Callable[[Tx, Collection[UUID]], Awaitable[Mapping[UUID, Concerned]]]
MayStill = Callable[[], Awaitable[Any]]
"""Asks again whether a listener may listen; raises `Problem` when not any more."""


async def nobody(_: Tx, __: Collection[UUID]) -> Mapping[UUID, Concerned]:
    """Where there are no subjects, nobody is concerned by one."""
    return {}


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
        concerned_by: ConcernedBy = nobody,
        hear: Sequence[Hear] = (),
    ) -> None:
        self._database = database
        self._registry = registry
        self._translations = translations
        self._feeds = feeds
        self._reach_of = reaching(cities_below)
        self._concerned_by = concerned_by
        self._hear = hear
        self._streams = Streams()
        self._position = 0
        self._recorded = asyncio.Event()
        self.closed = asyncio.Event()

    @asynccontextmanager
    async def running(self, _: Litestar | None = None) -> AsyncGenerator[None, None]:
        """Follow the log while the application lives."""
        self._position = await self._database.pool.fetchval(
            "select coalesce(max(seq), 0) from kernel.event"
        )
        steps = (self._listen, self._follow, self._feed, self._beat, self._check)
        tasks = [asyncio.create_task(step()) for step in steps]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """End every stream, so that the server can stop; clients come back with their last id."""
        self.closed.set()
        for stream in self._streams:
            stream.end(Ending.RESTART)

    async def messages(
        self, caller: Caller, *, after: int | None, may_still: MayStill | None = None
    ) -> AsyncGenerator[LiveMessage | int, None]:
        """What concerns the caller, from `after` on, then as it happens.

        A number is a position that everything up to was told: come back with it, miss nothing.

        Raises:
            SlowConsumerError: the caller fell too far behind.
            SignedOutError: the caller may not listen any more.
        """
        stream = await self.open(caller, may_still=may_still)
        try:
            async for batch in self.batches(stream, after=after):
                for one in batch:
                    yield one.message if isinstance(one, Telling) else one
        finally:
            self.leave(stream)
        if stream.ending is Ending.SLOW:
            raise SlowConsumerError
        if stream.ending is Ending.SIGNED_OUT:
            raise SignedOutError

    async def open(
        self, caller: Caller, *, may_still: MayStill | None = None, beat_s: float | None = None
    ) -> Stream:
        """Begin to listen; whoever does must `leave`. `beat_s`: be told at least so often."""
        reach = await self._reach_of(caller, LISTENS)
        stream = Stream(caller, reach, most=MOST_UNREAD, may_still=may_still, beat_s=beat_s)
        self._streams.add(stream)
        if self.closed.is_set():
            stream.end(Ending.RESTART)
        return stream

    def leave(self, stream: Stream) -> None:
        self._streams.remove(stream)

    async def batches(
        self, stream: Stream, *, after: int | None
    ) -> AsyncGenerator[Sequence[Telling | int], None]:
        """What a stream is told, from `after` on, until it ends."""
        told_to = self._position
        if after is not None and after > told_to:
            told_to = await self._known(after)
        elif after is not None:
            async for missed in self._replay(stream, after=after, to=told_to):
                yield missed
        yield [told_to]
        while batch := await stream.read():
            fresh = [one for one in batch if not _is_old(one, told_to)]
            if fresh:
                yield fresh

    async def _known(self, after: int) -> int:
        """A position ahead of this process is another's that reads faster, or of another log."""
        end = await self._database.pool.fetchval("select coalesce(max(seq), 0) from kernel.event")
        return after if after <= end else self._position

    async def _replay(
        self, stream: Stream, *, after: int, to: int
    ) -> AsyncGenerator[Sequence[Telling | int], None]:
        """With each part of the log goes how far it came, also where nothing concerned them."""
        reader, seq = Reader(self._registry), max(after, to - MOST_REPLAYED)
        if seq > after:
            reload = LiveMessage(
                event="reload",  # too much was missed to be told: load the state again
                data={"after": after, "from": seq},
                audience=Audience(tenant_id=stream.caller.tenant_id),
            )
            yield [Telling(reload)]
        while seq < to:
            async with self._database.transaction() as tx:
                events, reached = await reader.after(tx, seq)
                messages = await self._translated(tx, [e for e in events if e.seq <= to])
            theirs = [m for m in messages if m.audience.includes(stream.caller, stream.reach)]
            if reached == seq:
                await asyncio.sleep(POLL_S)
            seq = reached
            yield [*map(Telling, theirs), min(seq, to)]

    async def _translated(self, tx: Tx, events: Iterable[Recorded[Any]]) -> list[LiveMessage]:
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
        return await self._addressed(tx, messages)

    async def _addressed(self, tx: Tx, messages: list[LiveMessage]) -> list[LiveMessage]:
        """With those who are concerned by their subjects among their audiences."""
        subjects = {id_ for m in messages if (id_ := m.audience.subject_id) is not None}
        if not subjects:
            return messages
        concerned = await self._concerned_by(tx, subjects)
        return [including(message, concerned) for message in messages]

    async def _listen(self) -> None:
        """Hear at once that something was recorded; without this, the next look will find it."""
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                async with self._database.pool.acquire() as connection:
                    await connection.add_listener("tawsil_events", self._hear_of_it)
                    try:
                        while not connection.is_closed():  # noqa: ASYNC110 - nobody says when
                            await asyncio.sleep(1)
                    finally:
                        if not connection.is_closed():
                            await connection.remove_listener("tawsil_events", self._hear_of_it)
            await asyncio.sleep(POLL_S)

    def _hear_of_it(self, *_: object) -> None:
        self._recorded.set()

    async def _follow(self) -> None:
        reader = Reader(self._registry)
        while True:
            self._recorded.clear()
            try:
                async with self._database.transaction() as tx:
                    events, reached = await reader.after(tx, self._position)
                    messages = await self._translated(tx, events)
                for recorded, hear in product(events, self._hear):
                    hear(recorded)
                self._position = reached
                self._tell(messages)
                if events:
                    continue
            except Exception as error:  # noqa: BLE001 - the hub outlives a database restart
                log.warning("live.cannot_follow", error=repr(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._recorded.wait()

    async def _feed(self) -> None:
        while True:
            await asyncio.sleep(FEED_S)
            if not self._streams:
                continue
            for feed in self._feeds:
                try:
                    self._tell(await feed(self._database))
                except Exception as error:  # noqa: BLE001 - see _follow
                    log.warning("live.cannot_feed", error=repr(error))

    def _tell(self, messages: Sequence[LiveMessage]) -> None:
        for message in messages:
            self._streams.tell(Telling(message))

    async def _beat(self) -> None:
        """One clock for all: a stream that was quiet for a while is told how far everything is."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(BEAT_S, HEARTBEAT_S))
            now_s = loop.time()
            for stream in self._streams:
                if stream.told_at_s + (stream.beat_s or HEARTBEAT_S) <= now_s:
                    stream.told_at_s = now_s
                    stream.tell(self._position)

    async def _check(self) -> None:
        """Ask of every stream, one after another, whether its listener may still listen."""
        while True:
            streams = list(self._streams)
            pause_s = CHECKED_WITHIN_S / max(1, len(streams))
            owed_s = 0.0
            for stream in streams:
                await self._check_one(stream)
                owed_s += pause_s
                if owed_s >= BREATH_S:
                    await asyncio.sleep(owed_s)
                    owed_s = 0.0
            await asyncio.sleep(max(owed_s, BREATH_S))

    async def _check_one(self, stream: Stream) -> None:
        if stream.may_still is None or stream.ending is not None:
            return
        stream.checks += 1
        try:
            await stream.may_still()
            if stream.reach.everything or stream.checks % REACH_EVERY:
                return
            reach = await self._reach_of(stream.caller, LISTENS)
            if reach != stream.reach and stream in self._streams:
                self._streams.move(stream, reach=reach)
        except Problem:
            stream.end(Ending.SIGNED_OUT)
        except Exception as error:  # noqa: BLE001 - see _follow
            log.warning("live.cannot_check", error=repr(error))


def _is_old(one: Telling | int, told_to: int) -> bool:
    return isinstance(one, Telling) and one.message.id is not None and one.message.id <= told_to


def including(message: LiveMessage, concerned: Mapping[UUID, Concerned]) -> LiveMessage:
    audience = message.audience
    if audience.subject_id is None or (found := concerned.get(audience.subject_id)) is None:
        return message
    wider = replace(
        audience,
        user_ids=audience.user_ids | found.user_ids,
        location_ids=audience.location_ids | found.location_ids,
    )
    return replace(message, audience=wider)


def _last_id(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < LONGEST_ID):
        raise Problem(400, "request.invalid", why="Last-Event-ID must be a number we sent")
    return int(text)


class _LiveStream(ServerSentEvent):
    """Written to the socket as it is, many events at a time.

    Litestar's own wraps every event in several objects, and every stream in a group of tasks.
    """

    def __init__(self, hub: Hub, stream: Stream, *, after: int | None) -> None:
        self._hub = hub
        self._stream = stream
        self._after = after

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return self

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_when_gone(receive, self._stream))
        headers = (
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
        )

        async def write(body: bytes, *, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": more})

        as_sent = _as_sent if self._stream.beat_s is None else _as_heard
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await write(b"event: hello\ndata: {}\nretry: 2000\n\n")
            async for batch in self._hub.batches(self._stream, after=self._after):
                await write(b"".join(map(as_sent, batch)))
            if self._stream.ending is not Ending.GONE:
                why = str(self._stream.ending).encode()
                await write(b'event: goodbye\ndata: {"reason":"%s"}\n\n' % why, more=False)
        finally:
            self._hub.leave(self._stream)
            gone.cancel()


async def _when_gone(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    stream.end(Ending.GONE)


def _as_sent(one: Telling | int) -> bytes:
    return one.sent if isinstance(one, Telling) else b": still here\nid: %d\n\n" % one


def _as_heard(one: Telling | int) -> bytes:
    """A beat as an event: of a comment, a browser tells its page nothing."""
    return one.sent if isinstance(one, Telling) else b"event: beat\ndata: {}\nid: %d\n\n" % one


def _may_still(scope: Any) -> MayStill | None:
    return scope.get("may_still")


@get(
    "/v4/live",
    opt={"rule": SIGNED_IN},
    tags=["Live"],
    summary="Live events (server-sent)",
    media_type="text/event-stream",
)
async def live_sse(
    request: Request[Any, Any, State],
    caller: NamedDependency[Caller],
    beat_s: Annotated[int | None, QueryParameter(ge=2, le=60)] = None,
) -> ServerSentEvent:
    """Everything that concerns the caller, as it happens.

    With `beat_s`, an event `beat` at least so often: whoever hears nothing for twice as long has
    been cut off.

    Reconnect with `Last-Event-ID` (browsers do it by themselves) to hear what was missed. A stream
    that we end says why in its last event, `goodbye`: `restart` or `slow`, after which to come
    back, or `signed_out`, after which to refresh the token first.
    """
    after = _last_id(
        request.headers.get("last-event-id") or request.query_params.get("last_event_id")
    )
    hub: Hub = request.app.state.hub
    stream = await hub.open(caller, may_still=_may_still(request.scope), beat_s=beat_s)
    return _LiveStream(hub, stream, after=after)


@websocket("/v4/live/ws", opt={"rule": SIGNED_IN})
async def live_websocket(
    socket: WebSocket[Any, Any, State], caller: NamedDependency[Caller]
) -> None:
    """The same over a WebSocket: JSON messages {id, event, data}; `?last_event_id=` replays."""
    after = _last_id(socket.query_params.get("last_event_id"))
    hub: Hub = socket.app.state.hub
    await socket.accept()
    stream = await hub.open(caller, may_still=_may_still(socket.scope))
    gone = asyncio.create_task(_until_gone(socket, stream))
    try:
        async for batch in hub.batches(stream, after=after):
            for one in batch:
                await socket.send_data(_as_framed(one))
    except WebSocketDisconnect:
        return
    finally:
        hub.leave(stream)
        gone.cancel()  # the server closes a socket only when nobody waits to receive from it
        await asyncio.wait({gone})
    if stream.ending is not None and stream.ending in CLOSE_CODES:
        code, reason = CLOSE_CODES[stream.ending]
        await socket.close(code=code, reason=reason)


def _as_framed(one: Telling | int) -> str:
    return one.framed if isinstance(one, Telling) else f'{{"id":{one},"event":"heartbeat"}}'


async def _until_gone(socket: WebSocket[Any, Any, State], stream: Stream) -> None:
    try:
        while True:
            await socket.receive_data(mode="text")
    except WebSocketDisconnect:
        stream.end(Ending.GONE)


routes: Final = [live_sse, live_websocket]
