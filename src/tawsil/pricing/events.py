"""What has happened to quotes."""

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


EVENTS: Final = (QuoteIssued, QuoteTaken, QuoteExpired)
