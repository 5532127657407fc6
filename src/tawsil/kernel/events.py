"""The event log as outbox, audit trail and replay log in one; and readers that miss nothing.

Sequence numbers are taken before their transactions commit, so a reader may see 6 before 5. A
reader passes on while numbers are contiguous. At a gap it begins a transaction, and steps over it
only when every one that began before that has ended (`pg_snapshot_xmin`): what the gap belonged to
has by then either appeared or been rolled back. The `tx` column comes before
`seq` in the table, so that a transaction has an id before it takes a number.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import asyncpg
import msgspec
import structlog
from msgspec import Struct

from tawsil.kernel.db import Database, Tx, event_type
from tawsil.kernel.decisions import By, Event

E_co = TypeVar("E_co", bound=Event, covariant=True)
log = structlog.get_logger(__name__)

MOST_PER_BATCH: Final = 200
MOST_ATTEMPTS: Final = 5
MOST_COUNTED: Final = 10_000
CONNECTION_LOST: Final = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)
"""What is no fault of the event that was being heard."""


class Recorded(Struct, Generic[E_co], frozen=True, kw_only=True):
    """An event as it stands in the log."""

    seq: int
    id: UUID
    stream: str
    stream_id: UUID
    version: int
    event: E_co
    actor_id: UUID | None
    actor_role: str
    tenant_id: UUID
    city_id: UUID | None
    correlation_id: UUID
    causation_id: UUID | None
    at: datetime

    @property
    def type(self) -> str:
        event: Event = self.event
        return event_type(type(event))

    @property
    def by(self) -> By:
        """What follows from this event is done by the system, on its tenant's behalf."""
        return By(
            tenant_id=self.tenant_id, correlation_id=self.correlation_id, causation_id=self.id
        )


Handler = Callable[[Tx, Sequence[Recorded[Any]]], Awaitable[None]]


class Registry:
    """Every event type there is, by its registered name."""

    def __init__(self, classes: Iterable[type[Event]]) -> None:
        self.by_name: dict[str, type[Event]] = {}
        for cls in classes:
            name = event_type(cls)
            if self.by_name.setdefault(name, cls) is not cls:
                raise ValueError(f"two event classes are called {name}")
        self._decoders = {name: msgspec.json.Decoder(cls) for name, cls in self.by_name.items()}

    def recorded(self, row: asyncpg.Record) -> Recorded[Any]:
        return Recorded(
            seq=row["seq"],
            id=row["id"],
            stream=row["stream"],
            stream_id=row["stream_id"],
            version=row["version"],
            event=self._decoders[row["type"]].decode(row["data"]),
            actor_id=row["actor_id"],
            actor_role=row["actor_role"],
            tenant_id=row["tenant_id"],
            city_id=row["city_id"],
            correlation_id=row["correlation_id"],
            causation_id=row["causation_id"],
            at=row["at"],
        )


async def story(tx: Tx, registry: Registry, *, correlation_id: UUID) -> list[Recorded[Any]]:
    """All that was recorded as part of one story, in the order it was recorded."""
    rows = await tx.rows(
        "select * from kernel.event where correlation_id = $1 order by seq", correlation_id
    )
    return [registry.recorded(row) for row in rows]


class Search(Struct, frozen=True, kw_only=True):
    """Which of a tenant's events are looked for; what is None does not matter."""

    tenant_id: UUID
    actor_id: UUID | None = None
    stream: str | None = None
    stream_id: UUID | None = None
    type: str | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    before: int | None = None


async def search(
    tx: Tx, registry: Registry, wanted: Search, *, limit: int, offset: int = 0
) -> tuple[list[Recorded[Any]], int]:
    """The events, newest first, and how many there are, counted up to `MOST_COUNTED`."""
    found = """
        from kernel.event where tenant_id = $1
            and ($2::uuid is null or actor_id = $2) and ($3::text is null or stream = $3)
            and ($4::uuid is null or stream_id = $4) and ($5::text is null or type = $5)
            and ($6::timestamptz is null or at >= $6) and ($7::timestamptz is null or at < $7)
            and ($8::bigint is null or seq < $8)
    """
    values = msgspec.structs.astuple(wanted)
    rows = await tx.rows(
        f"select * {found} order by seq desc limit $9 offset $10",
        *values,
        limit,
        offset,
    )
    total = await tx.value(
        f"select count(*) from (select {found} limit $9) counted",  # noqa: S608 - a constant
        *values,
        MOST_COUNTED,
    )
    return [registry.recorded(row) for row in rows], total


async def newest(tx: Tx) -> int:
    """The position of the newest event there is; 0 when there is none."""
    return await tx.value("select coalesce(max(seq), 0) from kernel.event")


async def lags(tx: Tx) -> dict[str, int]:
    """How many events each subscription has yet to hear."""
    rows = await tx.rows(
        """
        select name, (select coalesce(max(seq), 0) from kernel.event) - seq as lag
        from kernel.subscription
        """
    )
    return {row["name"]: row["lag"] for row in rows}


