"""What may be asked of a payment, and what it refuses. No I/O, no clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, Decision, Refusal, accept, refuse
from tawsil.payments.events import (
    AccountKind,
    AccountRef,
    CaptureRequested,
    Method,
    Posting,
    Provider,
    RefundRequested,
    ReleaseRequested,
    Step,
)
from tawsil.payments.model import outcomes
from tawsil.payments.model.payment import (
    MOVES,
    REFUNDABLE,
    Ask,
    CardToken,
    Payment,
    PaymentState,
    clearing,
    net,
    receivable,
    total_minor,
)

FUNDS: Final = (AccountKind.CUSTOMER, AccountKind.LOYALTY)
"""What a payer may pay from, in the order in which it comes back."""


def start(
    *,
    payment_id: UUID,
    tenant_id: UUID,
    city_id: UUID,
    reference_id: UUID,
    payer_id: UUID,
    method: Method,
    card_tokens: Sequence[CardToken],
    provider: Provider | None,
    amount_minor: int,
    currency: str,
    funds: Sequence[Posting],
    at: datetime,
) -> Decision[Payment]:
    """Ask for an amount to be reserved. Cash needs nobody's word: it is promised at once.

    `provider` is asked first; it is one of those that a token is there for. `funds` are what the
    payer's own credit and points give on top of the amount.
    """
    if amount_minor < 0:
        return refuse("payment.amount_invalid", status=422, amount_minor=amount_minor)
    if not all(
        fund.amount_minor > 0 and fund.account in (AccountRef(kind, payer_id) for kind in FUNDS)
        for fund in funds
    ):
        return refuse("payment.funds_invalid", status=422)
    card = method is Method.CARD
    payment = Payment(
        id=payment_id,
        tenant_id=tenant_id,
        city_id=city_id,
        reference_id=reference_id,
        payer_id=payer_id,
        method=method,
        provider=(provider or Provider.DIRECT) if card else None,
        card_tokens=tuple(card_tokens) if card else (),
        amount_minor=amount_minor,
        currency=currency,
        funds=net(funds),
        state=PaymentState.AUTHORISING,
        created_at=at,
        since_at=at,
    )
    if payment.has_psp:
        missing = refuse("payment.card_missing", status=422)
        return accept(payment, outcomes.requested(payment)) if provider else missing
    promised = (outcomes.requested(payment), outcomes.authorised(payment))
    return outcomes.move(payment, PaymentState.AUTHORISED, *promised, at=at)


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

    The funds are taken with it, wholly: the shares add up to both. Cash is held by the courier who
    collected it, and owed by that courier.
    """
    if payment.state is not PaymentState.AUTHORISED:
        return _illegal(payment)
    taken_minor = payment.amount_minor if amount_minor is None else amount_minor
    least_minor = min(1, payment.amount_minor)
    if not least_minor <= taken_minor <= payment.amount_minor:
        return _too_much(taken_minor, payment.amount_minor)
    if unbalanced := _unbalanced(shares, taken_minor + payment.funds_minor):
        return unbalanced
    if (payment.method is Method.CASH) != (collected_by is not None):
        return refuse("payment.collector_wrong", status=422, method=payment.method.value)
    if payment.provider is not None:
        through = clearing(payment.provider)
    elif payment.later:
        through = receivable(payment)
    else:
        through = AccountRef(AccountKind.COURIER_CASH, collected_by)
    ask = Ask(
        id=ask_id,
        step=Step.CAPTURE,
        amount_minor=taken_minor,
        shares=tuple(shares),
        through=through,
        funds=payment.funds,
    )
    asked = outcomes.move(
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
    return asked if payment.has_psp else outcomes.then(asked, outcomes.captured(asked.state, at=at))


def void(payment: Payment, *, reason: str, at: datetime) -> Decision[Payment]:
    """Give up what is authorised and not captured."""
    if payment.state not in {PaymentState.AUTHORISED, PaymentState.CHALLENGED}:
        return _illegal(payment)
    if not payment.has_psp:
        return outcomes.voided(payment, reason=reason, at=at)
    return outcomes.void(payment, reason=reason, at=at)


def refund(
    payment: Payment,
    *,
    ask_id: UUID,
    amount_minor: int,
    borne_by: Sequence[Posting],
    reason: str,
    as_credit: bool = False,
    at: datetime,
) -> Decision[Payment]:
    """Give back part of what was paid; `borne_by` says who pays for it.

    It goes back to the card first, then to the payer's credit, then to the points, to each at most
    what it gave. While a capture or another refund is under way it waits its turn. Cash does not go
    back through the courier: it is credited to the customer's account, to be paid out. So is, at
    once, what would go to the card when it is asked for `as_credit`.
    """
    if payment.state not in REFUNDABLE:
        return _illegal(payment)
    if not 0 < amount_minor <= payment.refundable_minor:
        return _too_much(amount_minor, payment.refundable_minor)
    if unbalanced := _unbalanced(borne_by, amount_minor):
        return unbalanced
    if as_credit and payment.state is PaymentState.CAPTURING:
        return _illegal(payment)
    return _refund(
        payment,
        ask_id=ask_id,
        amount_minor=amount_minor,
        borne_by=tuple(borne_by),
        reason=reason,
        as_credit=as_credit,
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


def _refund(
    payment: Payment,
    *,
    ask_id: UUID,
    amount_minor: int,
    borne_by: tuple[Posting, ...],
    reason: str,
    as_credit: bool = False,
    at: datetime,
) -> Accepted[Payment]:
    if payment.provider is not None and not as_credit:
        through = clearing(payment.provider)
    elif payment.outstanding_minor:
        through = receivable(payment)
    else:
        through = AccountRef(AccountKind.CUSTOMER, payment.payer_id)
    funds = _back_to_funds(payment, amount_minor)
    ask = Ask(
        id=ask_id,
        step=Step.REFUND,
        amount_minor=amount_minor - total_minor(funds),
        shares=borne_by,
        through=through,
        funds=funds,
        reason=reason,
    )
    asked = RefundRequested(
        reference_id=payment.reference_id,
        amount_minor=amount_minor,
        currency=payment.currency,
        reason=reason,
    )
    less = replace(
        payment,
        shares=net(payment.shares, *borne_by),
        returned=net((*payment.returned, *funds)),
    )
    if as_credit:
        first = accept(less, asked)
        return outcomes.then(first, outcomes.credited(first.state, ask, at=at))
    queued = replace(less, asks=(*payment.asks, ask))
    if payment.state is not PaymentState.CAPTURED:
        return accept(queued, asked)
    under_way = outcomes.move(queued, PaymentState.REFUNDING, asked, at=at)
    if payment.asks_psp(ask):
        return under_way
    return outcomes.then(under_way, outcomes.refunded(under_way.state, at=at))


def _back_to_funds(payment: Payment, amount_minor: int) -> tuple[Posting, ...]:
    """What of an amount does not fit on the card any more, to credit before points."""
    left = {fund.account.kind: fund for fund in net(payment.funds, *payment.returned)}
    in_funds_minor = total_minor(left.values())
    rest_minor = max(0, amount_minor - (payment.refundable_minor - in_funds_minor))
    back: list[Posting] = []
    for kind in FUNDS:
        if kind in left and rest_minor > 0:
            part_minor = min(rest_minor, left[kind].amount_minor)
            back.append(Posting(left[kind].account, part_minor))
            rest_minor -= part_minor
    assert rest_minor == 0, "no more goes back than was paid"
    return tuple(back)


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
