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
from tawsil.kernel.deadlines import Deadlines, Owner
from tawsil.kernel.decisions import Command, Event, Refusal
from tawsil.kernel.events import Recorded, Registry, Subscription
from tawsil.kernel.jobs import HeldJobs, JobHandlers

Action = Callable[[], Awaitable[None]]
Watcher = Callable[[Recorded[Any]], None]
MOST_ROUNDS: Final = 1_000
RETRY_AFTER_S: Final = 5.0


class _Planned(Struct, order=True):
    at: datetime
    turn: int
    action: Any = None


class VirtualPlatform:
    """Drives the platform's parts by hand. `watchers` are told of every event, in order.

    What happened up to the event `newest` is of another day.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: VirtualClock,
        held: HeldJobs,
        registry: Registry,
        subscriptions: Sequence[Subscription],
        deadlines: Mapping[str, Owner],
        jobs: JobHandlers,
        watchers: Sequence[Watcher] = (),
        newest: int = 0,
    ) -> None:
        self.database = database
        self.clock = clock
        self._held = held
        self._registry = registry
        self._subscriptions = subscriptions
        self._deadlines = Deadlines(deadlines)
        self._jobs = jobs
        self._watchers = list(watchers)
        self._plan: list[_Planned] = []
        self._turn = 0
        self._newest = newest
        self._deadline: datetime | None = None
        self._deadline_as_of = -1

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

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
        if due_at is None or due_at > self.clock():
            return 0
        self._deadline_as_of = -1  # one that failed was put off, without an event
        return await self._deadlines.fire(self.database)

    async def _deadline_at(self) -> datetime | None:
        """The earliest deadline. They change with events alone, so it is looked up after those."""
        if self._deadline_as_of != self._newest:
            self._deadline = await self.database.pool.fetchval(
                "select min(due_at) from kernel.deadline"
            )
            self._deadline_as_of = self._newest
        return self._deadline

    async def _hear(self) -> int:
        """Tell everybody what is new. Nothing is under way, so no number is still to appear."""
        rows = await self.database.pool.fetch(
            "select * from kernel.event where seq > $1 order by seq", self._newest
        )
        if not rows:
            return 0
        self._newest = rows[-1]["seq"]
        events = [self._registry.recorded(row) for row in rows]
        for recorded in events:
            for watcher in self._watchers:
                watcher(recorded)
        classes: set[type[Event]] = {type(recorded.event) for recorded in events}
        for subscription in self._subscriptions:
            if any(subscription.hears(cls) for cls in classes):
                await self._advance(subscription)
        return len(rows)

    async def _advance(self, subscription: Subscription) -> None:
        """Until nothing is new to it; a number rolled back is passed over at the second look."""
        in_vain = 0
        while in_vain < 2:
            if await subscription.advance(self.database):
                in_vain = 0
                if await self._heard_all(subscription):
                    return
            else:
                in_vain += 1

    async def _heard_all(self, subscription: Subscription) -> bool:
        seq = await self.database.pool.fetchval(
            "select seq from kernel.subscription where name = $1", subscription.name
        )
        return seq >= self._newest

    async def _work(self) -> int:
        jobs = list(self._held.waiting)
        self._held.waiting.clear()
        for job in jobs:
            if job.delay_s > 0:
                self.after(job.delay_s, self._doing(job))
            else:
                await self._run(job)
        return len(jobs)

    def _doing(self, job: Job, *, attempt: int = 1) -> Action:
        async def do() -> None:
            await self._run(job, attempt=attempt)

        return do

    async def _run(self, job: Job, *, attempt: int = 1) -> None:
        """Do a job; one that fails is tried again later, as often as its handler allows."""
        handler = self._jobs[job.name]
        try:
            await handler.run(job.payload)
        except Exception:
            if attempt >= handler.most_attempts:
                raise
            self.after(RETRY_AFTER_S * 2**attempt, self._doing(job, attempt=attempt + 1))

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


async def throwaway_pool(url: str) -> "asyncpg.Pool[asyncpg.Record]":
    """Quick rather than safe: a virtual day can be lived again, and has the database to itself."""

    async def keep(_: object) -> None:
        """Leave a connection as it is when it is given back."""

    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=4,
        reset=keep,
        server_settings={"timezone": "UTC", "jit": "off", "synchronous_commit": "off"},
    )
