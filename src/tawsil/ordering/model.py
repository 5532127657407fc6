"""An order: its states, and what each step decides. No I/O, no clock; the moves are in `moves.py`.

Every live order has exactly one next deadline, because the deadline is computed from the order.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Deadline, Decision, Event, Refusal, accept, refuse, then
from tawsil.kernel.places import Place
from tawsil.ordering import events
from tawsil.ordering.amounts import Amounts
from tawsil.ordering.events import ChoiceOutcome, Status
from tawsil.ordering.moves import (
    BEFORE_PICKUP,
    CHARGED,
    LIVE,
    MAY_CHOOSE,
    MAY_MOVE_READY_TIME,
    MOVES,
    WHO_MAY,
    Party,
)
from tawsil.pricing.public import AppliedPromotion

PAYMENT_WITHIN: Final = timedelta(minutes=5)
ACCEPT_WITHIN: Final = timedelta(minutes=5)
START_WITHIN: Final = timedelta(minutes=2)
PREP_GRACE: Final = timedelta(minutes=10)
PREP_EXTENSION: Final = timedelta(minutes=5)
MOST_PREP_EXTENSIONS: Final = 12
PICKUP_WITHIN: Final = timedelta(minutes=30)
DROPOFF_WITHIN: Final = timedelta(minutes=60)
RETURN_WITHIN: Final = timedelta(minutes=60)
REMIND_EVERY: Final = timedelta(minutes=15)
CHOICE_LASTS: Final = timedelta(minutes=15)


TOO_LATE: Final = {
    "payment": "payment_timeout",
    "merchant_accept": "merchant_timeout",
    "prep": "kitchen_never_ready",
}
"""Why an order is cancelled that nothing came of in time."""


class PaidBy(StrEnum):
    CARD = "card"
    CASH = "cash"
    LATER = "later"  # by an operator's leave, never at checkout


class Choice(StrEnum):
    """What the customer may do about an order that no courier takes."""

    KEEP_WAITING = "keep_waiting"
    CANCEL = "cancel"


class PaymentStage(StrEnum):
    """What the order knows of its money; payments knows the rest."""

    AWAITED = "awaited"
    SAFE = "safe"
    FAILED = "failed"
    SETTLED = "settled"
    RETURNED = "returned"


class Fault(StrEnum):
    """Who bears an order that could not be handed over."""

    CUSTOMER = "customer"
    PLATFORM = "platform"


UNDELIVERABLE_FAULTS: Final[Mapping[str, Fault]] = {
    "customer_absent": Fault.CUSTOMER,
    "customer_refused": Fault.CUSTOMER,
    "wrong_address": Fault.CUSTOMER,
    "damaged": Fault.PLATFORM,
    "accident": Fault.PLATFORM,
    "vehicle": Fault.PLATFORM,
    "unsafe_place": Fault.PLATFORM,
}


class Order(Struct, frozen=True, kw_only=True):
    stream: ClassVar[str] = "order"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    number: int
    quote_id: UUID
    customer_id: UUID
    merchant_id: UUID
    courier_id: UUID | None = None
    status: Status = Status.PENDING
    payment: PaymentStage = PaymentStage.AWAITED
    paid_by: PaidBy
    amounts: Amounts
    pickup: Place
    dropoff: Place
    prep_time_s: int
    travel_time_s: int
    """From being ready to being handed over, as promised: the drive, and more in a rush."""
    handover_pin: str
    scheduled_for: datetime | None = None
    """When it is to be at the door, if its customer said when."""
    placed_at: datetime
    offered_at: datetime | None = None
    accepted_at: datetime | None = None
    ready_at: datetime | None = None
    promised_at: datetime | None = None
    picked_up_at: datetime | None = None
    delivered_at: datetime | None = None
    ended_at: datetime | None = None
    ended_because: str | None = None
    reminders: int = 0
    choice_until_at: datetime | None = None
    discounts: tuple[AppliedPromotion, ...] = ()

    @property
    def promotion_minor(self) -> int:
        """What comes out of promotions' budgets, of the part of the discount the platform bears."""
        return sum(one.platform_minor for one in self.discounts if one.from_budget)

    @property
    def live(self) -> bool:
        return self.status in LIVE

    @property
    def offers_at(self) -> datetime | None:
        """When what is for later is shown to the merchant: in time to answer, cook and ride."""
        if self.scheduled_for is None:
            return None
        way = timedelta(seconds=self.prep_time_s + self.travel_time_s)
        return self.scheduled_for - way - ACCEPT_WITHIN

    @property
    def deadline(self) -> Deadline | None:
        """What must happen next, and by when; None only for an order that has ended."""
        if not self.live:
            return None
        kind, first_at = self._waiting_for()
        again = PREP_EXTENSION if kind == "prep" else REMIND_EVERY
        # A kitchen's extension moves `ready_at` itself, so its reminders are counted in already.
        times = 0 if kind == "prep" else self.reminders
        at = first_at + times * again
        if self.choice_until_at is not None and self.choice_until_at <= at:
            return Deadline(kind="choice", at=self.choice_until_at)
        return Deadline(kind=kind, at=at)

    def _waiting_for(self) -> tuple[str, datetime]:
        if self.status is Status.PENDING and self.offered_at is None:
            if self.payment is PaymentStage.SAFE:
                assert self.offers_at is not None, "only what is for later is held"
                return "offer", self.offers_at
            return "payment", self.placed_at + PAYMENT_WITHIN
        kind, since_at, within = {
            Status.PENDING: ("merchant_accept", self.offered_at, ACCEPT_WITHIN),
            Status.ACCEPTED: ("prep_start", self.accepted_at, START_WITHIN),
            Status.PREPARING: ("prep", self.ready_at, PREP_GRACE),
            Status.READY_FOR_PICKUP: ("pickup", self.ready_at, PICKUP_WITHIN),
            Status.PICKED_UP: ("dropoff", self.picked_up_at, DROPOFF_WITHIN),
            Status.IN_TRANSIT: ("dropoff", self.picked_up_at, DROPOFF_WITHIN),
            Status.UNDELIVERABLE: ("return", self.ended_at, RETURN_WITHIN),
        }[self.status]
        assert since_at is not None, "a stage that was reached has its time"
        return kind, since_at + within


