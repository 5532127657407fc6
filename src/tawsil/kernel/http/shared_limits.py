"""The logs of limits in Valkey, shared by every process: one script, on the clock of the server.

When Valkey does not answer, each process counts for itself for a while: limits are then as strict
as before for each process, and nobody is refused because of our trouble.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, Final

import structlog
from valkey.asyncio import Valkey
from valkey.asyncio.retry import Retry
from valkey.backoff import NoBackoff
from valkey.exceptions import ValkeyError

from tawsil.kernel import metrics
from tawsil.kernel.http.limits import SECOND_NS, WINDOW_S, Limit, LocalWindows, Standing

log = structlog.get_logger(__name__)

ANSWERS_WITHIN_S: Final = 1.0
TRIED_AGAIN_AFTER_S: Final = 5.0
MOST_CONNECTIONS: Final = 16
_PREFIX: Final = "tawsil:limit:"
_US_NS: Final = SECOND_NS // 1_000_000
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local expired = now - window
local oldest = redis.call('LINDEX', KEYS[1], 0)
while oldest and tonumber(oldest) <= expired do
  redis.call('LPOP', KEYS[1])
  oldest = redis.call('LINDEX', KEYS[1], 0)
end
local taken = redis.call('LLEN', KEYS[1])
local admitted = 0
if taken < most then
  redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[1], window / 1000)
  taken, admitted, oldest = taken + 1, 1, oldest or now
end
return {admitted, most - taken, tonumber(oldest) - expired}
"""


class SharedWindows:
    """The logs in Valkey; this process's own (`otherwise`) while Valkey is out of reach."""

    def __init__(
        self, url: str, *, otherwise: LocalWindows, answers_within_s: float = ANSWERS_WITHIN_S
    ) -> None:
        self._client: Any = Valkey.from_url(
            url,
            socket_timeout=answers_within_s,
            socket_connect_timeout=answers_within_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._script: Any = self._client.register_script(_SCRIPT)
        self._otherwise = otherwise
        self._connections = asyncio.Semaphore(MOST_CONNECTIONS)
        self._alone_until_s = 0.0

    @asynccontextmanager
    async def running(self, _: object = None) -> AsyncGenerator[None, None]:
        """Give the connections back in the end."""
        try:
            yield
        finally:
            await self._client.aclose()

    async def take(self, limit: Limit, who: str) -> Standing:
        async with self._connections:
            if self._reachable:
                try:
                    return await self._ask(limit, who)
                except (ValkeyError, OSError, TimeoutError) as error:
                    self._give_up(error)
        metrics.limits_counted_alone.inc()
        return await self._otherwise.take(limit, who)

    async def _ask(self, limit: Limit, who: str) -> Standing:
        admitted, remaining, next_free_us = await self._script(
            keys=[f"{_PREFIX}{limit.name}:{who}"], args=[limit.most, WINDOW_S * 1_000_000]
        )
        return Standing(bool(admitted), remaining, next_free_us * _US_NS)

    @property
    def _reachable(self) -> bool:
        return monotonic() >= self._alone_until_s

    def _give_up(self, error: Exception) -> None:
        if self._reachable:
            log.warning("limits.counted_alone", error=repr(error), for_s=TRIED_AGAIN_AFTER_S)
        self._alone_until_s = monotonic() + TRIED_AGAIN_AFTER_S
