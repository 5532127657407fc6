"""Quotes: pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog.public import Merchant, PricedLine, accepting
from tawsil.geography.public import CashRules, CityRules
from tawsil.kernel.decisions import Deadline, Decision, Refusal, accept, refuse
from tawsil.kernel.places import Place
from tawsil.pricing.events import QuoteExpired, QuoteIssued, QuoteTaken
from tawsil.pricing.model.amounts import Breakdown, Shares
from tawsil.pricing.model.conditions import Terms
from tawsil.pricing.model.discounts import AppliedPromotion, NotApplied
from tawsil.pricing.model.funds import Funds

BINDING_FOR: Final = timedelta(minutes=15)
ANSWER_WITHIN: Final = timedelta(minutes=5)
"""What a merchant is given to take an order; an order for later is made so much sooner."""
AHEAD: Final = timedelta(days=3)
"""No order is for later than this: a bank holds money for some days only."""
QUOTE_OVER: Final = "quote_over"


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
    suggested_tips_bp: tuple[int, ...] = ()
    commission_plan_id: UUID | None = None
    """The merchant's plan that counted; without one, its own percentage or the city's."""
    commission_bp: int
    extra_wait_s: int = 0
    """By how much longer the delivery is promised to take, because couriers are short."""
    funds: Funds = Funds()
    """What of the total is to come out of the customer's own points and credit."""
    promotions: tuple[AppliedPromotion, ...] = ()
    not_applied: tuple[NotApplied, ...] = ()
    scheduled_for: datetime | None = None
    """When it is to be at the door; without one, as soon as it can be."""
    begins_at: datetime | None = None
    """When the merchant begins with what is scheduled."""
    issued_at: datetime
    expires_at: datetime

    @property
    def due_minor(self) -> int:
        """What is left for card or cash."""
        return self.breakdown.total_minor - self.funds.total_minor

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


def check_later(
    merchant: Merchant, *, scheduled_for: datetime, lead: timedelta, now: datetime, timezone: str
) -> Refusal | None:
    """Why nothing can be at the door then, and when it can; `lead` is from the kitchen to it.

    The merchant is asked when it is time to begin, so that is when it must be open.
    """
    soonest_at = now + ANSWER_WITHIN + lead
    code = None
    if scheduled_for < soonest_at:
        code = "quote.too_soon"
    elif scheduled_for > now + AHEAD:
        return refuse("quote.too_far_ahead", status=422, days=AHEAD.days)
    from_at = max(scheduled_for, soonest_at)
    closed = accepting(merchant, at=from_at - lead, timezone=timezone)
    if closed is not None:
        code, opens_at = "quote.closed_then", closed.detail.get("opens_at")
        if opens_at is None:
            return closed
        from_at = opens_at + lead
    if code is None:
        return None
    return refuse(
        code,
        status=422,
        possible_at=from_at,
        possible=from_at.astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M"),
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


def check_cash(quote: Quote, *, rules: CashRules) -> Refusal | None:
    """Why it cannot be paid at the door."""
    if not rules.allowed:
        return refuse("quote.cash_not_allowed", status=422)
    total_minor, most_minor = quote.breakdown.total_minor, rules.most_minor
    if most_minor is not None and total_minor > most_minor:
        return refuse(
            "quote.cash_too_much", status=422, total_minor=total_minor, most_minor=most_minor
        )
    return None


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
            discount_minor=quote.breakdown.discount_minor,
            promotion_ids=tuple(one.promotion_id for one in quote.promotions),
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
