"""A refund: requested, then approved or refused, then done or failed. No I/O, no clock."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.geography.public import RefundLimits
from tawsil.kernel.decisions import Deadline, Decision, Event, Refusal, accept, refuse, then
from tawsil.ordering import events
from tawsil.ordering.model import Order, PaymentStage
from tawsil.ordering.moves import CHARGED, Party
from tawsil.ordering.refunds.parts import Ask, Back, Bearers, Borne, Parts, Scope, borne, give_back
from tawsil.ordering.refunds.reasons import Reason

SELF_SERVICE_WITHIN: Final = timedelta(hours=48)


class RefundState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"  # the money is on its way
    REFUSED = "refused"
    DONE = "done"
    FAILED = "failed"


_S = RefundState
MOVES: Final[Mapping[RefundState, frozenset[RefundState]]] = MappingProxyType(
    {
        _S.REQUESTED: frozenset({_S.APPROVED, _S.REFUSED}),
        _S.APPROVED: frozenset({_S.DONE, _S.FAILED}),
        _S.REFUSED: frozenset(),
        _S.DONE: frozenset(),
        _S.FAILED: frozenset(),
    }
)
COUNTS: Final = frozenset({_S.REQUESTED, _S.APPROVED, _S.DONE})
"""What may still be given back is less by these."""


class PaidTo(StrEnum):
    ORIGINAL = "original"  # from where the customer paid
    CREDIT = "credit"  # the customer's account, for the next order


class Refund(Struct, frozen=True, kw_only=True):
    """What is given back of an order, why, and who bears it."""

    stream: ClassVar[str] = "refund"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    order_id: UUID
    customer_id: UUID
    merchant_id: UUID
    courier_id: UUID | None
    scope: Scope
    paid_to: PaidTo
    reason: str
    currency: str
    back: Back
    borne: Borne
    state: RefundState = RefundState.REQUESTED
    asked_as: Party
    asked_by: UUID | None
    asked_at: datetime
    decided_by: UUID | None = None
    decided_at: datetime | None = None
    decided_because: str | None = None
    ended_at: datetime | None = None

    @property
    def amount_minor(self) -> int:
        return self.back.amount_minor

    @property
    def deadline(self) -> Deadline | None:
        return None


class Decider(Struct, frozen=True, kw_only=True):
    """Who asks or decides: `exceeds` what support may, `overrides` who bears it."""

    id: UUID | None
    party: Party
    exceeds: bool = False
    overrides: bool = False


class Before(Struct, frozen=True, kw_only=True):
    """What a customer was given before: by staff in a day, at once in thirty."""

    given_today_minor: int = 0
    self_service_times: int = 0


def check(order: Order, *, party: Party, reason: Reason, now: datetime) -> Refusal | None:
    """Whether anything can be given back of an order at all."""
    paid = order.payment is PaymentStage.SETTLED and order.status in CHARGED
    again = order.payment is PaymentStage.RETURNED and order.status is events.Status.REFUNDED
    if order.payment is PaymentStage.SAFE and order.status in CHARGED:
        return refuse("order.not_settled_yet")
    if not (paid or again):
        return refuse("refund.nothing_paid", status_now=order.status)
    if not reason.active:
        return refuse("refund.reason_unknown", status=422, reason=reason.code)
    late = order.ended_at is not None and now - order.ended_at > SELF_SERVICE_WITHIN
    if party is Party.CUSTOMER and late:
        hours = SELF_SERVICE_WITHIN // timedelta(hours=1)
        return refuse("refund.too_late", hours=hours)
    return None


def work_out(
    ask: Ask,
    order: Order,
    parts: Parts,
    *,
    given: list[Back],
    reason: Reason,
    decider: Decider,
    by: Bearers | None,
) -> tuple[Back, Borne] | Refusal:
    """How much is given back, and who bears how much of it."""
    if by is not None and not decider.overrides:
        return refuse("refund.bearers_not_yours", status=403)
    if by is not None and not by.whole:
        return refuse("refund.bearers_incomplete", status=422)
    if decider.party is Party.CUSTOMER and ask.scope is Scope.AMOUNT:
        return refuse("refund.name_items", status=422)
    kept = [fee.value for fee in ask.fees if fee not in reason.fees]
    if kept and not decider.overrides:
        return refuse("refund.fee_kept", status=422, fees=kept, reason=reason.code)
    back = give_back(ask, order.amounts, parts, given=given)
    if isinstance(back, Refusal):
        return back
    return back, borne(back, order.amounts, parts, by=by or reason.by)


def ask_for(
    refund: Refund,
    *,
    decider: Decider,
    reason: Reason,
    limits: RefundLimits,
    before: Before,
    now: datetime,
) -> Decision[Refund]:
    """Ask for it; what is within limits is approved in the same breath."""
    asked = accept(refund, _event(events.RefundAsked, refund))
    if decider.party is Party.CUSTOMER:
        at_once = (
            reason.self_service
            and refund.scope is Scope.ITEMS
            and refund.amount_minor <= limits.self_service_minor
            and before.self_service_times < limits.self_service_times
        )
        system = Decider(id=None, party=Party.SYSTEM)
        return then(asked, lambda r: _approved(r, by=system, now=now)) if at_once else asked
    alone = refund.amount_minor <= limits.alone_minor
    if alone and _within(refund, decider, limits=limits, before=before) is None:
        return then(asked, lambda r: _approved(r, by=decider, now=now))
    return asked


def approve(
    refund: Refund, *, decider: Decider, limits: RefundLimits, before: Before, now: datetime
) -> Decision[Refund]:
    """A second person agrees; above support's limits one who may more."""
    refused = (
        _illegal(refund, RefundState.APPROVED)
        or _same_person(refund, decider)
        or _within(refund, decider, limits=limits, before=before)
    )
    return refused or _approved(refund, by=decider, now=now)


