"""An invented day, lived by the platform on a real database, keeps the rules and its books."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from simulation.conftest import FreshDatabase
from simulation.test_mdrp import broken_rules, write_instance
from tawsil.apps.cli import app
from tawsil.apps.cli.replay import parts
from tawsil.dispatch.planning import Policy
from tawsil.simulation.mdrp import POLICIES, Instance, fast_replay, read_instance, score
from tawsil.simulation.replay import Replayed, replay

USUAL = POLICIES["just_in_time"]
SAME_KNOWLEDGE = replace(USUAL, moves=False, escalation=0.0, paid_ahead=0.0, idle=0.0)
"""Blind to what the engine is shown by the platform alone, or by the quick replay alone."""


async def lived(fresh_database: FreshDatabase, instance: Instance, *, policy: Policy) -> Replayed:
    with fresh_database() as url:
        return await replay(url, instance=instance, policy=policy, parts=parts())


async def test_the_platform_decides_as_the_engine_does_and_tells_the_whole_story(
    fresh_database: FreshDatabase, tmp_path: Path
):
    instance = read_instance(write_instance(tmp_path, seed=3, orders=12))
    day = await lived(fresh_database, instance, policy=SAME_KNOWLEDGE)
    assert broken_rules(instance, day.solution) == []
    assert (day.orders, day.delivered, day.ledger_sum, day.untold) == (12, 12, 0, 0)
    assert await lived(fresh_database, instance, policy=SAME_KNOWLEDGE) == day
    in_memory = fast_replay(instance, SAME_KNOWLEDGE)
    assert set(day.solution.assignments) == set(in_memory.assignments)
    assert set(day.solution.deliveries) == set(in_memory.deliveries)
    assert set(day.solution.moves) == set(in_memory.moves)


async def test_what_nobody_can_carry_is_called_off_and_the_books_balance(
    fresh_database: FreshDatabase, tmp_path: Path
):
    instance = read_instance(write_instance(tmp_path, seed=5, orders=8, couriers=1))
    day = await lived(fresh_database, instance, policy=POLICIES["one_by_one"])
    assert broken_rules(instance, day.solution) == []
    assert 0 < day.delivered == len(day.solution.deliveries) < day.orders == 8
    assert (day.ledger_sum, day.untold) == (0, 0)


def said(*arguments: str | Path) -> tuple[int, str, BaseException | None]:
    done = CliRunner().invoke(app, ["replay", "mdrp", *map(str, arguments)])
    return done.exit_code, done.stdout, done.exception


def test_days_are_replayed_from_the_command_line(tmp_path: Path):
    days: list[Path] = []
    for seed, name in enumerate(("monday", "tuesday"), start=1):
        (tmp_path / name).mkdir()
        days.append(write_instance(tmp_path / name, seed=seed))
    code, stdout, _ = said(days[0], "--out", tmp_path / "out", "--fast", "--json")
    run: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    assert code == 0
    assert list(run) == ["instance", "policy", "orders", "delivered", "seconds", "ledger_sum"]
    assert (run["instance"], run["policy"], run["orders"]) == ("monday", "just_in_time", 30)
    assert (tmp_path / "out" / "solution_info_orders.txt").exists()
    code, stdout, _ = said(
        *days, "--out", tmp_path / "out", "--fast", "--json", "--policy", "at_once"
    )
    runs = json.loads(stdout.splitlines()[-1])["runs"]
    assert [(r["instance"], r["policy"]) for r in runs] == [
        ("monday", "at_once"),
        ("tuesday", "at_once"),
    ]
    assert (tmp_path / "out" / "tuesday" / "solution_info_couriers.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "there is no folder"),
        (["day", "--policy", "hope"], "there is no policy hope"),
        (["day", "--fast", "--keep", "x"], "--keep wants one day"),
        (["day", "day"], "the same name"),
        (["."], "No such file"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
):
    (tmp_path / "day").mkdir()
    write_instance(tmp_path / "day", seed=1)
    monkeypatch.chdir(tmp_path)
    code, stdout, problem = said(*arguments, "--out", "out")
    assert (code, stdout) == (1, "")
    assert isinstance(problem, ValueError)
    assert says in str(problem)


def published() -> list[Instance]:
    paths = sorted(Path(os.environ["MDRP_DATA"]).glob("*/orders.txt"))
    return [read_instance(path.parent) for path in paths]


@pytest.mark.mdrp
@pytest.mark.timeout(7200)
async def test_the_published_days_are_lived_by_the_platform(fresh_database: FreshDatabase):
    days = published()
    assert days
    for instance in days:
        day = await lived(fresh_database, instance, policy=USUAL)
        assert broken_rules(instance, day.solution) == []
        assert (day.ledger_sum, day.untold) == (0, 0)
        assert day.orders == len(instance.orders)
        assert score(instance=instance, solution=day.solution).eff_min < 40