def place(order: Order) -> Decision[Order]:
    return accept(
        order,
        event_of(
            events.OrderPlaced,
            order,
            number=order.number,
            quote_id=order.quote_id,
            total_minor=order.amounts.total_minor,
            currency=order.amounts.currency,
        ),
    )


def payment_safe(order: Order, *, now: datetime) -> Decision[Order]:
    """The money is authorised (or will be cash): show the order to the merchant, or hold it."""
    if order.status is not Status.PENDING or order.payment is not PaymentStage.AWAITED:
        return accept(order)
    safe = replace(order, payment=PaymentStage.SAFE)
    if safe.offers_at is None or safe.offers_at <= now:
        return _offer(safe, now=now)
    return accept(safe, event_of(events.OrderHeld, safe, offers_at=safe.offers_at))


def _offer(order: Order, *, now: datetime) -> Decision[Order]:
    offered = replace(order, offered_at=now, reminders=0)
    return accept(offered, event_of(events.OrderOffered, offered, answer_by_at=now + ACCEPT_WITHIN))


def pay_otherwise(order: Order, *, paid_by: PaidBy) -> Decision[Order]:
    """An operator had the payment go on in another way."""
    if order.status is not Status.PENDING or order.paid_by is paid_by:
        return accept(order)
    changed = replace(order, paid_by=paid_by)
    return accept(changed, event_of(events.PaymentChanged, changed, paid_by=paid_by.value))


def accept_order(
    order: Order, *, party: Party, prep_time_s: int | None, now: datetime
) -> Decision[Order]:
    if order.status is Status.PENDING and order.payment is not PaymentStage.SAFE:
        return refuse("order.not_paid_yet")
    if order.status is Status.PENDING and order.offered_at is None:
        return refuse("order.held", offers_at=order.offers_at)
    if refused := not_allowed(order, Status.ACCEPTED, party):
        return refused
    prep_s = order.prep_time_s if prep_time_s is None else prep_time_s
    ready_at = now + timedelta(seconds=prep_s)
    if order.scheduled_for is not None:
        ready_at = max(ready_at, order.scheduled_for - timedelta(seconds=order.travel_time_s))
    promised_at = _promise(order, ready_at)
    taken = moved(
        order,
        Status.ACCEPTED,
        accepted_at=now,
        prep_time_s=prep_s,
        ready_at=ready_at,
        promised_at=promised_at,
    )
    return accept(
        taken, event_of(events.OrderAccepted, taken, ready_at=ready_at, promised_at=promised_at)
    )


def start_preparing(order: Order, *, party: Party) -> Decision[Order]:
    if refused := not_allowed(order, Status.PREPARING, party):
        return refused
    started = moved(order, Status.PREPARING)
    return accept(started, event_of(events.PreparationStarted, started))


def move_ready_time(
    order: Order, *, party: Party, ready_at: datetime, reason: str
) -> Decision[Order]:
    if party not in MAY_MOVE_READY_TIME:
        return refuse("order.ready_time_not_yours", status=403, party=party)
    if order.status not in {Status.ACCEPTED, Status.PREPARING}:
        return refuse("order.not_preparing", status_now=order.status, legal=legal_moves(order))
    later = replace(
        order,
        ready_at=ready_at,
        promised_at=_promise(order, ready_at),
        reminders=order.reminders + 1 if reason == "kitchen_late" else order.reminders,
    )
    return accept(
        later,
        event_of(
            events.ReadyTimeMoved,
            later,
            ready_at=ready_at,
            promised_at=later.promised_at,
            reason=reason,
        ),
    )