def turn_down(refund: Refund, *, decider: Decider, because: str, now: datetime) -> Decision[Refund]:
    if refused := _illegal(refund, RefundState.REFUSED):
        return refused
    down = _decided(refund, RefundState.REFUSED, by=decider, because=because, now=now)
    return accept(down, _event(events.RefundTurnedDown, down, because=because))


def done(refund: Refund, *, now: datetime) -> Decision[Refund]:
    """The money is with the customer. Word of it that comes twice changes nothing."""
    if refund.state is not RefundState.APPROVED:
        return accept(refund)
    ended = replace(refund, state=RefundState.DONE, ended_at=now)
    return accept(ended, _event(events.RefundDone, ended))


def fail(refund: Refund, *, code: str, now: datetime) -> Decision[Refund]:
    """The acquirer refused for good: it may be asked for again, as credit."""
    if refund.state is not RefundState.APPROVED:
        return accept(refund)
    ended = replace(refund, state=RefundState.FAILED, decided_because=code, ended_at=now)
    return accept(ended, _event(events.RefundFell, ended, code=code))


def _approved(refund: Refund, *, by: Decider, now: datetime) -> Decision[Refund]:
    approved = _decided(refund, RefundState.APPROVED, by=by, because=None, now=now)
    borne_by = refund.borne
    return accept(
        approved,
        _event(
            events.RefundApproved,
            approved,
            paid_to=refund.paid_to.value,
            merchant_minor=borne_by.merchant_minor,
            courier_minor=borne_by.courier_minor,
            platform_minor=borne_by.platform_minor,
            tax_minor=borne_by.tax_minor,
        ),
    )


def _decided(
    refund: Refund, to: RefundState, *, by: Decider, because: str | None, now: datetime
) -> Refund:
    return replace(refund, state=to, decided_by=by.id, decided_at=now, decided_because=because)


def _within(
    refund: Refund, decider: Decider, *, limits: RefundLimits, before: Before
) -> Refusal | None:
    """Whether it is beyond what this one may decide."""
    today_minor = before.given_today_minor + refund.amount_minor
    beyond = refund.amount_minor > limits.support_minor or today_minor > limits.support_daily_minor
    if not beyond or decider.exceeds:
        return None
    return refuse(
        "refund.over_your_limit",
        status=403,
        amount_minor=refund.amount_minor,
        most_minor=limits.support_minor,
        daily_minor=limits.support_daily_minor,
    )


def _same_person(refund: Refund, decider: Decider) -> Refusal | None:
    same = refund.asked_by is not None and refund.asked_by == decider.id
    return refuse("refund.own_request", status=403) if same else None


def _illegal(refund: Refund, to: RefundState) -> Refusal | None:
    if to in MOVES[refund.state]:
        return None
    legal = sorted(MOVES[refund.state])
    return refuse("refund.illegal_move", state=refund.state, wanted=to, legal=legal)


def _event(cls: Any, refund: Refund, **fields: Any) -> Event:
    return cls(
        refund_id=refund.id,
        order_id=refund.order_id,
        customer_id=refund.customer_id,
        merchant_id=refund.merchant_id,
        reason=refund.reason,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        **fields,
    )
