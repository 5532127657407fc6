from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.clock import Ids, VirtualClock, least_id, system_now

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(seed=st.integers(), steps=st.lists(st.integers(0, 5), max_size=60))
def test_ids_are_version_7_in_order_and_of_their_millisecond(seed: int, steps: list[int]) -> None:
    clock = VirtualClock(START)
    ids, made = Ids(clock, Random(seed)), []
    for step_ms in steps:
        clock.advance(timedelta(milliseconds=step_ms))
        new = ids()
        assert (new.version, new.variant) == (7, "specified in RFC 4122")
        assert new.int >> 80 == round(clock().timestamp() * 1000)
        made.append(new)
    assert made == sorted(set(made))


@given(seed=st.integers())
def test_a_seed_gives_the_same_ids_again(seed: int) -> None:
    first, again = (Ids(VirtualClock(START), Random(seed)) for _ in range(2))
    assert [first() for _ in range(5)] == [again() for _ in range(5)]
    assert first.number(below=10_000) == again.number(below=10_000)


def test_numbers_cover_their_range() -> None:
    ids = Ids(VirtualClock(START), Random(1))
    assert {ids.number(below=4) for _ in range(100)} == {0, 1, 2, 3}


def test_without_a_seed_nobody_can_tell_them() -> None:
    assert Ids(VirtualClock(START))() != Ids(VirtualClock(START))()


def test_ids_keep_their_order_when_the_clock_does_not() -> None:
    times = iter([START, START - timedelta(seconds=1), START])
    ids = Ids(lambda: next(times), Random(3))
    made = [ids() for _ in range(3)]
    assert made == sorted(set(made))


def test_virtual_time_goes_forward() -> None:
    clock = VirtualClock(START)
    clock.advance(timedelta(minutes=1))
    assert clock() == START + timedelta(minutes=1)
    with pytest.raises(ValueError, match="time cannot go back"):
        clock.set(START)
    assert system_now().tzinfo is UTC


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_the_least_ids_of_instants_stand_in_their_order(one: datetime, other: datetime):
    first, then = sorted((one, other))
    assert least_id(None) <= least_id(first) <= least_id(then)
