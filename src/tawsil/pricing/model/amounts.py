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
from tawsil.geography.public import CityRules, Taxed
from tawsil.kernel.money import share, split
from tawsil.pricing.model.commission import CommissionPlan
from tawsil.pricing.model.fees import (
    DeliveryFeeParts,
    delivery_fee_parts,
    service_fee_minor,
    small_order_fee_minor,
)
from tawsil.pricing.model.taxes import TaxLine, levy


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


class LineCharge(Struct, frozen=True, kw_only=True):
    """What of the discounts and of the tax falls on one line."""

    discount_minor: int
    tax_minor: int


class Breakdown(Struct, frozen=True, kw_only=True):
    """What the customer pays. The tax is added to it, or (`tax_included`) is in the prices and
    fees already; there is none on the tip.
    """

    subtotal_minor: int
    delivery_fee_minor: int
    service_fee_minor: int
    small_order_fee_minor: int
    discount_minor: int = 0
    tax_minor: int
    tip_minor: int
    total_minor: int
    tax_included: bool = False
    taxes: tuple[TaxLine, ...] = ()
    delivery_tax_minor: int = 0
    """What of the tax is on the delivery fee."""
    delivery_fee_parts: DeliveryFeeParts = DeliveryFeeParts()
    lines: tuple[LineCharge, ...] = ()
    discounts: tuple[Discount, ...] = ()

    def __post_init__(self) -> None:
        added = 0 if self.tax_included else self.tax_minor
        assert self.total_minor == self.discounted_minor + added + self.tip_minor, (
            "a total is the sum of its components"
        )
        assert self.tax_minor == sum(line.tax_minor for line in self.taxes), "as the rates say"
        assert self.delivery_fee_minor == self.delivery_fee_parts.fee_minor, "a fee is its parts"

    @property
    def discounted_minor(self) -> int:
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
    commission_minor: int = 0
    """What of the platform's it kept of what the merchant sold."""

    @property
    def total_minor(self) -> int:
        return self.merchant_minor + self.courier_minor + self.platform_minor + self.tax_minor


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
    zone_id: UUID | None = None,
    at_local: datetime,
    discounts: Sequence[Discount] = (),
) -> Breakdown:
    """`surge_minor` is part of the delivery fee, and shared as that is; `zone_id` is where it goes,
    `at_local` the city's own clock. Discounts make what is taxed less, over all lines alike.
    """
    assert distance_m >= 0, "a distance is not negative"
    assert tip_minor >= 0, "a tip is not negative"
    assert surge_minor >= 0, "a surcharge is not negative"
    subtotal = sum(line.total_minor for line in lines)
    parts = delivery_fee_parts(
        distance_m,
        rules=rules,
        zone_id=zone_id,
        at_local=at_local,
        surge_minor=surge_minor,
        subtotal_minor=subtotal,
    )
    delivery = parts.fee_minor
    service = service_fee_minor(subtotal, rules=rules)
    small = small_order_fee_minor(subtotal, rules=rules)
    fitting = capped(discounts, items_minor=subtotal, delivery_minor=delivery)
    off = {kind: sum(d.amount_minor for d in fitting if d.kind is kind) for kind in DiscountKind}
    totals = [line.total_minor for line in lines]
    off_lines = split(off[DiscountKind.ITEMS], totals) if subtotal else [0] * len(lines)
    levied = levy(
        [
            *(
                (line.tax_class, line.total_minor - less)
                for line, less in zip(lines, off_lines, strict=True)
            ),
            (Taxed.DELIVERY, delivery - off[DiscountKind.DELIVERY]),
            (Taxed.SERVICE, service),
            (Taxed.SMALL_ORDER, small),
        ],
        rules=rules.taxes,
    )
    discount, tax = sum(off.values()), levied.total_minor
    added = 0 if rules.taxes.included else tax
    return Breakdown(
        subtotal_minor=subtotal,
        delivery_fee_minor=delivery,
        service_fee_minor=service,
        small_order_fee_minor=small,
        discount_minor=discount,
        tax_minor=tax,
        tip_minor=tip_minor,
        total_minor=subtotal + delivery + service + small - discount + added + tip_minor,
        tax_included=rules.taxes.included,
        taxes=levied.lines,
        delivery_tax_minor=levied.on_each[len(lines)],
        delivery_fee_parts=parts,
        lines=tuple(
            LineCharge(discount_minor=less, tax_minor=taxed)
            for less, taxed in zip(off_lines, levied.on_each, strict=False)
        ),
        discounts=fitting,
    )


def divide(
    breakdown: Breakdown, *, rules: CityRules, plan: CommissionPlan, turnover_minor: int = 0
) -> Shares:
    """Divide a total. Tax that is in the prices is taken out of them first.

    The commission is taken of what the merchant sells, less the discounts that it bears. The
    courier's share is of the delivery fee before anybody made it cheaper.
    """
    b = breakdown
    in_items = sum(line.tax_minor for line in b.lines) if b.tax_included else 0
    in_delivery = b.delivery_tax_minor if b.tax_included else 0
    borne = min(sum(d.merchant_minor for d in b.discounts), b.subtotal_minor - in_items)
    sold = b.subtotal_minor - in_items - borne
    commission = plan.of(sold, turnover_minor=turnover_minor)
    for_the_way = b.delivery_fee_parts.full_minor - in_delivery
    merchant = sold - commission
    courier = share(for_the_way, basis_points=rules.courier_share_bp) + b.tip_minor
    return Shares(
        merchant_minor=merchant,
        courier_minor=courier,
        platform_minor=b.total_minor - merchant - courier - b.tax_minor,
        tax_minor=b.tax_minor,
        commission_minor=commission,
    )
