"""Prices and shares: pure.

Every amount is an integer of minor units. Each component is rounded by itself, half away from zero,
and the total is exactly the sum of the components; so are the shares.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog.public import PricedLine
from tawsil.geography.public import CityRules
from tawsil.kernel.money import share, split


class DiscountKind(StrEnum):
    """What a discount is taken off."""

    ITEMS = "items"
    DELIVERY = "delivery"


class Discount(Struct, frozen=True, kw_only=True):
    """So much less to pay. `merchant_minor` of it is borne by the merchant, the rest by the
    platform.
    """

    promotion_id: UUID
    code: str | None = None
    amount_minor: int
    merchant_minor: int = 0
    kind: DiscountKind = DiscountKind.ITEMS

    def __post_init__(self) -> None:
        assert 0 <= self.merchant_minor <= self.amount_minor, "nobody bears more than all of it"


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
    discounts: tuple[Discount, ...] = ()

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
    whole tip; the state the tax; the platform the rest. Each bears its part of the discounts.
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


def capped(
    discounts: Iterable[Discount], *, items_minor: int, delivery_minor: int
) -> tuple[Discount, ...]:
    """Discounts as far as there is something left to take them off, the earlier first."""
    left = {DiscountKind.ITEMS: items_minor, DiscountKind.DELIVERY: delivery_minor}
    fitting: list[Discount] = []
    for discount in discounts:
        amount = min(discount.amount_minor, left[discount.kind])
        if amount == 0:
            continue
        left[discount.kind] -= amount
        borne = (discount.merchant_minor, discount.amount_minor - discount.merchant_minor)
        fitting.append(
            replace(discount, amount_minor=amount, merchant_minor=split(amount, borne)[0])
        )
    return tuple(fitting)


def price(
    lines: Sequence[PricedLine],
    *,
    distance_m: int,
    rules: CityRules,
    tip_minor: int = 0,
    surge_minor: int = 0,
    zone_id: UUID | None = None,  # noqa: ARG001 - what a zone costs follows
    at_local: datetime,  # noqa: ARG001 - what an hour costs follows
    discounts: Sequence[Discount] = (),
) -> Breakdown:
    """`surge_minor` is part of the delivery fee, and shared as that is. Discounts are taken off
    before the tax, none further than to nothing.
    """
    assert distance_m >= 0, "a distance is not negative"
    assert tip_minor >= 0, "a tip is not negative"
    assert surge_minor >= 0, "a surcharge is not negative"
    subtotal = sum(line.total_minor for line in lines)
    delivery = delivery_fee_minor(distance_m, rules=rules) + surge_minor
    service = share(subtotal, basis_points=rules.service_fee_bp)
    small = rules.small_order_fee_minor if subtotal < rules.small_order_minor else 0
    fitting = capped(discounts, items_minor=subtotal, delivery_minor=delivery)
    discount = sum(d.amount_minor for d in fitting)
    taxable = subtotal + delivery + service + small - discount
    tax = share(taxable, basis_points=rules.tax_bp)
    return Breakdown(
        subtotal_minor=subtotal,
        delivery_fee_minor=delivery,
        service_fee_minor=service,
        small_order_fee_minor=small,
        discount_minor=discount,
        tax_minor=tax,
        tip_minor=tip_minor,
        total_minor=taxable + tax + tip_minor,
        discounts=fitting,
    )


def divide(breakdown: Breakdown, *, rules: CityRules, commission_bp: int | None = None) -> Shares:
    """Divide a total; a merchant's own commission counts before the city's.

    The commission is taken of what the merchant sells, less the discounts that it bears.
    """
    bp = rules.commission_bp if commission_bp is None else commission_bp
    borne = min(sum(d.merchant_minor for d in breakdown.discounts), breakdown.subtotal_minor)
    sold = breakdown.subtotal_minor - borne
    commission = share(sold, basis_points=bp)
    of_delivery = share(breakdown.delivery_fee_minor, basis_points=rules.courier_share_bp)
    merchant, courier = sold - commission, of_delivery + breakdown.tip_minor
    return Shares(
        merchant_minor=merchant,
        courier_minor=courier,
        platform_minor=breakdown.total_minor - merchant - courier - breakdown.tax_minor,
        tax_minor=breakdown.tax_minor,
    )
