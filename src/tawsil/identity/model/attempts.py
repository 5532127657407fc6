"""How often somebody may fail to sign in, so that guessing is hopeless and nobody is locked out.

Failures are counted for an account and the place they come from. A place from which the account has
signed in before (its address, or the device by its token) has a count of its own. All other places
also share one, so that many of them do not help whoever guesses; what they fail at never delays the
places that are known. Whether there is an account makes no difference.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from math import ceil
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.identity.model.users import email_key
from tawsil.kernel.decisions import Refusal, refuse

FREE: Final = 5
FREE_ELSEWHERE: Final = 50
FIRST_WAIT: Final = timedelta(seconds=15)
LONGEST_WAIT: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(hours=24)
KNOWN_FOR: Final = timedelta(days=180)
ELSEWHERE: Final = "elsewhere"


class Origin(Struct, frozen=True, kw_only=True):
    """Which account is tried, from which address (or network), with which device's token."""

    tenant_id: UUID
    account: bytes
    address: str
    device: str | None = None

    @property
    def places(self) -> list[str]:
        """Where this is from, the surest first."""
        at_address = f"address {self.address}"
        if self.device is None:
            return [at_address]
        return [f"device {sha256(self.device.encode()).hexdigest()}", at_address]

    def counted_under(self, known: frozenset[str]) -> list[str]:
        """The sources whose failures count for this attempt, in the order to lock them."""
        for place in self.places:
            if place in known:
                return [place]
        return sorted([self.places[-1], ELSEWHERE])


class Failures(Struct, frozen=True, kw_only=True):
    """How often an account was tried in vain from one source."""

    source: str
    failures: int
    last_at: datetime
    blocked_until: datetime | None = None


def account_of(email: str) -> bytes:
    """An account by its address, hashed: also for one that does not exist."""
    return sha256(email_key(email).encode()).digest()


def blocked(counts: Sequence[Failures], *, at: datetime) -> Refusal | None:
    """How long to wait, if any source says so."""
    until = max((c.blocked_until for c in counts if c.blocked_until), default=at)
    if until <= at:
        return None
    wait_s = ceil((until - at).total_seconds())
    return refuse("identity.too_many_attempts", status=429, retry_after_s=wait_s)


def fail_again(count: Failures, *, at: datetime) -> Failures:
    """One more failure: after the free ones each doubles the wait, up to the longest."""
    old = at - count.last_at >= FORGOTTEN_AFTER
    failures = 1 if old else count.failures + 1
    over = failures - (FREE_ELSEWHERE if count.source == ELSEWHERE else FREE)
    return replace(
        count,
        failures=failures,
        last_at=at,
        blocked_until=None if over < 0 else at + min(FIRST_WAIT * 2 ** min(over, 20), LONGEST_WAIT),
    )


def forget(count: Failures) -> Failures:
    """None any more: whoever comes from there has shown who they are."""
    return replace(count, failures=0, blocked_until=None)
