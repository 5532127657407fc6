"""What may be asked of a payment, and what an acquirer's word changes. No I/O, no clock.

An acquirer's word is a `Charge`, wherever it was heard: in an answer, after a webhook, or when the
charge was looked up. `observe` takes it in, and takes it in again without effect; a word that
lags behind what is known changes nothing. Only `observe` makes a card payment authorised, captured
or refunded: an outcome that nobody has heard is never counted as paid.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, Decision, Event, Refusal, accept, refuse
from tawsil.payments.events import (
    AccountKind,
    AccountRef,
    AuthorisationRequested,
    CaptureFailed,
    CaptureRequested,
    ChallengeRequired,
    Method,
    OutcomeUnknown,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
    Posting,
    RefundFailed,
    RefundRequested,
    ReleaseRequested,
    Step,
    VoidRequested,
)
from tawsil.payments.model.payment import (
    MOVES,
    PSP_CLEARING,
    REFUNDABLE,
    WAITS_FOR,
    Ask,
    Payment,
    PaymentState,
    ask_key,
    net,
)
from tawsil.payments.model.psp import Absent, Charge, ChargeState, Refused, Unheard, Word

MOST_ATTEMPTS: Final = 4
"""An authorisation of which the acquirer has no trace after so many silences is given up."""

NOT_AUTHENTICATED: Final = "authentication_not_completed"
NOT_PROCESSED: Final = "not_processed"
EXPIRED: Final = "authorisation_expired"


def start(
    *,
    payment_id: UUID,
    tenant_id: UUID,
    city_id: UUID,
    reference_id: UUID,
    payer_id: UUID,
    method: Method,
    card_token: str | None,
    amount_minor: int,
    currency: str,
    at: datetime,
) -> Decision[Payment]:
    """Ask for an amount to be reserved. Cash needs nobody's word: it is promised at once."""
    if amount_minor < 0:
        return refuse("payment.amount_invalid", status=422, amount_minor=amount_minor)
    payment = Payment(
        id=payment_id,
        tenant_id=tenant_id,
        city_id=city_id,
        reference_id=reference_id,
        payer_id=payer_id,
        method=method,
        card_token=card_token if method is Method.CARD else None,
        amount_minor=amount_minor,
        currency=currency,
        state=PaymentState.AUTHORISING,
        created_at=at,
        since_at=at,
    )
    if payment.has_psp:
        missing = refuse("payment.card_missing", status=422)
        return accept(payment, _requested(payment)) if card_token else missing
    promised = (_requested(payment), _authorised(payment))
    return _move(payment, PaymentState.AUTHORISED, *promised, at=at)


def capture(
    payment: Payment,
    *,
    ask_id: UUID,
    amount_minor: int | None,
    shares: Sequence[Posting],
    collected_by: UUID | None,
    at: datetime,
) -> Decision[Payment]:
    """Take all (`None`) or part of the amount, once, and share it out; the rest is released.

    Cash is held by the courier who collected it, and owed by that courier.
    """
    if payment.state is not PaymentState.AUTHORISED:
        return _illegal(payment)
    taken_minor = payment.amount_minor if amount_minor is None else amount_minor
    least_minor = min(1, payment.amount_minor)
    if not least_minor <= taken_minor <= payment.amount_minor:
        return _too_much(taken_minor, payment.amount_minor)
    if unbalanced := _unbalanced(shares, taken_minor):
        return unbalanced
    if (payment.method is Method.CASH) != (collected_by is not None):
        return refuse("payment.collector_wrong", status=422, method=payment.method.value)
    through = PSP_CLEARING
    if collected_by is not None:
        through = AccountRef(AccountKind.COURIER_CASH, collected_by)
    ask = Ask(
        id=ask_id,
        step=Step.CAPTURE,
        amount_minor=taken_minor,
        shares=tuple(shares),
        through=through,
    )
    asked = _move(
        payment,
        PaymentState.CAPTURING,
        CaptureRequested(
            reference_id=payment.reference_id,
            amount_minor=taken_minor,
            currency=payment.currency,
        ),
        at=at,
        asks=(ask,),
        shares=net(ask.shares),
    )
    return asked if payment.has_psp else _then(asked, _captured(asked.state, at=at))


def void(payment: Payment, *, reason: str, at: datetime) -> Decision[Payment]:
    """Give up what is authorised and not captured."""
    if payment.state not in {PaymentState.AUTHORISED, PaymentState.CHALLENGED}:
        return _illegal(payment)
    if not payment.has_psp:
        return _voided(payment, reason=reason, at=at)
    return _void(payment, reason=reason, at=at)


