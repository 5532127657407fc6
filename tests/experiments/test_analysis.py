"""Intervals that hold what they promise, on days whose blocks have their own weather."""

from itertools import product
from uuid import UUID

import numpy as np
import pytest
from msgspec.structs import replace
from scipy.stats import ttest_ind

from tawsil.experiments.analysis import (
    Blocks,
    Cell,
    Difference,
    Measured,
    compare,
    figures,
    least_detectable,
)
from tawsil.experiments.design import DAY_MIN, lay_out

EFFECT = -1.5
SUBJECT_SD = 9.0
BLOCK_SD = 4.5  # a fifth of the variance is the block's


def city_days(
    random: np.random.Generator,
    *,
    effect: float,
    units: int = 1,
    days: int = 14,
    block_min: int = 240,
    per_block: float = 12.0,
    block_sd: float = BLOCK_SD,
) -> list[Measured]:
    """Measurements with a rhythm of hours and days, and a shock to each block as a whole."""
    cells = lay_out(
        units=[UUID(int=n + 1) for n in range(units)],
        blocks=days * DAY_MIN // block_min,
        block_min=block_min,
        seed=int(random.integers(2**50)),
    )
    minute = np.array([cell.block * block_min for cell in cells])
    rush = np.sin(minute % DAY_MIN / DAY_MIN * 2 * np.pi)
    n = 1 + random.poisson(per_block * (1.2 + rush))
    mean = (
        30
        + 6 * rush
        + random.normal(0, 2, days)[minute // DAY_MIN]
        + effect * np.array([cell.arm for cell in cells])
        + random.normal(0, block_sd, len(cells))
        + random.normal(0, 1, len(cells)) * SUBJECT_SD / np.sqrt(n)
    )
    squares = SUBJECT_SD**2 * random.chisquare(np.maximum(n - 1, 1)) * (n > 1)
    return [
        Measured(cell=cell, metric="minutes", n=int(k), mean=float(m), squares=float(s))
        for cell, k, m, s in zip(cells, n, mean, squares, strict=True)
    ]


def blocks_of(measured: list[Measured], *, block_min: int = 240) -> Blocks:
    return Blocks.of(measured, block_min=block_min)


def naive(blocks: Blocks) -> tuple[float, float]:
    """The interval of somebody who takes every subject for independent."""
    a, b = figures(blocks, arm=0), figures(blocks, arm=1)
    assert a.mean is not None
    assert a.sd is not None
    assert b.mean is not None
    assert b.sd is not None
    reach = 1.96 * np.sqrt(a.sd**2 / a.subjects + b.sd**2 / b.subjects)
    return b.mean - a.mean - reach, b.mean - a.mean + reach


def test_the_interval_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(20_261_122)
    covered = naively = 0
    runs = 2_000
    for _ in range(runs):
        blocks = blocks_of(city_days(random, effect=EFFECT))
        shown = compare(blocks, random=random, tosses=1)
        assert shown is not None
        covered += shown.low <= EFFECT <= shown.high
        low, high = naive(blocks)
        naively += low <= EFFECT <= high
    assert 0.93 <= covered / runs <= 0.97
    assert naively / runs < 0.80, "taking subjects for independent promises far too much"


@pytest.mark.parametrize(
    ("units", "days", "block_min", "per_block"),
    [(1, 5, 360, 12.0), (2, 7, 240, 12.0), (1, 10, 180, 0.5)],
    ids=["twenty blocks", "two zones", "hardly anybody"],
)
def test_it_does_so_with_few_blocks_zones_and_subjects(
    units: int, days: int, block_min: int, per_block: float
):
    random = np.random.default_rng(7)
    covered = 0
    for _ in range(1_000):
        measured = city_days(
            random,
            effect=EFFECT,
            units=units,
            days=days,
            block_min=block_min,
            per_block=per_block,
        )
        shown = compare(blocks_of(measured, block_min=block_min), random=random, tosses=1)
        assert shown is not None
        covered += shown.low <= EFFECT <= shown.high
    assert 0.93 <= covered / 1_000 <= 0.97


def test_arms_that_are_the_same_are_told_apart_once_in_twenty_times():
    random = np.random.default_rng(11)
    runs, by_t, by_coins = 1_000, 0, 0
    for _ in range(runs):
        shown = compare(blocks_of(city_days(random, effect=0.0)), random=random, tosses=99)
        assert shown is not None
        assert (shown.p < 0.05) == (shown.low > 0 or shown.high < 0)
        by_t += shown.p <= 0.05
        by_coins += shown.randomisation_p <= 0.05
    assert 0.03 <= by_t / runs <= 0.07
    assert 0.03 <= by_coins / runs <= 0.07


def test_a_difference_is_found_as_often_as_was_estimated_before():
    random = np.random.default_rng(13)
    past: dict[str, float] = {
        "subjects_per_block": 14.4,
        "sizes_cv": 0.6,
        "block_sd": BLOCK_SD,
        "subject_sd": SUBJECT_SD,
    }
    least = least_detectable(blocks=84, **past)
    found = 0
    for _ in range(500):
        shown = compare(blocks_of(city_days(random, effect=least)), random=random, tosses=1)
        assert shown is not None
        found += shown.low > 0
    assert 0.72 <= found / 500 <= 0.88
    more = least_detectable(blocks=336, **past)
    assert 0.45 < more / least < 0.55, "four times the blocks show half the difference"


def test_it_is_the_textbook_regression_with_cr2_errors():
    """The sums over blocks against the matrices of Bell & McCaffrey, written out over subjects."""
    random = np.random.default_rng(3)
    blocks = blocks_of(city_days(random, effect=EFFECT, days=10, per_block=3.0))
    shown = compare(blocks, random=random, tosses=1)
    assert shown is not None
    assert shown.adjusted_for == ("hour",)
    counts = blocks.n.astype(int)
    group = np.repeat(np.arange(len(counts)), counts)
    hours = (blocks.hour[:, None] == np.unique(blocks.hour)[None, 1:]).astype(float)
    x = np.column_stack([blocks.arm, np.ones(len(counts)), hours])[group]
    y = blocks.mean[group]  # the spread within a block moves neither effect nor cluster error
    m = np.linalg.inv(x.T @ x)
    beta = m @ x.T @ y
    residual = y - x @ beta
    hat = np.eye(len(y)) - x @ m @ x.T
    columns: list[np.ndarray] = []
    variance = 0.0
    for g in range(len(counts)):
        ours = group == g
        values, vectors = np.linalg.eigh(hat[np.ix_(ours, ours)])
        adjust = vectors @ np.diag(1 / np.sqrt(values)) @ vectors.T
        weights = adjust @ x[ours] @ m[0]
        variance += (weights @ residual[ours]) ** 2
        columns.append(hat[:, ours] @ weights)
    k = np.column_stack(columns)
    eigenvalues = np.linalg.eigvalsh(k.T @ k)
    assert shown.effect == pytest.approx(beta[0])
    assert shown.se == pytest.approx(np.sqrt(variance))
    assert shown.degrees == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())


