"""Payouts against a real database and the sandbox's bank, in one process under virtual time."""

from datetime import UTC, datetime

import pytest

from payments.payout_world import (
    BANK,
    EASY,
    GRILL,
    PAYOUT,
    Counter,
    found,
    open_counter,
)
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments.events import PayoutCause
from tawsil.payments.public import AccountKind, PayoutState


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
