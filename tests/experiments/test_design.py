from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from tawsil.experiments.design import (
    BLOCK_LENGTHS_MIN,
    DAY_MIN,
    Cell,
    as_csv,
    fingerprint,
    lay_out,
)

START = datetime(2026, 12, 1, tzinfo=UTC)
seeds = st.integers(0, 2**53 - 1)
lengths = st.sampled_from([n for n in BLOCK_LENGTHS_MIN if n >= 30])
units = st.lists(st.uuids(), min_size=1, max_size=5, unique=True)


def by_unit(cells: list[Cell]) -> dict[UUID, list[int]]:
    arms: dict[UUID, list[int]] = {}
    for cell in cells:
        assert cell.block == len(arms.setdefault(cell.unit_id, [])), "blocks in order, none twice"
        arms[cell.unit_id].append(cell.arm)
    return arms


@given(units=units, block_min=lengths, blocks=st.integers(1, 400), seed=seeds)
@settings(max_examples=60)
def test_every_unit_has_every_block_and_neighbours_share_the_arms(
    units: list[UUID], block_min: int, blocks: int, seed: int
):
    arms = by_unit(lay_out(units=units, blocks=blocks, block_min=block_min, seed=seed))
    assert {unit: len(run) for unit, run in arms.items()} == dict.fromkeys(units, blocks)
    per_day = DAY_MIN // block_min
    for run in arms.values():
        for block in range(blocks - 1):
            if block % per_day % 2 == 0 and block % per_day + 1 < per_day:
                assert run[block] != run[block + 1]


@given(units=units, block_min=lengths, seed=seeds)
@settings(max_examples=40)
def test_every_hour_of_every_weekday_has_both_arms_over_two_weeks(
    units: list[UUID], block_min: int, seed: int
):
    per_day = DAY_MIN // block_min
    cells = lay_out(units=units, blocks=14 * per_day, block_min=block_min, seed=seed)
    for run in by_unit(cells).values():
        assert sum(run) * 2 == len(run)
        for slot in range(per_day):
            for weekday in range(7):
                day_of = [run[(weekday + week * 7) * per_day + slot] for week in (0, 1)]
                assert sorted(day_of) == [0, 1]
            for day in (0, 2, 4):
                assert run[day * per_day + slot] != run[(day + 1) * per_day + slot]


@given(units=units, block_min=lengths, blocks=st.integers(20, 400), seed=seeds)
@settings(max_examples=40)
def test_no_unit_leans_to_one_arm_whenever_it_ends(
    units: list[UUID], block_min: int, blocks: int, seed: int
):
    cells = lay_out(units=units, blocks=blocks, block_min=block_min, seed=seed)
    for run in by_unit(cells).values():
        assert abs(2 * sum(run) - len(run)) <= 3


@given(units=units, seed=seeds)
@settings(max_examples=40)
def test_at_any_time_half_the_units_run_either_arm(units: list[UUID], seed: int):
    cells = lay_out(units=units, blocks=48, block_min=60, seed=seed)
    for block in range(48):
        arms = [cell.arm for cell in cells if cell.block == block]
        assert abs(2 * sum(arms) - len(arms)) <= 1


@given(units=units, block_min=lengths, seed=seeds)
@settings(max_examples=40)
def test_a_coin_decides_all_its_blocks(units: list[UUID], block_min: int, seed: int):
    cells = lay_out(units=units, blocks=100, block_min=block_min, seed=seed)
    sides = {cell.coin: cell.arm ^ cell.flipped for cell in cells}
    assert all(cell.arm ^ cell.flipped == sides[cell.coin] for cell in cells)
    assert lay_out(units=units[::-1], blocks=100, block_min=block_min, seed=seed) == cells


def test_seeds_toss_fair_coins():
    unit = UUID(int=1)
    first = Counter(
        lay_out(units=[unit], blocks=2, block_min=60, seed=seed)[0].arm for seed in range(2_000)
    )
    assert abs(first[0] - 1_000) < 100
    runs = {
        tuple(c.arm for c in lay_out(units=[unit], blocks=48, block_min=60, seed=seed))
        for seed in range(200)
    }
    assert len(runs) > 190, "another seed draws another table"


def test_a_table_is_drawn_with_nothing_but_sha_256():
    """Another program, in another language, can do the same from the README."""
    unit = UUID(int=1)
    (first, second) = lay_out(units=[unit], blocks=2, block_min=60, seed=42)
    side = sha256(b"42:coin:0").digest()[0] & 1
    assert (first.arm, second.arm) == (side, 1 - side)
    table = as_csv([first, second], arms=("a", "b"), starts_at=START, block_min=60)
    assert table == (
        "unit_id,starts_at,arm\n"
        f"{unit},2026-12-01T00:00:00Z,{'ab'[side]}\n"
        f"{unit},2026-12-01T01:00:00Z,{'ab'[1 - side]}\n"
    )
    assert fingerprint(table) == sha256(table.encode()).hexdigest()


@given(seed=seeds, cell=st.integers(0, 47))
def test_any_change_of_a_table_changes_its_hash(seed: int, cell: int):
    cells = lay_out(units=[UUID(int=1)], blocks=48, block_min=60, seed=seed)
    was = cells[cell]
    other = [*cells]
    other[cell] = Cell(was.unit_id, was.block, 1 - was.arm, was.coin, was.flipped)
    start = START + timedelta(hours=1)
    one, two = (
        fingerprint(as_csv(c, arms=("a", "b"), starts_at=start, block_min=60))
        for c in (cells, other)
    )
    assert one != two
