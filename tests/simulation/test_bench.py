"""The benchmark measures what it says it does."""

import json
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from simulation.test_mdrp import broken_rules, write_instance
from tawsil.apps.cli import app
from tawsil.dispatch.planning import Policy
from tawsil.dispatch.planning.readiness import Estimate, Readiness
from tawsil.simulation.crowd import crowd
from tawsil.simulation.mdrp import (
    MIDNIGHT,
    MINUTE,
    POLICIES,
    PrepNoise,
    chart,
    fast_replay,
    league,
    read_instance,
    score,
)
from tawsil.simulation.mdrp.rivals import first_come, greedy

SITE = UUID(int=7)


def bench(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["bench", *map(str, arguments)])
    return done.exit_code, str(done.exception) if done.exception else done.stdout


def days(folder: Path, *, count: int = 2, **size: int) -> list[str]:
    names = [f"day{n}" for n in range(count)]
    for seed, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        write_instance(folder / name, seed=seed, **size)
    return names


def reference(folder: Path, names: list[str]) -> None:
    reached = dict.fromkeys(("undel", "ctd", "ctd90", "rtp", "cpo", "bund", "eff"), 30.0)
    each = {"n": 12, "lb": 20.0, "greedy": reached, "reyes": reached, "jit": reached}
    told = {"open24": names, "small16": names[:1], "reference": dict.fromkeys(names, each)}
    (folder / "reference.json").write_text(json.dumps(told))


# Kitchens that err


@settings(max_examples=6, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    couriers=st.integers(1, 10),
    std_min=st.sampled_from([0.5, 8.0, 30.0]),
)
def test_a_day_with_erring_kitchens_keeps_every_rule(
    tmp_path_factory: pytest.TempPathFactory, seed: int, couriers: int, std_min: float
):
    folder = write_instance(tmp_path_factory.mktemp("day"), seed=seed, orders=20, couriers=couriers)
    instance, noise = read_instance(folder), PrepNoise(std_min=std_min, seed=seed)
    solution = fast_replay(instance, Policy(), noise=noise)
    assert broken_rules(instance, solution) == []
    assert fast_replay(instance, Policy(), noise=noise) == solution


@pytest.mark.parametrize("decide", [greedy, first_come])
def test_rivals_keep_every_rule(tmp_path: Path, decide: league.Decide):
    instance = read_instance(write_instance(tmp_path, seed=4, couriers=5))
    solution = fast_replay(instance, Policy(), decide=decide)
    assert broken_rules(instance, solution) == []
    assert len(solution.deliveries) > 10


def test_who_plans_ahead_is_quicker_than_who_does_not(tmp_path: Path):
    instance = read_instance(write_instance(tmp_path, seed=5, orders=60, couriers=10))
    planned, grabbed = (
        score(instance=instance, solution=fast_replay(instance, Policy(), **how))
        for how in ({}, {"decide": greedy})
    )
    assert planned.eff_min < grabbed.eff_min


minutes = st.integers(0, 90)


@given(said=minutes, passed=minutes, share=st.floats(0.01, 0.99))
def test_goods_that_are_not_ready_are_expected_after_now(said: int, passed: int, share: float):
    estimate = Estimate(site=SITE, placed_at=MIDNIGHT, ready_at=MIDNIGHT + said * MINUTE)
    now = MIDNIGHT + passed * MINUTE
    early, expected = (
        Readiness().ready_ats([estimate], now=now, share=part)[0] for part in (share / 2, share)
    )
    assert now < early <= expected


def test_goods_long_overdue_are_expected_any_minute():
    estimate = Estimate(site=SITE, placed_at=MIDNIGHT, ready_at=MIDNIGHT)
    now = MIDNIGHT + timedelta(hours=9)
    assert Readiness().ready_ats([estimate], now=now, share=0.5) == [now + MINUTE]


def test_readiness_learns_how_long_a_site_takes_and_how_wrong_it_is():
    learned = Readiness()
    for _ in range(40):
        said = Estimate(site=SITE, placed_at=MIDNIGHT, ready_at=MIDNIGHT + 10 * MINUTE)
        learned.came_true(said, ready_at=MIDNIGHT + 40 * MINUTE)
    assert learned.error_min > 20
    said = Estimate(site=SITE, placed_at=MIDNIGHT, ready_at=MIDNIGHT + 10 * MINUTE)
    fresh, taught = (
        r.ready_ats([said], now=MIDNIGHT, share=0.5)[0] for r in (Readiness(), learned)
    )
    assert fresh < MIDNIGHT + 20 * MINUTE < taught


def test_who_errs_little_is_taken_at_their_word():
    learned = Readiness()
    said = Estimate(site=SITE, placed_at=MIDNIGHT, ready_at=MIDNIGHT + 50 * MINUTE)
    for _ in range(500):
        learned.came_true(said, ready_at=said.ready_at)
    assert abs(learned.ready_ats([said], now=MIDNIGHT, share=0.5)[0] - said.ready_at) <= 2 * MINUTE


# The commands


