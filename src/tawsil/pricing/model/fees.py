"""What is asked beside the things themselves: pure."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.geography.public import CityRules
from tawsil.kernel.money import share


class DeliveryFeeParts(Struct, frozen=True, kw_only=True):
    """What a delivery fee is made of; what was waived is taken off again."""

    base_minor: int = 0
    distance_minor: int = 0
    zone_minor: int = 0
    time_minor: int = 0
    surge_minor: int = 0
    waived_minor: int = 0

    @property
    def full_minor(self) -> int:
        """Before anything was waived."""
        return (
            self.base_minor
            + self.distance_minor
            + self.zone_minor
            + self.time_minor
            + self.surge_minor
        )

    @property
    def fee_minor(self) -> int:
        return self.full_minor - self.waived_minor


def delivery_fee_parts(
    distance_m: int,
    *,
    rules: CityRules,
    zone_id: UUID | None,
    at_local: datetime,
    surge_minor: int = 0,
    subtotal_minor: int = 0,
) -> DeliveryFeeParts:
    """It never falls with the distance, within one zone and at one hour."""
    zone = next((z for z in rules.delivery_zones if z.zone_id == zone_id), None)
    base, distance = (
        (zone.fee_minor, 0)
        if zone and zone.fee_minor is not None
        else _way(distance_m, rules=rules)
    )
    extra = zone.surcharge_minor if zone else 0
    window = next((w for w in rules.delivery_windows if w.covers(at_local)), None)
    late = (
        window.surcharge_minor + share(base + distance + extra, basis_points=window.surcharge_bp)
        if window
        else 0
    )
    full = base + distance + extra + late + surge_minor
    free_from = rules.free_delivery_from_minor
    return DeliveryFeeParts(
        base_minor=base,
        distance_minor=distance,
        zone_minor=extra,
        time_minor=late,
        surge_minor=surge_minor,
        waived_minor=full if free_from is not None and subtotal_minor >= free_from else 0,
    )


def _way(distance_m: int, *, rules: CityRules) -> tuple[int, int]:
    """What the way costs: at the least, and for its length."""
    if bands := rules.delivery_bands:
        band = next((b for b in bands if distance_m <= b.up_to_m), bands[-1])
        return bands[0].fee_minor, band.fee_minor - bands[0].fee_minor
    beyond_m = max(0, distance_m - rules.delivery_included_m)
    return rules.delivery_base_minor, (beyond_m * rules.delivery_per_km_minor + 500) // 1_000


def service_fee_minor(subtotal_minor: int, *, rules: CityRules) -> int:
    fee = max(
        share(subtotal_minor, basis_points=rules.service_fee_bp), rules.service_fee_least_minor
    )
    most = rules.service_fee_most_minor
    return fee if most is None else min(fee, most)


def small_order_fee_minor(subtotal_minor: int, *, rules: CityRules) -> int:
    lacking = rules.small_order_minor - subtotal_minor
    if lacking <= 0:
        return 0
    return lacking if rules.small_order_topped_up else rules.small_order_fee_minor
