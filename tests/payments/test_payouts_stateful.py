"""Whatever happens, in whatever order: what somebody had is paid to them once, or still theirs."""

from collections.abc import Sequence
from random import Random
from typing import Any, Final

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from conftest import NOON, empty
from payments.payout_world import (
    BANK,
    CASH,
    GRILL,
    PAYOUT,
    PLATFORM,
    RIDER,
    SECOND,
    Counter,
    found,
    open_counter,
)
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments import public as payments
from tawsil.payments.events import PayoutCause
from tawsil.payments.model.payout import BACK, UNSENT
from tawsil.payments.public import AccountKind, Payout, PayoutState, Plan, Run, RunState
from tawsil.simulation.psp import payouts as bank

PLAN: Final = Plan(
    hold_days=1,
    minimum_minor=500,
    change_hold_days=1,
    instant_per_day=5,
    approve_above_minor=4_000,
)
TOKENS: Final = ("bank_ok", "bank_at_once", "bank_closed", "bank_returned", "bank_refused")
SILENCES: Final = ("bank_unknown", "bank_unknown_silent", "bank_unknown_lost", "bank_outage")
OWNERS: Final = (GRILL, RIDER)

minor = st.integers(1, 9_000)
owner = st.sampled_from(OWNERS)
steps = st.one_of(
    st.tuples(st.just("earn"), owner, minor),
    st.tuples(st.just("earn"), owner, minor),
    st.tuples(st.just("give_back"), owner, st.integers(1, 2_000)),
    st.tuples(st.just("collect"), minor),
    st.tuples(st.just("withdraw"), owner, st.none() | minor),
    st.tuples(st.just("run"), owner),
    st.tuples(st.just("decide"), st.sampled_from(["yes", "no"])),
    st.tuples(st.just("retry")),
    st.tuples(st.just("unblock")),
    st.tuples(st.just("bank"), owner, st.sampled_from(TOKENS + SILENCES)),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 30, 80])),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 30, 80])),
)


class Player:
    """Does the steps, and remembers what came in."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.came_in = dict.fromkeys((*OWNERS, CASH), 0)
        self.runs: list[Run] = []

    async def do(self, step: Sequence[Any]) -> None:
        name, *args = step
        await getattr(self, name)(*args)
        await self.counter.work()

    async def earn(self, of: payments.AccountRef, amount_minor: int) -> None:
        self.came_in[of] += amount_minor
        await self.counter.earn(of, amount_minor)

    async def give_back(self, of: payments.AccountRef, amount_minor: int) -> None:
        await self.earn(of, -amount_minor)

    async def collect(self, amount_minor: int) -> None:
        await self.earn(CASH, -amount_minor)

    async def withdraw(self, of: payments.AccountRef, amount_minor: int | None) -> None:
        await self.counter.withdraw(of, amount_minor)

    async def run(self, of: payments.AccountRef) -> None:
        run = await self.counter.run(of.kind)
        if isinstance(run, Run):
            self.runs.append(run)

    async def decide(self, verdict: str) -> None:
        waiting = [run for run in self.runs if run.state is RunState.AWAITING_APPROVAL]
        if waiting:
            by = replace(self.counter.by, actor_id=SECOND)
            decide = payments.DecideRun(by=by, run_id=waiting[0].id, approve=verdict == "yes")
            self.runs.remove(waiting[0])
            assert isinstance(await self.counter.do(payments.decide_run, decide), Run)

    async def retry(self) -> None:
        for payout in await self.counter.payouts():
            if payout.state in BACK:
                again = payments.Retry(by=self.counter.by, payout_id=payout.id)
                await self.counter.do(payments.retry, again)

    async def unblock(self) -> None:
        for payout in await self.counter.payouts():
            lift = payments.Unblock(by=self.counter.by, account_id=payout.account_id)
            await self.counter.do(payments.unblock, lift)

    async def bank(self, of: payments.AccountRef, token: str) -> None:
        await self.counter.bank_with(of, token)

    async def wait(self, hours: int) -> None:
        await self.counter.after(hours=hours)


async def check(player: Player) -> None:
    """The books, the payouts, and what the bank really did, say the same."""
    counter = player.counter
    payouts = await counter.payouts()
    fees_minor = 0
    left = dict.fromkeys(OWNERS, 0)
    for payout in payouts:
        kept = payout.state not in BACK
        fee_minor = payout.fee_minor if kept or payout.paid_at else 0
        fees_minor += fee_minor
        left[payout.owner] += fee_minor + (payout.amount_minor if kept else 0)
    offset = await counter.balance(CASH) - player.came_in[CASH]
    assert await counter.balance(GRILL) == player.came_in[GRILL] - left[GRILL]
    assert await counter.balance(RIDER) == player.came_in[RIDER] - left[RIDER] - offset
    assert await counter.balance(CASH) <= 0
    assert offset >= 0
    assert await counter.balance(PLATFORM) == fees_minor - sum(player.came_in.values())
    on_their_way = [p for p in payouts if p.state in {*UNSENT, PayoutState.SENT}]
    assert await counter.balance(PAYOUT) == sum(p.amount_minor for p in on_their_way)
    paid = [p for p in payouts if p.state is PayoutState.PAID]
    assert await counter.balance(BANK) == sum(p.amount_minor for p in paid)
    for payout in payouts:
        _check_with_the_bank(counter, payout)
    days = [(p.account_id, p.period) for p in payouts if p.cause is PayoutCause.SCHEDULE]
    assert len(set(days)) == len(days)
    async with counter.database.transaction() as tx:
        assert set((await payments.imbalance(tx)).values()) <= {0}


def _check_with_the_bank(counter: Counter, payout: Payout) -> None:
    """Never sent twice; and what is the owner's again did not stay with the bank."""
    sent = counter.disburser.find(reference=str(payout.id), at=counter.clock())
    assert len(sent) <= 1
    there = {one.state for one in sent}
    match payout.state:
        case PayoutState.PAID:
            assert there <= {bank.PayoutState.PAID, bank.PayoutState.RETURNED}
            assert sent
        case PayoutState.FAILED | PayoutState.RETURNED | PayoutState.CANCELLED:
            assert there <= {bank.PayoutState.FAILED, bank.PayoutState.RETURNED}
        case _:
            pass


@given(played=st.lists(steps, min_size=5, max_size=25))
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_money_is_paid_once_or_is_still_there(
    pool: "asyncpg.Pool[asyncpg.Record]", played: list[tuple[Any, ...]]
) -> None:
    await empty(pool)
    clock, jobs = VirtualClock(NOON), HeldJobs()
    database = Database(pool, now=clock, ids=Ids(clock, Random(7)), jobs=jobs)
    try:
        await found(database)
        counter = open_counter(database, clock, jobs)
        for kind in (AccountKind.MERCHANT, AccountKind.COURIER):
            await counter.plan(kind, PLAN)
        player = Player(counter)
        for one in OWNERS:
            await counter.bank_with(one)
        for step in played:
            await player.do(step)
            await check(player)
        await player.wait(24 * 5)
        await check(player)
    finally:
        await empty(pool)