class Reader:
    """Reads the log after a position, never past a gap that an open transaction may still fill."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._gap: tuple[int, int] | None = (
            None  # the last number before it, a transaction that began after it was seen
        )

    async def after(
        self, tx: Tx, seq: int, *, most: int = MOST_PER_BATCH
    ) -> tuple[list[Recorded[Any]], int]:
        """The next events, and the position they bring the reader to."""
        rows = await tx.rows(
            """
            select e.*, s.xmin
            from (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xmin) s
            left join lateral (
                select * from kernel.event where seq > $1 order by seq limit $2
            ) e on true
            """,
            seq,
            most,
        )
        found = [row for row in rows if row["seq"] is not None]
        safe: list[asyncpg.Record] = []
        for row in found:
            if row["seq"] != seq + 1 and not await self._may_pass(tx, seq, xmin=row["xmin"]):
                break
            seq = row["seq"]
            safe.append(row)
        return [self._registry.recorded(row) for row in safe], seq

    async def _may_pass(self, tx: Tx, before: int, *, xmin: int) -> bool:
        """Whether every transaction has ended that was there when the gap was first seen.

        A snapshot's `xmax` would not do: it follows the last that has *ended*, and whoever took the
        number may have begun after that one.
        """
        if self._gap is None or self._gap[0] != before:
            self._gap = (before, await tx.value("select pg_current_xact_id()::text::bigint"))
        return xmin >= self._gap[1]


class Subscription:
    """A named listener. Its cursor and its handlers' writes commit together: an effect once.

    A handler that fails is retried with its event alone; after `MOST_ATTEMPTS` the event is parked
    with the error, where operations can see it and play it again, and the rest goes on.
    """

    def __init__(
        self, *, name: str, handlers: Mapping[type[Event], Handler], registry: Registry
    ) -> None:
        self.name = name
        self._handlers = handlers
        self._registry = registry
        self._reader = Reader(registry)
        self._failed: Counter[int] = Counter()

    def hears(self, cls: type[Event]) -> bool:
        """Whether events of this class mean anything to it."""
        return cls in self._handlers

    async def advance(self, database: Database, *, most: int = MOST_PER_BATCH) -> int:
        """Hear the next batch; how far the cursor moved.

        0: nothing to hear, or waiting, or another process is hearing it.
        """
        heard: int | None = None
        try:
            async with database.transaction() as tx:
                cursor, events, reached = await self._next(tx, most)
                if reached > cursor:
                    heard = cursor
                    await self._hear(tx, events)
                    await self._move(tx, reached)
        except Exception as error:
            if heard is None or isinstance(error, CONNECTION_LOST):
                raise
            if most > 1:
                log.warning("events.batch_failed", subscription=self.name, error=repr(error))
                return await self.advance(database, most=1)
            self._failed[heard] += 1
            if self._failed[heard] < MOST_ATTEMPTS:
                raise
            return await self._park(database, error, after=heard)
        self._failed.clear()
        return reached - cursor

    async def _next(self, tx: Tx, most: int) -> tuple[int, list[Recorded[Any]], int]:
        cursor = await tx.value(
            "select seq from kernel.subscription where name = $1 for update skip locked", self.name
        )
        if cursor is None:
            new = await tx.execute(
                "insert into kernel.subscription (name) values ($1) on conflict do nothing",
                self.name,
            )
            if not new:
                return 0, [], 0
            cursor = 0
        events, reached = await self._reader.after(tx, cursor, most=most)
        return cursor, events, reached

    async def _hear(self, tx: Tx, events: Sequence[Recorded[Any]]) -> None:
        for cls, run in groupby(events, key=_class_of):
            handler = self._handlers.get(cls)
            if handler is not None:
                await handler(tx, list(run))

    async def _move(self, tx: Tx, to: int) -> None:
        await tx.execute(
            "update kernel.subscription set seq = $2, at = $3 where name = $1",
            self.name,
            to,
            tx.now,
        )

    async def _park(self, database: Database, error: Exception, *, after: int) -> int:
        """Only what has failed here: meanwhile another process may have parked it and gone on."""
        async with database.transaction() as tx:
            cursor, events, reached = await self._next(tx, 1)
            if cursor != after:
                return 0
            for recorded in events:
                log.error(
                    "events.parked", subscription=self.name, seq=recorded.seq, error=repr(error)
                )
                await tx.execute(
                    """
                    insert into kernel.parked_event (subscription, seq, error, at)
                    values ($1, $2, $3, $4) on conflict do nothing
                    """,
                    self.name,
                    recorded.seq,
                    repr(error),
                    tx.now,
                )
            await self._move(tx, reached)
        self._failed.clear()
        return reached - cursor


def _class_of(recorded: Recorded[Any]) -> type[Event]:
    event: Event = recorded.event
    return type(event)