def mark_ready(order: Order, *, party: Party, now: datetime) -> Decision[Order]:
    """The food waits. A start that nobody tapped is recorded with it."""
    if order.status is Status.ACCEPTED:
        started = start_preparing(order, party=Party.SYSTEM)
        return then(started, lambda o: mark_ready(o, party=party, now=now))
    if refused := not_allowed(order, Status.READY_FOR_PICKUP, party):
        return refused
    ready = moved(order, Status.READY_FOR_PICKUP, ready_at=now)
    return accept(ready, event_of(events.OrderReady, ready))


def assign_courier(
    order: Order, *, courier_id: UUID, instead_of: UUID | None = None
) -> Decision[Order]:
    """A courier has it: once it is collected, only `instead_of` the one who carried it."""
    free = order.status in BEFORE_PICKUP or (order.live and order.courier_id == instead_of)
    if order.courier_id == courier_id or not free:
        return accept(order)
    if order.choice_until_at is not None:
        closed = _close_choice(order, ChoiceOutcome.COURIER_FOUND)
        return then(closed, lambda o: assign_courier(o, courier_id=courier_id))
    assigned = replace(order, courier_id=courier_id)
    return accept(assigned, event_of(events.CourierAssigned, assigned))


def lose_courier(order: Order, *, courier_id: UUID, reason: str) -> Decision[Order]:
    if order.courier_id != courier_id or order.status not in BEFORE_PICKUP:
        return accept(order)
    lost = replace(order, courier_id=None)
    return accept(lost, event_of(events.CourierLost, lost, reason=reason))


def offer_choice(order: Order, *, now: datetime) -> Decision[Order]:
    """No courier comes: shall we go on looking, or call it off free of charge?"""
    searching = order.status in BEFORE_PICKUP - {Status.PENDING} and order.courier_id is None
    if not searching or order.choice_until_at is not None:
        return accept(order)
    until_at = now + CHOICE_LASTS
    asked = replace(order, choice_until_at=until_at)
    return accept(asked, event_of(events.ChoiceOffered, asked, until_at=until_at))


def choose(order: Order, *, party: Party, choice: Choice, now: datetime) -> Decision[Order]:
    """The customer's answer. Calling off is free however far the kitchen is."""
    if party not in MAY_CHOOSE:
        return refuse("order.choice_not_yours", status=403, party=party)
    if order.choice_until_at is None or order.choice_until_at <= now:
        return refuse("order.no_choice_open", status_now=order.status)
    if choice is Choice.KEEP_WAITING:
        return _close_choice(order, ChoiceOutcome.KEEP_WAITING)
    closed, why = _close_choice(order, ChoiceOutcome.CANCEL), "gave_up_waiting"
    return then(closed, lambda o: cancel(o, party=Party.SYSTEM, reason=why, now=now))


def pick_up(order: Order, *, party: Party, now: datetime) -> Decision[Order]:
    """The courier has the food. If the kitchen never tapped ready, that is recorded with it."""
    if order.courier_id is None and order.status in BEFORE_PICKUP:
        return refuse("order.no_courier_yet")
    if order.status in {Status.ACCEPTED, Status.PREPARING}:
        ready = mark_ready(order, party=party, now=now)
        return then(ready, lambda o: pick_up(o, party=party, now=now))
    if refused := not_allowed(order, Status.PICKED_UP, party):
        return refused
    picked = moved(order, Status.PICKED_UP, picked_up_at=now)
    return accept(picked, event_of(events.OrderPickedUp, picked))


def depart(order: Order, *, party: Party) -> Decision[Order]:
    if refused := not_allowed(order, Status.IN_TRANSIT, party):
        return refused
    departed = replace(order, status=Status.IN_TRANSIT)
    return accept(departed, event_of(events.OrderDeparted, departed))


def settle(order: Order) -> Decision[Order]:
    """The money was captured. Word of it that comes late or twice changes nothing."""
    if order.payment is not PaymentStage.SAFE or order.status not in CHARGED:
        return accept(order)
    settled = replace(order, payment=PaymentStage.SETTLED)
    return accept(settled, event_of(events.OrderSettled, settled))