def refund(
    payment: Payment,
    *,
    ask_id: UUID,
    amount_minor: int,
    borne_by: Sequence[Posting],
    reason: str,
    at: datetime,
) -> Decision[Payment]:
    """Give back part of what was captured; `borne_by` says who pays for it.

    While a capture or another refund is under way it waits its turn. Cash does not go back through
    the courier: it is credited to the customer's account, to be paid out.
    """
    if payment.state not in REFUNDABLE:
        return _illegal(payment)
    if not 0 < amount_minor <= payment.refundable_minor:
        return _too_much(amount_minor, payment.refundable_minor)
    if unbalanced := _unbalanced(borne_by, amount_minor):
        return unbalanced
    return _refund(
        payment,
        ask_id=ask_id,
        amount_minor=amount_minor,
        borne_by=tuple(borne_by),
        reason=reason,
        at=at,
    )


def release(payment: Payment, *, ask_id: UUID, reason: str, at: datetime) -> Accepted[Payment]:
    """Undo it, whatever has become of it; nothing when there is nothing left to undo.

    A refund takes back from everybody exactly what they hold of the payment.
    """
    match payment.state:
        case PaymentState.AUTHORISING | PaymentState.UNKNOWN if payment.release_reason is None:
            requested = ReleaseRequested(reference_id=payment.reference_id, reason=reason)
            return accept(replace(payment, release_reason=reason), requested)
        case PaymentState.AUTHORISED | PaymentState.CHALLENGED:
            undone = void(payment, reason=reason, at=at)
            assert isinstance(undone, Accepted), "what is authorised can be voided"
            return undone
        case state if (
            state in REFUNDABLE
            and payment.shares
            and (payment.refundable_minor > 0 or not payment.has_psp)
        ):
            return _refund(
                replace(payment, release_reason=reason),
                ask_id=ask_id,
                amount_minor=payment.refundable_minor,
                borne_by=payment.shares,
                reason=reason,
                at=at,
            )
        case _:
            return accept(payment)


def hear(payment: Payment, word: Word, *, key: str | None, at: datetime) -> Accepted[Payment]:
    """Take in an acquirer's word; `key` is that of the step it answers, `None` for a look."""
    match word:
        case Charge():
            return observe(payment, word, at=at)
        case Absent():
            return absent(payment, at=at)
        case Refused(code) if _answers(payment, key):
            return denied(payment, code=code, at=at)
        case Unheard() if _answers(payment, key):
            return unheard(payment, at=at)
        case Refused() | Unheard():
            return accept(payment)


def unheard(payment: Payment, *, at: datetime) -> Accepted[Payment]:
    """Nobody answered: what is not known stays unknown, and is looked up later."""
    step = WAITS_FOR.get(payment.state)
    if step is None:
        return accept(payment)
    attempts = payment.attempts + 1
    unknown = OutcomeUnknown(reference_id=payment.reference_id, step=step, attempts=attempts)
    if payment.state is PaymentState.AUTHORISING:
        return _move(payment, PaymentState.UNKNOWN, unknown, at=at, attempts=attempts)
    return accept(replace(payment, attempts=attempts, since_at=at), unknown)


def challenge_over(payment: Payment, *, at: datetime) -> Accepted[Payment]:
    """The cardholder did not answer the bank in time: declined, and the challenge taken back."""
    if payment.state is not PaymentState.CHALLENGED:
        return accept(payment)
    declined = _declined_event(payment, code=NOT_AUTHENTICATED)
    taken_back = _void(
        replace(payment, decline_code=NOT_AUTHENTICATED), reason=NOT_AUTHENTICATED, at=at
    )
    return accept(replace(taken_back.state, version=payment.version), declined, *taken_back.events)


