"""What a courier may do: no illegal move, breaks that end, deadlines exactly where needed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tawsil.couriers import model
from tawsil.couriers.events import (
    Availability,
    AvailabilityChanged,
    BreakEnded,
    BreakStarted,
    Fault,
    PreferencesChanged,
    Reason,
    Vehicle,
    VehicleMarkedSafe,
    VehicleMarkedUnsafe,
)
from tawsil.couriers.model import MOVES, Courier
from tawsil.kernel.decisions import Accepted, Refusal, accept

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
A = Availability

spans = st.timedeltas(timedelta(seconds=1), timedelta(hours=30))
lengths = st.timedeltas(timedelta(hours=-1), timedelta(hours=6))
faults = st.sampled_from(Fault)
reasons = st.sampled_from([None, Reason.OFFER_DECLINED, Reason.JOB_WITHDRAWN])


@st.composite
def couriers(draw: st.DrawFn, availability: Availability | None = None) -> Courier:
    availability = availability or draw(st.sampled_from(Availability))
    ends = st.none() | spans.map(lambda ahead: NOON + ahead)
    may_be_unsafe = availability in {A.OFFLINE, A.ENDING_SHIFT}
    fault = draw(st.none() | faults) if may_be_unsafe else None
    return Courier(
        id=UUID(int=1),
        version=draw(st.integers(1, 99)),
        tenant_id=UUID(int=2),
        city_id=UUID(int=3),
        vehicle=draw(st.sampled_from(Vehicle)),
        availability=availability,
        since_at=NOON - draw(spans),
        shift_ends_at=None if availability is A.OFFLINE else draw(ends),
        break_ends_at=NOON + draw(spans) if availability is A.ON_BREAK else None,
        missed_offers=draw(st.integers(0, 2)),
        vehicle_unsafe_since_at=None if fault is None else NOON - draw(spans),
        fault=fault,
    )


@st.composite
def asked(draw: st.DrawFn) -> Any:
    """Anything that can be asked of a courier, or the clock's part."""
    length, until, reason = draw(lengths), draw(st.none() | lengths), draw(reasons)
    fault = draw(faults)
    return draw(
        st.sampled_from(
            [
                lambda c, now: model.start_shift(
                    c, until=None if until is None else now + until, now=now
                ),
                lambda c, now: model.take_break(c, length=length, now=now),
                lambda c, now: model.resume(c, now=now),
                lambda c, now: model.end_shift(c, now=now),
                lambda c, now: model.hold(c, now=now),
                lambda c, now: model.engage(c, now=now),
                lambda c, now: model.release(c, reason=reason, now=now),
                lambda c, now: model.miss_offer(c, now=now),
                lambda c, now: model.mark_unsafe(c, fault=fault, now=now),
                lambda c, now: model.mark_safe(c, now=now),
                lambda c, now: model.reach_deadline(c, now=now),
            ]
        )
    )


@given(couriers(), lengths, spans)
def test_a_break_ends_after_it_starts_or_is_refused_with_reasons(
    courier: Courier, length: timedelta, after: timedelta
) -> None:
    now = NOON + after
    decision = model.take_break(courier, length=length, now=now)
    if isinstance(decision, Refusal):
        assert decision.detail
        return
    state = decision.state
    assert state.break_ends_at == now + length > state.since_at == now
    assert state.deadline is not None
    assert [type(e) for e in decision.events] == [AvailabilityChanged, BreakStarted]


@given(couriers(), st.lists(st.tuples(asked(), spans), max_size=25))
def test_every_move_is_legal_and_told_once(courier: Courier, story: list[Any]) -> None:
    now, told = NOON, [courier.availability]
    for ask, after in story:
        now += after
        decision = ask(courier, now)
        if isinstance(decision, Refusal):
            continue
        before, courier = courier, decision.state
        changes = [e for e in decision.events if isinstance(e, AvailabilityChanged)]
        assert len(changes) == (courier.availability is not before.availability)
        assert courier.version == before.version + len(decision.events)
        for change in changes:
            assert (change.from_, change.to) == (before.availability, courier.availability)
            assert change.since_at == before.since_at
            assert change.reason is courier.reason
            assert change.missed_offers == courier.missed_offers
            told.append(change.to)
        began = any(isinstance(e, BreakStarted) for e in decision.events)
        ended = any(isinstance(e, BreakEnded) for e in decision.events)
        assert began == (courier.availability is A.ON_BREAK is not before.availability)
        assert ended == (before.availability is A.ON_BREAK is not courier.availability)
    assert all(to in MOVES[was] for was, to in pairwise(told))


@given(couriers())
def test_a_deadline_is_there_exactly_when_the_clock_can_end_something(courier: Courier) -> None:
    may_end = courier.availability in {A.AVAILABLE, A.ON_JOB} and courier.shift_ends_at is not None
    assert (courier.deadline is not None) == (courier.availability is A.ON_BREAK or may_end)


