"""How orders look over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.kernel.places import Place
from tawsil.kernel.text import Prose
from tawsil.ordering import store
from tawsil.ordering.events import Status
from tawsil.ordering.model import Choice, Order, PaidBy, legal_moves
from tawsil.ordering.refunds.views import RefundView
from tawsil.ordering.reviews.views import OrderReviewView
from tawsil.ordering.tips.views import TipView
from tawsil.payments.public import CardToken, Provider
from tawsil.pricing import public as pricing

Reason = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}$(?!\n)", examples=["sold_out"])]
"""A code, because it stands in the log for ever: what people write in their own words does not."""


class CartBody(Struct, forbid_unknown_fields=True):
    merchant_id: UUID
    lines: Annotated[list[store.CartLine], Meta(min_length=1, max_length=50)]


Token = Annotated[str, Meta(min_length=1, max_length=100, examples=["tok_visa"])]


class CardTokenBody(Struct, forbid_unknown_fields=True):
    """The card as one provider knows it."""

    provider: Annotated[Provider, Meta(examples=["direct"])]
    token: Token


def cards_of(
    first: str | None, others: Sequence[CardTokenBody], providers: Sequence[Provider]
) -> tuple[CardToken, ...]:
    """The tokens of those who take cards, in the order in which they are asked."""
    tokens = {one.provider: one.token for one in others}
    if first is not None:
        tokens.setdefault(providers[0], first)
    return tuple(CardToken(one, tokens[one]) for one in providers if one in tokens)


class PlaceOrderBody(Struct, forbid_unknown_fields=True):
    """A card is named by `card_token`, of the provider that is asked first, or by `card_tokens`.

    Whoever gives a token of each provider is not kept waiting when one of them is down.
    """

    quote_id: UUID
    payment_method: PaidBy
    card_token: Token | None = None
    card_tokens: Annotated[list[CardTokenBody], Meta(max_length=4)] = []
    notes: Annotated[Prose, Meta(max_length=500)] = ""

    def cards(self, providers: Sequence[Provider]) -> tuple[CardToken, ...]:
        return cards_of(self.card_token, self.card_tokens, providers)


class AcceptBody(Struct, forbid_unknown_fields=True):
    prep_time_minutes: Annotated[int, Meta(ge=1, le=180)] | None = None


class ReadyTimeBody(Struct, forbid_unknown_fields=True):
    delta_minutes: Annotated[int, Meta(ge=-60, le=60)]


class DeliverBody(Struct, forbid_unknown_fields=True):
    """`proof_ids`: pictures of the handover, sent before. What is asked for is the city's rule."""

    pin: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", examples=["4711"])] | None = None
    proof_ids: Annotated[tuple[UUID, ...], Meta(max_length=4)] = ()


class ReasonBody(Struct, forbid_unknown_fields=True):
    reason: Reason


class ChoiceBody(Struct, forbid_unknown_fields=True):
    choice: Annotated[Choice, Meta(examples=["keep_waiting"])]


class StatusBody(Struct, forbid_unknown_fields=True):
    status: Status
    notes: Annotated[Prose, Meta(max_length=500)] = ""


class OrderDiscountView(Struct, frozen=True, kw_only=True):
    """What a promotion took off."""

    promotion_id: UUID
    name_en: str
    name_ar: str
    code: str | None
    amount_minor: int

    @classmethod
    def of(cls, applied: pricing.AppliedPromotion) -> "OrderDiscountView":
        return cls(**{name: getattr(applied, name) for name in cls.__struct_fields__})


