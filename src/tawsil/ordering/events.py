"""What happens to an order. Each fact says whom it concerns and the status it leaves behind."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event


class Status(StrEnum):
    """The contract's order statuses."""

    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    PREPARING = "PREPARING"
    READY_FOR_PICKUP = "READY_FOR_PICKUP"
    PICKED_UP = "PICKED_UP"
    IN_TRANSIT = "IN_TRANSIT"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"
    DISPUTED = "DISPUTED"
    UNDELIVERABLE = "UNDELIVERABLE"
    RETURNED = "RETURNED"


class Thread(StrEnum):
    """With whom the customer writes."""

    COURIER = "courier"
    MERCHANT = "merchant"


class Writer(StrEnum):
    """As whom somebody writes about an order."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"
    COURIER = "courier"
    SUPPORT = "support"


class ChoiceOutcome(StrEnum):
    """How a choice ended: by an answer, or by what made it needless."""

    KEEP_WAITING = "keep_waiting"
    CANCEL = "cancel"
    NO_ANSWER = "no_answer"
    COURIER_FOUND = "courier_found"
    ORDER_ENDED = "order_ended"


class OrderEvent(Event, frozen=True, kw_only=True):
    order_id: UUID
    customer_id: UUID
    merchant_id: UUID
    courier_id: UUID | None
    status: Status


class OrderPlaced(OrderEvent, frozen=True, tag="order.placed.v1"):
    number: int
    quote_id: UUID
    total_minor: int
    currency: str


class PaymentChanged(OrderEvent, frozen=True, tag="order.payment_changed.v1"):
    """An operator had the order go on though no card was taken."""

    paid_by: str


class OrderHeld(OrderEvent, frozen=True, tag="order.held.v1"):
    """Payment is safe; the order is for later, and the merchant hears of it at `offers_at`."""

    offers_at: datetime


class OrderOffered(OrderEvent, frozen=True, tag="order.offered.v1"):
    """Payment is safe, so the merchant may see the order."""

    answer_by_at: datetime


class OrderAccepted(OrderEvent, frozen=True, tag="order.accepted.v1"):
    ready_at: datetime
    promised_at: datetime


class PreparationStarted(OrderEvent, frozen=True, tag="order.preparation_started.v1"):
    pass


class ReadyTimeMoved(OrderEvent, frozen=True, tag="order.ready_time_moved.v1"):
    ready_at: datetime
    promised_at: datetime
    reason: str


class OrderReady(OrderEvent, frozen=True, tag="order.ready.v1"):
    pass


class CourierAssigned(OrderEvent, frozen=True, tag="order.courier_assigned.v1"):
    pass


class CourierLost(OrderEvent, frozen=True, tag="order.courier_lost.v1"):
    reason: str


class ChoiceOffered(OrderEvent, frozen=True, tag="order.choice_offered.v1"):
    """Nobody brings it: the customer may wait on, or call it off free of charge."""

    until_at: datetime


class ChoiceClosed(OrderEvent, frozen=True, tag="order.choice_closed.v1"):
    outcome: ChoiceOutcome


class OrderPickedUp(OrderEvent, frozen=True, tag="order.picked_up.v1"):
    pass


class OrderDeparted(OrderEvent, frozen=True, tag="order.departed.v1"):
    pass


class OrderDelivered(OrderEvent, frozen=True, tag="order.delivered.v1"):
    proof: str


class OrderSettled(OrderEvent, frozen=True, tag="order.settled.v1"):
    """The money of the order has reached everybody's account."""


class OrderOverdue(OrderEvent, frozen=True, tag="order.overdue.v1"):
    """A deadline passed that only people can do something about."""

    waiting_for: str
    times: int


class OrderCancelled(OrderEvent, frozen=True, tag="order.cancelled.v1"):
    reason: str


class OrderUndeliverable(OrderEvent, frozen=True, tag="order.undeliverable.v1"):
    reason: str


class OrderReturned(OrderEvent, frozen=True, tag="order.returned.v1"):
    charged: bool


class OrderDisputed(OrderEvent, frozen=True, tag="order.disputed.v1"):
    reason: str


class DisputeDismissed(OrderEvent, frozen=True, tag="order.dispute_dismissed.v1"):
    """Staff looked into the complaint, and the order stands as delivered."""

    reason: str


class OrderRefunded(OrderEvent, frozen=True, tag="order.refunded.v1"):
    amount_minor: int
    reason: str