def test_one_subject_a_block_without_adjustment_is_almost_welchs_test():
    random = np.random.default_rng(5)
    cells = [Cell(UUID(int=1), n, n % 2, n // 2, bool(n % 2)) for n in range(6)]
    values = random.normal(0, 1, 6)
    measured = [
        Measured(cell=c, metric="m", n=1, mean=float(v), squares=0.0)
        for c, v in zip(cells, values, strict=True)
    ]
    shown = compare(blocks_of(measured), random=random)
    welch = ttest_ind(values[1::2], values[::2], equal_var=False)
    assert shown is not None
    assert shown.adjusted_for == ()
    assert shown.effect / shown.se == pytest.approx(welch.statistic)


def test_with_few_coins_every_outcome_is_counted():
    cells = [Cell(UUID(int=1), n, n % 2, n // 2, bool(n % 2)) for n in range(8)]
    measured = [
        Measured(cell=c, metric="m", n=4, mean=10.0 * c.arm + c.block / 100, squares=1.0)
        for c in cells
    ]
    shown = compare(blocks_of(measured), random=np.random.default_rng(1))
    assert shown is not None
    assert shown.randomisation_p == 2 / 2**4, "only the table itself and its opposite are as large"


def test_tossing_coins_again_is_drawing_other_tables_and_comparing():
    random = np.random.default_rng(6)
    for _ in range(5):
        blocks = blocks_of(city_days(random, effect=EFFECT, days=5, block_min=360), block_min=360)
        shown = compare(blocks, random=random)
        assert shown is not None
        assert shown.adjusted_for == ("hour",)
        effects: list[float] = []
        for sides in product((0, 1), repeat=6):  # two pairs of blocks, three pairs of days
            arm = np.array(sides)[blocks.coin] ^ blocks.flipped
            other = compare(replace(blocks, arm=arm.astype(float)), random=random, tosses=1)
            assert other is not None
            effects.append(abs(other.effect))
        as_large = sum(effect >= abs(shown.effect) - 1e-9 for effect in effects)
        assert shown.randomisation_p == as_large / 64


def test_too_little_shows_nothing():
    random = np.random.default_rng(1)
    measured = city_days(random, effect=0.0)
    assert compare(blocks_of([]), random=random) is None
    assert compare(blocks_of(measured[:2]), random=random) is None
    control = [m for m in measured if m.cell.arm == 0]
    assert compare(blocks_of(control), random=random) is None
    assert figures(blocks_of(control), arm=1).mean is None
    alike = [Measured(cell=m.cell, metric="m", n=3, mean=5.0, squares=0.0) for m in measured]
    assert compare(blocks_of(alike), random=random) is None, "no spread at all says nothing"


def test_figures_of_an_arm_are_those_of_its_subjects():
    random = np.random.default_rng(2)
    values = [random.normal(20, 5, size) for size in (3, 1, 6)]
    measured = [
        Measured(
            cell=Cell(UUID(int=1), n * 2, 0, n, flipped=False),
            metric="m",
            n=len(v),
            mean=float(v.mean()),
            squares=float(v.var() * len(v)),
        )
        for n, v in enumerate(values)
    ]
    everybody = np.concatenate(values)
    shown = figures(blocks_of(measured), arm=0)
    assert (shown.subjects, shown.blocks) == (10, 3)
    assert shown.mean == pytest.approx(everybody.mean())
    assert shown.sd == pytest.approx(everybody.std(ddof=1))


def test_the_same_measurements_always_read_the_same():
    measured = city_days(np.random.default_rng(4), effect=EFFECT)

    def once() -> Difference | None:
        return compare(blocks_of(measured), random=np.random.default_rng(9))

    assert once() == once()
