"""What is due is done once, in order, and never forgotten."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import RETRY_AFTER, Deadlines, Due, next_due_at
from tawsil.kernel.decisions import By, Deadline, Event, accept

SOON = timedelta(minutes=1)


class Rang(Event, frozen=True, tag="alarm.rang.v1"):
    pass


class Alarm(Struct, frozen=True):
    stream: ClassVar[str] = "alarm"
    id: UUID
    tenant_id: UUID
    version: int = 0
    city_id: UUID | None = None
    deadline: Deadline | None = None


class Bell:
    """The owner of alarms: each rings once, unless it is stuck or broken."""

    def __init__(self, by: By) -> None:
        self.by = by
        self.alarms: dict[UUID, Alarm] = {}
        self.rung: list[UUID] = []
        self.batches: list[int] = []
        self.broken: set[UUID] = set()
        self.stuck: set[UUID] = set()
        self.slow_s = 0.0

    async def set(self, tx: Tx, *after: timedelta) -> list[UUID]:
        made = [
            Alarm(tx.ids(), self.by.tenant_id, deadline=Deadline("ring", tx.now + a)) for a in after
        ]
        decisions = [accept(alarm, Rang()) for alarm in made]
        await tx.record([(self.by, decision) for decision in decisions])
        self.alarms |= {d.state.id: d.state for d in decisions}
        return [alarm.id for alarm in made]

    async def __call__(self, tx: Tx, due: Sequence[Due]) -> None:
        self.batches.append(len(due))
        await asyncio.sleep(self.slow_s)
        if self.broken & {d.subject_id for d in due}:
            raise RuntimeError("the bell is broken")
        free = [self.alarms[d.subject_id] for d in due if d.subject_id not in self.stuck]
        decisions = [accept(replace(alarm, deadline=None), Rang()) for alarm in free]
        await tx.record([(self.by, decision) for decision in decisions])
        self.rung += [alarm.id for alarm in free]


@pytest.fixture
def bell(by: By) -> Bell:
    return Bell(by)


async def left(database: Database) -> dict[UUID, Any]:
    rows = await database.pool.fetch("select * from kernel.deadline")
    return {row["subject_id"]: row for row in rows}


async def test_what_is_due_rings_in_order_and_the_rest_waits(
    database: Database, bell: Bell, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        late, soon, later = await bell.set(tx, SOON * 2, SOON, SOON * 3)
    deadlines = Deadlines({"alarm": bell})
    assert await deadlines.fire(database) == 0
    clock.advance(SOON * 2)
    assert await deadlines.fire(database) == 2
    assert bell.rung == [soon, late]
    assert set(await left(database)) == {later}
    async with database.transaction() as tx:
        assert await next_due_at(tx) == clock() + SOON


async def test_one_that_fails_is_tried_again_later_and_the_others_ring(
    database: Database, bell: Bell, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        broken, good, fine = await bell.set(tx, SOON, SOON * 1.1, SOON * 1.2)
    bell.broken = {broken}
    clock.advance(SOON * 2)
    deadlines = Deadlines({"alarm": bell})
    assert await deadlines.fire(database) == 1
    assert bell.batches == [3, 1], "all together, then the first alone"
    assert await deadlines.fire(database) == 2
    assert bell.rung == [good, fine]
    (row,) = (await left(database)).values()
    assert (row["subject_id"], row["attempts"]) == (broken, 1)
    assert row["due_at"] == clock() + RETRY_AFTER
    assert await deadlines.fire(database) == 0, "not before its time"
    clock.advance(RETRY_AFTER)
    await deadlines.fire(database)
    assert (await left(database))[broken]["attempts"] == 2
    bell.broken = set()
    clock.advance(RETRY_AFTER)
    assert await deadlines.fire(database) == 1
    assert bell.rung == [good, fine, broken]
    assert await left(database) == {}


async def test_an_owner_that_leaves_its_deadline_is_an_error(
    database: Database, bell: Bell, clock: VirtualClock
) -> None:
    """It would ring for ever: what it did is undone, and it is tried again later."""
    async with database.transaction() as tx:
        stuck, good = await bell.set(tx, SOON, SOON)
    bell.stuck = {stuck}
    clock.advance(SOON)
    deadlines = Deadlines({"alarm": bell})
    await deadlines.fire(database)
    await deadlines.fire(database)
    assert set(await left(database)) == {stuck}
    assert (await left(database))[stuck]["attempts"] == 1
    rang = "select stream_id from kernel.event where version = 2"
    assert [r["stream_id"] for r in await database.pool.fetch(rang)] == [good]


async def test_pollers_beside_each_other_never_ring_one_twice(
    database: Database, bell: Bell, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        made = await bell.set(tx, *[SOON] * 100)
    clock.advance(SOON)
    bell.slow_s = 0.002

    async def poll() -> int:
        deadlines, fired = Deadlines({"alarm": bell}), 0
        while found := await deadlines.fire(database, most=7):
            fired += found
        return fired

    fired = await asyncio.gather(*[poll() for _ in range(4)])
    assert sum(fired) == 100
    assert sorted(bell.rung) == sorted(made)


async def test_owners_that_share_an_id_keep_their_own_deadlines(
    database: Database, bell: Bell, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        (alarm,) = await bell.set(tx, SOON)
        await tx.execute(
            "insert into kernel.deadline (subject_id, owner, kind, due_at) values ($1, $2, $3, $4)",
            alarm,
            "other",
            "x",
            tx.now,
        )
    clock.advance(SOON)
    assert await Deadlines({"alarm": bell}).fire(database) == 1
    assert [row["owner"] for row in (await left(database)).values()] == ["other"]
