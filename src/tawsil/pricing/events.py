"""What has happened to quotes, and to the terms on which they are issued."""

from datetime import datetime
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event


class QuoteIssued(Event, frozen=True, tag="quote.issued.v1"):
    quote_id: UUID
    customer_id: UUID
    merchant_id: UUID
    currency: str
    subtotal_minor: int
    total_minor: int
    distance_m: int
    expires_at: datetime


class QuoteTaken(Event, frozen=True, tag="quote.taken.v1"):
    """An order has been placed on it, with what these promotions take off."""

    quote_id: UUID
    customer_id: UUID
    merchant_id: UUID
    currency: str
    total_minor: int
    discount_minor: int = 0
    promotion_ids: tuple[UUID, ...] = ()


class QuoteExpired(Event, frozen=True, tag="quote.expired.v1"):
    quote_id: UUID
    merchant_id: UUID


class ConditionsChanged(Event, frozen=True, kw_only=True, tag="conditions.changed.v1"):
    """A city's couriers are shorter, or less short, than before; quotes from now on show it.

    `held`: an operator set these terms, and pressure does not move them.
    """

    city_id: UUID
    pressure: int
    extra_wait_s: int
    surge_bp: int
    reach_m: int | None
    paused_zone_ids: tuple[UUID, ...]
    held: bool


class CommissionPlanned(Event, frozen=True, kw_only=True, tag="commission.planned.v1"):
    """From an instant on, the platform keeps something else of what a merchant sells."""

    plan_id: UUID
    merchant_id: UUID
    starts_at: datetime
    rate_bp: int
    fixed_minor: int
    tiers: int
    """How many further rates there are, by the month's turnover."""


class PromotionDrafted(Event, frozen=True, kw_only=True, tag="promotion.drafted.v1"):
    """Nobody has been promised anything yet. `merchant_id`: whose own it is."""

    promotion_id: UUID
    merchant_id: UUID | None
    kind: str
    currency: str
    budget_minor: int | None


class PromotionChanged(Event, frozen=True, tag="promotion.changed.v1"):
    promotion_id: UUID


class PromotionCodesMade(Event, frozen=True, tag="promotion.codes_made.v1"):
    """The codes themselves are worth money, and stand in no event."""

    promotion_id: UUID
    count: int


class PromotionActivated(Event, frozen=True, tag="promotion.activated.v1"):
    promotion_id: UUID


class PromotionPaused(Event, frozen=True, tag="promotion.paused.v1"):
    promotion_id: UUID


class PromotionBudgetRaised(Event, frozen=True, tag="promotion.budget_raised.v1"):
    promotion_id: UUID
    by_minor: int
    budget_minor: int
    currency: str


class PromotionFunded(Event, frozen=True, tag="promotion.funded.v1"):
    """The platform puts so much aside for it; below zero: so much comes back unused."""

    promotion_id: UUID
    amount_minor: int
    currency: str


class PromotionExhausted(Event, frozen=True, tag="promotion.exhausted.v1"):
    promotion_id: UUID


class PromotionEnded(Event, frozen=True, tag="promotion.ended.v1"):
    promotion_id: UUID
    taken_minor: int


class PromotionReviewed(Event, frozen=True, tag="promotion.reviewed.v1"):
    """An operator looked at what seemed to be an abuse, and decided."""

    promotion_id: UUID
    review_id: UUID
    customer_id: UUID
    verdict: str


EVENTS: Final = (
    QuoteIssued,
    QuoteTaken,
    QuoteExpired,
    ConditionsChanged,
    CommissionPlanned,
    PromotionDrafted,
    PromotionChanged,
    PromotionCodesMade,
    PromotionActivated,
    PromotionPaused,
    PromotionBudgetRaised,
    PromotionFunded,
    PromotionExhausted,
    PromotionEnded,
    PromotionReviewed,
)
