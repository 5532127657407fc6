"""Points in lots, by the month in which they lapse. No I/O, no clock.

A point is one minor unit. What is left of all lots of a customer is the balance of their account
of points: lots only say how old its parts are. The oldest are used first.
"""

from datetime import UTC, datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, Deadline, accept
from tawsil.payments.points_events import PointsLapsed, PointsWillLapse

USUAL_MONTHS: Final = 12
REMIND_BEFORE: Final = timedelta(days=14)
LOOK_AGAIN_AFTER: Final = timedelta(days=1)
REMIND: Final = "remind"
LAPSE: Final = "lapse"


class Lot(Struct, frozen=True, kw_only=True):
    """Points that lapse together. `again_at`: a payment under way reserved what was to lapse."""

    stream: ClassVar[str] = "points"

    id: UUID
    version: int = 0
    tenant_id: UUID
    customer_id: UUID
    currency: str
    lapses_at: datetime
    given_minor: int
    left_minor: int
    reminded: bool = False
    again_at: datetime | None = None

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        if self.left_minor == 0:
            return None
        if not self.reminded:
            return Deadline(REMIND, self.lapses_at - REMIND_BEFORE)
        return Deadline(LAPSE, self.again_at or self.lapses_at)


def lapses_at(earned_at: datetime, *, months: int) -> datetime:
    """The end of the month so many months later: all that is earned in a month lapses together."""
    month = earned_at.astimezone(UTC).year * 12 + earned_at.astimezone(UTC).month + months
    year, before = divmod(month, 12)
    return datetime(year, before + 1, 1, tzinfo=UTC)


def remind(lot: Lot) -> Accepted[Lot]:
    return accept(
        replace(lot, reminded=True),
        PointsWillLapse(
            customer_id=lot.customer_id,
            amount_minor=lot.left_minor,
            currency=lot.currency,
            at=lot.lapses_at,
        ),
    )


def lapse(lot: Lot, *, available_minor: int, now: datetime) -> Accepted[Lot]:
    """All that is left lapses, but for what a payment under way has reserved: that waits."""
    gone_minor = min(lot.left_minor, max(0, available_minor))
    left = replace(lot, left_minor=lot.left_minor - gone_minor, again_at=now + LOOK_AGAIN_AFTER)
    if not gone_minor:
        return accept(left)
    lapsed = PointsLapsed(
        customer_id=lot.customer_id, amount_minor=gone_minor, currency=lot.currency
    )
    return accept(left, lapsed)
