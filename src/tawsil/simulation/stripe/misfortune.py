"""What may go wrong on purpose: outages, and answers and webhooks that misbehave from a seed."""

from enum import StrEnum
from random import Random
from typing import Annotated

from msgspec import Meta, Struct

Rate = Annotated[float, Meta(ge=0, le=1)]


class Outage(StrEnum):
    """How a sandbox that is away behaves."""

    UNAVAILABLE = "unavailable"  # 503 at once
    HANG = "hang"  # no answer for as long as it lasts
    REFUSE = "refuse"  # the connection is dropped without an answer


class Away(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /sandbox/outage`; 0 seconds end one."""

    seconds: Annotated[float, Meta(ge=0, le=86_400)]
    how: Outage = Outage.UNAVAILABLE


class Misfortune(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /sandbox/misfortune`: how often a request or a webhook goes wrong."""

    seed: int = 0
    rate_limited: Rate = 0.0  # 429, not done, and worth trying again
    failed: Rate = 0.0  # 500 before anything was done
    failed_after: Rate = 0.0  # done, yet answered 500, which the key replays
    lost: Rate = 0.0  # done, and never answered
    slow: Rate = 0.0
    duplicate: Rate = 0.0  # webhooks
    late: Rate = 0.0
    unordered: Rate = 0.0
    copies: Annotated[int, Meta(ge=1, le=10)] = 1
    """How often every webhook is posted, even without misfortune."""


class Reply(StrEnum):
    """What becomes of one request."""

    PROMPT = "prompt"
    RATE_LIMITED = "rate_limited"
    FAILED = "failed"
    FAILED_AFTER = "failed_after"
    LOST = "lost"
    SLOW = "slow"


class Luck:
    """Draws from a seed, so that the same requests fare the same."""

    def __init__(self, misfortune: Misfortune) -> None:
        self.misfortune = misfortune
        self._rng = Random(misfortune.seed)

    def reply(self) -> Reply:
        m = self.misfortune
        rates = {
            Reply.RATE_LIMITED: m.rate_limited,
            Reply.FAILED: m.failed,
            Reply.FAILED_AFTER: m.failed_after,
            Reply.LOST: m.lost,
            Reply.SLOW: m.slow,
        }
        drawn = self._rng.random()
        for reply, rate in rates.items():
            if drawn < rate:
                return reply
            drawn -= rate
        return Reply.PROMPT

    def hits(self, rate: float) -> bool:
        return self._rng.random() < rate
