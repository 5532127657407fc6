"""What each test card does, and how often ordinary ones misbehave."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta, Struct

SLOW_S: Final = 4.0
LOST_S: Final = 15.0
LATE_S: Final = 30.0
DUPLICATE_S: Final = 1.0
HELD_S: Final = 600.0
"""How long an unordered event waits, at most, for a later one to overtake it."""


class Reply(StrEnum):
    """What becomes of the answer to one request."""

    PROMPT = "prompt"
    SLOW = "slow"
    LOST = "lost"  # done, but the caller never hears
    LOST_UNDONE = "lost_undone"  # not done, and the caller never hears
    OUTAGE = "outage"  # not done, and the caller hears so


class Posting(StrEnum):
    """How the webhooks of a charge arrive."""

    PROMPT = "prompt"
    DUPLICATE = "duplicate"
    LATE = "late"
    UNORDERED = "unordered"  # every second event overtakes the one before it
    SILENT = "silent"  # never: only GET /events and /charges tell


class Card(Struct, frozen=True):
    """The behaviour behind a test token; `authorise` and `capture` are about the answers."""

    decline_code: str | None = None
    three_d_secure: bool = False
    authorise: Reply = Reply.PROMPT
    capture: Reply = Reply.PROMPT
    webhooks: Posting = Posting.PROMPT


CARDS: Final[Mapping[str, Card]] = MappingProxyType(
    {
        "tok_visa": Card(),
        "tok_mastercard": Card(),
        "tok_declined": Card(decline_code="card_declined"),
        "tok_insufficient_funds": Card(decline_code="insufficient_funds"),
        "tok_expired_card": Card(decline_code="expired_card"),
        "tok_3ds": Card(three_d_secure=True),
        "tok_slow": Card(authorise=Reply.SLOW),
        "tok_outage": Card(authorise=Reply.OUTAGE),
        "tok_unknown": Card(authorise=Reply.LOST),
        "tok_unknown_silent": Card(authorise=Reply.LOST, webhooks=Posting.SILENT),
        "tok_unknown_lost": Card(authorise=Reply.LOST_UNDONE),
        "tok_unknown_capture": Card(capture=Reply.LOST),
        "tok_webhook_duplicate": Card(webhooks=Posting.DUPLICATE),
        "tok_webhook_late": Card(webhooks=Posting.LATE),
        "tok_webhook_unordered": Card(webhooks=Posting.UNORDERED),
    }
)

Rate = Annotated[float, Meta(ge=0, le=1)]


class Chaos(Struct, frozen=True, forbid_unknown_fields=True):
    """How often things go wrong for cards that would behave: probabilities, drawn from a seed.

    Declines are drawn per authorisation, the next four per request, the last two per event.
    """

    seed: int = 0
    decline_rate: Rate = 0.0
    slow_rate: Rate = 0.0
    unknown_rate: Rate = 0.0
    unknown_lost_rate: Rate = 0.0
    outage_rate: Rate = 0.0
    duplicate_rate: Rate = 0.0
    late_rate: Rate = 0.0
