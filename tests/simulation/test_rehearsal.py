"""Dispatch rehearsed in memory, and against what a simulated hour left behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from time import process_time
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from simulation.conftest import FreshDatabase
from tawsil.apps import wiring
from tawsil.apps.cli.dispatching import verified
from tawsil.apps.cli.simulate import parts
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.public import LIVE_POLICY, AskForTrial, CreatePolicy
from tawsil.dispatch.service import policies
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, connect
from tawsil.kernel.decisions import By
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.places import Place
from tawsil.simulation import seeding
from tawsil.simulation.city import CitySize, build_city
from tawsil.simulation.day import EVENING, simulate
from tawsil.simulation.day import Setting as Day
from tawsil.simulation.rehearsal import Courier, Order, Scenario, Shift, Straight, rehearse
from tawsil.simulation.rehearsal.recorded import recorded
from tawsil.simulation.rehearsal.trial import Trials
from tawsil.simulation.rehearsal.week import MONDAY, Setting, week
from tawsil.simulation.rehearsal.whatif import compare

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENING_SHIFT = Setting(start_at=MONDAY + timedelta(hours=17), hours=1.5)
SMALL = CitySize(merchants=8, customers=60, couriers=20)


def somewhere(rng: Random) -> Place:
    return Place(24.1 + rng.uniform(-0.03, 0.03), 53.1 + rng.uniform(-0.03, 0.03))


def a_scenario(seed: int, *, orders: int, couriers: int) -> Scenario:
    """Anything that may happen: late kitchens, customers who give up, short shifts, rests."""
    rng = Random(seed)
    sites = [somewhere(rng) for _ in range(3)]

    def at(least_s: float, most_s: float) -> datetime:
        return NOW + timedelta(seconds=round(rng.uniform(least_s, most_s), 3))

    def order(number: int) -> Order:
        site = rng.randrange(3)
        requested_at = at(0, 3_000)
        ready_at = requested_at + timedelta(seconds=rng.uniform(0, 2_400))
        moved_at = requested_at + timedelta(seconds=rng.uniform(0, 900))
        return Order(
            id=UUID(int=number + 1),
            site=UUID(int=1_000 + site),
            pickup=sites[site],
            dropoff=somewhere(rng),
            clicked_at=requested_at - timedelta(seconds=30),
            requested_at=requested_at,
            announced_at=requested_at + timedelta(seconds=rng.uniform(0, 1_800)),
            news=((moved_at, ready_at),) if rng.random() < 0.4 else (),
            ready_at=ready_at,
            gone_at=moved_at if rng.random() < 0.2 else None,
            earning_minor=rng.randrange(0, 2_000),
        )

    def courier(number: int) -> Courier:
        on_at = at(-600, 1_500)
        return Courier(
            id=UUID(int=5_000 + number),
            speed_mps=rng.uniform(3, 9),
            shifts=(
                Shift(
                    on_at=on_at,
                    off_at=on_at + timedelta(seconds=rng.uniform(600, 9_000)),
                    place=somewhere(rng),
                    rests=((on_at + timedelta(seconds=rng.uniform(0, 3_000)), 600.0),),
                ),
            ),
        )

    rule = geography.GreatCircle()
    return Scenario(
        name="anything",
        start_at=NOW - timedelta(hours=1),
        orders=sorted((order(n) for n in range(orders)), key=lambda o: o.requested_at),
        couriers=[courier(n) for n in range(couriers)],
        travel=dispatch.OnMap(rule),
        roads=Straight(rule.detour_factor),
    )


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32), orders=st.integers(0, 10), couriers=st.integers(0, 6))
def test_every_order_comes_to_an_end_and_the_same_one_again(seed: int, orders: int, couriers: int):
    scenario = a_scenario(seed, orders=orders, couriers=couriers)
    lived = rehearse(scenario, LIVE_POLICY, seed=seed)
    assert rehearse(scenario, LIVE_POLICY, seed=seed) == lived
    metrics = lived.metrics
    assert metrics.delivered <= metrics.orders <= orders
    given_up = metrics.orders - metrics.delivered
    assert given_up <= round(metrics.unassigned_pct * max(1, metrics.orders) / 100)
    if couriers == 0:
        assert metrics.delivered == 0


@pytest.fixture(scope="module")
def evening() -> Scenario:
    return week(EVENING_SHIFT)


def test_an_evening_is_delivered(evening: Scenario):
    metrics = rehearse(evening, LIVE_POLICY).metrics
    assert metrics.orders > 40
    assert metrics.delivered == metrics.orders
    assert 10 < metrics.click_to_door_min < 40
    assert metrics.click_to_door_min < metrics.click_to_door_p90_min
    assert 70 < metrics.acceptance_pct <= 100
    assert metrics.unassigned_pct < 10
    assert metrics.km_per_order > 0.5
    assert metrics.pay_per_order_minor > 600


def test_other_couriers_moods_make_another_evening(evening: Scenario):
    first, second = (rehearse(evening, LIVE_POLICY, seed=seed) for seed in (1, 2))
    assert first.hash != second.hash


def test_the_same_seed_is_the_same_week():
    again = week(EVENING_SHIFT)
    assert list(again.orders) == list(week(EVENING_SHIFT).orders)
    assert list(again.orders) != list(week(replace(EVENING_SHIFT, seed=8)).orders)


def test_a_policy_that_sends_nobody_far_is_found_out(evening: Scenario):
    lazy = replace(LIVE_POLICY, reach_s=60.0)
    usual, other = (rehearse(evening, p).metrics for p in (LIVE_POLICY, lazy))
    assert other.unassigned_pct > usual.unassigned_pct + 20
    assert other.delivered < usual.delivered


@pytest.mark.soak
def test_a_whole_week_takes_less_than_a_minute():
    scenario = week(Setting())
    assert len(scenario.orders) > 3_000
    started_s = process_time()
    assert rehearse(scenario, LIVE_POLICY).metrics.delivered > 3_000
    assert process_time() - started_s < 60


# A trial, as a worker does it


async def test_a_worker_lives_through_a_trial_elsewhere(database: Database, ids: Ids):
    city = build_city(7, size=SMALL)
    people = await seeding.seed(database, city, password_hash="$argon2id$none")
    by = By(tenant_id=people.tenant, correlation_id=ids())
    weights = {"reach_s": 60}
    async with database.transaction() as tx:
        await policies.create(tx, [CreatePolicy(by=by, name="lazy", weights=weights)])
        ask = AskForTrial(by=by, name="lazy", number=1, city_id=people.city, seed=3)
        (trial,) = await policies.ask_for_trial(tx, [ask])
    assert isinstance(trial, dispatch.Trial)
    short = replace(EVENING_SHIFT, hours=1.0)
    job = Trials(database=database, setting=lambda seed: replace(short, seed=seed))
    await job.run(dispatch.TrialJob(trial.id))
    await job.run(dispatch.TrialJob(trial.id))  # a job may come twice
    async with database.transaction() as tx:
        (judged,) = await policies.store.trials_of(tx, policy_id=trial.policy_id, limit=5)
    assert judged.passed is False
    scenario = week(replace(short, seed=3))
    assert judged.live == rehearse(scenario, LIVE_POLICY, seed=3).metrics
    assert "unassigned" in {f.check for f in judged.reasons if not f.passed}


# What really happened


@asynccontextmanager
async def looking_back(url: str) -> AsyncIterator[Database]:
    pool = await connect(url, most=2)
    clock = VirtualClock(EVENING + timedelta(days=1))
    try:
        yield Database(pool, now=clock, ids=Ids(clock, Random(1)), jobs=HeldJobs())
    finally:
        await pool.close()


async def test_a_recorded_hour_is_decided_again_and_rehearsed(fresh_database: FreshDatabase):
    day = Day(seed=7, hours=0.4, size=SMALL, rate_per_hour=16.0)
    window = {"from_at": EVENING, "to_at": EVENING + timedelta(hours=1)}
    everything = {**window, "to_at": EVENING + timedelta(hours=6)}
    slug = seeding.slug_of(build_city(7, size=SMALL))
    with fresh_database() as url:
        lived = await simulate(url, parts=parts(), setting=day)
        async with looking_back(url) as database:
            found = await verified(database, city_slug=slug, **everything)
            assert found.decisions > 20
            assert found.identical == found.decisions, found.different

            async with database.transaction() as tx:
                (city,) = await geography.cities(tx)
                past = await recorded(tx, registry=wiring.REGISTRY, city=city, **window)
            assert past.policies == (LIVE_POLICY,)
            assert 0 < past.real.orders <= lived.orders
            assert past.real.delivered > 0.9 * past.real.orders

            await forged(database)
            again = await verified(database, city_slug=slug, **everything)
            assert len(again.different) == 1
    later = replace(LIVE_POLICY, name="later", lead_s=0.0)
    sides = compare(past.scenario, recorded=LIVE_POLICY, other=later, seeds=[1, 2])
    assert sides.recorded["delivered"].mean > 0.9 * past.real.orders
    gap_min = sides.recorded["click_to_door_min"].mean - past.real.click_to_door_min
    assert abs(gap_min) < 8, asdict(past.real)
    assert sides.recorded != sides.other


async def forged(database: Database) -> None:
    """One decision is made to say that it had another plan."""
    await database.pool.execute(
        """
        update dispatch.decision set plan_hash = sha256('another')
        where id = (select min(id::text)::uuid from dispatch.decision)
        """
    )


async def test_a_window_without_decisions_says_so(fresh_database: FreshDatabase):
    with fresh_database() as url:
        async with looking_back(url) as database:
            people = await seeding.seed(
                database, build_city(7, size=SMALL), password_hash="$argon2id$none"
            )
            async with database.transaction() as tx:
                city = await geography.city(tx, city_id=people.city)
                assert city is not None
                with pytest.raises(ValueError, match="nothing was decided"):
                    await recorded(
                        tx, registry=wiring.REGISTRY, city=city, from_at=NOW, to_at=EVENING
                    )
            with pytest.raises(ValueError, match="there is no city nowhere"):
                await verified(database, city_slug="nowhere", from_at=NOW, to_at=EVENING)
