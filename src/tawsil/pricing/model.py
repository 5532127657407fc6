"""Prices, shares and quotes: pure.

Every amount is an integer of minor units. Each component is rounded by itself, half away from zero,
and the total is exactly the sum of the components; so are the shares.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog.public import PricedLine
from tawsil.geography.public import CityRules
from tawsil.kernel.decisions import Deadline, Decision, Refusal, accept, refuse
from tawsil.kernel.money import share
from tawsil.kernel.places import Place
from tawsil.pricing.conditions import Terms
from tawsil.pricing.events import QuoteExpired, QuoteIssued, QuoteTaken

BINDING_FOR: Final = timedelta(minutes=15)
QUOTE_OVER: Final = "quote_over"


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


class QuoteStatus(StrEnum):
    ISSUED = "issued"
    TAKEN = "taken"
    EXPIRED = "expired"


MOVES: Final[Mapping[QuoteStatus, frozenset[QuoteStatus]]] = {
    QuoteStatus.ISSUED: frozenset({QuoteStatus.TAKEN, QuoteStatus.EXPIRED}),
    QuoteStatus.TAKEN: frozenset(),
    QuoteStatus.EXPIRED: frozenset(),
}


class Quote(Struct, frozen=True, kw_only=True):
    """A binding price for lines of one merchant, brought to one address.

    The row has the words of the address only while it is issued: whoever takes it keeps them.
    """

    stream: ClassVar[str] = "quote"
    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    customer_id: UUID
    merchant_id: UUID
    status: QuoteStatus = QuoteStatus.ISSUED
    currency: str
    lines: tuple[PricedLine, ...]
    breakdown: Breakdown
    shares: Shares
    pickup: Place
    dropoff: Place
    address: str
    instructions: str
    distance_m: int
    prep_time_s: int
    surge_minor: int = 0
    """What the delivery fee holds because couriers are short."""
    extra_wait_s: int = 0
    """By how much longer the delivery is promised to take, because couriers are short."""
    issued_at: datetime
    expires_at: datetime

    @property
    def deadline(self) -> Deadline | None:
        if self.status is not QuoteStatus.ISSUED:
            return None
        return Deadline(QUOTE_OVER, self.expires_at)


def check_distance(distance_m: int, *, rules: CityRules) -> Refusal | None:
    limit_m = rules.most_delivery_distance_m
    if distance_m <= limit_m:
        return None
    return refuse(
        "quote.too_far",
        status=422,
        distance_m=distance_m,
        limit_m=limit_m,
        distance_km=f"{distance_m / 1_000:.1f}",
        limit_km=f"{limit_m / 1_000:.1f}",
    )


def check_conditions(distance_m: int, *, zone_id: UUID | None, terms: Terms) -> Refusal | None:
    """Why nothing goes there for now."""
    if zone_id is not None and zone_id in terms.paused_zone_ids:
        return refuse("quote.zone_paused", status=409, zone_id=zone_id)
    if terms.reach_m is None or distance_m <= terms.reach_m:
        return None
    return refuse(
        "quote.too_far_for_now",
        status=409,
        distance_m=distance_m,
        limit_m=terms.reach_m,
        distance_km=f"{distance_m / 1_000:.1f}",
        limit_km=f"{terms.reach_m / 1_000:.1f}",
    )


def issue(quote: Quote) -> Decision[Quote]:
    return accept(
        quote,
        QuoteIssued(
            quote_id=quote.id,
            customer_id=quote.customer_id,
            merchant_id=quote.merchant_id,
            currency=quote.currency,
            subtotal_minor=quote.breakdown.subtotal_minor,
            total_minor=quote.breakdown.total_minor,
            distance_m=quote.distance_m,
            expires_at=quote.expires_at,
        ),
    )


def take(quote: Quote, *, now: datetime) -> Decision[Quote]:
    """Place an order on the quote: once, while it is binding."""
    if quote.status is QuoteStatus.EXPIRED or now >= quote.expires_at:
        return refuse("quote.expired", quote_id=quote.id, expired_at=quote.expires_at)
    if QuoteStatus.TAKEN not in MOVES[quote.status]:
        return refuse("quote.taken", quote_id=quote.id, legal=sorted(MOVES[quote.status]))
    return accept(
        replace(quote, status=QuoteStatus.TAKEN),
        QuoteTaken(
            quote_id=quote.id,
            customer_id=quote.customer_id,
            merchant_id=quote.merchant_id,
            currency=quote.currency,
            total_minor=quote.breakdown.total_minor,
        ),
    )


def expire(quote: Quote) -> Decision[Quote]:
    """Nobody took it: it binds no more."""
    if QuoteStatus.EXPIRED not in MOVES[quote.status]:
        return refuse("quote.taken", quote_id=quote.id, legal=sorted(MOVES[quote.status]))
    return accept(
        replace(quote, status=QuoteStatus.EXPIRED),
        QuoteExpired(quote_id=quote.id, merchant_id=quote.merchant_id),
    )
