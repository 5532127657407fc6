"""When payouts fall due, what they cost, and what a provider's word changes: without a database."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted
from tawsil.payments.events import AccountKind, AccountRef, PayoutCause, Provider
from tawsil.payments.model import payout as model
from tawsil.payments.model.payee import Remittance, RemittanceState, Said
from tawsil.payments.model.payout import MOVES, Payout, PayoutState
from tawsil.payments.model.payout_account import (
    Destination,
    Every,
    Plan,
    fee_minor,
    next_at,
    period,
)
from tawsil.payments.model.psp import Absent, Refused, Unheard

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
DUBAI, BERLIN, UTC_ZONE = ZoneInfo("Asia/Dubai"), ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
ZONES = st.sampled_from([DUBAI, BERLIN, UTC_ZONE, ZoneInfo("America/St_Johns")])
PLANS = st.builds(
    Plan,
    every=st.sampled_from([Every.DAY, Every.WEEK, Every.MONTH]),
    hour=st.integers(0, 23),
    weekday=st.integers(0, 6),
    day=st.integers(1, 31),
)
INSTANTS = st.integers(0, 3 * 365 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("plan", "zone", "after", "due"),
    [
        (Plan(hour=3), UTC_ZONE, (2026, 11, 20, 2, 59), (2026, 11, 20, 3)),
        (Plan(hour=3), UTC_ZONE, (2026, 11, 20, 3), (2026, 11, 21, 3)),
        (Plan(hour=3), DUBAI, (2026, 11, 20, 12), (2026, 11, 20, 23)),
        # the clocks skip 02:00 on 29 March, and repeat it on 25 October
        (Plan(hour=2), BERLIN, (2026, 3, 28, 12), (2026, 3, 29, 1)),
        (Plan(hour=2), BERLIN, (2026, 3, 29, 1), (2026, 3, 30, 0)),
        (Plan(hour=2), BERLIN, (2026, 10, 24, 12), (2026, 10, 25, 0)),
        (Plan(hour=2), BERLIN, (2026, 10, 25, 0), (2026, 10, 26, 1)),
        (Plan(every=Every.WEEK, weekday=0), UTC_ZONE, (2026, 11, 20, 12), (2026, 11, 23, 3)),
        (Plan(every=Every.WEEK, weekday=4), UTC_ZONE, (2026, 11, 20, 12), (2026, 11, 27, 3)),
        (Plan(every=Every.MONTH, day=31), UTC_ZONE, (2026, 11, 20, 12), (2026, 11, 30, 3)),
        (Plan(every=Every.MONTH, day=31), UTC_ZONE, (2027, 2, 1, 12), (2027, 2, 28, 3)),
        (Plan(every=Every.MONTH, day=29), UTC_ZONE, (2028, 2, 1, 12), (2028, 2, 29, 3)),
        (Plan(every=Every.MONTH, day=1), UTC_ZONE, (2026, 12, 2), (2027, 1, 1, 3)),
    ],
)
def test_the_next_time(plan: Plan, zone: ZoneInfo, after: tuple[int, ...], due: tuple[int, ...]):
    assert next_at(plan, zone=zone, after=utc(*after)) == utc(*due)


def test_never_is_never():
    assert next_at(Plan(every=Every.NEVER), zone=DUBAI, after=NOON) is None


@given(PLANS, ZONES, INSTANTS)
def test_every_period_comes_once(plan: Plan, zone: ZoneInfo, after: datetime):
    """Time after time: later each time, never the same day twice, and never a period left out."""
    first = next_at(plan, zone=zone, after=after)
    assert first is not None
    second = next_at(plan, zone=zone, after=first)
    assert second is not None
    assert after < first < second
    days = (period(second, zone=zone) - period(first, zone=zone)).days
    assert days in {Every.DAY: {1}, Every.WEEK: {7}, Every.MONTH: {28, 29, 30, 31}}[plan.every]


@given(st.integers(1, 10**9), st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_fee_is_a_share_and_never_less_than_the_least(amount: int, bp: int, least: int):
    fee = fee_minor(Plan(instant_fee_bp=bp, instant_fee_least_minor=least), amount_minor=amount)
    assert fee >= least
    assert fee == least or abs(fee * 10_000 - amount * bp) <= 5_000


PAYOUT = Payout(
    id=UUID(int=1),
    tenant_id=UUID(int=2),
    city_id=UUID(int=3),
    account_id=UUID(int=4),
    owner=AccountRef(AccountKind.MERCHANT, UUID(int=5)),
    cause=PayoutCause.SCHEDULE,
    period=date(2026, 11, 20),
    amount_minor=5_000,
    fee_minor=0,
    currency="AED",
    destination=Destination(provider=Provider.DIRECT, token="bank_ok", label="Bank"),
    state=PayoutState.SCHEDULED,
    created_at=NOON,
    since_at=NOON,
    version=1,
)
WORDS = st.one_of(
    st.builds(Unheard, st.just("timeout")),
    st.builds(Refused, st.just("closed")),
    st.builds(Absent),
    st.builds(
        Remittance,
        id=st.just("po_1"),
        state=st.sampled_from(RemittanceState),
        amount_minor=st.sampled_from([5_000, 5_000, 5_000, 4_999]),
        currency=st.just("AED"),
        code=st.just("closed"),
    ),
)


@given(st.lists(WORDS, max_size=12))
def test_no_word_makes_an_illegal_move_and_the_books_follow(words: list[Said]):
    """Whatever is said, in whatever order: legal moves alone, and each of them is booked once."""
    payout, way, at = PAYOUT, 5_000, NOON
    for word in words:
        at += timedelta(minutes=1)
        decision = model.hear(payout, word, at=at)
        assert isinstance(decision, Accepted)
        after = decision.state
        if decision.events:
            assert after.state in MOVES[payout.state]
        else:
            assert after.state is payout.state
        for event in decision.events:
            booked = model.booked(event)
            assert sum(posting.amount_minor for posting in booked) == 0
            way += sum(p.amount_minor for p in booked if p.account == model.UNDER_WAY)
        under_way = after.state in {*model.UNSENT, PayoutState.SENT}
        assert way == (5_000 if under_way else 0)
        assert (after.deadline is not None) == under_way
        payout = after


def test_an_amount_that_differs_is_not_believed():
    sent = Remittance(id="po_1", state=RemittanceState.PAID, amount_minor=4_999, currency="AED")
    decision = model.hear(PAYOUT, sent, at=NOON)
    assert isinstance(decision, Accepted)
    assert decision.state.state is PayoutState.SCHEDULED


def test_looks_grow_rarer_up_to_a_quarter_of_an_hour():
    pauses = [
        deadline.at - NOON
        for attempts in range(12)
        if (deadline := replace(PAYOUT, state=PayoutState.UNKNOWN, attempts=attempts).deadline)
    ]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=30), timedelta(minutes=15))
