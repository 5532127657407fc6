"""The spine: what is recorded is heard, in order, once in effect, whatever dies meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from random import Random
from typing import Any, ClassVar, cast
from uuid import UUID

import pytest
from msgspec import Struct

from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Deadline, Event, accept
from tawsil.kernel.events import MOST_ATTEMPTS, Reader, Recorded, Registry, Subscription
from tawsil.kernel.jobs import HeldJobs

TENANT = UUID(int=1)


class Ticked(Event, frozen=True, tag="counter.ticked.v1"):
    n: int


class Counter(Struct, frozen=True):
    stream: ClassVar[str] = "counter"
    id: UUID
    version: int = 0
    tenant_id: UUID = TENANT
    city_id: UUID | None = None
    deadline: Deadline | None = None


REGISTRY = Registry([Ticked])


async def tick(tx: Tx, counter: Counter, n: int) -> Counter:
    decision = accept(counter, Ticked(n=n))
    await tx.record([(By(tenant_id=TENANT, correlation_id=tx.ids()), decision)])
    return decision.state


class Heard:
    """Writes what it hears to a table, and can be made to die in the middle."""

    def __init__(self) -> None:
        self.fail_on: set[int] = set()

    async def __call__(self, tx: Tx, events: Sequence[Recorded[Any]]) -> None:
        for event in events:
            await tx.execute(
                "insert into heard values ($1, $2, $3)", event.seq, event.stream_id, event.version
            )
            if event.event.n in self.fail_on:
                raise RuntimeError("handler died")


@pytest.fixture
async def heard(database: Database) -> Any:
    await database.pool.execute("create table heard (seq bigint, stream_id uuid, version int)")
    yield Heard()
    await database.pool.execute("drop table heard")


async def test_a_gap_waits_for_the_transaction_that_may_fill_it(database: Database) -> None:
    reader, start = Reader(REGISTRY), await _end_of_log(database)
    slow, fast = Counter(database.ids()), Counter(database.ids())
    async with database.transaction() as open_tx:
        await tick(open_tx, slow, 1)
        async with database.transaction() as other:
            await tick(other, fast, 2)
        async with database.transaction() as tx:
            assert await reader.after(tx, start) == ([], start)
    async with database.transaction() as tx:
        events, reached = await reader.after(tx, start)
    assert [e.event.n for e in events] == [1, 2]
    assert reached == start + 2


async def test_a_gap_waits_though_who_fills_it_began_after_the_last_that_ended(
    database: Database,
) -> None:
    """The last to begin takes the first number; the one that began before it ends first."""
    reader, start = Reader(REGISTRY), await _end_of_log(database)
    began = "select pg_current_xact_id()"
    async with AsyncExitStack() as held:
        first = await held.enter_async_context(database.transaction())
        async with database.transaction() as last:
            await first.execute(began)
            await last.execute(began)
            await tick(last, Counter(database.ids()), 1)
            await tick(first, Counter(database.ids()), 2)
            await held.aclose()
            for _ in range(3):
                async with database.transaction() as tx:
                    assert await reader.after(tx, start) == ([], start)
    async with database.transaction() as tx:
        events, _ = await reader.after(tx, start)
    assert [e.event.n for e in events] == [1, 2]


async def _end_of_log(database: Database) -> int:
    """A position with nothing before it left to hear: other tests may have used up numbers."""
    async with database.transaction() as tx:
        await tick(tx, Counter(database.ids()), 0)
        return await tx.value("select max(seq) from kernel.event")


async def test_a_gap_left_by_a_rollback_is_passed(database: Database) -> None:
    reader = Reader(REGISTRY)
    with pytest.raises(RuntimeError):
        async with database.transaction() as tx:
            await tick(tx, Counter(database.ids()), 1)
            raise RuntimeError
    async with database.transaction() as tx:
        await tick(tx, Counter(database.ids()), 2)
    seen: list[int] = []
    for _ in range(3):
        async with database.transaction() as tx:
            seen += [e.event.n for e in (await reader.after(tx, 0))[0]]
            if seen:
                break
    assert seen == [2]


async def test_the_log_refuses_change(database: Database) -> None:
    async with database.transaction() as tx:
        await tick(tx, Counter(database.ids()), 1)
    for change in ("update kernel.event set type = 'x'", "delete from kernel.event"):
        with pytest.raises(Exception, match="append-only"):
            await database.pool.execute(change)


async def test_two_decisions_on_one_version_cannot_both_stand(database: Database) -> None:
    counter = Counter(database.ids())
    async with database.transaction() as tx:
        await tick(tx, counter, 1)
    with pytest.raises(Exception, match="event_stream_id_version_key"):
        async with database.transaction() as tx:
            await tick(tx, counter, 2)


async def test_an_event_that_cannot_be_handled_is_parked_and_the_rest_goes_on(
    database: Database, heard: Heard
) -> None:
    heard.fail_on, start = {2}, await _end_of_log(database)
    async with database.transaction() as tx:
        for n in (1, 2, 3):
            await tick(tx, Counter(database.ids()), n)
    subscription = Subscription(name="test", handlers={Ticked: heard}, registry=REGISTRY)
    for _ in range(16):
        try:
            await subscription.advance(database)
        except RuntimeError:
            continue
    rows = await database.pool.fetch("select seq from heard order by seq")
    assert [row["seq"] - start for row in rows] == [0, 1, 3]
    parked = await database.pool.fetchrow("select * from kernel.parked_event")
    assert parked["seq"] == start + 2
    assert "handler died" in parked["error"]


class Meanwhile:
    """A database where something happens before the nth transaction."""

    def __init__(
        self, database: Database, *, nth: int, happens: Callable[[], Awaitable[Any]]
    ) -> None:
        self.database, self.left, self.happens = database, nth, happens

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        self.left -= 1
        if not self.left:
            await self.happens()
        async with self.database.transaction() as tx:
            yield tx


async def test_nobody_parks_what_another_process_has_not_failed_on(
    database: Database, heard: Heard
) -> None:
    heard.fail_on, start = {2}, await _end_of_log(database)
    async with database.transaction() as tx:
        for n in (2, 3, 4):
            await tick(tx, Counter(database.ids()), n)
    first, second = (
        Subscription(name="test", handlers={Ticked: heard}, registry=REGISTRY) for _ in range(2)
    )

    async def exhaust(subscription: Subscription, times: int) -> None:
        for _ in range(times):
            with suppress(RuntimeError):
                await subscription.advance(database)

    await exhaust(second, 5)  # once for what came before, and one failure is left
    parks = Meanwhile(database, nth=3, happens=lambda: exhaust(first, 5))
    await second.advance(cast("Database", parks))
    await exhaust(second, 2)
    rows = await database.pool.fetch("select seq from heard order by seq")
    assert [row["seq"] - start for row in rows] == [0, 2, 3]
    parked = await database.pool.fetch("select seq from kernel.parked_event")
    assert [row["seq"] - start for row in parked] == [1]


async def test_a_lost_connection_parks_nothing(database: Database, heard: Heard) -> None:
    start = await _end_of_log(database)
    subscription = Subscription(name="test", handlers={Ticked: lost}, registry=REGISTRY)
    for _ in range(MOST_ATTEMPTS + 1):
        with pytest.raises(ConnectionResetError):
            await subscription.advance(database)
    assert await database.pool.fetchval("select count(*) from kernel.parked_event") == 0
    again = Subscription(name="test", handlers={Ticked: heard}, registry=REGISTRY)
    while await again.advance(database):
        pass
    assert await database.pool.fetchval("select max(seq) from heard") == start


async def lost(_: Tx, __: Sequence[Recorded[Any]]) -> None:
    raise ConnectionResetError


@pytest.mark.parametrize("writers", [64])
async def test_every_event_once_in_order_while_the_reader_dies(
    database: Database, heard: Heard, writers: int
) -> None:
    """64 writers with random commit delays and rollbacks; the reader is killed and restarted."""
    random = Random(11)
    per_writer = 8
    live = Database(database.pool, now=system_now, ids=Ids(system_now), jobs=HeldJobs())

    async def write(counter: Counter, delays: Random) -> None:
        for n in range(per_writer):
            if delays.random() < 0.2:
                with pytest.raises(ZeroDivisionError):
                    async with live.transaction() as tx:
                        await tick(tx, counter, n)
                        await asyncio.sleep(delays.random() * 0.01)
                        raise ZeroDivisionError
            async with live.transaction() as tx:
                counter = await tick(tx, counter, n)
                await asyncio.sleep(delays.random() * 0.02)

    async def read() -> None:
        subscription = Subscription(name="reader", handlers={Ticked: heard}, registry=REGISTRY)
        while True:
            if not await subscription.advance(live, most=random.randint(1, 50)):
                await asyncio.sleep(0.002)

    async def killer(until: "asyncio.Task[Any]") -> None:
        while not until.done():
            task = asyncio.create_task(read())
            await asyncio.sleep(random.random() * 0.1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    writing = asyncio.gather(*[write(Counter(live.ids()), Random(i)) for i in range(writers)])
    await killer(asyncio.ensure_future(writing))
    await writing
    last = Subscription(name="reader", handlers={Ticked: heard}, registry=REGISTRY)
    quiet = 0
    while quiet < 3:
        quiet = 0 if await last.advance(live) else quiet + 1
    rows = await database.pool.fetch("select stream_id, version from heard order by ctid")
    assert len(rows) == writers * per_writer
    by_stream: dict[UUID, list[int]] = {}
    for row in rows:
        by_stream.setdefault(row["stream_id"], []).append(row["version"])
    assert all(versions == list(range(1, per_writer + 1)) for versions in by_stream.values())
