"""What must be so of every plan, whatever the city looks like."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from time import process_time
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from numpy.typing import NDArray

from tawsil.dispatch.planning import (
    Courier,
    Demand,
    Job,
    Policy,
    Services,
    Snapshot,
    TravelTimes,
    plan,
    survey,
)
from tawsil.dispatch.planning.chains import chain
from tawsil.dispatch.planning.costs import Costs
from tawsil.dispatch.planning.matching import match
from tawsil.dispatch.planning.pool import pool_of
from tawsil.kernel.places import Place, distances_m

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = Policy(services=Services(pickup_s=240.0, dropoff_s=240.0), tick_s=60.0, lead_s=0.0)
CENTRE = Place(latitude=24.7, longitude=46.7)


class Driving:
    """Great-circle metres at 6 m/s."""

    def matrix_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        return distances_m(origins, destinations) / 6

    def pairs_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        return np.array(
            [self.matrix_s([a], [b])[0, 0] for a, b in zip(origins, destinations, strict=True)]
        )


TRAVEL: TravelTimes = Driving()


def east(metres: float) -> Place:
    return Place(latitude=CENTRE.latitude, longitude=CENTRE.longitude + metres / 101_000)


def job(number: int, *, ready_s: float = 0, site: int = 1, at: float = 0, to: float = 3000) -> Job:
    return Job(
        id=UUID(int=number),
        site=UUID(int=1000 + site),
        pickup=east(at),
        dropoff=east(to),
        placed_at=NOW,
        ready_at=NOW + timedelta(seconds=ready_s),
    )


def courier(number: int, *, at: float = 0, free_s: float = 0) -> Courier:
    return Courier(id=UUID(int=number), place=east(at), free_at=NOW + timedelta(seconds=free_s))


def seen(jobs: Sequence[Job], couriers: Sequence[Courier]) -> Snapshot:
    return survey(now=NOW, jobs=jobs, couriers=couriers, travel=TRAVEL)


@st.composite
def cities(draw: st.DrawFn) -> tuple[list[Job], list[Courier]]:
    random = Random(draw(st.integers(0, 2**32)))
    metres = lambda: random.uniform(-6000, 6000)  # noqa: E731 a name for a draw
    sites = {number: metres() for number in range(draw(st.integers(1, 5)))}
    couriers = [
        replace(
            courier(500 + n, at=metres(), free_s=random.choice([-60, 0, 0, 300, 900])),
            off_at=random.choice([None, NOW + timedelta(seconds=random.uniform(-300, 3000))]),
            rating=random.choice([None, random.random()]),
            idle_since=random.choice([None, NOW - timedelta(minutes=5)]),
        )
        for n in range(draw(st.integers(0, 8)))
    ]
    jobs: list[Job] = []
    for number in range(draw(st.integers(0, 14))):
        site = random.choice(list(sites))
        fresh = job(
            number, site=site, at=sites[site], to=metres(), ready_s=random.uniform(-900, 1800)
        )
        declined = {c.id for c in couriers if random.random() < 0.1}
        jobs.append(
            replace(fresh, declined_by=frozenset(declined), escalation=random.choice([0, 0, 1, 3]))
        )
    for n, person in enumerate(couriers):
        free = [j for j in jobs if not any(j.id in c.collecting for c in couriers)]
        if free and random.random() < 0.3:
            couriers[n] = replace(person, place=free[0].pickup, collecting=(free[0].id,))
    return jobs, couriers


@settings(max_examples=150, deadline=None)
@given(cities())
def test_a_plan_keeps_the_rules(city: tuple[list[Job], list[Courier]]):
    jobs, couriers = city
    made = plan(seen(jobs, couriers), POLICY)
    job_of = {j.id: j for j in jobs}
    courier_of = {c.id: c for c in couriers}
    assert len({c.courier for c in made.commitments}) == len(made.commitments)
    for told in made.commitments:
        person = courier_of[told.courier]
        assert person.free_at <= NOW or person.collecting
        assert set(person.collecting) <= set(told.jobs)
        assert set(told.added) == set(told.jobs) - set(person.collecting) != set()
        assert {job_of[j].site for j in told.jobs} == {told.site}
        assert len(told.jobs) <= POLICY.bundle_max
        assert not any(person.id in job_of[j].declined_by for j in told.added)
        assert person.off_at is None or told.pickup_at <= person.off_at
        assert all(told.pickup_at >= job_of[j].ready_at for j in told.jobs)
        assert list(told.dropoff_ats) == sorted(told.dropoff_ats)
        assert len(told.dropoff_ats) == len(told.jobs)


@settings(max_examples=150, deadline=None)
@given(cities())
def test_every_job_is_told_of_or_held_with_a_reason(city: tuple[list[Job], list[Courier]]):
    jobs, couriers = city
    made = plan(seen(jobs, couriers), POLICY)
    told = [j for c in made.commitments for j in c.added]
    held = [h.job for h in made.holds]
    collecting = [j for c in couriers for j in c.collecting]
    assert sorted(told + held + collecting) == sorted(j.id for j in jobs)
    explained = {c.job for c in made.candidates} | {e.job for e in made.exclusions}
    committed_alone = {j for j in told if j in explained}
    for hold in made.holds:
        assert not couriers or hold.job in explained or hold.reason == "joins_later"
    for candidate in made.candidates:
        refused = next(j for j in jobs if j.id == candidate.job).declined_by
        assert candidate.courier not in refused
    assert committed_alone <= {j.id for j in jobs}


@settings(max_examples=60, deadline=None)
@given(cities(), st.randoms())
def test_the_order_of_the_question_does_not_matter(
    city: tuple[list[Job], list[Courier]], random: Random
):
    jobs, couriers = city
    made = plan(seen(jobs, couriers), POLICY)
    random.shuffle(jobs)
    random.shuffle(couriers)
    assert plan(seen(jobs, couriers), POLICY) == made


@settings(max_examples=150, deadline=None)
@given(cities())
def test_a_chain_has_each_job_once_and_each_trip_in_its_turn(city: tuple[list[Job], list[Courier]]):
    snapshot = seen(*city)
    costs = Costs(snapshot, POLICY)
    rows = {j.id: row for row, j in enumerate(snapshot.jobs)}
    under_way = [
        costs.bundle(tuple(rows[j] for j in c.collecting), courier=index)
        for index, c in enumerate(snapshot.couriers)
        if c.collecting
    ]
    busy = {row for bundle in under_way for row in bundle.rows}
    alone = [costs.bundle((row,)) for row in range(len(rows)) if row not in busy]
    made = chain(costs, match(costs, open_=alone, under_way=under_way), under_way)
    planned = [row for bundle in (*made.open, *made.under_way) for row in bundle.rows]
    assert sorted(planned) == list(range(len(rows)))
    assert all(len(b.rows) <= POLICY.bundle_max for b in (*made.open, *made.under_way))
    first = {b.courier: costs.pickup_s(b, b.courier) for b in made.under_way}
    assert set(first) == {b.courier for b in under_way}
    turns = made.after_s or (0.0,) * len(made.open)
    trips = sorted(zip(turns, made.couriers, made.open, strict=True), key=lambda t: t[:2])
    second: set[int] = set()
    for after_s, person, bundle in trips:
        if person < 0:
            continue
        assert not costs.declined(bundle, person)
        if after_s == 0:
            assert person not in first
            first[person] = costs.pickup_s(bundle, person)
            assert first[person] <= costs.off_s[person]
        else:
            assert first[person] < after_s < costs.off_s[person]
            assert person not in second
            second.add(person)


@settings(max_examples=100, deadline=None)
@given(cities())
def test_a_pool_has_each_job_alone_and_no_bundle_twice(city: tuple[list[Job], list[Courier]]):
    snapshot = seen(*city)
    costs = Costs(snapshot, POLICY)
    bundles, joined = pool_of(costs, [], [])
    assert {b.rows for b in bundles if len(b.rows) == 1} == {
        (r,) for r in range(len(snapshot.jobs))
    }
    assert len({frozenset(b.rows) for b in bundles}) == len(bundles)
    assert all(len(b.rows) == len(set(b.rows)) <= POLICY.bundle_max for b in bundles)
    assert all(len({int(snapshot.site_of[r]) for r in b.rows}) == 1 for b in bundles)
    assert joined == []


def test_a_courier_makes_two_short_trips_while_another_is_long_away():
    """Both couriers could take one job each; one of them far too late."""
    jobs = [job(1, site=1, to=300), job(2, site=2, at=350, to=600)]
    couriers = [courier(3), courier(4, free_s=3000)]
    made = plan(seen(jobs, couriers), POLICY)
    assert [c.jobs for c in made.commitments] == [(UUID(int=1),)]
    assert [h.courier for h in made.holds] == [UUID(int=3)]
    matched = plan(seen(jobs, couriers), replace(POLICY, chains=False))
    assert [h.courier for h in matched.holds] == [UUID(int=4)]


def test_a_job_is_held_until_the_courier_must_leave():
    early = plan(seen([job(1, ready_s=1800)], [courier(2, at=1200)]), POLICY)
    assert [h.reason for h in early.holds] == ["courier_can_wait"]
    leave_s = 1800 - 120 - 200  # half a pick-up service and 1,200 m before it is ready
    assert early.holds[0].until is not None
    assert (early.holds[0].until - NOW).total_seconds() == pytest.approx(leave_s, abs=2)
    late = plan(seen([job(1, ready_s=330)], [courier(2, at=1200)]), POLICY)
    assert late.commitments[0].pickup_at == NOW + timedelta(seconds=330)


def test_an_eager_policy_tells_at_once():
    made = plan(seen([job(1, ready_s=1800)], [courier(2)]), replace(POLICY, lead_s=float("inf")))
    assert [c.courier for c in made.commitments] == [UUID(int=2)]


def test_a_job_waits_for_a_busy_courier_who_is_there_sooner():
    far, near = courier(2, at=20_000), courier(3, at=0, free_s=120)
    made = plan(seen([job(1)], [far, near]), POLICY)
    assert not made.commitments
    assert (made.holds[0].reason, made.holds[0].courier) == ("reserved_for_busy_courier", near.id)


def test_jobs_of_one_site_go_together_when_couriers_are_short():
    made = plan(seen([job(1), job(2, to=3200)], [courier(3)]), POLICY)
    assert [c.jobs for c in made.commitments] == [(UUID(int=1), UUID(int=2))]
    apart = plan(seen([job(1), job(2, to=3200)], [courier(3), courier(4)]), POLICY)
    assert sorted(c.jobs for c in apart.commitments) == [(UUID(int=1),), (UUID(int=2),)]


def test_a_job_joins_a_courier_on_the_way_to_its_site_at_the_last_moment():
    going = replace(courier(3, free_s=60), collecting=(UUID(int=1),))
    early = plan(seen([job(1), job(2, to=3200)], [going]), POLICY)
    assert [(h.job, h.reason) for h in early.holds] == [(UUID(int=2), "joins_later")]
    going = replace(going, free_at=NOW - timedelta(seconds=90))
    made = plan(seen([job(1), job(2, to=3200)], [going]), POLICY)
    assert (made.commitments[0].jobs, made.commitments[0].added) == (
        (UUID(int=1), UUID(int=2)),
        (UUID(int=2),),
    )


def test_who_waits_at_the_door_has_parked_already():
    there = replace(courier(3), free_at=NOW - timedelta(minutes=9), waiting_at=UUID(int=1001))
    made = plan(seen([job(1)], [there]), POLICY)
    assert made.commitments[0].pickup_at == NOW


def test_an_escalated_job_goes_first():
    jobs = [job(1, site=1, at=100), replace(job(2, site=2, at=600), escalation=3)]
    made = plan(seen(jobs, [courier(3)]), replace(POLICY, bundle_max=1))
    assert [c.jobs for c in made.commitments] == [(UUID(int=2),)]
    assert [(h.reason, h.courier) for h in made.holds] == [
        ("reserved_for_busy_courier", UUID(int=3))
    ]
    matched = plan(seen(jobs, [courier(3)]), replace(POLICY, bundle_max=1, chains=False))
    assert [c.jobs for c in matched.commitments] == [(UUID(int=2),)]
    assert {h.reason for h in matched.holds} == {"couriers_short"}


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (
            replace(courier(2, at=5000), off_at=NOW + timedelta(minutes=5)),
            "off_shift_before_pickup",
        ),
        (courier(2, at=50_000), "too_far"),
        (replace(courier(2), id=UUID(int=9)), "declined"),
    ],
)
def test_an_exclusion_says_why(person: Courier, reason: str):
    wanted = replace(job(1), declined_by=frozenset({UUID(int=9)}))
    made = plan(seen([wanted], [person]), POLICY)
    assert [(e.reason, e.examples) for e in made.exclusions] == [(reason, (person.id,))]
    assert [h.reason for h in made.holds] == ["no_courier_in_reach"]


def test_who_would_hold_too_much_cash_is_not_thought_of():
    paid_in_cash = replace(job(1), collect_minor=300)
    full, roomy = replace(courier(2), cash_room_minor=299), courier(3, at=900)
    made = plan(seen([paid_in_cash], [full, roomy]), POLICY)
    assert [c.courier for c in made.commitments] == [roomy.id]
    assert [(e.reason, e.examples) for e in made.exclusions] == [("over_cash_limit", (full.id,))]
    alone = plan(seen([paid_in_cash], [full]), POLICY)
    assert [h.reason for h in alone.holds] == ["over_cash_limit"]
    by_card = plan(seen([job(1)], [full]), POLICY)
    assert [c.courier for c in by_card.commitments] == [full.id]


@given(
    collects=st.lists(st.sampled_from([0, 100, 250]), min_size=1, max_size=6),
    rooms=st.lists(st.sampled_from([None, -50, 0, 100, 300, 600]), min_size=1, max_size=4),
    sites=st.integers(1, 3),
)
def test_no_plan_makes_anybody_hold_too_much(
    collects: list[int], rooms: list[int | None], sites: int
):
    jobs = [
        replace(job(n, site=n % sites, at=100 * (n % sites)), collect_minor=minor)
        for n, minor in enumerate(collects, start=1)
    ]
    staff = [replace(courier(50 + n), cash_room_minor=room) for n, room in enumerate(rooms)]
    made = plan(seen(jobs, staff), POLICY)
    room_of = {c.id: c.cash_room_minor for c in staff}
    for commitment in made.commitments:
        brings = sum(j.collect_minor for j in jobs if j.id in commitment.jobs)
        room = room_of[commitment.courier]
        assert room is None or brings == 0 or brings <= room


def test_who_has_collected_to_the_limit_goes_on_but_takes_no_more_cash():
    going = replace(
        courier(3),
        free_at=NOW - timedelta(seconds=90),
        collecting=(UUID(int=1),),
        cash_room_minor=300,
    )
    first = replace(job(1), collect_minor=250)
    for more, joined in ((100, False), (50, True), (0, True)):
        second = replace(job(2, to=3200), collect_minor=more)
        made = plan(seen([first, second], [going]), POLICY)
        assert any(UUID(int=2) in c.added for c in made.commitments) is joined


def test_the_better_rated_of_two_equals_is_chosen():
    two = [replace(courier(2), rating=0.3), replace(courier(3), rating=0.9)]
    made = plan(seen([job(1)], two), POLICY)
    assert made.commitments[0].courier == UUID(int=3)
    assert made.commitments[0].terms["rating"] == pytest.approx(1.0)


def test_an_idle_courier_moves_to_where_work_is_expected():
    busy = Demand(site=UUID(int=7), place=east(0), jobs_per_hour=10)
    snapshot = survey(
        now=NOW,
        jobs=[],
        couriers=[courier(2, at=3000)],
        travel=TRAVEL,
        demand=[busy],
        notice_s=[0.0],
    )
    assert [(m.courier, m.site) for m in plan(snapshot, POLICY).moves] == [(UUID(int=2), busy.site)]
    assert not plan(snapshot, replace(POLICY, moves=False)).moves


def crowd(*, jobs: int, couriers: int) -> tuple[list[Job], list[Courier]]:
    random = Random(7)
    metres = lambda: random.uniform(-9000, 9000)  # noqa: E731 a name for a draw
    at = [metres() for _ in range(max(1, jobs // 4))]
    sites = [random.randrange(len(at)) for _ in range(jobs)]
    return [
        job(n, site=s, at=at[s], to=metres(), ready_s=random.uniform(0, 900))
        for n, s in enumerate(sites)
    ], [courier(9000 + n, at=metres(), free_s=random.choice([0, 300])) for n in range(couriers)]


@pytest.mark.parametrize(("jobs", "couriers"), [(1200, 1000), (1000, 1200)])
def test_a_big_city_is_matched_nearest_first_by_the_same_rules(jobs: int, couriers: int):
    waiting, staff = crowd(jobs=jobs, couriers=couriers)
    snapshot = seen(waiting, staff)
    began = process_time()
    made = plan(snapshot, POLICY)
    assert process_time() - began < 3  # far above what it takes, for a busy machine
    reserved = [h.courier for h in made.holds if h.courier is not None]
    told = [c.courier for c in made.commitments]
    assert len(told) == len(set(told))
    assert set(told).isdisjoint(reserved)
    assert len(set(told) | set(reserved)) > 0.6 * couriers