class RefundEvent(Event, frozen=True, kw_only=True):
    refund_id: UUID
    order_id: UUID
    customer_id: UUID
    merchant_id: UUID
    reason: str
    amount_minor: int
    currency: str


class RefundAsked(RefundEvent, frozen=True, tag="refund.requested.v1"):
    pass


class RefundApproved(RefundEvent, frozen=True, tag="refund.approved.v1"):
    """The money is on its way; who bears it adds up to the amount."""

    paid_to: str
    merchant_minor: int
    courier_minor: int
    platform_minor: int
    tax_minor: int


class RefundTurnedDown(RefundEvent, frozen=True, tag="refund.refused.v1"):
    because: str


class RefundDone(RefundEvent, frozen=True, tag="refund.done.v1"):
    """The money is with the customer."""


class RefundFell(RefundEvent, frozen=True, tag="refund.failed.v1"):
    """The acquirer would not give it back; the amount is free to be asked for again."""

    code: str


class TipEvent(Event, frozen=True, kw_only=True):
    tip_id: UUID
    order_id: UUID
    customer_id: UUID
    courier_id: UUID
    amount_minor: int
    currency: str


class TipAsked(TipEvent, frozen=True, tag="tip.asked.v1"):
    """The customer wants to give the courier more; the money is being asked for."""


class TipPaid(TipEvent, frozen=True, tag="tip.paid.v1"):
    """The courier has it, whole."""


class TipDeclined(TipEvent, frozen=True, tag="tip.declined.v1"):
    code: str


class ChatEvent(Event, frozen=True, kw_only=True):
    """`courier_id` is who is on the order; what was written is never in the log."""

    chat_id: UUID
    order_id: UUID
    thread: Thread
    customer_id: UUID
    merchant_id: UUID
    courier_id: UUID | None


class MessageSent(ChatEvent, frozen=True, tag="chat.message_sent.v1"):
    writer: Writer
    message_id: UUID


class MessagesRead(ChatEvent, frozen=True, tag="chat.read.v1"):
    """Up to this message."""

    reader: Writer
    message_id: UUID


class ReviewEvent(Event, frozen=True, kw_only=True):
    order_id: UUID
    customer_id: UUID
    merchant_id: UUID
    courier_id: UUID | None
    merchant_rating: int | None
    courier_rating: int | None


class ReviewGiven(ReviewEvent, frozen=True, tag="review.given.v1"):
    """What the customer thinks of a delivered order; the words are not in the log."""


class ReviewChanged(ReviewEvent, frozen=True, tag="review.changed.v1"):
    """The customer thinks otherwise: this takes the place of what was said before."""


class ProofKept(Event, frozen=True, kw_only=True, tag="proof.kept.v1"):
    """A courier's picture of a handover is kept until `kept_until_at`; `sha256` tells it."""

    proof_id: UUID
    order_id: UUID
    courier_id: UUID
    kind: str
    sha256: str
    kept_until_at: datetime


class ProofForgotten(Event, frozen=True, kw_only=True, tag="proof.forgotten.v1"):
    """The picture was deleted, because its time was over."""

    proof_id: UUID
    order_id: UUID


class CourierActionKept(Event, frozen=True, kw_only=True, tag="courier_action.kept.v1"):
    """A courier out of reach did something that did not fit any more once it was known.

    `does` is what, `happened_at` when, `code` why it was not taken in. Somebody has to look at it.
    """

    action_id: UUID
    courier_id: UUID
    order_id: UUID
    does: str
    code: str
    happened_at: datetime


EVENTS: Final = (
    OrderPlaced,
    PaymentChanged,
    OrderHeld,
    OrderOffered,
    OrderAccepted,
    PreparationStarted,
    ReadyTimeMoved,
    OrderReady,
    CourierAssigned,
    CourierLost,
    ChoiceOffered,
    ChoiceClosed,
    OrderPickedUp,
    OrderDeparted,
    OrderDelivered,
    OrderSettled,
    OrderOverdue,
    OrderCancelled,
    OrderUndeliverable,
    OrderReturned,
    OrderDisputed,
    DisputeDismissed,
    OrderRefunded,
    RefundAsked,
    RefundApproved,
    RefundTurnedDown,
    RefundDone,
    RefundFell,
    TipAsked,
    TipPaid,
    TipDeclined,
    MessageSent,
    MessagesRead,
    ReviewGiven,
    ReviewChanged,
    ProofKept,
    ProofForgotten,
    CourierActionKept,
)
