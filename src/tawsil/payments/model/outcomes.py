"""What becomes of a payment, whoever brought it about. No I/O, no clock."""

from datetime import datetime
from typing import Any

from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, Event, accept
from tawsil.payments.events import (
    AuthorisationRequested,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    Step,
    VoidRequested,
)
from tawsil.payments.model.payment import (
    MOVES,
    Ask,
    Payment,
    PaymentState,
)


def captured(payment: Payment, *, at: datetime) -> Accepted[Payment]:
    ask = payment.asks[0]
    assert ask.step is Step.CAPTURE
    event = PaymentCaptured(
        reference_id=payment.reference_id,
        amount_minor=ask.amount_minor,
        currency=payment.currency,
        received_in=ask.through,
        shares=ask.shares,
        funds=ask.funds,
    )
    taken = move(
        payment,
        PaymentState.CAPTURED,
        event,
        at=at,
        captured_minor=ask.amount_minor,
        asks=payment.asks[1:],
    )
    if not taken.state.asks:
        return taken
    return _go_on(then(taken, move(taken.state, PaymentState.REFUNDING, at=at)), at=at)


def refunded(payment: Payment, *, at: datetime) -> Accepted[Payment]:
    ask = payment.asks[0]
    event = refund_of(payment, ask)
    left = replace(payment, refunded_minor=event.refunded_minor, asks=payment.asks[1:])
    return next_refund(left, event, at=at)


def credited(payment: Payment, ask: Ask, *, at: datetime) -> Accepted[Payment]:
    """Given back as credit: no acquirer takes part, and what waits for one goes on waiting."""
    event = refund_of(payment, ask)
    left = replace(payment, refunded_minor=event.refunded_minor)
    if payment.asks or left.refunded_minor < left.paid_minor:
        return accept(left, event)
    return move(left, PaymentState.REFUNDED, event, at=at)


def refund_of(payment: Payment, ask: Ask) -> PaymentRefunded:
    assert ask.step is Step.REFUND
    return PaymentRefunded(
        reference_id=payment.reference_id,
        amount_minor=ask.amount_minor,
        refunded_minor=payment.refunded_minor + ask.whole_minor,
        currency=payment.currency,
        returned_by=ask.through,
        borne_by=ask.shares,
        reason=ask.reason,
        refund_id=ask.id,
        funds=ask.funds,
    )


def next_refund(payment: Payment, event: Event, *, at: datetime) -> Accepted[Payment]:
    if payment.asks:
        return _go_on(accept(replace(payment, since_at=at, attempts=0), event), at=at)
    whole = payment.refunded_minor == payment.paid_minor
    return move(payment, PaymentState.REFUNDED if whole else PaymentState.CAPTURED, event, at=at)


def _go_on(refunding: Accepted[Payment], *, at: datetime) -> Accepted[Payment]:
    """What waited its turn and needs no acquirer is done when its turn comes."""
    payment = refunding.state
    if payment.asks_psp(payment.asks[0]):
        return refunding
    return then(refunding, refunded(payment, at=at))


def void(payment: Payment, *, reason: str, at: datetime) -> Accepted[Payment]:
    event = VoidRequested(reference_id=payment.reference_id, reason=reason)
    return move(payment, PaymentState.VOIDING, event, at=at, release_reason=reason)


def voided(payment: Payment, *, reason: str, at: datetime) -> Accepted[Payment]:
    event = PaymentVoided(reference_id=payment.reference_id, reason=reason)
    return move(payment, PaymentState.VOIDED, event, at=at)


def declined(
    payment: Payment, *, code: str, step: Step = Step.AUTHORISE, at: datetime
) -> Accepted[Payment]:
    event = declined_event(payment, code=code, step=step)
    return move(payment, PaymentState.DECLINED, event, at=at, decline_code=code)


def declined_event(payment: Payment, *, code: str, step: Step = Step.AUTHORISE) -> PaymentDeclined:
    return PaymentDeclined(reference_id=payment.reference_id, code=code, step=step)


def requested(payment: Payment) -> AuthorisationRequested:
    return AuthorisationRequested(
        reference_id=payment.reference_id,
        payer_id=payment.payer_id,
        method=payment.method,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        funds=payment.funds,
        attempts=payment.attempts,
        provider=payment.provider,
    )


def authorised(payment: Payment) -> PaymentAuthorised:
    return PaymentAuthorised(
        reference_id=payment.reference_id,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )


def move(
    payment: Payment, to: PaymentState, *events: Event, at: datetime, **changes: Any
) -> Accepted[Payment]:
    assert to in MOVES[payment.state], f"{payment.state} may not become {to}"
    entered = {"state": to, "since_at": at, "attempts": 0, "challenge_url": None}
    return accept(replace(payment, **{**entered, **changes}), *events)


def then(first: Accepted[Payment], second: Accepted[Payment]) -> Accepted[Payment]:
    return Accepted(state=second.state, events=(*first.events, *second.events))
