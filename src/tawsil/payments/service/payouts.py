"""Payouts: what is due is set apart and sent, and what providers say of it is taken in.

Whoever makes payouts holds the payout accounts and the ledger's accounts, adds up what is free, and
books it away, all in one transaction: the next one finds it gone.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.db import Job, Tx, event_type
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import Accepted, By, Decision, Event, Refusal, refuse
from tawsil.payments.events import (
    AccountKind,
    AccountRef,
    BlockedBecause,
    PayoutCause,
    PayoutPaid,
    PayoutReturned,
    PayoutScheduled,
    Posting,
)
from tawsil.payments.model import payout as model
from tawsil.payments.model import payout_account
from tawsil.payments.model.ledger import Transfer, TransferKind
from tawsil.payments.model.payee import Said
from tawsil.payments.model.payout import UNSENT, Payout, PayoutState
from tawsil.payments.model.payout_account import PayoutAccount, Plan
from tawsil.payments.model.psp import Absent
from tawsil.payments.service import booking
from tawsil.payments.service.payout_accounts import block_failed, planned, zones_of
from tawsil.payments.store import payable, webhooks
from tawsil.payments.store import payout_accounts as account_store
from tawsil.payments.store import payouts as store
from tawsil.payments.store.payable import Funds

PAY_OUT: Final = "payments.pay_out"
LOOK: Final = "payments.look_payout"


class PayoutJob(Struct, frozen=True):
    """The payload of the jobs that send a payout or look what has become of it."""

    payout_id: UUID
    correlation_id: UUID


class Ask(Struct, frozen=True, kw_only=True):
    """A payout that is wanted of an account; without an amount, of all that is free."""

    by: By
    account: PayoutAccount
    cause: PayoutCause
    amount_minor: int | None = None
    fee_minor: int = 0
    period: date | None = None
    run_id: UUID | None = None
    retry_of: UUID | None = None
    awaits_approval: bool = False


class Offer(Struct, frozen=True, kw_only=True):
    """What somebody has, and may have paid out now."""

    account: PayoutAccount
    plan: Plan
    funds: Funds

    @property
    def free_minor(self) -> int:
        return max(0, self.funds.free_minor - self.plan.reserve_minor)


async def hold(tx: Tx, accounts: Sequence[PayoutAccount]) -> dict[UUID, Offer]:
    """What may be paid out, of accounts that are locked; nobody else pays it out meanwhile."""
    plans = await account_store.plans(tx, tenant_ids=[*{a.tenant_id for a in accounts}])
    funds = await payable.lock_funds(
        tx, [payable.wanted(a, plans.of(a), at=tx.now) for a in accounts]
    )
    return {a.id: Offer(account=a, plan=plans.of(a), funds=funds[a.id]) for a in accounts}


def propose(offer: Offer, ask: Ask, *, payout_id: UUID, at: datetime) -> Decision[Payout]:
    """A payout of what is asked for, if that much is free and it is worth the while."""
    if refused := offer.account.unpayable(at=at):
        return refused
    amount_minor = offer.free_minor if ask.amount_minor is None else ask.amount_minor
    if amount_minor < offer.plan.minimum_minor:
        return refuse(
            "payout.below_minimum",
            minimum_minor=offer.plan.minimum_minor,
            amount_minor=amount_minor,
            currency=offer.account.currency,
        )
    if amount_minor > offer.free_minor:
        return refuse(
            "payout.balance_insufficient", free_minor=offer.free_minor, amount_minor=amount_minor
        )
    return model.schedule(
        offer.account,
        payout_id=payout_id,
        cause=ask.cause,
        amount_minor=amount_minor,
        fee_minor=ask.fee_minor,
        period=ask.period,
        run_id=ask.run_id,
        retry_of=ask.retry_of,
        awaits_approval=ask.awaits_approval,
        at=at,
    )


async def begin(tx: Tx, begun: Sequence[tuple[By, Accepted[Payout]]]) -> None:
    """Write new payouts, book them away, and have them sent."""
    await store.add(tx, [decision.state for _, decision in begun])
    await follow(tx, begun)
    await send(tx, begun)


async def send(tx: Tx, payouts: Sequence[tuple[By, Accepted[Payout]]]) -> None:
    waiting = [(by, one.state) for by, one in payouts if not one.state.awaits_approval]
    await tx.enqueue(*[job(PAY_OUT, payout, by) for by, payout in waiting])


async def offset_cash(tx: Tx, by_account: Sequence[tuple[By, Offer]]) -> None:
    """What a courier owes in cash is first taken from what the courier has earned."""
    await booking.transfer(
        tx,
        [
            Transfer(
                by=by,
                id=tx.ids(),
                kind=TransferKind.CASH_OFFSET,
                reference_id=offer.account.id,
                currency=offer.account.currency,
                postings=(
                    Posting(offer.account.owner, -minor),
                    Posting(AccountRef(AccountKind.COURIER_CASH, offer.account.owner_id), minor),
                ),
            )
            for by, offer in by_account
            if (minor := _offset_minor(offer.funds))
        ],
    )


def _offset_minor(funds: Funds) -> int:
    return max(0, min(funds.cash_owed_minor, funds.own_minor))


async def on_due_account(tx: Tx, due: Sequence[Due]) -> None:
    """Pay whom it is time to pay; whoever has too little, or may not be paid, waits till next."""
    accounts = await account_store.lock(tx, account_ids=[d.subject_id for d in due])
    ready = still_due(due, accounts, now=tx.now)
    if not ready:
        return
    zones, offers = await zones_of(tx, ready), await hold(tx, ready)
    begun: list[tuple[By, Accepted[Payout]]] = []
    offsets: list[tuple[By, Offer]] = []
    for account in ready:
        assert account.next_at is not None, "what is due has its time"
        by = By(tenant_id=account.tenant_id, correlation_id=tx.ids())
        period = payout_account.period(account.next_at, zone=zones[account.city_id])
        ask = Ask(by=by, account=account, cause=PayoutCause.SCHEDULE, period=period)
        offsets.append((by, offers[account.id]))
        decision = propose(offers[account.id], ask, payout_id=tx.ids(), at=tx.now)
        if isinstance(decision, Accepted):
            begun.append((by, decision))
    await offset_cash(tx, offsets)
    moved = await planned(tx, ready)
    await account_store.save(tx, [Accepted(state=account, events=()) for account in moved])
    await tx.await_again(moved)
    await begin(tx, begun)


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Nobody has said in time what has become of a payout: look it up."""
    payouts = await store.lock(tx, payout_ids=[d.subject_id for d in due])
    late = [replace(payout, since_at=tx.now) for payout in still_due(due, payouts, now=tx.now)]
    await store.save(tx, [Accepted(state=payout, events=()) for payout in late])
    await tx.await_again(late)
    await tx.enqueue(*[job(LOOK, payout, story(payout)) for payout in late])