def observe(  # noqa: PLR0911 - one answer per case of one table
    payment: Payment, charge: Charge, *, at: datetime
) -> Accepted[Payment]:
    """Take in what the acquirer says is so."""
    assert (charge.amount_minor, charge.currency) == (payment.amount_minor, payment.currency), (
        "a charge is for what was asked"
    )
    known = replace(payment, psp_charge_id=charge.id)
    match payment.state:
        case PaymentState.AUTHORISING | PaymentState.UNKNOWN | PaymentState.CHALLENGED:
            return _authorisation(known, charge, at=at)
        case PaymentState.AUTHORISED if charge.state is ChargeState.CLOSED:
            return _voided(known, reason=EXPIRED, at=at)
        case PaymentState.CAPTURING if charge.state is ChargeState.CLOSED:
            return _declined(
                replace(known, asks=(), shares=()), code=EXPIRED, step=Step.CAPTURE, at=at
            )
        case PaymentState.CAPTURING if charge.captured_minor == payment.asks[0].amount_minor:
            return _captured(known, at=at)
        case PaymentState.REFUNDING if ask_key(payment, payment.asks[0]) in charge.refunds:
            return _refunded(known, at=at)
        case PaymentState.VOIDING if not _live(charge):
            return _voided(known, reason=payment.release_reason or "void", at=at)
        case PaymentState.DECLINED | PaymentState.VOIDED if payment.psp_charge_id is None and _live(
            charge
        ):
            return _void(known, reason="came_too_late", at=at)
        case _:
            return accept(payment)


def absent(payment: Payment, *, at: datetime) -> Accepted[Payment]:
    """The acquirer has no trace of the charge: try again with the same key, or give up."""
    if payment.state not in {PaymentState.AUTHORISING, PaymentState.UNKNOWN}:
        return accept(payment)
    if payment.release_reason is not None:
        return _voided(payment, reason=payment.release_reason, at=at)
    if payment.state is PaymentState.AUTHORISING:
        return accept(payment)
    if payment.attempts >= MOST_ATTEMPTS:
        return _declined(payment, code=NOT_PROCESSED, at=at)
    state = PaymentState.AUTHORISING
    return _move(payment, state, _requested(payment), at=at, attempts=payment.attempts)


def denied(payment: Payment, *, code: str, at: datetime) -> Accepted[Payment]:
    """The acquirer refuses for good what is under way, though the charge is as it should be."""
    match payment.state:
        case PaymentState.AUTHORISING | PaymentState.UNKNOWN:
            return _declined(payment, code=code, at=at)
        case PaymentState.CAPTURING:
            failed = CaptureFailed(reference_id=payment.reference_id, code=code)
            back = _move(payment, PaymentState.AUTHORISED, failed, at=at, asks=(), shares=())
            reason = payment.release_reason
            return _then(back, _void(back.state, reason=reason, at=at)) if reason else back
        case PaymentState.REFUNDING:
            ask = payment.asks[0]
            failure = RefundFailed(
                reference_id=payment.reference_id, amount_minor=ask.amount_minor, code=code
            )
            left = replace(
                payment, asks=payment.asks[1:], shares=net((*payment.shares, *ask.shares))
            )
            return _next_refund(left, failure, at=at)
        case _:
            return accept(payment)


def _authorisation(payment: Payment, charge: Charge, *, at: datetime) -> Accepted[Payment]:
    reason = payment.release_reason
    match charge.state:
        case ChargeState.CHALLENGED | ChargeState.AUTHORISED if reason is not None:
            return _void(payment, reason=reason, at=at)
        case ChargeState.CHALLENGED if payment.state is not PaymentState.CHALLENGED:
            required = ChallengeRequired(reference_id=payment.reference_id)
            return _move(payment, PaymentState.CHALLENGED, required, at=at)
        case ChargeState.AUTHORISED:
            return _move(payment, PaymentState.AUTHORISED, _authorised(payment), at=at)
        case ChargeState.DECLINED:
            return _declined(payment, code=charge.decline_code or "declined", at=at)
        case ChargeState.CLOSED:
            return _declined(payment, code=EXPIRED, at=at)
        case ChargeState.CHALLENGED | ChargeState.CAPTURED:
            return accept(payment)


def _captured(payment: Payment, *, at: datetime) -> Accepted[Payment]:
    ask = payment.asks[0]
    assert ask.step is Step.CAPTURE
    event = PaymentCaptured(
        reference_id=payment.reference_id,
        amount_minor=ask.amount_minor,
        currency=payment.currency,
        received_in=ask.through,
        shares=ask.shares,
    )
    taken = _move(
        payment,
        PaymentState.CAPTURED,
        event,
        at=at,
        captured_minor=ask.amount_minor,
        asks=payment.asks[1:],
    )
    if not taken.state.asks:
        return taken
    return _then(taken, _move(taken.state, PaymentState.REFUNDING, at=at))