def cancel(order: Order, *, party: Party, reason: str, now: datetime) -> Decision[Order]:
    """End an order that no courier carries yet.

    A customer may until the kitchen has begun; the merchant and the platform until pick-up.
    """
    if refused := not_allowed(order, Status.CANCELLED, party):
        return refused
    if party is Party.CUSTOMER and order.status not in {Status.PENDING, Status.ACCEPTED}:
        return refuse("order.kitchen_has_begun", status_now=order.status)
    if order.choice_until_at is not None:
        closed = _close_choice(order, ChoiceOutcome.ORDER_ENDED)
        return then(closed, lambda o: cancel(o, party=party, reason=reason, now=now))
    failed = order.payment is PaymentStage.AWAITED
    cancelled = moved(
        order,
        Status.CANCELLED,
        ended_at=now,
        ended_because=reason,
        payment=PaymentStage.FAILED if failed else PaymentStage.RETURNED,
    )
    return accept(cancelled, event_of(events.OrderCancelled, cancelled, reason=reason))


def mark_undeliverable(
    order: Order, *, party: Party, reason: str, now: datetime
) -> Decision[Order]:
    """The food cannot be handed over and goes back to the merchant."""
    if reason not in UNDELIVERABLE_FAULTS:
        return refuse(
            "order.unknown_reason", status=422, reason=reason, known=list(UNDELIVERABLE_FAULTS)
        )
    if refused := not_allowed(order, Status.UNDELIVERABLE, party):
        return refused
    failed = moved(order, Status.UNDELIVERABLE, ended_at=now, ended_because=reason)
    return accept(failed, event_of(events.OrderUndeliverable, failed, reason=reason))


def return_to_merchant(order: Order, *, party: Party, now: datetime) -> Decision[Order]:
    """The food is back. Whose fault it was decides who pays."""
    if refused := not_allowed(order, Status.RETURNED, party):
        return refused
    charged = fault(order) is Fault.CUSTOMER
    returned = moved(
        order,
        Status.RETURNED,
        ended_at=now,
        payment=order.payment if charged else PaymentStage.RETURNED,
    )
    return accept(returned, event_of(events.OrderReturned, returned, charged=charged))


def fault(order: Order) -> Fault:
    """Who bears a returned order. Cash that nobody handed over cannot be charged to anybody."""
    if order.paid_by is PaidBy.CASH:
        return Fault.PLATFORM
    assert order.ended_because is not None, "an undeliverable order has a reason"
    return UNDELIVERABLE_FAULTS[order.ended_because]


def wake(order: Order, *, now: datetime) -> Decision[Order]:
    """The order's deadline has passed: do what is left to do, or tell people and ask again."""
    waiting_for = order.deadline
    assert waiting_for is not None, "only a live order is woken"
    match waiting_for.kind:
        case "offer":
            return _offer(order, now=now)
        case "choice":
            return _close_choice(order, ChoiceOutcome.NO_ANSWER)
        case "prep_start":
            return start_preparing(order, party=Party.SYSTEM)
        case "prep" if order.reminders < MOST_PREP_EXTENSIONS:
            return move_ready_time(
                order, party=Party.SYSTEM, ready_at=now + PREP_EXTENSION, reason="kitchen_late"
            )
        case "payment" | "merchant_accept" | "prep" as kind:
            return cancel(order, party=Party.SYSTEM, reason=TOO_LATE[kind], now=now)
        case kind:
            overdue = replace(order, reminders=order.reminders + 1)
            return accept(
                overdue,
                event_of(events.OrderOverdue, overdue, waiting_for=kind, times=overdue.reminders),
            )


def legal_moves(order: Order) -> list[str]:
    return sorted(MOVES[order.status])


def _close_choice(order: Order, outcome: ChoiceOutcome) -> Decision[Order]:
    assert order.choice_until_at is not None, "only an open choice is closed"
    closed = replace(order, choice_until_at=None)
    return accept(closed, event_of(events.ChoiceClosed, closed, outcome=outcome))


def illegal(order: Order, to: Status) -> Refusal:
    legal = legal_moves(order)
    return refuse("order.illegal_move", status_now=order.status, wanted=to, legal=legal)


def not_allowed(order: Order, to: Status, party: Party) -> Refusal | None:
    if to not in MOVES[order.status]:
        return illegal(order, to)
    if party not in WHO_MAY[to]:
        return refuse("order.not_yours_to_move", status=403, wanted=to, party=party)
    return None


def moved(order: Order, to: Status, **changes: Any) -> Order:
    return replace(order, status=to, reminders=0, **changes)


def event_of(cls: Any, order: Order, **fields: Any) -> Event:
    return cls(
        order_id=order.id,
        customer_id=order.customer_id,
        merchant_id=order.merchant_id,
        courier_id=order.courier_id,
        status=order.status,
        **fields,
    )


def _promise(order: Order, ready_at: datetime) -> datetime:
    return ready_at + timedelta(seconds=order.travel_time_s)
