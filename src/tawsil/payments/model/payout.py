"""One payout: its states, the moves between them, and what a provider's word changes.

The amount leaves its owner's account in the transaction that makes the payout, so that it cannot be
paid out twice; what fails or comes back is booked back, and both stand in the statement.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Deadline, Decision, Event, accept, refuse
from tawsil.payments.events import (
    AccountKind,
    AccountRef,
    PayoutCancelled,
    PayoutCause,
    PayoutFailed,
    PayoutPaid,
    PayoutReturned,
    PayoutScheduled,
    PayoutSent,
    PayoutUnknown,
    Posting,
    Provider,
    RunApproved,
    RunRejected,
    RunStarted,
    provider_id,
)
from tawsil.payments.model.payee import Remittance, Said
from tawsil.payments.model.payment import net
from tawsil.payments.model.payout_account import Destination, PayoutAccount
from tawsil.payments.model.psp import Absent, Refused, Unheard

LOOK: Final = "payout_look"
LOOK_AFTER: Final = timedelta(seconds=30)
LOOK_AT_MOST: Final = timedelta(minutes=15)
LOOK_WHEN_SENT: Final = timedelta(hours=6)

UNDER_WAY: Final = AccountRef(AccountKind.PAYOUT)
PLATFORM: Final = AccountRef(AccountKind.PLATFORM)


class PayoutState(StrEnum):
    SCHEDULED = "scheduled"
    SENT = "sent"
    UNKNOWN = "unknown"
    PAID = "paid"
    FAILED = "failed"
    RETURNED = "returned"
    CANCELLED = "cancelled"


_S = PayoutState
MOVES: Final[Mapping[PayoutState, frozenset[PayoutState]]] = MappingProxyType(
    {
        _S.SCHEDULED: frozenset({_S.SENT, _S.UNKNOWN, _S.PAID, _S.FAILED, _S.CANCELLED}),
        _S.UNKNOWN: frozenset({_S.SENT, _S.PAID, _S.FAILED, _S.RETURNED}),
        _S.SENT: frozenset({_S.PAID, _S.FAILED, _S.RETURNED}),
        _S.PAID: frozenset({_S.RETURNED}),  # days later
        _S.FAILED: frozenset(),
        _S.RETURNED: frozenset(),
        _S.CANCELLED: frozenset(),
    }
)
UNSENT: Final = frozenset({_S.SCHEDULED, _S.UNKNOWN})
"""What is asked for again when the provider has no trace of it, under the same key."""
BACK: Final = frozenset({_S.FAILED, _S.RETURNED, _S.CANCELLED})


class Payout(Struct, frozen=True, kw_only=True):
    """`amount_minor` goes to the bank; it and the fee left the owner's account.

    `since_at` is when the state was entered or last looked at, `attempts` how often nobody answered
    in a row. One that `awaits_approval` is sent when its run is approved.
    """

    stream: ClassVar[str] = "payout"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    account_id: UUID
    owner: AccountRef
    cause: PayoutCause
    amount_minor: int
    fee_minor: int
    currency: str
    destination: Destination
    state: PayoutState
    created_at: datetime
    since_at: datetime
    run_id: UUID | None = None
    retry_of: UUID | None = None
    period: date | None = None
    awaits_approval: bool = False
    provider_payout_id: str | None = None
    code: str | None = None
    attempts: int = 0
    paid_at: datetime | None = None

    def __post_init__(self) -> None:
        assert self.amount_minor > 0
        assert self.fee_minor >= 0
        assert (self.cause is PayoutCause.SCHEDULE) == (self.period is not None)
        assert not self.awaits_approval or self.state is PayoutState.SCHEDULED

    @property
    def key(self) -> str:
        """The idempotency key under which it is sent: one for its whole life."""
        return f"{self.id}:payout"

    @property
    def paid_from(self) -> AccountRef:
        """Out of what Stripe holds for the platform, or from the platform's own bank."""
        if self.destination.provider is Provider.STRIPE:
            return AccountRef(AccountKind.PSP_CLEARING, provider_id(Provider.STRIPE))
        return AccountRef(AccountKind.BANK)

    @property
    def deadline(self) -> Deadline | None:
        """What nobody has answered is looked up, soon and then less often; what is sent, daily."""
        if self.state in UNSENT and not self.awaits_approval:
            pause = LOOK_AFTER * 2 ** min(self.attempts, 10)
            return Deadline(LOOK, self.since_at + min(pause, LOOK_AT_MOST))
        if self.state is PayoutState.SENT:
            return Deadline(LOOK, self.since_at + LOOK_WHEN_SENT)
        return None

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "owner": self.owner,
            "amount_minor": self.amount_minor,
            "fee_minor": self.fee_minor,
            "currency": self.currency,
        }


