"""How often anybody may ask: in any minute, never more than the limit of a route.

Each limit keeps a log of the instants at which requests were let through, one log for each user (or
address, where nobody is signed in yet or the route says so). Requests that are refused are not
counted: who waits as long as `Retry-After` says is let through.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from msgspec import Struct

from tawsil.kernel import metrics
from tawsil.kernel.http.addresses import Networks, address_of, subscriber
from tawsil.kernel.http.errors import Problem

WINDOW_S: Final = 60
SECOND_NS: Final = 1_000_000_000
_WINDOW_NS: Final = WINDOW_S * SECOND_NS
MOST_KEPT: Final = 100_000
"""Logs in memory, at most: beyond it the one that was used longest ago is forgotten."""
_FORGOTTEN_AT_ONCE: Final = 2


class Limit(Struct, frozen=True):
    """So many in any minute; for each user, or `by_address` whoever it may be."""

    name: str
    most: int
    by_address: bool = False


DEFAULT: Final = Limit("default", 100)
SEARCH: Final = Limit("search", 50)
HEAVY: Final = Limit("heavy", 10)
WEBHOOK: Final = Limit("webhook", 1_000)
LOGIN: Final = Limit("login", 5, by_address=True)
REGISTER: Final = Limit("register", 3, by_address=True)
PASSWORD_RESET: Final = Limit("password_reset", 2, by_address=True)
UNLIMITED: Final = Limit("unlimited", 0)
"""For what is asked by machines that must know (health) and for files that browsers keep."""


class Standing(Struct, frozen=True):
    """Whether one more was let through, how many more would be, and when the next is free again."""

    admitted: bool
    remaining: int
    next_free_ns: int


class Windows(Protocol):
    """Where the logs are kept."""

    async def take(self, limit: Limit, who: str) -> Standing: ...


class LocalWindows:
    """The logs of one process, in its memory, on a clock from outside that never goes back."""

    def __init__(self, *, now_ns: Callable[[], int], most_kept: int = MOST_KEPT) -> None:
        self._now_ns = now_ns
        self._most_kept = most_kept
        self._logs: OrderedDict[tuple[str, str], deque[int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._logs)

    async def take(self, limit: Limit, who: str) -> Standing:
        now_ns = self._now_ns()
        expired_ns = now_ns - _WINDOW_NS
        key = (limit.name, who)
        log = self._logs.get(key)
        if log is None:
            log = self._logs[key] = deque()
        else:
            self._logs.move_to_end(key)
        while log and log[0] <= expired_ns:
            log.popleft()
        admitted = len(log) < limit.most
        if admitted:
            log.append(now_ns)
        self._forget(expired_ns)
        return Standing(admitted, limit.most - len(log), log[0] - expired_ns)

    def _forget(self, expired_ns: int) -> None:
        """Idle logs, a few at a time: as many as are added can go."""
        for _ in range(_FORGOTTEN_AT_ONCE):
            key, log = next(iter(self._logs.items()))
            if log[-1] > expired_ns and len(self._logs) <= self._most_kept:
                return
            del self._logs[key]


class Limiter:
    """Lets a request through, or refuses it with a 429 that says when to come again."""

    def __init__(self, windows: Windows, *, exempt: Networks | None = None) -> None:
        self._windows = windows
        self._exempt = exempt or Networks([])

    async def admit(self, scope: Any, limit: Limit, *, user_id: object | None = None) -> None:
        """Count one request of this user, or of the address that it came from.

        Those of exempt addresses are counted as well, and let through whatever the count.

        Raises:
            Problem: 429.
        """
        if limit is UNLIMITED:
            return
        address = address_of(scope)
        by_user = user_id is not None and not limit.by_address
        who = f"user:{user_id}" if by_user else f"address:{subscriber(address)}"
        standing = await self._windows.take(limit, who)
        wait_s = -(-standing.next_free_ns // SECOND_NS)
        scope["state"]["limit_headers"] = (
            (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (limit.name.encode(), limit.most, WINDOW_S)),
            (b"ratelimit", b'"%s";r=%d;t=%d' % (limit.name.encode(), standing.remaining, wait_s)),
        )
        if not standing.admitted and address not in self._exempt:
            metrics.requests_refused.labels(limit.name).inc()
            raise Problem(
                429,
                "request.too_many",
                headers={"Retry-After": str(wait_s)},
                retry_after_s=wait_s,
            )
