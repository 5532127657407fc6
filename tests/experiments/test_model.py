from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.experiments import model
from tawsil.experiments.design import BLOCK_LENGTHS_MIN
from tawsil.experiments.events import StopCause
from tawsil.experiments.model import MOVES, Experiment, Metric, Status
from tawsil.kernel.decisions import Accepted, Decision, Refusal

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
START = NOW + timedelta(hours=1)
LENGTH = timedelta(days=2)
HASH = "0" * 64


def experiment(**fields: Any) -> Experiment:
    return Experiment(
        **{
            "id": UUID(int=1),
            "tenant_id": UUID(int=2),
            "city_id": UUID(int=3),
            "name": "Thrifty or not",
            "arms": ("swift", "thrifty"),
            "metrics": (Metric(name="door_to_door_s"),),
            "block_min": 60,
            "starts_at": START,
            "ends_at": START + LENGTH,
            "seed": 1,
            **fields,
        }
    )


def schedule(state: Experiment, *, now: datetime = NOW, others: Any = ()) -> Decision[Experiment]:
    return model.schedule(state, assignment_sha256=HASH, others=others, now=now)


def states(status: Status) -> Experiment:
    return experiment(status=status, assignment_sha256=HASH, started_at=START)


@pytest.mark.parametrize("status", Status)
def test_a_move_is_legal_or_names_those_that_are(status: Status):
    tried = {
        Status.SCHEDULED: schedule(states(status)),
        Status.RUNNING: model.start(states(status), now=START),
        Status.ENDED: model.end(states(status)),
        Status.STOPPED: model.stop(states(status), cause=StopCause.HARM, note="", now=START),
    }
    for to, decision in tried.items():
        assert isinstance(decision, Accepted) == (to in MOVES[status])
        if isinstance(decision, Accepted):
            assert decision.state.status is to
        else:
            assert decision.detail["legal"] == sorted(MOVES[status])


@pytest.mark.parametrize("status", Status)
def test_what_waits_has_a_deadline_and_nothing_else(status: Status):
    waits = {Status.SCHEDULED: START, Status.RUNNING: START + timedelta(days=2)}
    deadline = states(status).deadline
    assert (deadline.at if deadline else None) == waits.get(status)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"arms": ("swift", "swift")}, "experiment.repeated"),
        ({"units": (UUID(int=5), UUID(int=5))}, "experiment.repeated"),
        ({"metrics": (Metric(name="a"), Metric(name="a"))}, "experiment.repeated"),
        ({"block_min": 70}, "experiment.block_uneven"),
        ({"ends_at": START}, "experiment.uneven"),
        ({"ends_at": START - timedelta(days=2)}, "experiment.uneven"),
        ({"ends_at": START + timedelta(hours=30, minutes=1)}, "experiment.uneven"),
        ({"washout_s": 1_801}, "experiment.washout_too_long"),
        ({"ends_at": START + timedelta(hours=19)}, "experiment.size"),
        ({"ends_at": START + timedelta(days=2_500)}, "experiment.size"),
    ],
)
def test_what_could_not_be_run_is_refused(fields: dict[str, Any], code: str):
    decision = model.draft(experiment(**fields))
    assert isinstance(decision, Refusal)
    assert decision.code == code


@given(
    block_min=st.sampled_from(BLOCK_LENGTHS_MIN),
    blocks=st.integers(10, 300),
    units=st.lists(st.uuids(), unique=True, min_size=2, max_size=20),
)
def test_what_is_sound_is_drafted(block_min: int, blocks: int, units: list[UUID]):
    ends_at = START + blocks * timedelta(minutes=block_min)
    decision = model.draft(experiment(block_min=block_min, ends_at=ends_at, units=tuple(units)))
    assert isinstance(decision, Accepted)
    assert decision.state.cells == blocks * len(units)


def test_a_start_that_has_passed_cannot_be_waited_for():
    decision = schedule(experiment(), now=START)
    assert isinstance(decision, Refusal)
    assert decision.code == "experiment.begun"


@given(st.integers(-72, 72))
def test_windows_in_one_city_touch_but_do_not_overlap(hours: int):
    shift = timedelta(hours=hours)
    other = experiment(id=UUID(int=9), starts_at=START + shift, ends_at=START + shift + LENGTH)
    decision = schedule(experiment(), others=[other])
    assert isinstance(decision, Accepted) == (abs(hours) >= 48)


def test_one_that_nobody_started_in_time_is_missed():
    waiting = states(Status.SCHEDULED)
    late = model.wake(waiting, now=START + timedelta(hours=5))
    missed = model.wake(waiting, now=waiting.ends_at)
    assert isinstance(late, Accepted)
    assert isinstance(missed, Accepted)
    assert (late.state.status, late.state.started_at) == (
        Status.RUNNING,
        START + timedelta(hours=5),
    )
    assert (missed.state.status, missed.state.stop_cause) == (Status.STOPPED, StopCause.MISSED)
    assert replace(missed.state, version=0).deadline is None