def schedule(
    account: PayoutAccount,
    *,
    payout_id: UUID,
    cause: PayoutCause,
    amount_minor: int,
    fee_minor: int = 0,
    period: date | None = None,
    run_id: UUID | None = None,
    retry_of: UUID | None = None,
    awaits_approval: bool = False,
    at: datetime,
) -> Decision[Payout]:
    """Set an amount apart for somebody's bank; of it, the fee is kept."""
    assert account.unpayable(at=at) is None, "whoever proposes it has looked"
    if amount_minor <= fee_minor:
        return refuse("payout.below_fee", fee_minor=fee_minor, amount_minor=amount_minor)
    payout = Payout(
        id=payout_id,
        tenant_id=account.tenant_id,
        city_id=account.city_id,
        account_id=account.id,
        owner=account.owner,
        cause=cause,
        amount_minor=amount_minor - fee_minor,
        fee_minor=fee_minor,
        currency=account.currency,
        destination=account.destination,
        state=PayoutState.SCHEDULED,
        created_at=at,
        since_at=at,
        run_id=run_id,
        retry_of=retry_of,
        period=period,
        awaits_approval=awaits_approval,
    )
    return accept(payout, PayoutScheduled(**payout.facts, cause=cause, period=period))


def hear(payout: Payout, said: Said, *, at: datetime) -> Decision[Payout]:
    """Take in a provider's word; again, late or against what is known, it changes nothing.

    A refusal is believed only of what was not sent: whoever hears one has looked before.
    """
    match said:
        case Unheard():
            return _unheard(payout, at=at)
        case Refused(code=code) if payout.state in UNSENT:
            return _move(payout, _S.FAILED, at=at, code=code)
        case Remittance() if (said.amount_minor, said.currency) == (
            payout.amount_minor,
            payout.currency,
        ):
            return _observe(payout, said, at=at)
        case Remittance() | Refused() | Absent():
            return accept(replace(payout, since_at=at))


def _observe(payout: Payout, said: Remittance, *, at: datetime) -> Decision[Payout]:
    seen = replace(payout, provider_payout_id=said.id, since_at=at, attempts=0)
    state = PayoutState(said.state.value)
    if state is _S.FAILED and payout.state is _S.PAID:
        state = _S.RETURNED  # a provider may call both the same
    if state is _S.RETURNED and payout.state is _S.SCHEDULED:
        state = _S.FAILED  # it came back before anybody heard that it went
    if state not in MOVES[payout.state]:
        return accept(seen)
    return _move(seen, state, at=at, code=said.code)


def _unheard(payout: Payout, *, at: datetime) -> Decision[Payout]:
    if payout.state is _S.SCHEDULED:
        return _move(payout, _S.UNKNOWN, at=at)
    attempts = payout.attempts + (payout.state is _S.UNKNOWN)
    return accept(replace(payout, attempts=attempts, since_at=at))


def approve(payout: Payout, *, at: datetime) -> Payout:
    """It may be sent; that is an event of its run."""
    assert payout.awaits_approval
    return replace(payout, awaits_approval=False, since_at=at)


