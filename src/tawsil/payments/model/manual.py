"""What operators do about a payment that no provider takes. No I/O, no clock."""

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from tawsil.kernel.decisions import Decision, accept, refuse
from tawsil.payments.events import (
    AccountKind,
    AccountRef,
    LaterPaymentSettled,
    Method,
    PaymentSwitched,
)
from tawsil.payments.model import outcomes
from tawsil.payments.model.payment import Payment, PaymentState, receivable

SWITCHED_FROM: Final = frozenset(
    {PaymentState.AUTHORISING, PaymentState.UNKNOWN, PaymentState.CHALLENGED}
)
BANK: Final = AccountRef(AccountKind.BANK)


def switch(payment: Payment, *, to: Method, reason: str, at: datetime) -> Decision[Payment]:
    """Go on in cash or as a debt: promised at once. The same again changes nothing."""
    assert to is not Method.CARD, "a card is taken by a provider or not at all"
    if payment.method is to:
        return accept(payment)
    waits = payment.state in SWITCHED_FROM and payment.release_reason is None
    if not waits or payment.provider is None:
        return refuse(
            "payment.not_switchable", state=payment.state.value, method=payment.method.value
        )
    switched = replace(
        payment,
        method=to,
        provider=None,
        card_tokens=(),
        tried=(*payment.tried, payment.provider),
        psp_charge_id=None,
        challenge_url=None,
    )
    event = PaymentSwitched(
        reference_id=payment.reference_id,
        payer_id=payment.payer_id,
        method=to,
        left=payment.provider,
        reason=reason,
    )
    promised = outcomes.authorised(switched)
    return outcomes.move(switched, PaymentState.AUTHORISED, event, promised, at=at)


def settle(payment: Payment, *, how: str) -> Decision[Payment]:
    """What the customer owed has come in, whole. The same again changes nothing."""
    if payment.later and payment.settled_minor:
        return accept(payment)
    owed_minor = payment.outstanding_minor
    if payment.state is not PaymentState.CAPTURED or not owed_minor:
        return refuse(
            "payment.nothing_outstanding", state=payment.state.value, method=payment.method.value
        )
    return accept(
        replace(payment, settled_minor=owed_minor),
        LaterPaymentSettled(
            reference_id=payment.reference_id,
            amount_minor=owed_minor,
            settled_minor=owed_minor,
            currency=payment.currency,
            owed_by=receivable(payment),
            received_in=BANK,
            how=how,
        ),
    )
