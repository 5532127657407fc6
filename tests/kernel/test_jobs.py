"""On the real queue: a job runs once, if and only if its transaction stood."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from msgspec import Struct

from tawsil.kernel import jobs
from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.db import Database, Job
from tawsil.kernel.jobs import DatabaseJobs, JobHandler, JobHandlers

TABLE = "jobs.pgqueuer"


class Errand(Struct):
    n: int


class Worker:
    """Does errands; those in `failing` fail so many times first."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.tried: dict[int, list[float]] = {}
        self.failing: dict[int, int] = {}

    async def run(self, errand: Errand) -> None:
        tries = self.tried.setdefault(errand.n, [])
        tries.append(monotonic())
        if len(tries) <= self.failing.get(errand.n, 0):
            raise ConnectionError(errand.n)
        self.done.append(errand.n)

    def handlers(self, most_attempts: int = 3) -> JobHandlers:
        handler = JobHandler(payload=Errand, run=self.run, most_attempts=most_attempts)
        return {"test.errand": handler}

    @asynccontextmanager
    async def working(self, database: Database, **how: int) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(jobs.work(database.pool, self.handlers(**how), stop=stop))
        try:
            yield
        finally:
            stop.set()
            await task


@pytest.fixture
async def queue(database: Database) -> Database:
    return Database(database.pool, now=system_now, ids=Ids(system_now), jobs=DatabaseJobs())


async def ask(database: Database, *numbers: int, delay_s: float = 0) -> None:
    async with database.transaction() as tx:
        await tx.enqueue(
            *[Job(name="test.errand", payload=Errand(n), delay_s=delay_s) for n in numbers]
        )


async def until(condition: object, patience_s: float = 20) -> None:
    assert callable(condition)
    async with asyncio.timeout(patience_s):
        while True:
            met = condition()
            if await met if asyncio.iscoroutine(met) else met:
                return
            await asyncio.sleep(0.05)


async def test_a_job_of_a_transaction_that_failed_never_runs(queue: Database) -> None:
    worker = Worker()
    with pytest.raises(ZeroDivisionError):
        async with queue.transaction() as tx:
            await tx.enqueue(Job(name="test.errand", payload=Errand(1)))
            raise ZeroDivisionError
    await ask(queue, 2)
    async with worker.working(queue):
        await until(lambda: 2 in worker.done)
        await asyncio.sleep(0.2)
    assert worker.done == [2]


async def test_each_job_runs_once_between_two_workers(queue: Database) -> None:
    first, second = Worker(), Worker()
    await ask(queue, *range(40))
    async with first.working(queue), second.working(queue):
        await until(lambda: len(first.done) + len(second.done) >= 40)
        await ask(queue, 40)
        await until(lambda: 40 in first.done + second.done)
    assert sorted(first.done + second.done) == list(range(41))


async def test_a_failing_job_is_tried_again_a_little_later(queue: Database) -> None:
    worker = Worker()
    worker.failing = {1: 1}
    await ask(queue, 1, 2)
    async with worker.working(queue):
        await until(lambda: set(worker.done) == {1, 2})
    first, second = worker.tried[1]
    assert second - first > 0.5, "not at once"
    assert len(worker.tried[2]) == 1


async def test_a_job_that_keeps_failing_is_held_with_its_payload(queue: Database) -> None:
    worker = Worker()
    worker.failing = {7: 99}
    await ask(queue, 7)
    held = f"select payload from {TABLE} where status = 'failed'"  # noqa: S608 - our own name
    async with worker.working(queue, most_attempts=2):
        await until(lambda: queue.pool.fetchval(held))
    assert b'"n":7' in await queue.pool.fetchval(held)
    assert len(worker.tried[7]) == 2


async def test_a_job_waits_for_its_time(queue: Database) -> None:
    worker = Worker()
    begun = monotonic()
    await ask(queue, 1, delay_s=1.0)
    async with worker.working(queue):
        await until(lambda: 1 in worker.done)
    assert monotonic() - begun >= 1.0