def test_days_are_scored_side_by_side(tmp_path: Path):
    reference(tmp_path, days(tmp_path, orders=12))
    out = tmp_path / "out"
    every = [word for name in league.CONTESTANTS for word in ("--policy", name)]
    code, said = bench("dispatch", tmp_path, "--out", out, "--jobs", 1, "--json", *every)
    assert code == 0, said
    told = json.loads(said.splitlines()[-1])
    figures = json.loads((out / "dispatch.json").read_text())
    assert told["means"] == figures["means"]
    names = {m["name"] for m in told["means"] if m["group"] == "open 24"}
    assert names == {*league.CONTESTANTS, "published jit", "published reyes", "published greedy"}
    seeds = [run["noise"]["seed"] for run in figures["runs"] if run["noise"]]
    assert sorted(seeds) == [1, 1, 2, 2, 3, 3]
    assert len(told["worst"]) == 2
    assert ET.parse(out / "dispatch.svg").getroot().tag.endswith("svg")  # noqa: S314 our own file


def test_without_references_all_days_count(tmp_path: Path):
    days(tmp_path, orders=6)
    code, said = bench(
        "dispatch", tmp_path, "--out", tmp_path / "out", "--policy", "greedy", "--jobs", 2, "--json"
    )
    assert code == 0, said
    (mean,) = json.loads(said.splitlines()[-1])["means"]
    assert (mean["group"], mean["days"], mean["name"]) == (league.ALL, 2, "greedy")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "say where the published days are"),
        (["nowhere"], "there is no folder nowhere"),
        ([".", "--out", "x"], "holds no published days"),
    ],
)
def test_missing_data_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], says: str
):
    monkeypatch.delenv("MDRP_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    code, said = bench("dispatch", *arguments)
    assert code == 1
    assert says in said


def test_unknown_days_and_policies_are_named(tmp_path: Path):
    days(tmp_path, orders=6)
    assert "no day day9" in bench("dispatch", tmp_path, "--day", "day9")[1]
    assert "no policy wild" in bench("dispatch", tmp_path, "--policy", "wild")[1]


def test_references_that_cannot_be_read_are_named(tmp_path: Path):
    days(tmp_path, orders=6)
    (tmp_path / "reference.json").write_text("{}")
    assert "reference.json" in bench("dispatch", tmp_path, "--jobs", 1)[1]


def test_one_decision_is_timed_and_held_to_its_limits():
    code, said = bench("match", "--jobs", 30, "--couriers", 20, "--repeat", 2, "--assert", "--json")
    assert code == 0, said
    told = json.loads(said.splitlines()[-1])
    (run,) = told["runs"]
    assert (run["jobs"], run["couriers"], run["cores"], told["met"]) == (30, 20, 1, True)
    assert 0 < run["median_s"] <= run["max_s"]
    assert run["commitments"] + run["holds"] > 0


@given(jobs=st.integers(1, 60), couriers=st.integers(1, 60), seed=st.integers(0, 99))
def test_a_crowd_is_whole_and_comes_again(jobs: int, couriers: int, seed: int):
    scene = crowd(jobs=jobs, couriers=couriers, seed=seed)
    assert (len(scene.jobs), len(scene.couriers)) == (jobs, couriers)
    collected = [job for c in scene.couriers for job in c.collecting]
    assert len(collected) == len(set(collected))
    assert {*collected} <= {job.id for job in scene.jobs}
    assert msgspec.json.encode(crowd(jobs=jobs, couriers=couriers, seed=seed)) == (
        msgspec.json.encode(scene)
    )


# The chart


points = st.builds(
    chart.Point,
    name=st.sampled_from(["thrifty", "a<b", "jit & co"]),
    pay=st.floats(9, 15),
    eff_min=st.floats(25, 45),
    ours=st.booleans(),
)


@given(st.lists(points, min_size=1, max_size=12), st.none() | st.floats(24, 30))
def test_a_chart_holds_every_point(named: list[chart.Point], bound_min: float | None):
    root = ET.fromstring(chart.drawn(named, bound_min=bound_min))  # noqa: S314 our own text
    marks = [mark for mark in root.iter() if mark.tag.endswith("circle")]
    for mark in marks:
        assert chart.LEFT <= float(mark.attrib["cx"]) <= chart.WIDTH - chart.RIGHT
        assert chart.TOP <= float(mark.attrib["cy"]) <= chart.HEIGHT - chart.BOTTOM
    beyond = [text for text in root.iter() if (text.text or "").startswith("Beyond the chart")]
    left_out = beyond[0].text.count(" min, ") if beyond and beyond[0].text else 0
    assert len(marks) + left_out == len(named)


@given(st.lists(points, min_size=1, max_size=12))
def test_no_point_beats_the_front(named: list[chart.Point]):
    best = chart.front(named)
    assert all(any(f.pay <= p.pay and f.eff_min <= p.eff_min for f in best) for p in named)
    assert all(a.pay < b.pay and a.eff_min > b.eff_min for a, b in pairwise(best))


def test_each_policy_has_a_name_of_its_own():
    assert len(set(league.CONTESTANTS)) == len(league.CONTESTANTS)
    assert all(name == policy.name for name, policy in POLICIES.items())


def test_a_day_with_erring_kitchens_is_replayed_by_command(tmp_path: Path):
    day = write_instance(tmp_path, seed=8, orders=10)
    words = ["replay", "mdrp", str(day), "--out", str(tmp_path / "out"), "--prep-noise-std", "8"]
    refused = CliRunner().invoke(app, words)
    assert "wants --fast" in str(refused.exception)
    done = CliRunner().invoke(app, [*words, "--fast", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["orders"] == 10
