"""Payouts that somebody asks for: at once for a fee, in a run of an operator's, or once more."""

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Command, Refusal, refuse
from tawsil.payments.events import AccountKind, AccountRef, PayoutCause
from tawsil.payments.model import payout as model
from tawsil.payments.model.payout import BACK, Payout, Run, RunState
from tawsil.payments.model.payout_account import PayoutAccount, fee_minor
from tawsil.payments.service.payout_accounts import zones_of
from tawsil.payments.service.payouts import (
    Ask,
    Offer,
    begin,
    follow,
    hold,
    offset_cash,
    propose,
    send,
)
from tawsil.payments.store import payable
from tawsil.payments.store import payout_accounts as account_store
from tawsil.payments.store import payouts as store

NOT_FOUND: Final = refuse("request.not_found", status=404)


class Withdraw(Command, frozen=True, kw_only=True):
    """Pay the caller out now. `amount_minor` leaves the account, the fee is kept of it."""

    owner: AccountRef
    amount_minor: int | None = None


class StartRun(Command, frozen=True, kw_only=True):
    """Pay out everybody of a kind in a city now, or only some of them."""

    city_id: UUID
    owner_kind: AccountKind
    owner_ids: tuple[UUID, ...] | None = None


class DecideRun(Command, frozen=True, kw_only=True):
    run_id: UUID
    approve: bool


class Retry(Command, frozen=True, kw_only=True):
    """Pay once more what came back."""

    payout_id: UUID


class WithdrawalQuote(Struct, frozen=True, kw_only=True):
    """What withdrawing so much at once comes to; `left_today` counts this one."""

    amount_minor: int
    fee_minor: int
    arrives_minor: int
    currency: str
    minimum_minor: int
    left_today: int


async def quote(
    tx: Tx, *, by: By, owner: AccountRef, amount_minor: int | None
) -> WithdrawalQuote | Refusal:
    """What an instant withdrawal would come to now, or why there can be none."""
    account = await account_store.find(tx, tenant_id=by.tenant_id, owner=owner)
    if account is None:
        return refuse("payout.destination_missing")
    plan = (await account_store.plans(tx, tenant_ids=[by.tenant_id])).of(account)
    funds = await payable.funds(tx, [payable.wanted(account, plan, at=tx.now)])
    offer = Offer(account=account, plan=plan, funds=funds[account.id])
    asked = await _instant(tx, by, offer, amount_minor)
    if isinstance(asked, Refusal):
        return asked
    ask, left = asked
    proposed = propose(offer, ask, payout_id=account.id, at=tx.now)
    if isinstance(proposed, Refusal):
        return proposed
    payout = proposed.state
    return WithdrawalQuote(
        amount_minor=payout.amount_minor + payout.fee_minor,
        fee_minor=payout.fee_minor,
        arrives_minor=payout.amount_minor,
        currency=payout.currency,
        minimum_minor=plan.minimum_minor,
        left_today=left,
    )


async def withdraw(tx: Tx, commands: Sequence[Withdraw]) -> list[Payout | Refusal]:
    """Each is decided on what the one before has left."""
    return [await _withdraw(tx, command) for command in commands]


async def _withdraw(tx: Tx, command: Withdraw) -> Payout | Refusal:
    locked = await account_store.lock_owners(
        tx, tenant_id=command.by.tenant_id, owners=[command.owner]
    )
    account = locked.get(command.owner)
    if account is None:
        return refuse("payout.destination_missing")
    offer = (await hold(tx, [account]))[account.id]
    asked = await _instant(tx, command.by, offer, command.amount_minor)
    if isinstance(asked, Refusal):
        return asked
    ask, _ = asked
    return await _pay(tx, offer, ask)


async def _pay(tx: Tx, offer: Offer, ask: Ask) -> Payout | Refusal:
    decision = propose(offer, ask, payout_id=tx.ids(), at=tx.now)
    if isinstance(decision, Refusal):
        return decision
    await begin(tx, [(ask.by, decision)])
    return decision.state


async def _instant(
    tx: Tx, by: By, offer: Offer, amount_minor: int | None
) -> tuple[Ask, int] | Refusal:
    """What to ask for, with its fee, and how many more there may be today."""
    account, plan, funds = offer.account, offer.plan, offer.funds
    if funds.cash_owed_minor:
        return refuse(
            "payout.cash_owed", owed_minor=funds.cash_owed_minor, currency=account.currency
        )
    zone = (await zones_of(tx, [account]))[account.city_id]
    since_at = _midnight(tx.now, zone)
    done = await store.instant_since(tx, account_id=account.id, since_at=since_at)
    if done >= plan.instant_per_day:
        return refuse("payout.instant_limit", most=plan.instant_per_day)
    gross_minor = offer.free_minor if amount_minor is None else amount_minor
    ask = Ask(
        by=by,
        account=account,
        cause=PayoutCause.INSTANT,
        amount_minor=gross_minor,
        fee_minor=fee_minor(plan, amount_minor=gross_minor),
    )
    return ask, plan.instant_per_day - done


