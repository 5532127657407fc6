"""A whole platform in one process under virtual time: same services, same database, same seed.

Nothing runs by itself: `settle` lets everything that follows from what was done happen, in a fixed
order, and `run_until` moves the clock from one due instant to the next. With ids and randomness
from a seed, the same day happens again, event for event.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from heapq import heappop, heappush
from typing import Any, Final

import asyncpg
from msgspec import Struct

from tawsil.kernel.batches import Handle
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Job
from tawsil.kernel.deadlines import Deadlines, Owner, next_due_at
from tawsil.kernel.decisions import Command, Refusal
from tawsil.kernel.events import Subscription
from tawsil.kernel.jobs import HeldJobs, JobHandlers

Action = Callable[[], Awaitable[None]]
MOST_ROUNDS: Final = 1_000


class _Planned(Struct, order=True):
    at: datetime
    turn: int
    action: Any = None


class VirtualPlatform:
    """Drives the platform's parts by hand.

    `ticks` are called once a `tick` of virtual time (the dispatcher); `step` hooks run after each
    instant has settled, to look at invariants.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: VirtualClock,
        held: HeldJobs,
        subscriptions: Sequence[Subscription],
        deadlines: Mapping[str, Owner],
        jobs: JobHandlers,
    ) -> None:
        self.database = database
        self.clock = clock
        self._held = held
        self._subscriptions = subscriptions
        self._deadlines = Deadlines(deadlines)
        self._jobs = jobs
        self._plan: list[_Planned] = []
        self._turn = 0
        self._newest = 0

    def at(self, when: datetime, action: Action) -> None:
        """Do something at an instant; at the same instant, in the order of asking."""
        self._turn += 1
        heappush(self._plan, _Planned(max(when, self.clock()), self._turn, action))

    def after(self, seconds: float, action: Action) -> None:
        self.at(self.clock() + timedelta(seconds=seconds), action)

    async def do(self, handle: Handle[Any], *commands: Command) -> list[Any | Refusal]:
        """Run commands through a use case in a transaction of their own."""
        async with self.database.transaction() as tx:
            return list(await handle(tx, commands))

    async def run_until(self, end_at: datetime) -> None:
        """Let time pass, from one thing that is due to the next."""
        await self.settle()
        while (due_at := await self._next_at()) is not None and due_at <= end_at:
            self.clock.set(max(due_at, self.clock()))
            while self._plan and self._plan[0].at <= self.clock():
                await heappop(self._plan).action()
            await self.settle()
        self.clock.set(end_at)

    async def settle(self) -> None:
        """Let everything that follows from what was done happen, until nothing does."""
        for _ in range(MOST_ROUNDS):
            moved = await self._fire() + await self._hear()
            moved += await self._work()
            if not moved:
                return
        raise AssertionError("the platform does not come to rest")

    async def _fire(self) -> int:
        due_at = await self._deadline_at()
        return await self._deadlines.fire(self.database) if due_at and due_at <= self.clock() else 0

    async def _deadline_at(self) -> datetime | None:
        async with self.database.transaction() as tx:
            return await next_due_at(tx)

    async def _hear(self) -> int:
        newest = await self.database.pool.fetchval("select coalesce(max(seq), 0) from kernel.event")
        if newest == self._newest:
            return 0
        moved = sum([await s.advance(self.database) for s in self._subscriptions])
        if not moved:
            self._newest = newest
        return 1

    async def _work(self) -> int:
        jobs = list(self._held.waiting)
        self._held.waiting.clear()
        for job in jobs:
            if job.delay_s > 0:
                self.after(job.delay_s, self._doing(job))
            else:
                await self._jobs[job.name].run(job.payload)
        return len(jobs)

    def _doing(self, job: Job) -> Action:
        async def do() -> None:
            await self._jobs[job.name].run(job.payload)

        return do

    async def _next_at(self) -> datetime | None:
        known = [
            at for at in (await self._deadline_at(), self._plan[0].at if self._plan else None) if at
        ]
        return min(known, default=None)


async def story_hash(pool: "asyncpg.Pool[asyncpg.Record]") -> str:
    """SHA-256 over every event in order: what happened, to what, on whose behalf, and when."""
    digest = sha256()
    async with pool.acquire() as connection, connection.transaction():
        async for row in connection.cursor(
            """
            select id, stream, stream_id, version, type, data::text as data, actor_id, actor_role,
                correlation_id, causation_id, at
            from kernel.event order by seq
            """,
            prefetch=1_000,
        ):
            digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()