class OrderView(Struct, frozen=True, kw_only=True):
    """An order as its people see it; `legal_moves` are the statuses it may go to next.

    While `choice_until_at` is set, the customer may wait on for a courier or call the order off.
    """

    id: UUID
    number: int
    city_id: UUID
    customer_id: UUID
    merchant_id: UUID
    courier_id: UUID | None
    status: Status
    payment: str
    payment_method: PaidBy
    currency: str
    subtotal_minor: int
    tax_minor: int
    delivery_fee_minor: int
    service_fee_minor: int
    small_order_fee_minor: int
    discount_minor: int
    tip_minor: int
    total_minor: int
    points_minor: int
    """What of the total the customer's points pay; `credit_minor` likewise their credit."""
    credit_minor: int
    due_minor: int
    """What is left for card or cash."""
    tax_included: bool
    taxes: tuple[pricing.TaxLine, ...]
    delivery_fee_parts: pricing.DeliveryFeeParts
    discounts: list[OrderDiscountView]
    pickup: Place
    dropoff: Place
    scheduled_for: datetime | None
    placed_at: datetime
    accepted_at: datetime | None
    ready_at: datetime | None
    picked_up_at: datetime | None
    delivered_at: datetime | None
    estimated_delivery_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None
    next_deadline: str | None
    next_deadline_at: datetime | None
    legal_moves: list[str]
    choice_until_at: datetime | None
    handover_pin: str | None = None
    items: list[store.Item] | None = None
    destination: store.Destination | None = None
    refunds: list[RefundView] | None = None
    """What was asked back of it; only where one order is shown."""
    tips: list[TipView] | None = None
    """What was given the courier after delivery, likewise."""
    review: OrderReviewView | None = None
    """What the customer said about it."""
    remarks: list[str] = []

    @classmethod
    def of(cls, order: Order, **more: Any) -> "OrderView":
        amounts, deadline = order.amounts, order.deadline
        return cls(
            id=order.id,
            number=order.number,
            city_id=order.city_id,
            customer_id=order.customer_id,
            merchant_id=order.merchant_id,
            courier_id=order.courier_id,
            status=order.status,
            payment=order.payment,
            payment_method=order.paid_by,
            currency=amounts.currency,
            subtotal_minor=amounts.subtotal_minor,
            tax_minor=amounts.tax_minor,
            delivery_fee_minor=amounts.delivery_fee_minor,
            service_fee_minor=amounts.service_fee_minor,
            small_order_fee_minor=amounts.small_order_fee_minor,
            discount_minor=amounts.discount_minor,
            tip_minor=amounts.tip_minor,
            total_minor=amounts.total_minor,
            points_minor=amounts.points_minor,
            credit_minor=amounts.credit_minor,
            due_minor=amounts.due_minor,
            tax_included=amounts.tax_included,
            taxes=amounts.taxes,
            delivery_fee_parts=amounts.delivery_fee_parts,
            discounts=[OrderDiscountView.of(one) for one in order.discounts],
            pickup=order.pickup,
            dropoff=order.dropoff,
            scheduled_for=order.scheduled_for,
            placed_at=order.placed_at,
            accepted_at=order.accepted_at,
            ready_at=order.ready_at,
            picked_up_at=order.picked_up_at,
            delivered_at=order.delivered_at,
            estimated_delivery_at=order.promised_at,
            ended_at=order.ended_at,
            ended_because=order.ended_because,
            next_deadline=deadline.kind if deadline else None,
            next_deadline_at=deadline.at if deadline else None,
            legal_moves=legal_moves(order),
            choice_until_at=order.choice_until_at,
            **more,
        )


class TimelineEntry(Struct, frozen=True, kw_only=True):
    seq: int
    type: str
    at: datetime
    actor_role: str
    actor_id: UUID | None
    stream: str
    stream_id: UUID
    version: int
    data: Event

    @classmethod
    def of(cls, recorded: Recorded[Any]) -> "TimelineEntry":
        return cls(
            seq=recorded.seq,
            type=recorded.type,
            at=recorded.at,
            actor_role=recorded.actor_role,
            actor_id=recorded.actor_id,
            stream=recorded.stream,
            stream_id=recorded.stream_id,
            version=recorded.version,
            data=recorded.event,
        )
