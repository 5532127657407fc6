"""What an acquirer's word changes. No I/O, no clock.

An acquirer's word is a `Charge`, wherever it was heard: in an answer, after a webhook, or when the
charge was looked up. `observe` takes it in, and takes it in again without effect; a word that
lags behind what is known changes nothing. Only `observe` makes a card payment authorised, captured
or refunded: an outcome that nobody has heard is never counted as paid.
"""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, accept
from tawsil.payments.events import (
    CaptureFailed,
    ChallengeRequired,
    OutcomeUnknown,
    PaymentRerouted,
    Provider,
    RefundFailed,
    Step,
)
from tawsil.payments.model import outcomes
from tawsil.payments.model.payment import (
    WAITS_FOR,
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


def hear(
    payment: Payment,
    word: Word,
    *,
    key: str | None,
    instead: Provider | None = None,
    at: datetime,
) -> Accepted[Payment]:
    """Take in an acquirer's word; `key` is that of the step it answers, `None` for a look.

    `instead` is who may be asked for an authorisation that is not heard of.
    """
    match word:
        case Charge():
            return observe(payment, word, at=at)
        case Absent():
            return absent(payment, at=at)
        case Refused(code) if _answers(payment, key):
            return denied(payment, code=code, at=at)
        case Unheard() if _answers(payment, key):
            return unheard(payment, instead=instead, at=at)
        case Refused() | Unheard():
            return accept(payment)


def unheard(
    payment: Payment, *, instead: Provider | None = None, at: datetime
) -> Accepted[Payment]:
    """Nobody answered: what is not known stays unknown, and is looked up later.

    An authorisation goes to another provider, if there is one.
    """
    step = WAITS_FOR.get(payment.state)
    if step is None:
        return accept(payment)
    if step is Step.AUTHORISE and instead is not None and payment.release_reason is None:
        return _rerouted(payment, to=instead, at=at)
    attempts = payment.attempts + 1
    unknown = OutcomeUnknown(reference_id=payment.reference_id, step=step, attempts=attempts)
    if payment.state is PaymentState.AUTHORISING:
        return outcomes.move(payment, PaymentState.UNKNOWN, unknown, at=at, attempts=attempts)
    return accept(replace(payment, attempts=attempts, since_at=at), unknown)


def _rerouted(payment: Payment, *, to: Provider, at: datetime) -> Accepted[Payment]:
    assert payment.provider is not None, "what is authorised has a provider"
    assert to is not payment.provider, "another one"
    assert to not in payment.tried, "nobody is asked twice, so that nobody charges twice"
    return outcomes.move(
        payment,
        PaymentState.AUTHORISING,
        PaymentRerouted(reference_id=payment.reference_id, left=payment.provider, provider=to),
        at=at,
        provider=to,
        tried=(*payment.tried, payment.provider),
        psp_charge_id=None,
    )


def challenge_over(payment: Payment, *, at: datetime) -> Accepted[Payment]:
    """The cardholder did not answer the bank in time: declined, and the challenge taken back."""
    if payment.state is not PaymentState.CHALLENGED:
        return accept(payment)
    declined = outcomes.declined_event(payment, code=NOT_AUTHENTICATED)
    taken_back = outcomes.void(
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
            return outcomes.voided(known, reason=EXPIRED, at=at)
        case PaymentState.CAPTURING if charge.state is ChargeState.CLOSED:
            return outcomes.declined(
                replace(known, asks=(), shares=(), returned=()),
                code=EXPIRED,
                step=Step.CAPTURE,
                at=at,
            )
        case PaymentState.CAPTURING if charge.captured_minor == payment.asks[0].amount_minor:
            return outcomes.captured(known, at=at)
        case PaymentState.REFUNDING if ask_key(payment, payment.asks[0]) in charge.refunds:
            return outcomes.refunded(known, at=at)
        case PaymentState.VOIDING if not _live(charge):
            return outcomes.voided(known, reason=payment.release_reason or "void", at=at)
        case PaymentState.DECLINED | PaymentState.VOIDED if payment.psp_charge_id is None and _live(
            charge
        ):
            return outcomes.void(known, reason="came_too_late", at=at)
        case _:
            return accept(payment)


def absent(payment: Payment, *, at: datetime) -> Accepted[Payment]:
    """The acquirer has no trace of the charge: try again with the same key, or give up."""
    if payment.state not in {PaymentState.AUTHORISING, PaymentState.UNKNOWN}:
        return accept(payment)
    if payment.release_reason is not None:
        return outcomes.voided(payment, reason=payment.release_reason, at=at)
    if payment.state is PaymentState.AUTHORISING:
        return accept(payment)
    if payment.attempts >= MOST_ATTEMPTS:
        return outcomes.declined(payment, code=NOT_PROCESSED, at=at)
    state = PaymentState.AUTHORISING
    return outcomes.move(
        payment, state, outcomes.requested(payment), at=at, attempts=payment.attempts
    )


def denied(payment: Payment, *, code: str, at: datetime) -> Accepted[Payment]:
    """The acquirer refuses for good what is under way, though the charge is as it should be."""
    match payment.state:
        case PaymentState.AUTHORISING | PaymentState.UNKNOWN:
            return outcomes.declined(payment, code=code, at=at)
        case PaymentState.CAPTURING:
            failed = CaptureFailed(reference_id=payment.reference_id, code=code)
            back = outcomes.move(
                payment, PaymentState.AUTHORISED, failed, at=at, asks=(), shares=(), returned=()
            )
            reason = payment.release_reason
            return (
                outcomes.then(back, outcomes.void(back.state, reason=reason, at=at))
                if reason
                else back
            )
        case PaymentState.REFUNDING:
            ask = payment.asks[0]
            failure = RefundFailed(
                reference_id=payment.reference_id,
                amount_minor=ask.whole_minor,
                code=code,
                refund_id=ask.id,
            )
            left = replace(
                payment,
                asks=payment.asks[1:],
                shares=net((*payment.shares, *ask.shares)),
                returned=net(payment.returned, *ask.funds),
            )
            return outcomes.next_refund(left, failure, at=at)
        case _:
            return accept(payment)


def _authorisation(payment: Payment, charge: Charge, *, at: datetime) -> Accepted[Payment]:
    reason = payment.release_reason
    match charge.state:
        case ChargeState.CHALLENGED | ChargeState.AUTHORISED if reason is not None:
            return outcomes.void(payment, reason=reason, at=at)
        case ChargeState.CHALLENGED if payment.state is not PaymentState.CHALLENGED:
            required = ChallengeRequired(reference_id=payment.reference_id)
            url = charge.next_action_url
            return outcomes.move(
                payment, PaymentState.CHALLENGED, required, at=at, challenge_url=url
            )
        case ChargeState.AUTHORISED:
            return outcomes.move(
                payment, PaymentState.AUTHORISED, outcomes.authorised(payment), at=at
            )
        case ChargeState.DECLINED:
            return outcomes.declined(payment, code=charge.decline_code or "declined", at=at)
        case ChargeState.CLOSED:
            return outcomes.declined(payment, code=EXPIRED, at=at)
        case ChargeState.CHALLENGED | ChargeState.CAPTURED:
            return accept(payment)


def _answers(payment: Payment, key: str | None) -> bool:
    return payment.state in WAITS_FOR and payment.key == key


def _live(charge: Charge) -> bool:
    return charge.state in {ChargeState.CHALLENGED, ChargeState.AUTHORISED}
