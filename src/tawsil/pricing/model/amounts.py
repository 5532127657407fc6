"""Prices and shares: pure.

Every amount is an integer of minor units. Each component is rounded by itself, half away from zero,
and the total is exactly the sum of the components; so are the shares.
"""

from collections.abc import Sequence

from msgspec import Struct

from tawsil.catalog.public import PricedLine
from tawsil.geography.public import CityRules
from tawsil.kernel.money import share


class Breakdown(Struct, frozen=True, kw_only=True):
    """What the customer pays. The tax is added on the subtotal and the fees, not on the tip."""

    subtotal_minor: int
    delivery_fee_minor: int
    service_fee_minor: int
    small_order_fee_minor: int
    discount_minor: int = 0
    tax_minor: int
    tip_minor: int
    total_minor: int

    def __post_init__(self) -> None:
        assert self.total_minor == self.taxable_minor + self.tax_minor + self.tip_minor, (
            "a total is the sum of its components"
        )

    @property
    def taxable_minor(self) -> int:
        return (
            self.subtotal_minor
            + self.delivery_fee_minor
            + self.service_fee_minor
            + self.small_order_fee_minor
            - self.discount_minor
        )


class Shares(Struct, frozen=True, kw_only=True):
    """Who gets what of a total.

    The merchant its subtotal less the commission; the courier its share of the delivery fee and the
    whole tip; the state the tax; the platform the rest, which bears any discount.
    """

    merchant_minor: int
    courier_minor: int
    platform_minor: int
    tax_minor: int

    @property
    def total_minor(self) -> int:
        return self.merchant_minor + self.courier_minor + self.platform_minor + self.tax_minor


def delivery_fee_minor(distance_m: int, *, rules: CityRules) -> int:
    """The base fee up to the included distance, then so much for each kilometre more."""
    beyond_m = max(0, distance_m - rules.delivery_included_m)
    return rules.delivery_base_minor + (beyond_m * rules.delivery_per_km_minor + 500) // 1_000


def price(
    lines: Sequence[PricedLine],
    *,
    distance_m: int,
    rules: CityRules,
    tip_minor: int = 0,
    surge_minor: int = 0,
) -> Breakdown:
    """`surge_minor` is part of the delivery fee, and shared as that is."""
    assert distance_m >= 0, "a distance is not negative"
    assert tip_minor >= 0, "a tip is not negative"
    assert surge_minor >= 0, "a surcharge is not negative"
    subtotal = sum(line.total_minor for line in lines)
    delivery = delivery_fee_minor(distance_m, rules=rules) + surge_minor
    service = share(subtotal, basis_points=rules.service_fee_bp)
    small = rules.small_order_fee_minor if subtotal < rules.small_order_minor else 0
    taxable = subtotal + delivery + service + small
    tax = share(taxable, basis_points=rules.tax_bp)
    return Breakdown(
        subtotal_minor=subtotal,
        delivery_fee_minor=delivery,
        service_fee_minor=service,
        small_order_fee_minor=small,
        tax_minor=tax,
        tip_minor=tip_minor,
        total_minor=taxable + tax + tip_minor,
    )


def divide(breakdown: Breakdown, *, rules: CityRules, commission_bp: int | None = None) -> Shares:
    """Divide a total; a merchant's own commission counts before the city's."""
    bp = rules.commission_bp if commission_bp is None else commission_bp
    commission = share(breakdown.subtotal_minor, basis_points=bp)
    merchant = breakdown.subtotal_minor - commission
    of_delivery = share(breakdown.delivery_fee_minor, basis_points=rules.courier_share_bp)
    platform = (
        commission
        + (breakdown.delivery_fee_minor - of_delivery)
        + breakdown.service_fee_minor
        + breakdown.small_order_fee_minor
        - breakdown.discount_minor
    )
    shares = Shares(
        merchant_minor=merchant,
        courier_minor=of_delivery + breakdown.tip_minor,
        platform_minor=platform,
        tax_minor=breakdown.tax_minor,
    )
    assert shares.total_minor == breakdown.total_minor, "the shares are the whole total"
    return shares
