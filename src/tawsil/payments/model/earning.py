"""What a courier earns with a job, and of what that is made. Pure."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class Earning(Struct, frozen=True, kw_only=True):
    """What one job brought one courier.

    Base, distance, surge and tip come out of what the customer pays; waiting and the incentive
    come from the platform. `adjustment_minor` is what was booked for the job beside these, such as
    a refund that the courier bears. `settled`: all of it stands on the courier's account.
    """

    reference_id: UUID
    courier_id: UUID
    tenant_id: UUID
    city_id: UUID
    currency: str
    base_minor: int
    distance_minor: int
    surge_minor: int
    tip_minor: int
    wait_minor: int = 0
    incentive_minor: int = 0
    adjustment_minor: int = 0
    earned_at: datetime
    settled: bool = False

    @property
    def share_minor(self) -> int:
        """What comes out of the customer's payment."""
        return self.base_minor + self.distance_minor + self.surge_minor + self.tip_minor

    @property
    def total_minor(self) -> int:
        return self.share_minor + self.wait_minor + self.incentive_minor + self.adjustment_minor


class DayOfEarnings(Struct, frozen=True, kw_only=True):
    """The sums of a day of the city's own calendar, in one currency."""

    day: str
    currency: str
    jobs: int
    base_minor: int
    distance_minor: int
    surge_minor: int
    tip_minor: int
    wait_minor: int
    incentive_minor: int
    adjustment_minor: int

    @property
    def total_minor(self) -> int:
        return (
            self.base_minor
            + self.distance_minor
            + self.surge_minor
            + self.tip_minor
            + self.wait_minor
            + self.incentive_minor
            + self.adjustment_minor
        )
