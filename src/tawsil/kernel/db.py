"""The database: a pool, and transactions that know their instant and record what was decided."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from tawsil.kernel.clock import Ids
from tawsil.kernel.decisions import Accepted, By, Command, Event, Subject

TENANT_ROLE: Final = "tawsil_tenant"
"""Whom row-level security holds; a database's owner is not held. See docs/adr/0017-tenants.md."""

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Work that needs the network or more time than a transaction has; done by a worker later."""

    name: str
    payload: msgspec.Struct
    delay_s: float = 0.0


class JobQueue(Protocol):
    """Where jobs wait. They are queued by the transaction that wants them, or not at all."""

    async def enqueue(self, connection: Connection, jobs: Sequence[Job]) -> None: ...


class Tx:
    """One transaction: everything in it happens at `now`, with ids from `ids`, or not at all."""

    def __init__(self, connection: Connection, *, now: datetime, ids: Ids, jobs: JobQueue) -> None:
        self._connection = connection
        self._jobs = jobs
        self.now = now
        self.ids = ids

    async def rows(self, sql: str, *args: object) -> list[asyncpg.Record]:
        return await self._connection.fetch(sql, *args)

    async def row(self, sql: str, *args: object) -> asyncpg.Record | None:
        return await self._connection.fetchrow(sql, *args)

    async def value(self, sql: str, *args: object) -> Any:
        return await self._connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> int:
        """Run a statement; the number of rows it touched."""
        status = await self._connection.execute(sql, *args)
        count = status.rsplit(" ", 1)[-1]
        return int(count) if count.isdigit() else 0

    async def enqueue(self, *jobs: Job) -> None:
        if jobs:
            await self._jobs.enqueue(self._connection, jobs)

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None, None]:
        async with self._connection.transaction():
            yield

    async def record(self, decided: Sequence[tuple[Command | By, Accepted[Any]]]) -> None:
        """Append the events of decisions and set or clear each subject's one deadline.

        The last decision about a subject in the batch says its deadline.
        """
        rows = [
            (self.ids(), by, accepted.state, accepted.expected_version + 1 + n, event)
            for command, accepted in decided
            for by in [command if isinstance(command, By) else command.by]
            for n, event in enumerate(accepted.events)
        ]
        if not rows:
            return
        await self._append(rows)
        await self._set_deadlines(
            {(a.state.id, a.state.stream): a.state for _, a in decided if a.events}
        )

    async def await_again(self, subjects: Sequence[Subject]) -> None:
        """Set the deadlines of subjects that were looked at and saved, though nothing happened."""
        await self._set_deadlines({(s.id, s.stream): s for s in subjects})

    async def _append(self, rows: Sequence[tuple[UUID, By, Subject, int, Event]]) -> None:
        await self._connection.execute(
            """
            with appended as (
                insert into kernel.event (id, stream, stream_id, version, type, data, actor_id,
                    actor_role, tenant_id, city_id, correlation_id, causation_id, at)
                select *, $13::timestamptz from unnest($1::uuid[], $2::text[], $3::uuid[],
                    $4::int[], $5::text[], $6::jsonb[], $7::uuid[], $8::text[], $9::uuid[],
                    $10::uuid[], $11::uuid[], $12::uuid[])
            )
            select pg_notify('tawsil_events', '')
            """,
            [id_ for id_, *_ in rows],
            [state.stream for _, _, state, _, _ in rows],
            [state.id for _, _, state, _, _ in rows],
            [version for _, _, _, version, _ in rows],
            [event_type(type(event)) for *_, event in rows],
            [msgspec.json.encode(event).decode() for *_, event in rows],
            [by.actor_id for _, by, *_ in rows],
            [by.role for _, by, *_ in rows],
            [by.tenant_id for _, by, *_ in rows],
            [state.city_id for _, _, state, _, _ in rows],
            [by.correlation_id for _, by, *_ in rows],
            [by.causation_id for _, by, *_ in rows],
            self.now,
        )

    async def _set_deadlines(self, states: dict[tuple[UUID, str], Subject]) -> None:
        due = [(s, s.deadline) for s in states.values()]
        over = [s for s, deadline in due if deadline is None]
        waiting = [(s, deadline) for s, deadline in due if deadline is not None]
        if over:
            await self._connection.execute(
                """
                delete from kernel.deadline d using unnest($1::uuid[], $2::text[]) u (id, stream)
                where d.subject_id = u.id and d.owner = u.stream
                """,
                [s.id for s in over],
                [s.stream for s in over],
            )
        if waiting:
            await self._connection.execute(
                """
                insert into kernel.deadline (subject_id, owner, kind, due_at)
                select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
                order by 1, 2
                on conflict (subject_id, owner) do update
                set kind = excluded.kind, due_at = excluded.due_at, attempts = 0
                """,
                [s.id for s, _ in waiting],
                [s.stream for s, _ in waiting],
                [deadline.kind for _, deadline in waiting],
                [deadline.at for _, deadline in waiting],
            )


class Database:
    """Opens transactions. Give it a virtual clock and seeded ids, and a day runs again the same."""

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        *,
        now: Callable[[], datetime],
        ids: Ids,
        jobs: JobQueue,
    ) -> None:
        self.pool = pool
        self.now = now
        self.ids = ids
        self._jobs = jobs
        self.binding: str | None = None

    def within(self, tenants: Iterable[UUID]) -> "Database":
        """The same database, in whose transactions only the rows of these tenants exist."""
        bound = copy(self)
        bound.binding = _bind(tenants)
        return bound

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx, None]:
        async with self.pool.acquire() as connection, connection.transaction():
            if self.binding is not None:
                await connection.execute(self.binding)
            yield Tx(connection, now=self.now(), ids=self.ids, jobs=self._jobs)


def _bind(tenants: Iterable[UUID]) -> str:
    """Both statements in one message; both end with the transaction."""
    these = ",".join(str(UUID(int=tenant.int)) for tenant in tenants)
    return f"set local role {TENANT_ROLE}; set local tawsil.tenants = '{{{these}}}'"


def event_type(cls: type[Event]) -> str:
    """The registered name of an event class, such as `order.placed.v1`."""
    tag = cls.__struct_config__.tag
    assert isinstance(tag, str), f"{cls.__name__} must be declared with tag='noun.verb.vN'"
    return tag


class _Kept(asyncpg.Connection):
    """Goes back to its pool as it came: whatever is set here ends with its transaction.

    asyncpg would ask the server to forget it once more, which costs a message per transaction.
    """

    def get_reset_query(self) -> str:
        return ""


async def connect(url: str, *, most: int = 10) -> "asyncpg.Pool[asyncpg.Record]":
    """A pool of at most `most` connections; statements over 30 s are ended by the server."""
    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=most,
        connection_class=_Kept,
        server_settings={
            "application_name": "tawsil",
            "timezone": "UTC",
            "statement_timeout": "30s",
            "idle_in_transaction_session_timeout": "30s",
            "jit": "off",
        },
    )


async def breach(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    """Why the server does not keep callers to their tenant; None when it does."""
    try:
        async with connection.transaction(readonly=True):
            await connection.execute(_bind([]))
            seen = await connection.fetchval("select exists (select from kernel.event)")
    except asyncpg.PostgresError as error:
        return str(error)
    return "a transaction that is nobody's sees rows" if seen else None