@given(couriers(), spans)
def test_reaching_a_deadline_always_moves_it_and_never_before_its_time(
    courier: Courier, after: timedelta
) -> None:
    now = NOON + after
    decision = model.reach_deadline(courier, now=now)
    assert isinstance(decision, Accepted)
    if courier.deadline is None or courier.deadline.at > now:
        assert decision.state == courier
    else:
        assert decision.events
        assert decision.state.deadline != courier.deadline


@given(couriers(availability=A.ON_JOB), st.lists(asked(), max_size=10))
def test_nothing_but_a_release_takes_a_courier_off_a_job(courier: Courier, asks: list[Any]) -> None:
    for ask in asks:
        decision = ask(courier, NOON)
        if isinstance(decision, Refusal):
            continue
        changes = [e for e in decision.events if isinstance(e, AvailabilityChanged)]
        released = {Reason.JOB_DONE, Reason.JOB_WITHDRAWN, Reason.OFFER_DECLINED}
        if any(change.reason in released for change in changes):
            return
        courier = decision.state
        assert courier.availability in {A.ON_JOB, A.ENDING_SHIFT}


@pytest.mark.parametrize(
    ("missed", "to", "count"), [(0, A.AVAILABLE, 1), (1, A.AVAILABLE, 2), (2, A.ON_BREAK, 0)]
)
def test_the_third_missed_offer_in_a_row_gives_a_break(
    missed: int, to: Availability, count: int
) -> None:
    courier = Courier(
        id=UUID(int=1),
        tenant_id=UUID(int=2),
        city_id=UUID(int=3),
        vehicle=Vehicle.CAR,
        availability=A.ON_OFFER,
        since_at=NOON,
        missed_offers=missed,
    )
    decision = model.miss_offer(courier, now=NOON)
    assert isinstance(decision, Accepted)
    assert (decision.state.availability, decision.state.missed_offers) == (to, count)


@given(couriers(availability=A.ON_OFFER))
def test_an_answer_ends_a_row_of_missed_offers_and_a_withdrawal_does_not(courier: Courier) -> None:
    declined = model.release(courier, reason=Reason.OFFER_DECLINED, now=NOON)
    accepted = model.engage(courier, now=NOON)
    withdrawn = model.release(courier, reason=None, now=NOON)
    missed = [
        d.state.missed_offers for d in (declined, accepted, withdrawn) if isinstance(d, Accepted)
    ]
    assert missed == [0, 0, courier.missed_offers]


@given(couriers())
def test_a_refusal_names_what_is_legal(courier: Courier) -> None:
    decision = model.hold(courier, now=NOON)
    if isinstance(decision, Refusal):
        assert decision.detail["legal"] == sorted(MOVES[courier.availability])
    else:
        assert courier.availability is A.AVAILABLE


@given(couriers(), faults)
def test_an_unsafe_vehicle_takes_on_nothing_new_and_drops_nothing(
    courier: Courier, fault: Fault
) -> None:
    marked = model.mark_unsafe(courier, fault=fault, now=NOON)
    assert isinstance(marked, Accepted)
    unsafe = marked.state
    carrying = courier.availability in {A.ON_JOB, A.ENDING_SHIFT}
    assert unsafe.availability is (A.ENDING_SHIFT if carrying else A.OFFLINE)
    if courier.fault is not None:
        assert marked == Accepted(state=courier, events=())
        return
    assert marked.events[-1] == VehicleMarkedUnsafe(courier_id=courier.id, fault=fault)
    assert isinstance(model.start_shift(unsafe, until=None, now=NOON), Refusal)
    done = model.release(unsafe, reason=None, now=NOON)
    assert isinstance(done, Accepted)
    assert done.state.availability is A.OFFLINE
    refused = model.start_shift(done.state, until=None, now=NOON)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.detail["fault"]) == ("courier.vehicle_unsafe", fault)
    safe = model.mark_safe(done.state, now=NOON + timedelta(hours=1))
    assert isinstance(safe, Accepted)
    assert safe.events == (VehicleMarkedSafe(courier_id=courier.id, unsafe_s=3600),)
    assert isinstance(model.start_shift(safe.state, until=None, now=NOON), Accepted)


@given(couriers(), st.frozensets(st.integers(1, 30).map(lambda n: UUID(int=n))))
def test_preferred_zones_are_zones_of_the_city_and_few(
    courier: Courier, zones: frozenset[UUID]
) -> None:
    known = {UUID(int=n) for n in range(1, 26)}
    decision = model.prefer(courier, zones=zones, known=known)
    if len(zones) > model.MOST_ZONES:
        assert isinstance(decision, Refusal)
        assert decision.code == "courier.too_many_zones"
    elif zones - known:
        assert isinstance(decision, Refusal)
        assert set(decision.detail["zone_ids"]) == {str(zone) for zone in zones - known}
    else:
        assert isinstance(decision, Accepted)
        assert decision.state.preferred_zones == zones
        told = PreferencesChanged(courier_id=courier.id, zone_ids=tuple(sorted(zones)))
        assert decision.events == ((told,) if zones else ())
        assert model.prefer(decision.state, zones=zones, known=known) == accept(decision.state)