def cancel(payout: Payout, *, at: datetime) -> Decision[Payout]:
    """Only what nobody was asked to send: the rest can but come back."""
    if not payout.awaits_approval:
        legal = sorted(state.value for state in MOVES[payout.state] - {_S.CANCELLED})
        return refuse("payout.illegal_move", state=payout.state.value, legal=legal)
    return _move(replace(payout, awaits_approval=False), _S.CANCELLED, at=at)


def _move(
    payout: Payout, state: PayoutState, *, at: datetime, code: str | None = None
) -> Decision[Payout]:
    assert state in MOVES[payout.state]
    paid_from = payout.paid_from if payout.paid_at is not None else None
    paid_at = at if state is _S.PAID else payout.paid_at
    moved = replace(payout, state=state, since_at=at, code=code, paid_at=paid_at)
    why, facts = code or "unknown", payout.facts
    match state:
        case _S.SENT:
            event: Event = PayoutSent(**facts)
        case _S.UNKNOWN:
            event = PayoutUnknown(**facts)
        case _S.PAID:
            event = PayoutPaid(**facts, paid_from=payout.paid_from)
        case _S.FAILED:
            event = PayoutFailed(**facts, code=why)
        case _S.RETURNED:
            event = PayoutReturned(**facts, code=why, paid_from=paid_from)
        case _:
            event = PayoutCancelled(**facts)
    return accept(moved, event)


def booked(event: Event) -> tuple[Posting, ...]:
    """What an event of a payout writes into the books; nothing for most."""
    match event:
        case PayoutScheduled():
            return net(
                (
                    Posting(event.owner, -event.amount_minor - event.fee_minor),
                    Posting(UNDER_WAY, event.amount_minor),
                    Posting(PLATFORM, event.fee_minor),
                )
            )
        case PayoutPaid():
            return (
                Posting(UNDER_WAY, -event.amount_minor),
                Posting(event.paid_from, event.amount_minor),
            )
        case PayoutReturned(paid_from=AccountRef() as paid_from):
            return (  # it was paid at once, as asked: the fee stays
                Posting(paid_from, -event.amount_minor),
                Posting(event.owner, event.amount_minor),
            )
        case PayoutFailed() | PayoutReturned() | PayoutCancelled():
            return net(
                (
                    Posting(event.owner, event.amount_minor + event.fee_minor),
                    Posting(UNDER_WAY, -event.amount_minor),
                    Posting(PLATFORM, -event.fee_minor),
                )
            )
        case _:
            return ()


class RunState(StrEnum):
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    REJECTED = "rejected"


class Run(Struct, frozen=True, kw_only=True):
    """Payouts that somebody had made, in one go."""

    stream: ClassVar[str] = "payout_run"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    owner_kind: AccountKind
    state: RunState
    started_by: UUID | None
    decided_by: UUID | None = None
    payouts: int
    total_minor: int
    currency: str
    created_at: datetime

    @property
    def deadline(self) -> Deadline | None:
        return None

    @property
    def sums(self) -> dict[str, Any]:
        return {
            "payouts": self.payouts,
            "total_minor": self.total_minor,
            "currency": self.currency,
        }


def start_run(run: Run) -> Decision[Run]:
    waits = run.state is RunState.AWAITING_APPROVAL
    started = RunStarted(owner_kind=run.owner_kind, **run.sums, needs_approval=waits)
    return accept(run, started)


def decide_run(run: Run, *, approve: bool, by: UUID | None) -> Decision[Run]:
    """Approve or turn down; who started it may only turn it down."""
    if run.state is not RunState.AWAITING_APPROVAL:
        return refuse("payout.run_decided", state=run.state.value)
    if approve and by == run.started_by:
        return refuse("payout.four_eyes", status=403)
    state = RunState.APPROVED if approve else RunState.REJECTED
    event = RunApproved(**run.sums) if approve else RunRejected(**run.sums)
    return accept(replace(run, state=state, decided_by=by), event)
