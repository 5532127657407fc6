"""What came of it, counted while it happens."""

from collections.abc import Sequence
from math import ceil

from tawsil.dispatch.public import Metrics

_AT_THE_COUNTER_S = 60.0
_STILL_NOBODY_S = 120.0


class Score:
    """The figures of `dispatch.Metrics`; what each means is as in the simulated day's result."""

    def __init__(self) -> None:
        self.orders = 0
        self.click_to_door_s: list[float] = []
        self.ready_to_pickup_s: list[float] = []
        self.courier_wait_s = 0.0
        self.unassigned: set[int] = set()
        self.assigned_after_s: list[float] = []
        self.offers = {"accepted": 0, "declined": 0, "missed": 0}
        self.driven_m = 0.0
        self.paid_minor = 0
        self.trips = 0
        self.called_off = 0

    def assigned(
        self, number: int, *, now_s: float, requested_s: float, ready_s: float, pickup_s: float
    ) -> None:
        late_s = pickup_s - ready_s - _AT_THE_COUNTER_S
        self.assigned_after_s.append(max(0.0, min(now_s - requested_s, late_s)))
        if now_s > max(ready_s, requested_s) + _STILL_NOBODY_S:
            self.unassigned.add(number)

    def metrics(self) -> Metrics:
        delivered, collected = len(self.click_to_door_s), len(self.ready_to_pickup_s)
        wanted = self.orders - self.called_off
        answered = sum(self.offers.values())
        return Metrics(
            orders=wanted,
            delivered=delivered,
            click_to_door_min=round(_mean(self.click_to_door_s) / 60, 3),
            click_to_door_p90_min=round(percentile(self.click_to_door_s, 0.9) / 60, 3),
            ready_to_pickup_min=round(_mean(self.ready_to_pickup_s) / 60, 3),
            courier_wait_min=round(self.courier_wait_s / max(1, collected) / 60, 3),
            unassigned_pct=round(100 * len(self.unassigned) / max(1, wanted), 3),
            time_to_assign_p95_s=round(percentile(self.assigned_after_s, 0.95), 3),
            acceptance_pct=round(100 * self.offers["accepted"] / max(1, answered), 3),
            km_per_order=round(self.driven_m / 1000 / max(1, delivered), 3),
            pay_per_order_minor=round(self.paid_minor / max(1, delivered), 3),
            orders_per_trip=round(collected / max(1, self.trips), 3),
        )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed (nearest rank)."""
    if not values:
        return 0.0
    return sorted(values)[max(0, ceil(len(values) * share) - 1)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
