"""Payouts against a real database and the sandbox's bank, in one process under virtual time."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from conftest import TENANT
from payments.payout_world import (
    BANK,
    CASH,
    EASY,
    GRILL,
    PAYOUT,
    PLATFORM,
    RIDER,
    SECOND,
    Counter,
    found,
    open_counter,
)
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments import public as payments
from tawsil.payments.events import BlockedBecause, PayoutCause
from tawsil.payments.public import AccountKind, Every, Payout, PayoutState, Plan, Provider


@pytest.fixture
async def counter(database: Database, clock: VirtualClock, jobs: HeldJobs) -> Counter:
    await found(database)
    opened = open_counter(database, clock, jobs)
    await opened.plan(AccountKind.MERCHANT, EASY)
    await opened.plan(AccountKind.COURIER, EASY)
    return opened


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


async def test_what_was_earned_is_in_the_bank_the_next_morning(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.earn(GRILL, 5_000)
    await counter.until(at(21, 2, 59))
    assert await counter.payouts() == []

    await counter.until(at(21, 3))
    (payout,) = await counter.payouts()
    assert (payout.state, payout.amount_minor, payout.fee_minor) == (PayoutState.SENT, 5_000, 0)
    assert (payout.cause, str(payout.period)) == (PayoutCause.SCHEDULE, "2026-11-21")
    assert await counter.balance(GRILL) == 0
    assert await counter.balance(PAYOUT) == 5_000

    await counter.after(hours=7)
    (payout,) = await counter.payouts()
    assert payout.state is PayoutState.PAID
    assert await counter.balance(PAYOUT) == 0
    assert await counter.balance(BANK) == 5_000


async def test_two_workers_at_once_pay_it_once(counter: Counter):
    """They hold the same clock and the same deadline; whoever is second finds the money gone."""
    await counter.bank_with(GRILL)
    await counter.earn(GRILL, 5_000)
    runs = await asyncio.gather(*[counter.run() for _ in range(6)])
    assert [type(run).__name__ for run in runs].count("Run") == 1
    refused = [run.code for run in runs if isinstance(run, Refusal)]
    assert refused == ["payout.nothing_due"] * 5
    (payout,) = await counter.payouts()
    assert payout.amount_minor == 5_000
    assert await counter.balance(GRILL) == 0


async def test_withdrawals_at_once_never_take_more_than_there_is(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.plan(AccountKind.MERCHANT, Plan(hold_days=0, minimum_minor=1, instant_per_day=9))
    await counter.earn(GRILL, 5_000)
    outcomes = await asyncio.gather(*[counter.withdraw(GRILL, 2_000) for _ in range(5)])
    assert sum(isinstance(one, Payout) for one in outcomes) == 2
    assert await counter.balance(GRILL) == 1_000


async def test_what_fails_is_the_owners_again_and_blocks_its_destination(counter: Counter):
    account = await counter.bank_with(GRILL, "bank_closed")
    await counter.earn(GRILL, 5_000)
    await counter.run()
    await counter.after(hours=1)
    (payout,) = await counter.payouts()
    assert (payout.state, payout.code) == (PayoutState.FAILED, "account_closed")
    assert await counter.balance(GRILL) == 5_000
    assert await counter.balance(PAYOUT) == 0
    assert await blocked(counter) is BlockedBecause.PAYOUT_FAILED

    await counter.after(days=2)
    assert len(await counter.payouts()) == 1  # nothing is sent there again
    retry = payments.Retry(by=counter.by, payout_id=payout.id)
    assert (await counter.do(payments.retry, retry)).code == "payout.blocked"
    await counter.bank_with(GRILL, "bank_ok")
    assert await blocked(counter) is None
    await counter.after(days=4)
    assert await counter.balance(GRILL) == 0
    assert (await counter.payouts())[-1].account_id == account.id


async def test_a_refusal_is_believed_when_there_is_no_trace_of_it(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.earn(GRILL, 5_000)
    await counter.do(
        payments.set_destination,
        payments.SetDestination(
            by=counter.by,
            owner=GRILL,
            provider=Provider.DIRECT,
            token="bank_refused",
            label="Refusing",
            verified=True,
        ),
    )
    await counter.after(days=4)
    (payout,) = await counter.payouts()
    assert (payout.state, payout.code) == (PayoutState.FAILED, "destination_refused")
    assert await counter.balance(GRILL) == 5_000


async def test_what_comes_back_days_after_it_was_paid_is_booked_back(counter: Counter):
    await counter.bank_with(GRILL, "bank_returned")
    await counter.earn(GRILL, 5_000)
    quote = await counter.withdraw(GRILL)
    assert isinstance(quote, Payout)
    await counter.after(hours=1)
    (payout,) = await counter.payouts()
    assert payout.state is PayoutState.PAID
    paid_at = payout.paid_at
    assert await counter.balance(BANK) == 4_800

    await counter.after(days=4)
    (payout,) = await counter.payouts()
    assert (payout.state, payout.code) == (PayoutState.RETURNED, "account_frozen")
    assert payout.paid_at == paid_at
    assert await counter.balance(BANK) == 0
    assert await counter.balance(GRILL) == 4_800  # what it cost to pay it at once is not given back
    assert await blocked(counter) is BlockedBecause.PAYOUT_RETURNED

    async with counter.database.transaction() as tx:
        story = await payments.statement(tx, tenant_id=TENANT, accounts=[GRILL], offset=0, limit=10)
    assert [line.amount_minor for line in story.lines] == [4_800, -5_000, 5_000]

    again = payments.Retry(by=counter.by, payout_id=payout.id)
    account = payments.Unblock(by=counter.by, account_id=payout.account_id)
    await counter.do(payments.unblock, account)
    second = await counter.do(payments.retry, again)
    assert (second.cause, second.amount_minor) == (PayoutCause.RETRY, 4_800)
    assert (await counter.do(payments.retry, again)).code == "payout.retried"
    over = payments.Retry(by=counter.by, payout_id=second.id)
    assert (await counter.do(payments.retry, over)).code == "payout.not_over"


@pytest.mark.parametrize(
    "bank", ["bank_unknown", "bank_unknown_silent", "bank_unknown_lost", "bank_outage"]
)
async def test_what_nobody_heard_of_is_looked_up_and_found(counter: Counter, bank: str):
    """Sent or not: looked up, and sent again under its own key if there is no trace of it."""
    await counter.bank_with(GRILL, bank)
    await counter.earn(GRILL, 5_000)
    await counter.run()
    await counter.work()
    (payout,) = await counter.payouts()
    assert payout.state is PayoutState.UNKNOWN
    assert await counter.balance(GRILL) == 0  # it may have been sent: it is not spent again
    await counter.after(hours=7)
    (payout,) = await counter.payouts()
    assert payout.state is PayoutState.PAID
    assert await counter.balance(BANK) == 5_000


@pytest.mark.parametrize(
    ("after", "payable"), [(timedelta(days=2, microseconds=-1), 0), (timedelta(days=2), 5_000)]
)
async def test_what_is_younger_than_the_hold_stays(
    counter: Counter, after: timedelta, payable: int
):
    await counter.bank_with(GRILL)
    await counter.plan(AccountKind.MERCHANT, Plan(hold_days=2, minimum_minor=1, every=Every.NEVER))
    await counter.earn(GRILL, 5_000)
    await counter.until(counter.clock() + after)
    assert await payable_minor(counter) == payable


async def test_a_refund_of_what_is_held_does_not_eat_what_is_not(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.plan(AccountKind.MERCHANT, Plan(hold_days=2, minimum_minor=1, every=Every.NEVER))
    old = await counter.earn(GRILL, 5_000)
    await counter.after(days=2)
    new = await counter.earn(GRILL, 3_000)
    assert await payable_minor(counter) == 5_000
    await counter.earn(GRILL, -1_000, reference=new)
    assert await payable_minor(counter) == 5_000
    await counter.earn(GRILL, -500, reference=old)
    assert await payable_minor(counter) == 4_500


async def test_too_little_and_the_reserve_wait(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.plan(
        AccountKind.MERCHANT, Plan(hold_days=0, minimum_minor=1_000, reserve_minor=500)
    )
    await counter.earn(GRILL, 1_499)
    await counter.after(days=1)
    assert await counter.payouts() == []
    await counter.earn(GRILL, 1)
    await counter.after(days=1)
    assert [payout.amount_minor for payout in await counter.payouts()] == [1_000]
    assert await counter.balance(GRILL) == 500


async def test_what_is_owed_carries_over(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.earn(GRILL, -2_000)
    await counter.after(days=1)
    await counter.earn(GRILL, 5_000)
    await counter.after(days=1)
    assert [payout.amount_minor for payout in await counter.payouts()] == [3_000]


async def test_cash_in_hand_is_taken_first(counter: Counter):
    await counter.bank_with(RIDER)
    await counter.earn(RIDER, 5_000)
    await counter.earn(CASH, -3_000)
    assert (await counter.withdraw(RIDER)).code == "payout.cash_owed"
    await counter.after(days=1)
    assert [payout.amount_minor for payout in await counter.payouts()] == [2_000]
    assert await counter.balance(CASH) == 0
    assert await counter.balance(RIDER) == 0


async def test_more_cash_than_was_earned_leaves_the_rest_owed(counter: Counter):
    await counter.bank_with(RIDER)
    await counter.earn(RIDER, 1_000)
    await counter.earn(CASH, -3_000)
    await counter.after(days=1)
    assert await counter.payouts() == []
    assert await counter.balance(CASH) == -2_000
    assert await counter.balance(RIDER) == 0


async def test_an_instant_withdrawal_costs_what_was_quoted(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.earn(GRILL, 100_000)
    async with counter.database.transaction() as tx:
        quote = await payments.withdrawal_quote(tx, by=counter.by, owner=GRILL, amount_minor=60_000)
    assert isinstance(quote, payments.WithdrawalQuote)
    assert (quote.fee_minor, quote.arrives_minor, quote.left_today) == (600, 59_400, 2)
    first = await counter.withdraw(GRILL, 60_000)
    assert (first.amount_minor, first.fee_minor) == (59_400, 600)
    assert await counter.balance(PLATFORM) == 600 - 100_000
    small = await counter.withdraw(GRILL, 300)
    assert (small.amount_minor, small.fee_minor) == (100, 200)  # never less than the least
    assert (await counter.withdraw(GRILL, 300)).code == "payout.instant_limit"
    await counter.until(at(21))
    assert (await counter.withdraw(GRILL, 99)).code == "payout.below_minimum"
    assert (await counter.withdraw(GRILL, 150)).code == "payout.below_fee"
    assert (await counter.withdraw(GRILL, 50_000)).code == "payout.balance_insufficient"
    assert (await counter.withdraw(RIDER)).code == "payout.destination_missing"


async def test_a_changed_destination_waits(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.earn(GRILL, 5_000)
    changed = await counter.bank_with(GRILL, "bank_at_once")
    assert changed.usable_from_at == counter.clock() + timedelta(days=3)
    refused = await counter.withdraw(GRILL)
    assert (refused.code, refused.detail["until"]) == (
        "payout.destination_held",
        changed.usable_from_at,
    )
    await counter.until(changed.usable_from_at)
    assert isinstance(await counter.withdraw(GRILL), Payout)


async def test_an_unconfirmed_destination_is_not_paid(counter: Counter):
    await counter.bank_with(GRILL, "bank_unverified")
    await counter.earn(GRILL, 5_000)
    assert (await counter.withdraw(GRILL)).code == "payout.destination_unverified"


@pytest.mark.parametrize(
    ("token", "label", "code"),
    [
        ("AE070331234567890123456", "Bank", "payout.token_invalid"),
        ("bank_123456789012", "Bank", "payout.token_invalid"),
        ("acct_1234abcd", "Bank", "payout.token_invalid"),  # of another provider
        ("bank_ok", "AE07 0331 2345 6789", "payout.label_unmasked"),
    ],
)
async def test_a_number_is_never_kept(counter: Counter, token: str, label: str, code: str):
    refused = await counter.do(
        payments.set_destination,
        payments.SetDestination(
            by=counter.by, owner=GRILL, provider=Provider.DIRECT, token=token, label=label
        ),
    )
    assert refused.code == code
    text = str(await counter.database.pool.fetch("select data from kernel.event"))
    assert token not in text


async def test_a_big_run_needs_another_to_approve_of_it(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.plan(
        AccountKind.MERCHANT,
        Plan(hold_days=0, minimum_minor=1, approve_above_minor=4_999, every=Every.NEVER),
    )
    await counter.earn(GRILL, 5_000)
    run = await counter.run()
    await counter.after(days=1)
    (payout,) = await counter.payouts()
    assert (payout.state, payout.awaits_approval) == (PayoutState.SCHEDULED, True)
    assert await counter.balance(GRILL) == 0

    approve = payments.DecideRun(by=counter.by, run_id=run.id, approve=True)
    assert (await counter.do(payments.decide_run, approve)).code == "payout.four_eyes"
    colleague = replace(counter.by, actor_id=SECOND)
    approve = replace(approve, by=colleague)
    await counter.do(payments.decide_run, approve)
    assert (await counter.do(payments.decide_run, approve)).code == "payout.run_decided"
    await counter.after(hours=7)
    assert [payout.state for payout in await counter.payouts()] == [PayoutState.PAID]


async def test_a_run_that_is_turned_down_gives_it_all_back(counter: Counter):
    await counter.bank_with(GRILL)
    await counter.plan(
        AccountKind.MERCHANT,
        Plan(hold_days=2, minimum_minor=1, approve_above_minor=0, every=Every.NEVER),
    )
    await counter.earn(GRILL, 5_000)
    await counter.after(days=2)
    run = await counter.run()
    reject = payments.DecideRun(by=counter.by, run_id=run.id, approve=False)
    await counter.do(payments.decide_run, reject)
    assert [payout.state for payout in await counter.payouts()] == [PayoutState.CANCELLED]
    assert await payable_minor(counter) == 5_000  # what came back was old enough before
    assert await counter.balance(PAYOUT) == 0


async def blocked(counter: Counter) -> BlockedBecause | None:
    async with counter.database.transaction() as tx:
        outlook = await payments.outlook(tx, tenant_id=TENANT, owner=GRILL)
    assert outlook is not None
    return outlook.account.blocked_because


async def payable_minor(counter: Counter) -> int:
    async with counter.database.transaction() as tx:
        outlook = await payments.outlook(tx, tenant_id=TENANT, owner=GRILL)
    assert outlook is not None
    return outlook.payable_minor