def _midnight(at: datetime, zone: ZoneInfo) -> datetime:
    return datetime.combine(at.astimezone(zone).date(), time(), zone).astimezone(UTC)


# Runs


async def start_run(tx: Tx, commands: Sequence[StartRun]) -> list[Run | Refusal]:
    return [await _start_run(tx, command) for command in commands]


async def _start_run(tx: Tx, command: StartRun) -> Run | Refusal:
    """Everybody who may be paid, and has enough; above the limit it waits for another's word."""
    by, city_id, kind = command.by, command.city_id, command.owner_kind
    city = (await geography.cities_by_id(tx, ids=[city_id])).get(city_id)
    if city is None or city.tenant_id != by.tenant_id:
        return NOT_FOUND
    accounts = await account_store.lock_city(
        tx,
        tenant_id=by.tenant_id,
        city_id=city_id,
        owner_kind=kind,
        owner_ids=command.owner_ids,
    )
    offers = await hold(tx, [*accounts.values()])
    run_id = tx.ids()
    proposed = [
        propose(offer, _in_run(by, offer.account, run_id), payout_id=tx.ids(), at=tx.now)
        for offer in offers.values()
    ]
    decided = [one for one in proposed if isinstance(one, Accepted)]
    if not decided:
        return refuse("payout.nothing_due")
    total_minor = sum(one.state.amount_minor for one in decided)
    plans = await account_store.plans(tx, tenant_ids=[by.tenant_id])
    limit_minor = plans.of_city(by.tenant_id, city_id, kind).approve_above_minor
    waits = total_minor > limit_minor
    run = Run(
        id=run_id,
        tenant_id=by.tenant_id,
        city_id=city_id,
        owner_kind=kind,
        state=RunState.AWAITING_APPROVAL if waits else RunState.APPROVED,
        started_by=by.actor_id,
        payouts=len(decided),
        total_minor=total_minor,
        currency=city.currency,
        created_at=tx.now,
    )
    started = model.start_run(run)
    assert isinstance(started, Accepted)
    await store.add_run(tx, started.state)
    await tx.record([(by, started)])
    await offset_cash(tx, [(by, offer) for offer in offers.values()])
    held = [replace(one, state=replace(one.state, awaits_approval=waits)) for one in decided]
    await begin(tx, [(by, one) for one in held])
    return started.state


def _in_run(by: By, account: PayoutAccount, run_id: UUID) -> Ask:
    return Ask(by=by, account=account, cause=PayoutCause.RUN, run_id=run_id)


async def decide_run(tx: Tx, commands: Sequence[DecideRun]) -> list[Run | Refusal]:
    return [await _decide_run(tx, command) for command in commands]


async def _decide_run(tx: Tx, command: DecideRun) -> Run | Refusal:
    """Send a run's payouts, or give all of it back to its owners."""
    run = await store.hold_run(tx, tenant_id=command.by.tenant_id, run_id=command.run_id)
    if run is None:
        return NOT_FOUND
    decision = model.decide_run(run, approve=command.approve, by=command.by.actor_id)
    if isinstance(decision, Refusal):
        return decision
    await store.save_run(tx, decision)
    await tx.record([(command, decision)])
    payouts = (await store.lock_run(tx, run_id=run.id)).values()
    if command.approve:
        approved = [Accepted(state=model.approve(p, at=tx.now), events=()) for p in payouts]
        await store.save(tx, approved)
        await tx.await_again([one.state for one in approved])
        await send(tx, [(command.by, one) for one in approved])
    else:
        cancelled = [model.cancel(payout, at=tx.now) for payout in payouts]
        given_back = [one for one in cancelled if isinstance(one, Accepted)]
        assert len(given_back) == len(cancelled), "what waits for approval can be cancelled"
        await store.save(tx, given_back)
        await follow(tx, [(command.by, one) for one in given_back])
    return decision.state


async def retry(tx: Tx, commands: Sequence[Retry]) -> list[Payout | Refusal]:
    return [await _retry(tx, command) for command in commands]


async def _retry(tx: Tx, command: Retry) -> Payout | Refusal:
    """The same amount as a payout of its own, under a key of its own: the first is over."""
    payout = (await store.lock(tx, payout_ids=[command.payout_id])).get(command.payout_id)
    if payout is None or payout.tenant_id != command.by.tenant_id:
        return NOT_FOUND
    if payout.state not in BACK:
        return refuse("payout.not_over", state=payout.state.value)
    if await store.retried(tx, payout_id=payout.id) is not None:
        return refuse("payout.retried")
    accounts = await account_store.lock(tx, account_ids=[payout.account_id])
    offer = (await hold(tx, [*accounts.values()]))[payout.account_id]
    ask = Ask(
        by=command.by,
        account=offer.account,
        cause=PayoutCause.RETRY,
        amount_minor=payout.amount_minor,
        retry_of=payout.id,
    )
    return await _pay(tx, offer, ask)
