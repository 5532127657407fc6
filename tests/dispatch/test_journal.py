"""What a tick keeps is enough to decide the same again, to the last bit."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import inf
from random import Random
from typing import Any
from uuid import UUID

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from tawsil.dispatch import public as dispatch
from tawsil.dispatch import store
from tawsil.dispatch.planning import Courier, Demand, Job, Policy, TravelTimes, plan, survey
from tawsil.dispatch.service import journal, replanning
from tawsil.dispatch.service.replanning import Inputs
from tawsil.geography.public import GreatCircle
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place

NOW = datetime(2026, 3, 1, 12, 0, 0, 123_457, tzinfo=UTC)
City = Any


class Uneven:
    """Another map, whose answers follow no rule and are asked for once."""

    def __init__(self, rng: Random) -> None:
        self._rng = np.random.default_rng(rng.getrandbits(32))

    def matrix_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        return self._rng.uniform(30, 3000, (len(origins), len(destinations)))

    def pairs_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        assert len(origins) == len(destinations)
        return self._rng.uniform(30, 3000, len(origins))


def somewhere(rng: Random) -> Place:
    return Place(24.7 + rng.uniform(-0.05, 0.05), 46.7 + rng.uniform(-0.05, 0.05))


def some_jobs(rng: Random, *, count: int, sites: int, couriers: int) -> list[Job]:
    pickups = [somewhere(rng) for _ in range(sites)]
    jobs: list[Job] = []
    for n in range(count):
        site = rng.randrange(sites)
        placed_at = NOW - timedelta(seconds=rng.uniform(0, 2000))
        jobs.append(
            Job(
                id=UUID(int=rng.getrandbits(128)),
                site=UUID(int=10_000 + site),
                pickup=pickups[site],
                dropoff=somewhere(rng),
                placed_at=placed_at,
                ready_at=placed_at + timedelta(seconds=rng.uniform(0, 3000)),
                declined_by=frozenset(UUID(int=1 + rng.randrange(couriers)) for _ in range(n % 3)),
                escalation=rng.randrange(4),
            )
        )
    return jobs


def a_courier(rng: Random, number: int) -> Courier:
    return Courier(
        id=UUID(int=number),
        place=somewhere(rng),
        free_at=NOW + timedelta(seconds=rng.choice([0.0, rng.uniform(0, 900)])),
        off_at=rng.choice([None, NOW + timedelta(seconds=rng.uniform(0, 9000))]),
        idle_since=rng.choice([None, NOW - timedelta(seconds=rng.uniform(0, 9000))]),
        rating=rng.choice([None, rng.random()]),
        acceptance=rng.choice([None, rng.random()]),
        paid_ahead=rng.uniform(-2, 2),
    )


def a_tick(seed: int, *, count: int, staff: int) -> tuple[Inputs, Any]:
    """Some city at some moment: what is kept of it, and the plan that was made."""
    rng = Random(seed)
    known: TravelTimes = Uneven(rng)
    if rng.random() < 0.5:
        rule = GreatCircle(detour_factor=rng.uniform(1, 2), speed_mps=rng.uniform(3, 15))
        known = dispatch.OnMap(rule)
    travel = replanning.noting(known)
    jobs = some_jobs(rng, count=count, sites=rng.randrange(1, 8), couriers=max(1, staff))
    demand: list[Demand] = []
    if rng.random() < 0.5:
        demand = [Demand(UUID(int=n), somewhere(rng), rng.uniform(0.1, 9)) for n in range(5)]
    policy = Policy(
        name="some",
        version=3,
        lead_s=rng.choice([inf, rng.uniform(0, 300)]),
        courier_time=rng.choice([0.0, rng.random()]),
        bundle_max=rng.randrange(1, 5),
    )
    snapshot = survey(
        now=NOW,
        jobs=jobs,
        couriers=[a_courier(rng, n + 1) for n in range(staff)],
        travel=travel,
        demand=demand,
        notice_s=[rng.uniform(0, 1800) for _ in range(4)] if demand else (),
    )
    inputs = replanning.inputs_of(snapshot, policy=policy, travel=travel)
    return inputs, plan(snapshot, policy)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 25), staff=st.integers(0, 15))
def test_what_is_kept_gives_the_same_plan_again(seed: int, count: int, staff: int):
    inputs, before = a_tick(seed, count=count, staff=staff)
    kept = replanning.unpacked(replanning.packed(inputs), Inputs)
    assert kept == inputs
    again = replanning.plan_again(kept)
    assert again == before
    assert replanning.hash_of(again) == replanning.hash_of(before)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_changed_bit_is_seen(seed: int):
    _, before = a_tick(seed, count=6, staff=4)
    later = replace(before, at=before.at + timedelta(microseconds=1))
    assert replanning.hash_of(later) != replanning.hash_of(before)


async def test_a_tick_is_kept_so_that_it_can_be_decided_again(tx: Tx, city: City):
    await city.on_duty(tx, count=5)
    await city.asks(tx, count=3, apart=True)
    tick = await city.tick(tx)
    row = await store.decision(tx, tenant_id=city.by.tenant_id, id_=tick.decision_id)
    assert row is not None
    assert (row.jobs, row.couriers) == (3, 5)
    assert set(row.offer_ids) == {offer.id for offer in tick.offers}
    assert 0 < row.solver_s < 1
    assert journal.reproduces(row)
    decided = journal.read(row)
    assert decided.inputs.policy == Policy()
    assert decided.inputs.travel == replanning.AsTheCrowFlies(detour_factor=1.35, speed_mps=7.0)
    assert {t.offer_id for t in decided.story.told} == set(row.offer_ids)


async def test_a_plan_from_other_inputs_is_found_out(tx: Tx, city: City):
    await city.on_duty(tx)
    await city.asks(tx)
    tick = await city.tick(tx)
    row = await store.decision(tx, tenant_id=city.by.tenant_id, id_=tick.decision_id)
    assert row is not None
    inputs = journal.read(row).inputs
    slower = replace(inputs, travel=replanning.AsTheCrowFlies(detour_factor=1.35, speed_mps=6.9))
    assert not journal.reproduces(replace(row, inputs=replanning.packed(slower)))


async def test_a_window_is_read_in_order_and_page_by_page(tx: Tx, city: City):
    await city.on_duty(tx, count=4)
    for _ in range(3):
        await city.asks(tx, apart=True)
        await city.tick(tx)
    window = {"city_id": city.id, "from_at": tx.now, "to_at": tx.now + timedelta(seconds=1)}
    rows = await store.decisions_between(tx, **window, after=None, limit=2)
    rest = await store.decisions_between(tx, **window, after=rows[-1].id, limit=2)
    ids = [row.id for row in (*rows, *rest)]
    assert (len(rows), ids) == (2, sorted(ids))
    assert all(journal.reproduces(row) for row in (*rows, *rest))
