"""Posting webhooks: signed, retried until accepted; twice, late and out of order if unlucky."""

import asyncio
import hmac
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

import httpx
import msgspec

from tawsil.simulation.stripe.misfortune import Luck
from tawsil.simulation.stripe.world import Thing, shown

SIGNATURE_HEADER: Final = "Stripe-Signature"
ATTEMPTS: Final = 12
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
LATE_S: Final = 30.0
HELD_S: Final = 3.0
MOST_AT_ONCE: Final = 16
TIMEOUT_S: Final = 10.0

_log = logging.getLogger(__name__)


def sign(*, secrets: Sequence[str], body: bytes, at: datetime) -> str:
    """The value of `Stripe-Signature`: one `v1` for each secret that is valid now."""
    second = int(at.timestamp())
    digests = [
        hmac.new(secret.encode(), b"%d." % second + body, sha256).hexdigest() for secret in secrets
    ]
    return ",".join([f"t={second}", *(f"v1={digest}" for digest in digests)])


class Postman:
    """Posts each event to one address. `pace` stretches every wait (0.1: ten times as fast)."""

    def __init__(
        self,
        *,
        url: str | None,
        secrets: Sequence[str],
        pace: float,
        now: Callable[[], datetime],
        posted: Callable[[str], None],
    ) -> None:
        self._url = url
        self.secrets = secrets
        self._pace = pace
        self._now = now
        self._posted = posted
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False)
        self.given_up = 0

    @property
    def waiting(self) -> int:
        return len(self._tasks)

    def send(self, event: Thing, luck: Luck) -> None:
        """Take an event and return at once."""
        if self._url is None:
            return
        m = luck.misfortune
        copies = m.copies + (1 if luck.hits(m.duplicate) else 0)
        for _ in range(copies):
            after_s = LATE_S if luck.hits(m.late) else HELD_S if luck.hits(m.unordered) else 0.0
            task = asyncio.create_task(self._deliver(self._url, event, after_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _deliver(self, url: str, event: Thing, after_s: float) -> None:
        body = msgspec.json.encode(shown(event))
        await asyncio.sleep(after_s * self._pace)
        for attempt in range(ATTEMPTS):
            if await self._accepted(url, body):
                self._posted(event["id"])
                return
            await asyncio.sleep(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**attempt) * self._pace)
        self.given_up += 1
        _log.warning("gave up posting %s after %d attempts", event["id"], ATTEMPTS)

    async def _accepted(self, url: str, body: bytes) -> bool:
        signature = sign(secrets=self.secrets, body=body, at=self._now())
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
        try:
            async with self._at_once:
                answer = await self._client.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            _log.info("could not post a webhook: %s", type(error).__name__)
            return False
        return answer.is_success
