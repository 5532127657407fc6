"""What happens to a customer's points."""

from datetime import datetime
from uuid import UUID

from tawsil.kernel.decisions import Event


class PointsWillLapse(Event, frozen=True, kw_only=True, tag="points.will_lapse.v1"):
    """So many will be gone at `at`, unless they are used."""

    customer_id: UUID
    amount_minor: int
    currency: str
    at: datetime


class PointsLapsed(Event, frozen=True, kw_only=True, tag="points.lapsed.v1"):
    """Nobody used them in time: the platform does not owe them any more."""

    customer_id: UUID
    amount_minor: int
    currency: str
