"""Which positions are believed, who has arrived, when somebody will: without a database."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.geography.public import GreatCircle
from tawsil.kernel.places import Place, distance_m
from tawsil.tracking import model
from tawsil.tracking.events import GeofenceEntered, GeofenceLeft, StopKind
from tawsil.tracking.model import Geofence, Ping, Position

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STOP = Place(33.89, 35.5)
COURIER = UUID(int=1)
METRE = 1 / 111_195  # of latitude, in degrees


def north_of_stop(metres: float) -> Place:
    return Place(STOP.latitude + metres * METRE, STOP.longitude)


def position(after_s: float, metres: float, accuracy_m: float = 5.0) -> Position:
    return Position(
        courier_id=COURIER,
        tenant_id=UUID(int=2),
        place=north_of_stop(metres),
        at=NOON + timedelta(seconds=after_s),
        accuracy_m=accuracy_m,
    )


positions = st.lists(
    st.builds(
        position,
        st.integers(0, 600),
        st.floats(-20_000, 20_000),
        st.sampled_from([5.0, 30.0, 150.0, 500.0]),
    ),
    max_size=30,
    unique_by=lambda p: p.at,
)

watched = Geofence(
    id=UUID(int=3),
    tenant_id=UUID(int=2),
    city_id=None,
    reference_id=UUID(int=4),
    courier_id=COURIER,
    kind=StopKind.PICKUP,
    place=STOP,
    radius_m=80.0,
    since_at=NOON,
)


@given(positions, st.randoms(use_true_random=False))
def test_what_is_believed_does_not_depend_on_the_order(
    positions: list[Position], random: Random
) -> None:
    shuffled = random.sample(positions, len(positions))
    judged = model.suspect_jumps(positions)
    assert model.suspect_jumps(shuffled) == judged
    assert model.suspect_jumps(judged) == judged


@given(positions)
def test_nobody_is_believed_to_fly(positions: list[Position]) -> None:
    believed = [p for p in model.suspect_jumps(positions) if not p.suspect]
    assert len(believed) >= min(1, len(positions))
    for a, b in pairwise(believed):
        assert distance_m(a.place, b.place) <= 60 * (b.at - a.at).total_seconds()


def test_a_jump_is_suspect_and_coming_back_is_not() -> None:
    judged = model.suspect_jumps([position(0, 0), position(5, 9_000), position(10, 50)])
    assert [p.suspect for p in judged] == [False, True, False]


@given(positions, st.integers(0, 30))
def test_a_stop_is_entered_once_and_left_at_most_once_after_it(
    positions: list[Position], cut: int
) -> None:
    track = model.suspect_jumps(positions)
    first = model.follow(watched, track=track[:cut])
    then = model.follow(first.state, track=track[cut:])
    events = [*first.events, *then.events]
    assert [type(e) for e in events] in ([], [GeofenceEntered], [GeofenceEntered, GeofenceLeft])
    assert then.state.version == len(events)
    assert events == list(model.follow(watched, track=track).events)


def test_arriving_takes_a_position_inside_and_leaving_takes_certainty() -> None:
    steps = [
        position(0, 300),
        position(10, 81),
        position(20, 60, accuracy_m=500),
        position(30, 79),
        position(40, 120, accuracy_m=60),
        position(50, 120, accuracy_m=30),
        position(60, 0),
    ]
    events = model.follow(watched, track=steps).events
    assert [(type(e), e.at) for e in events if isinstance(e, GeofenceEntered | GeofenceLeft)] == [
        (GeofenceEntered, steps[3].at),
        (GeofenceLeft, steps[5].at),
    ]


def test_what_was_before_the_watch_does_not_count() -> None:
    later = replace(watched, since_at=NOON + timedelta(seconds=5))
    assert not model.follow(later, track=[position(0, 0)]).events
    assert model.follow(later, track=[position(5, 0)]).events


def test_pings_from_the_future_and_from_yesterday_are_refused() -> None:
    def code(after_s: float) -> str | None:
        ping = Ping(place=STOP, at=NOON + timedelta(seconds=after_s), accuracy_m=5)
        refusal = model.refusal_of(ping, now=NOON)
        return refusal and refusal.code

    assert [code(s) for s in (60, 61, -86_400, -86_401)] == [
        None,
        "tracking.ping_in_future",
        None,
        "tracking.ping_too_old",
    ]


@given(st.floats(-20_000, 20_000))
def test_the_window_of_arrival_opens_before_it_closes(metres: float) -> None:
    travel = GreatCircle(detour_factor=1.3, speed_mps=5.0)
    eta = model.arrival(place=north_of_stop(metres), to=STOP, travel=travel, now=NOON)
    assert NOON <= eta.p50_at < eta.p90_at
    seconds = (eta.p50_at - NOON).total_seconds()
    assert abs(seconds - abs(metres) * 1.3 / 5) < 0.01 + 0.001 * seconds
