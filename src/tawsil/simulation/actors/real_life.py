"""Life by the wall clock, sped up."""

import asyncio
from collections.abc import Awaitable, Callable

from tawsil.simulation.actors.port import News


class RealLife:
    def __init__(self, *, speed: float, begin: Callable[[Awaitable[None]], None]) -> None:
        self._speed = speed
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._start_s = self._loop.time()
        self._news: asyncio.Queue[News] = asyncio.Queue()

    @property
    def seconds(self) -> float:
        return (self._loop.time() - self._start_s) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)

    async def hear(self, *, within_s: float) -> News | None:
        try:
            return await asyncio.wait_for(self._news.get(), within_s / self._speed)
        except TimeoutError:
            return None

    def begin(self, behaviour: Callable[["RealLife"], Awaitable[None]]) -> None:
        self._begin(behaviour(RealLife(speed=self._speed, begin=self._begin)))

    def tell(self, news: News) -> None:
        self._news.put_nowait(news)