def _refund(
    payment: Payment,
    *,
    ask_id: UUID,
    amount_minor: int,
    borne_by: tuple[Posting, ...],
    reason: str,
    at: datetime,
) -> Accepted[Payment]:
    through = PSP_CLEARING
    if payment.method is Method.CASH:
        through = AccountRef(AccountKind.CUSTOMER, payment.payer_id)
    ask = Ask(
        id=ask_id,
        step=Step.REFUND,
        amount_minor=amount_minor,
        shares=borne_by,
        through=through,
        reason=reason,
    )
    asked = RefundRequested(
        reference_id=payment.reference_id,
        amount_minor=amount_minor,
        currency=payment.currency,
        reason=reason,
    )
    queued = replace(payment, asks=(*payment.asks, ask), shares=net(payment.shares, *borne_by))
    if payment.state is not PaymentState.CAPTURED:
        return accept(queued, asked)
    under_way = _move(queued, PaymentState.REFUNDING, asked, at=at)
    if payment.has_psp:
        return under_way
    return _then(under_way, _refunded(under_way.state, at=at))


def _refunded(payment: Payment, *, at: datetime) -> Accepted[Payment]:
    ask = payment.asks[0]
    assert ask.step is Step.REFUND
    refunded_minor = payment.refunded_minor + ask.amount_minor
    event = PaymentRefunded(
        reference_id=payment.reference_id,
        amount_minor=ask.amount_minor,
        refunded_minor=refunded_minor,
        currency=payment.currency,
        returned_by=ask.through,
        borne_by=ask.shares,
        reason=ask.reason,
    )
    left = replace(payment, refunded_minor=refunded_minor, asks=payment.asks[1:])
    return _next_refund(left, event, at=at)


def _next_refund(payment: Payment, event: Event, *, at: datetime) -> Accepted[Payment]:
    if payment.asks:
        return accept(replace(payment, since_at=at, attempts=0), event)
    whole = payment.refunded_minor == payment.captured_minor
    return _move(payment, PaymentState.REFUNDED if whole else PaymentState.CAPTURED, event, at=at)


def _void(payment: Payment, *, reason: str, at: datetime) -> Accepted[Payment]:
    event = VoidRequested(reference_id=payment.reference_id, reason=reason)
    return _move(payment, PaymentState.VOIDING, event, at=at, release_reason=reason)


def _voided(payment: Payment, *, reason: str, at: datetime) -> Accepted[Payment]:
    event = PaymentVoided(reference_id=payment.reference_id, reason=reason)
    return _move(payment, PaymentState.VOIDED, event, at=at)


def _declined(
    payment: Payment, *, code: str, step: Step = Step.AUTHORISE, at: datetime
) -> Accepted[Payment]:
    event = _declined_event(payment, code=code, step=step)
    return _move(payment, PaymentState.DECLINED, event, at=at, decline_code=code)


def _declined_event(payment: Payment, *, code: str, step: Step = Step.AUTHORISE) -> PaymentDeclined:
    return PaymentDeclined(reference_id=payment.reference_id, code=code, step=step)


def _requested(payment: Payment) -> AuthorisationRequested:
    return AuthorisationRequested(
        reference_id=payment.reference_id,
        payer_id=payment.payer_id,
        method=payment.method,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        attempts=payment.attempts,
    )


def _authorised(payment: Payment) -> PaymentAuthorised:
    return PaymentAuthorised(
        reference_id=payment.reference_id,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
    )


def _answers(payment: Payment, key: str | None) -> bool:
    return payment.state in WAITS_FOR and payment.key == key


def _live(charge: Charge) -> bool:
    return charge.state in {ChargeState.CHALLENGED, ChargeState.AUTHORISED}


def _move(
    payment: Payment, to: PaymentState, *events: Event, at: datetime, **changes: Any
) -> Accepted[Payment]:
    assert to in MOVES[payment.state], f"{payment.state} may not become {to}"
    return accept(
        replace(payment, **{"state": to, "since_at": at, "attempts": 0, **changes}), *events
    )


def _then(first: Accepted[Payment], second: Accepted[Payment]) -> Accepted[Payment]:
    return Accepted(state=second.state, events=(*first.events, *second.events))


def _illegal(payment: Payment) -> Refusal:
    return refuse(
        "payment.illegal_move",
        state=payment.state.value,
        legal=sorted(state.value for state in MOVES[payment.state]),
    )


def _too_much(amount_minor: int, most_minor: int) -> Refusal:
    return refuse(
        "payment.amount_exceeded", status=422, amount_minor=amount_minor, most_minor=most_minor
    )


def _unbalanced(shares: Sequence[Posting], amount_minor: int) -> Refusal | None:
    sum_minor = sum(share.amount_minor for share in shares)
    if sum_minor == amount_minor:
        return None
    return refuse(
        "payment.shares_unbalanced", status=422, sum_minor=sum_minor, amount_minor=amount_minor
    )
