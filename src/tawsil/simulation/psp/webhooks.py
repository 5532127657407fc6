"""Posting webhooks: signed, retried until accepted, and never in the way of an answer."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

import httpx
import msgspec

from tawsil.simulation.psp.model import SIGNATURE_HEADER, Event, Webhook, sign
from tawsil.simulation.psp.payouts import Notice, PayoutEvent

MOST_WAITING: Final = 10_000
MOST_AT_ONCE: Final = 16
ATTEMPTS: Final = 12
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
TIMEOUT_S: Final = 5.0

_log = logging.getLogger(__name__)


class Postman:
    """Posts each webhook when it is due; a full bag drops new ones and counts them.

    `pace` stretches every wait: 1 is real time, 0.1 ten times as fast. What was dropped or given
    up is still in `GET /events`.
    """

    def __init__(
        self,
        *,
        url: str | None,
        secret: str,
        pace: float,
        now: Callable[[], datetime],
        posted: Callable[[str], None],
    ) -> None:
        self._url = url
        self._secret = secret
        self._pace = pace
        self._now = now
        self._posted = posted
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False)
        self.dropped = 0

    @property
    def waiting(self) -> int:
        return len(self._tasks)

    def send(self, webhooks: Iterable[Webhook | Notice]) -> None:
        """Take webhooks and return at once."""
        if self._url is None:
            return
        for webhook in webhooks:
            if len(self._tasks) >= MOST_WAITING:
                self.dropped += 1
                continue
            task = asyncio.create_task(self._deliver(self._url, webhook))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop at once; what is still waiting is sent again after a restart with a journal."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _deliver(self, url: str, webhook: Webhook | Notice) -> None:
        await asyncio.sleep(webhook.after_s * self._pace)
        for attempt in range(ATTEMPTS):
            if await self._accepted(url, webhook.event):
                self._posted(webhook.event.id)
                return
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt)
            await asyncio.sleep(pause_s * self._pace)
        self.dropped += 1
        _log.warning("gave up posting %s after %d attempts", webhook.event.id, ATTEMPTS)

    async def _accepted(self, url: str, event: Event | PayoutEvent) -> bool:
        body = msgspec.json.encode(event)
        signature = sign(secret=self._secret, body=body, at=self._now())
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
        try:
            async with self._at_once:
                response = await self._client.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            _log.info("could not post %s: %s", event.id, error)
            return False
        return response.is_success
