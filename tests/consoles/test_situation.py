from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tawsil.consoles.picture import Conditions, Step
from tawsil.consoles.situation import TERMS, Load, Subject, Verdict, Weighing

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
seconds = st.floats(-5_000, 5_000)


def _verdict(*terms: dict[str, float]) -> Verdict:
    return Verdict(
        subject=Subject(reference_id=UUID(int=1)),
        sentence="",
        told=False,
        weighed=tuple(Weighing(name="", chosen=False, pickup_at=NOON, terms=t) for t in terms),
        excluded={},
    )


def test_bars_of_one_delivery_share_a_scale() -> None:
    verdict = _verdict({"waiting": 98.0, "central": -2.0}, {"waiting": 48.0, "idle": -1.0})
    long, short = (verdict.segments(w) for w in verdict.weighed)
    assert verdict.zero() == 20
    assert [(s.term, s.start, s.width) for s in long] == [("waiting", 20, 980), ("central", 0, 20)]
    assert [(s.term, s.start, s.width) for s in short] == [("waiting", 20, 480), ("idle", 10, 10)]


@given(st.lists(st.dictionaries(st.sampled_from([*TERMS, "newer"]), seconds), max_size=5))
def test_no_bar_leaves_its_picture_and_no_part_covers_another(
    weighed: list[dict[str, float]],
) -> None:
    verdict = _verdict(*weighed)
    for weighing in verdict.weighed:
        parts = sorted(verdict.segments(weighing), key=lambda s: s.start)
        ends = [0, *(p.start + p.width for p in parts)]
        assert all(p.width > 0 for p in parts)
        assert all(p.start >= end for p, end in zip(parts, ends, strict=False))
        assert ends[-1] <= 1_000


@given(st.floats(0, 100))
def test_every_load_has_a_place_on_the_gauge(load: float) -> None:
    measured = Load(load=load, wanted=1, couriers=1, measured_at=NOON, steps=(1.2, 1.6, 2.2))
    places = [measured.along(x) for x in sorted([load, *measured.steps])]
    assert places == sorted(places)
    assert 0 <= places[0] <= places[-1] <= 1_000


def test_nothing_is_said_of_conditions_that_are_as_usual() -> None:
    assert Conditions().as_usual
    assert Conditions(since_at=NOON).as_usual
    assert not Conditions(step=Step.TIGHT).as_usual
    assert not Conditions(held=True).as_usual
    assert not Conditions(extra_wait_s=60).as_usual