async def hear(tx: Tx, *, payout_id: UUID, said: Said, correlation_id: UUID) -> Payout | None:
    """Take in what a provider says; what failed or came back blocks where it was to go."""
    payout = (await store.lock(tx, payout_ids=[payout_id])).get(payout_id)
    if payout is None or payout.awaits_approval:
        return payout
    by = By(tenant_id=payout.tenant_id, correlation_id=correlation_id)
    decision = model.hear(payout, said, at=tx.now)
    assert isinstance(decision, Accepted), "a word is never refused"
    await store.save(tx, [decision])
    if decision.events:
        await follow(tx, [(by, decision)])
    else:
        await tx.await_again([decision.state])
    return decision.state


async def hear_webhook(tx: Tx, *, event_id: str, reference: str) -> bool:
    """Note a webhook and have its payout looked up; False when it was heard before."""
    try:
        payout = await store.find(tx, payout_id=UUID(reference))
    except ValueError:
        payout = None
    if not await webhooks.hear(tx, event_id=event_id, payment_id=None):
        return False
    if payout is not None:
        await tx.enqueue(job(LOOK, payout, story(payout)))
    return True


def to_be_sent(payout: Payout, said: Said) -> bool:
    """Whether the provider has no trace of what it was to send."""
    return isinstance(said, Absent) and payout.state in UNSENT and not payout.awaits_approval


def contradicts(payout: Payout, said: Said) -> bool:
    """Whether a provider denies what it was believed to have done."""
    return isinstance(said, Absent) and payout.state in {PayoutState.SENT, PayoutState.PAID}


async def follow(tx: Tx, decided: Sequence[tuple[By, Accepted[Payout]]]) -> None:
    """Book and record what happened to payouts; block where one failed or came back from."""
    booked = [
        Transfer(
            by=by,
            id=uuid5(one.state.id, event_type(type(event))),
            kind=_kind(event),
            reference_id=one.state.id,
            currency=one.state.currency,
            postings=model.booked(event),
        )
        for by, one in decided
        for event in one.events
        if model.booked(event)
    ]
    outcomes = await booking.transfer(tx, booked)
    assert not any(isinstance(one, Refusal) for one in outcomes), "what is booked was held"
    await tx.record(decided)
    await block_failed(
        tx,
        [
            (by, one.state.account_id, _because(one.events[-1]))
            for by, one in decided
            if one.state.state in {PayoutState.FAILED, PayoutState.RETURNED}
        ],
    )


def _kind(event: Event) -> TransferKind:
    forward = isinstance(event, PayoutScheduled | PayoutPaid)
    return TransferKind.PAYOUT if forward else TransferKind.PAYOUT_RETURN


def _because(event: Event) -> BlockedBecause:
    if isinstance(event, PayoutReturned):
        return BlockedBecause.PAYOUT_RETURNED
    return BlockedBecause.PAYOUT_FAILED


def story(payout: Payout) -> By:
    """On nobody's behalf, and part of the payout's own story."""
    return By(tenant_id=payout.tenant_id, correlation_id=payout.id)


def job(name: str, payout: Payout, by: By) -> Job:
    payload = PayoutJob(payout_id=payout.id, correlation_id=by.correlation_id)
    return Job(name=name, payload=payload)
