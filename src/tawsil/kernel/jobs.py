"""Jobs on PgQueuer: queued in the caller's transaction, retried with backoff, held when they fail.

A held job is the dead-letter list: it keeps its payload and error until somebody requeues it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final, cast

import asyncpg
import msgspec
from msgspec import Struct
from pgqueuer import PgQueuer
from pgqueuer.adapters.persistence import qb
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.executors import DatabaseRetryEntrypointExecutor
from pgqueuer.models import Job as QueuedJob
from pgqueuer.queries import Queries

from tawsil.kernel.db import Connection, Job

SETTINGS: Final = DBSettings(db_schema="jobs")


class JobHandler(Struct, frozen=True):
    """What a job's payload is and who does it. `most_attempts` counts the first."""

    payload: type[Struct]
    run: Callable[[Any], Awaitable[None]]
    most_attempts: int = 8


JobHandlers = Mapping[str, JobHandler]


def _queries(driver: AsyncpgDriver | AsyncpgPoolDriver) -> Queries:
    return Queries(
        driver,
        qbe=qb.QueryBuilderEnvironment(SETTINGS),
        qbq=qb.QueryQueueBuilder(SETTINGS),
        qbs=qb.QuerySchedulerBuilder(SETTINGS),
    )


class DatabaseJobs:
    """Queues jobs in the database, in the transaction that asks for them."""

    async def enqueue(self, connection: Connection, jobs: Sequence[Job]) -> None:
        driver = AsyncpgDriver(cast("asyncpg.Connection[asyncpg.Record]", connection))
        await _queries(driver).enqueue(
            [job.name for job in jobs],
            [msgspec.json.encode(job.payload) for job in jobs],
            [0] * len(jobs),
            [timedelta(seconds=job.delay_s) for job in jobs],
        )


class HeldJobs:
    """Keeps jobs in memory, in order, for a platform that runs in one process in virtual time."""

    def __init__(self) -> None:
        self.waiting: deque[Job] = deque()

    async def enqueue(self, connection: Connection, jobs: Sequence[Job]) -> None:
        del connection
        self.waiting.extend(jobs)


async def work(
    pool: "asyncpg.Pool[asyncpg.Record]", handlers: JobHandlers, *, stop: asyncio.Event
) -> None:
    """Do jobs until told to stop."""
    driver = AsyncpgPoolDriver(pool)
    queuer = PgQueuer(driver, queries=_queries(driver))
    for name, handler in handlers.items():
        queuer.entrypoint(
            name,
            on_failure="hold",
            executor_factory=partial(
                DatabaseRetryEntrypointExecutor, max_attempts=handler.most_attempts - 1
            ),
        )(_entrypoint(handler))
    running = asyncio.create_task(queuer.run(dequeue_timeout=timedelta(seconds=5), batch_size=20))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    queuer.shutdown.set()
    stopping.cancel()
    await running


def _entrypoint(handler: JobHandler) -> Callable[[QueuedJob], Awaitable[None]]:
    async def run(job: QueuedJob) -> None:
        await handler.run(msgspec.json.decode(job.payload or b"{}", type=handler.payload))

    return run


def install_sql() -> str:
    """The statements that create the queue's own tables, for the migration."""
    return qb.QueryBuilderEnvironment(SETTINGS).build_install_query()
