"""What is kept of a courier's progress towards a delivery, and of what puts it in doubt."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch.events import Cause

LOOK_EVERY: Final = timedelta(minutes=1)


class Watch(Struct, frozen=True, kw_only=True):
    """When somebody last looked at the courier of a delivery, and what was known by then.

    `nearest_m` is how near they came to the pick-up so far, `nearer_at` since when not nearer.
    """

    looked_at: datetime
    seen_at: datetime
    nearest_m: float | None = None
    nearer_at: datetime

    @staticmethod
    def begin(now: datetime) -> "Watch":
        return Watch(looked_at=now, seen_at=now, nearer_at=now)

    @property
    def next_at(self) -> datetime:
        """On the minute, so that all deliveries of a city are looked at together."""
        return self.looked_at.replace(second=0, microsecond=0) + LOOK_EVERY


class Sight(Struct, frozen=True, kw_only=True):
    """Where a courier was seen: how far from the pick-up, as the crow flies and by riding."""

    at: datetime
    distance_m: float
    travel_s: float


DOUBTS: Final = frozenset(Cause) - {Cause.BY_HAND, Cause.UNDONE}
"""What a delivery can be at risk for; the others are what an operator decides."""


class Risk(Struct, frozen=True, kw_only=True):
    """Why a courier may not manage a delivery, and since when that is known."""

    cause: Cause
    since_at: datetime


class Undo(Struct, frozen=True, kw_only=True):
    """Until when an operator may take back what was decided by hand, and who had it before."""

    until_at: datetime
    courier_id: UUID | None
