"""Actors in virtual time: one acts while everybody else stands still, always in the same order."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from tawsil.simulation.actors.port import Behaviour, News
from tawsil.simulation.virtual import Action, VirtualPlatform


class Stage:
    """Wakes actors at their instants, on whole seconds, and hands each the news meant for it."""

    def __init__(self, platform: VirtualPlatform, *, now: Callable[[], datetime]) -> None:
        self._platform = platform
        self._now = now
        self._start_at = now()
        self._hearing: dict[UUID, VirtualLife] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def seconds(self) -> float:
        return (self._now() - self._start_at).total_seconds()

    def enter(
        self, behaviour: Behaviour, *, at_s: float | None = None, hears: UUID | None = None
    ) -> None:
        """Have somebody begin, now or later; news for `hears` reach them from then on."""

        async def begin() -> None:
            life = VirtualLife(self)
            if hears is not None:
                self._hearing[hears] = life
            await life.live(behaviour)

        self.at(self.seconds if at_s is None else at_s, begin)

    def tell(self, whom: UUID, news: News) -> None:
        """News for somebody; whoever is not there misses it."""
        if whom in self._hearing:
            self._hearing[whom].tell(news)

    def at(self, seconds: float, action: Action) -> None:
        self._platform.at(self._start_at + timedelta(seconds=ceil(seconds)), action)

    async def aclose(self) -> None:
        """Let everybody who still waits for something go home."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def keep(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class VirtualLife:
    """One behaviour's own time: it runs from one waiting to the next while the platform waits."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._news: deque[News] = deque()
        self._listening = False
        self._turn = 0
        self._wake: asyncio.Future[None] | None = None
        self._parked: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def seconds(self) -> float:
        return self._stage.seconds

    async def sleep(self, seconds: float) -> None:
        await self._park(self.seconds + seconds)

    async def hear(self, *, within_s: float) -> News | None:
        if not self._news:
            self._listening = True
            await self._park(self.seconds + within_s)
            self._listening = False
        return self._news.popleft() if self._news else None

    def begin(self, behaviour: Behaviour) -> None:
        self._stage.enter(behaviour)

    def tell(self, news: News) -> None:
        self._news.append(news)
        if self._listening:
            self._listening = False
            self._stage.at(self.seconds, self._waking(self._turn))

    async def live(self, behaviour: Behaviour) -> None:
        """Run until the first waiting."""

        async def run() -> None:
            await behaviour(self)

        self._task = asyncio.create_task(run())
        self._stage.keep(self._task)
        await self._until_parked()

    async def _park(self, until_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._turn += 1
        self._stage.at(until_s, self._waking(self._turn))
        self._wake = loop.create_future()
        assert self._parked is not None, "somebody let this life run"
        self._parked.set_result(None)
        await self._wake

    def _waking(self, turn: int) -> Action:
        async def wake() -> None:
            if self._turn != turn:
                return  # woken before, by news or by the clock
            self._turn += 1
            assert self._wake is not None, "who is woken was asleep"
            self._wake.set_result(None)
            await self._until_parked()

        return wake

    async def _until_parked(self) -> None:
        assert self._task is not None, "a life that runs has begun"
        self._parked = asyncio.get_running_loop().create_future()
        await asyncio.wait({self._parked, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()
