"""Time and ids come from outside, so that a whole platform runs again from a seed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random, SystemRandom
from uuid import UUID


def system_now() -> datetime:
    """The instant it is, in UTC."""
    return datetime.now(UTC)


class VirtualClock:
    """A clock that stands still until somebody moves it; never backwards."""

    def __init__(self, start_at: datetime) -> None:
        self._now = start_at

    def __call__(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self.set(self._now + by)

    def set(self, at: datetime) -> None:
        if at < self._now:
            raise ValueError(f"time cannot go back from {self._now} to {at}")
        self._now = at


class Ids:
    """UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits from a given source.

    Ids made in the same millisecond by one maker still sort in the order they were made.
    """

    def __init__(self, now: Callable[[], datetime], random: Random | None = None) -> None:
        self._now = now
        self._random = random or SystemRandom()
        self._last = 0

    def __call__(self) -> UUID:
        ms = int(self._now().timestamp() * 1000)
        value = ms << 80 | 0x7 << 76 | self._random.getrandbits(12) << 64
        value |= 0b10 << 62 | self._random.getrandbits(62)
        if value <= self._last:
            value = self._last + 1
        self._last = value
        return UUID(int=value)

    def number(self, *, below: int) -> int:
        """A number from the same source, 0 ≤ n < `below`, that no id gives away."""
        return self._random.randrange(below)


def least_id(at: datetime | None) -> UUID:
    """The id that none made from an instant on is below; `None` is the beginning of time.

    So is every instant before 1970, where ids begin.
    """
    return UUID(int=0 if at is None else max(0, int(at.timestamp() * 1000)) << 80)
