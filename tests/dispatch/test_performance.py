"""How couriers do: what counts, how it fades, what is explained, and what can be contested."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from math import exp, fsum, isclose, log
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.dispatch.events import IncidentKind, PerformanceUpdated
from tawsil.dispatch.model import incident as incidents
from tawsil.dispatch.model import performance, promise
from tawsil.dispatch.model.incident import DECIDED_WITHIN, Incident, IncidentState
from tawsil.dispatch.model.performance import HALF_LIFE, WEIGHINGS, Counter, Fact, Measure, Tally
from tawsil.dispatch.model.promise import LATE_AFTER, Promise
from tawsil.kernel.decisions import Accepted, Refusal
from tawsil.kernel.i18n import LOCALES, catalogues

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)

ago = st.timedeltas(timedelta(0), 400 * DAY).map(lambda age: NOON - age)
responses = st.none() | st.floats(0.0, 3600.0)
observed = st.builds(
    Fact, measure=st.sampled_from(Measure), good=st.booleans(), at=ago, response_s=responses
)
ratings = st.floats(1.0, 5.0)


def newcomer(at: datetime = NOON - 500 * DAY) -> Tally:
    return Tally(id=UUID(int=1), tenant_id=UUID(int=2), city_id=UUID(int=3), as_of_at=at)


def after(facts: list[Fact], tally: Tally | None = None) -> Tally:
    tally = tally or newcomer()
    for fact in facts:
        tally = performance.counted(tally, fact)
    return tally


def recounted(facts: list[Fact], measure: Measure, now: datetime) -> Counter:
    """The same sums, worked out from the whole history."""
    of_it = [(fact, 0.5 ** ((now - fact.at) / HALF_LIFE)) for fact in facts]
    of_it = [(fact, weight) for fact, weight in of_it if fact.measure is measure]
    return Counter(
        good=fsum(weight for fact, weight in of_it if fact.good),
        bad=fsum(weight for fact, weight in of_it if not fact.good),
        times_good=sum(fact.good for fact, _ in of_it),
        times_bad=sum(not fact.good for fact, _ in of_it),
    )


def same(one: Counter, other: Counter) -> bool:
    return (
        (one.times_good, one.times_bad) == (other.times_good, other.times_bad)
        and isclose(one.good, other.good, rel_tol=1e-9, abs_tol=1e-9)
        and isclose(one.bad, other.bad, rel_tol=1e-9, abs_tol=1e-9)
    )


@given(st.lists(observed, max_size=40), st.timedeltas(timedelta(0), 400 * DAY))
def test_faded_sums_equal_a_recount_of_the_history_in_any_order(
    facts: list[Fact], later: timedelta
) -> None:
    now = NOON + later
    sums = after(facts).at(now)
    for measure in Measure:
        assert same(sums.of(measure), recounted(facts, measure, now))
    answered = [(f, 0.5 ** ((now - f.at) / HALF_LIFE)) for f in facts if f.response_s is not None]
    assert isclose(sums.responses, fsum(w for _, w in answered), rel_tol=1e-9, abs_tol=1e-9)
    logs = fsum(w * log(max(0.1, f.response_s or 0)) for f, w in answered)
    assert isclose(sums.response_logs, logs, rel_tol=1e-9, abs_tol=1e-6)


@given(st.lists(observed, min_size=1, max_size=30), st.data())
def test_what_is_struck_leaves_no_trace(facts: list[Fact], data: st.DataObject) -> None:
    struck = replace(data.draw(st.sampled_from(facts)), response_s=None)
    rest = [*facts]
    rest[
        rest.index(
            next(
                f
                for f in facts
                if f.at == struck.at and f.good is struck.good and f.measure is struck.measure
            )
        )
    ] = replace(struck, at=NOON)
    left = performance.without(after(facts), struck).at(NOON)
    expected = recounted(rest, struck.measure, NOON)
    expected = expected.plus(good=struck.good, weight=1.0, times=-1)
    assert same(left.of(struck.measure), expected)


@given(st.lists(observed, max_size=40), ratings, st.timedeltas(timedelta(0), 4000 * DAY))
def test_a_score_is_the_sum_of_its_parts_and_between_0_and_100(
    facts: list[Fact], rating: float, later: timedelta
) -> None:
    stands = performance.standing(after(facts), rating=rating, now=NOON + later)
    assert isclose(100 * stands.score, fsum(part.points for part in stands.components))
    assert 0 <= stands.score <= 1 + 1e-9
    assert isclose(fsum(part.weight for part in stands.components), 1)
    for share in (stands.on_time, stands.completion, stands.acceptance or 0.0):
        assert 0 <= share <= 1


@given(st.lists(observed, max_size=40), ratings)
def test_time_takes_everybody_back_to_what_is_expected_of_anybody(
    facts: list[Fact], rating: float
) -> None:
    tally = after(facts)
    fresh = performance.standing(newcomer(), rating=rating, now=NOON).score
    usual = WEIGHINGS[Measure.ON_TIME].expected
    gaps = [
        abs(performance.standing(tally, rating=rating, now=NOON + n * 60 * DAY).on_time - usual)
        for n in range(20)
    ]
    assert all(later <= sooner + 1e-12 for sooner, later in pairwise(gaps))
    at_last = performance.standing(tally, rating=rating, now=NOON + 3000 * DAY).score
    assert isclose(at_last, fresh, abs_tol=1e-9)


def test_a_newcomer_stands_no_worse_than_somebody_who_does_as_expected() -> None:
    fresh = performance.standing(newcomer(), rating=5.0, now=NOON)
    usual: list[Fact] = []
    for measure, weighing in WEIGHINGS.items():
        good = round(100 * weighing.expected)
        usual += [Fact(measure=measure, good=n < good, at=NOON) for n in range(100)]
    settled = performance.standing(after(usual), rating=5.0, now=NOON)
    assert isclose(fresh.score, settled.score)
    assert fresh.score > 0.9
    assert (fresh.acceptance, fresh.response_time_s) == (None, None)


@given(st.integers(0, 2000), st.integers(0, 50))
def test_declining_costs_little_and_no_more_beyond_a_floor(declined: int, took: int) -> None:
    taken = [Fact(measure=Measure.ACCEPTANCE, good=True, at=NOON) for _ in range(took)]
    refused = [Fact(measure=Measure.ACCEPTANCE, good=False, at=NOON) for _ in range(declined)]
    willing = performance.standing(after(taken), rating=5.0, now=NOON).score
    choosy = performance.standing(after(taken + refused), rating=5.0, now=NOON).score
    assert 0 <= willing - choosy <= 0.05 + 1e-9


def test_an_acceptance_rate_is_spoken_of_from_five_answers_on() -> None:
    answers = [
        Fact(measure=Measure.ACCEPTANCE, good=n != 2, at=NOON, response_s=s)
        for n, s in enumerate((4.0, 9.0, 9.0, 9.0, 60.0))
    ]
    four = performance.standing(after(answers[:4]), rating=5.0, now=NOON)
    five = performance.standing(after(answers), rating=5.0, now=NOON)
    assert four.acceptance is None
    assert five.acceptance == pytest.approx(0.8)
    assert five.response_time_s == pytest.approx(exp(fsum(map(log, (4, 9, 9, 9, 60))) / 5))
    assert 9 < (five.response_time_s or 0) < 12  # the median is 9, the mean 18


@given(st.lists(observed, max_size=20), ratings, st.sampled_from(IncidentKind), ago)
def test_what_an_incident_costs_is_what_striking_it_gives_back(
    facts: list[Fact], rating: float, kind: IncidentKind, at: datetime
) -> None:
    fact = Fact(measure=performance.MEASURED[kind], good=False, at=at)
    tally = after([*facts, fact])
    lost = performance.points_lost(tally, kind, at=at, rating=rating, now=NOON)
    before = performance.standing(tally, rating=rating, now=NOON).score
    struck = performance.without(tally, fact)
    assert isclose(
        lost,
        max(0, 100 * (performance.standing(struck, rating=rating, now=NOON).score - before)),
        abs_tol=1e-9,
    )
    assert 0 <= lost <= 5


def test_a_score_is_told_when_it_is_another_whole_number() -> None:
    late = Fact(measure=Measure.ON_TIME, good=False, at=NOON)
    first = performance.observe(newcomer(), [late], rating=5.0, now=NOON)
    (told,) = first.events
    assert isinstance(told, PerformanceUpdated)
    assert (told.score, first.state.told, first.state.version) == (94, 94, 1)
    assert performance.told(first.state, rating=5.0, now=NOON).events == ()
    again = performance.observe(first.state, [late] * 3, rating=5.0, now=NOON)
    assert [event.score for event in again.events if isinstance(event, PerformanceUpdated)] == [89]


def noted(kind: IncidentKind = IncidentKind.STALLED) -> Incident:
    return Incident(
        id=UUID(int=9),
        tenant_id=UUID(int=2),
        city_id=UUID(int=3),
        courier_id=UUID(int=1),
        kind=kind,
        subject_id=UUID(int=7),
        happened_at=NOON,
    )


def test_an_incident_is_contested_once_and_decided_once_by_somebody_else() -> None:
    contested = incidents.contest(noted(), reason="closed road", now=NOON + DAY)
    assert isinstance(contested, Accepted)
    deadline = contested.state.deadline
    assert deadline is not None
    assert deadline.at == NOON + DAY + DECIDED_WITHIN
    again = incidents.contest(contested.state, reason="closed road", now=NOON + DAY)
    assert isinstance(again, Refusal)
    assert again.detail["legal"] == ["struck", "upheld"]
    own = incidents.decide(
        contested.state, upheld=False, reason="why not", actor_id=UUID(int=1), now=NOON
    )
    assert isinstance(own, Refusal)
    assert (own.code, own.status) == ("dispatch.own_incident", 403)
    for upheld, state in ((True, IncidentState.UPHELD), (False, IncidentState.STRUCK)):
        decided = incidents.decide(
            contested.state, upheld=upheld, reason="so it was", actor_id=UUID(int=4), now=NOON
        )
        assert isinstance(decided, Accepted)
        assert (decided.state.state, decided.state.deadline) == (state, None)
        late = incidents.decide(
            decided.state, upheld=upheld, reason="again", actor_id=UUID(int=4), now=NOON
        )
        assert isinstance(late, Refusal)
    lapsed = incidents.let_lapse(contested.state, now=deadline.at)
    assert lapsed.state.state is IncidentState.STRUCK


def test_an_old_incident_is_not_contested_and_an_uncontested_one_not_decided() -> None:
    late = incidents.contest(noted(), reason="late", now=NOON + 31 * DAY)
    assert isinstance(late, Refusal)
    assert late.code == "dispatch.contest_too_late"
    early = incidents.decide(noted(), upheld=True, reason="x", actor_id=None, now=NOON)
    assert isinstance(early, Refusal)
    assert early.detail["legal"] == ["contested"]


@given(st.integers(-600, 600), st.integers(-600, 3600), st.integers(0, 3600))
def test_waiting_at_the_counter_is_not_held_against_anybody(
    arrived_s: int, collected_s: int, drive_s: int
) -> None:
    """Late by the kitchen's doing is in time; late by one's own is late."""
    held = Promise(
        delivery_id=UUID(int=1),
        courier_id=UUID(int=2),
        pickup_at=NOON,
        dropoff_at=NOON + timedelta(minutes=10),
    )
    arrived_at = NOON + timedelta(seconds=arrived_s)
    collected_at = max(arrived_at, NOON + timedelta(seconds=collected_s))
    there = promise.collected(promise.arrived(held, at=arrived_at), at=collected_at)
    handed_over_at = collected_at + timedelta(seconds=drive_s)
    own = max(timedelta(0), arrived_at - NOON) + timedelta(seconds=drive_s)
    late = promise.late_by(there, handed_over_at=handed_over_at)
    if collected_at >= NOON:
        assert (late is not None) == (own - timedelta(minutes=10) > LATE_AFTER)


def test_everything_that_can_be_said_is_said_in_both_languages() -> None:
    codes = {
        *(f"dispatch.incident_{kind}" for kind in IncidentKind),
        *(f"dispatch.performance_{measure}" for measure in (*Measure, "rating", "score")),
    }
    for locale in LOCALES:
        assert {code for code in codes if not catalogues[locale].has(code)} == set()
