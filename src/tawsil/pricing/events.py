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
    """An order has been placed on it."""

    quote_id: UUID
    customer_id: UUID
    merchant_id: UUID
    currency: str
    total_minor: int


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


EVENTS: Final = (QuoteIssued, QuoteTaken, QuoteExpired, ConditionsChanged, CommissionPlanned)
