"""Back-pressure: steps are taken one at a time, are seen by customers, and are taken back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tawsil.dispatch import model
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.model import BackPressure, Load
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.pricing import public as pricing
from tawsil.pricing.public import CALM, HoldConditions, LetGo, Pressure, Terms

City = Any
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CITY = UUID(int=5)
RULES = BackPressure()


def load(value: float, *, at: datetime = NOON) -> Load:
    return Load(city_id=CITY, measured_at=at, wanted=1, couriers=1, load=value)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.sampled_from([20, 60, 200]))
def test_pressure_moves_one_step_at_a_time_and_not_before_its_dwell(
    loads: list[float], every_s: int
):
    at, since = Pressure.CALM, None
    for n, value in enumerate(loads):
        now = NOON + timedelta(seconds=n * every_s)
        felt = model.felt(load(value, at=now), at=at, since_at=since, rules=RULES)
        assert abs(felt - at) <= 1
        if felt != at:
            assert since is None or now - since >= timedelta(seconds=RULES.dwell_s)
            at, since = felt, now


@given(st.sampled_from(list(Pressure)))
def test_what_goes_up_comes_down_when_nothing_is_wanted(at: Pressure):
    for n in range(1, 5):
        now = NOON + n * timedelta(seconds=RULES.dwell_s)
        at = model.felt(load(0.0, at=now), at=at, since_at=NOON, rules=RULES)
    assert at is Pressure.CALM
    assert model.terms_at(at, rules=RULES) == CALM


def test_promises_come_first_then_surge_then_a_pause():
    terms = [model.terms_at(p, rules=RULES) for p in Pressure]
    assert [t.extra_wait_s > 0 for t in terms] == [False, True, True, True]
    assert [t.surge_bp > 0 for t in terms] == [False, False, True, True]
    assert [t.reach_m is not None for t in terms] == [False, False, False, True]


@given(st.floats(0, 20), st.floats(0, 20), st.integers(1, 3600))
def test_a_measurement_moves_the_load_towards_what_is_so_and_not_beyond(
    before: float, now: float, after_s: int
):
    measured = model.measure(
        load(before),
        city_id=CITY,
        wanted=round(now * 100),
        couriers=100,
        now=NOON + timedelta(seconds=after_s),
    )
    target = round(now * 100) / 100
    low, high = sorted((before, target))
    assert low - 1e-9 <= measured.load <= high + 1e-9


async def test_a_flood_is_felt_step_by_step_and_passes(
    database: Database, clock: VirtualClock, city: City
):
    async with database.transaction() as tx:
        await city.on_duty(tx, count=2)
        wanted = await city.asks(tx, count=8, apart=True)
    seen: list[Pressure] = []
    for _ in range(4):
        async with database.transaction() as tx:
            await dispatch.sense(tx, tenant_id=city.by.tenant_id, city_id=city.id)
            seen.append((await pricing.conditions(tx, city_ids=[city.id]))[city.id].pressure)
        clock.advance(timedelta(seconds=RULES.dwell_s))
    assert seen == [Pressure.TIGHT, Pressure.STRAINED, Pressure.FLOODED, Pressure.FLOODED]
    async with database.transaction() as tx:
        await dispatch.withdraw(
            tx,
            [
                dispatch.Withdraw(by=city.by, reference_id=d.reference_id, reason="test")
                for d in wanted
            ],
        )
    for _ in range(6):
        async with database.transaction() as tx:
            await dispatch.sense(tx, tenant_id=city.by.tenant_id, city_id=city.id)
        clock.advance(timedelta(seconds=RULES.dwell_s))
    async with database.transaction() as tx:
        now = (await pricing.conditions(tx, city_ids=[city.id]))[city.id]
    assert (now.pressure, now.terms) == (Pressure.CALM, CALM)


async def test_what_an_operator_holds_pressure_does_not_move(
    database: Database, clock: VirtualClock, city: City
):
    held = Terms(extra_wait_s=300)
    async with database.transaction() as tx:
        await city.on_duty(tx)
        await city.asks(tx, count=8, apart=True)
        await pricing.hold_conditions(
            tx,
            [HoldConditions(by=city.by, city_id=city.id, terms=held, until=None, reason="rain")],
        )
    clock.advance(timedelta(minutes=10))
    async with database.transaction() as tx:
        await dispatch.sense(tx, tenant_id=city.by.tenant_id, city_id=city.id)
        assert (await pricing.conditions(tx, city_ids=[city.id]))[city.id].terms == held
        await pricing.let_go(tx, [LetGo(by=city.by, city_id=city.id)])
    clock.advance(timedelta(minutes=10))
    async with database.transaction() as tx:
        await dispatch.sense(tx, tenant_id=city.by.tenant_id, city_id=city.id)
        now = (await pricing.conditions(tx, city_ids=[city.id]))[city.id]
    assert now.pressure is Pressure.TIGHT
