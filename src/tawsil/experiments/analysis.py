"""What an experiment shows: the difference of the arms, and how sure one may be of it.

Subjects of one block share its weather, its rush and its arm, so a block says less than its
subjects would if they were independent. All errors here are clustered by block (of one unit).

The difference is the coefficient of the arm in a least-squares regression over subjects, adjusted
for unit, hour of day and day as far as there are blocks enough. Its variance is CR2, with the
degrees of freedom of Satterthwaite's approximation, both by Bell & McCaffrey (2002), Bias reduction
in standard errors for linear regression with multi-stage samples, Survey Methodology 28(2); see
also Imbens & Kolesár (2016), Review of Economics and Statistics 98(4), and for when to cluster,
Cameron & Miller (2015), Journal of Human Resources 50(2). All regressors are constant within a
block, so the general formulas, with their square roots of matrices, come down to sums over blocks.

As a check that believes in no model, the coins of the design are tossed again many times: the share
of tosses that make a difference at least as large (Phipson & Smyth 2010, Permutation p-values
should never be zero, Statistical Applications in Genetics and Molecular Biology 9(1)).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tawsil.experiments.design import DAY_MIN, Cell

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCKS_PER_COLUMN: Final = 5  # an adjustment is made while this many blocks stand for each term
MOST_COINS_IN_FULL: Final = 10  # up to 1,024 outcomes, all are looked at
TOSSES_AT_ONCE: Final = 128
TINY: Final = 1e-9


class Measured(Struct, frozen=True, kw_only=True):
    """One metric in one block of one unit: how many subjects, their mean and spread.

    `squares` is the sum of squared distances from the mean.
    """

    cell: Cell
    metric: str
    n: int
    mean: float
    squares: float


class ArmFigures(Struct, frozen=True, kw_only=True):
    """How one arm did: `sd` is between subjects; None of none."""

    subjects: int
    blocks: int
    mean: float | None
    sd: float | None


class Difference(Struct, frozen=True, kw_only=True):
    """The second arm less the control, per subject, with its 95 % interval.

    `p` is of the t test, `randomisation_p` of tossing the coins of the design again.
    """

    effect: float
    se: float
    low: float
    high: float
    degrees: float
    p: float
    randomisation_p: float
    blocks: int
    adjusted_for: tuple[str, ...]


class Blocks(Struct, frozen=True, eq=False):
    """The blocks in which something was measured, as columns."""

    n: Floats
    mean: Floats
    squares: Floats
    arm: Floats
    unit: Ints
    hour: Ints
    day: Ints
    coin: Ints
    flipped: NDArray[np.bool_]

    @classmethod
    def of(cls, measured: Sequence[Measured], *, block_min: int) -> "Blocks":
        cells = [m.cell for m in measured]
        minute = np.array([cell.block * block_min for cell in cells], dtype=np.int64)
        units = {unit: n for n, unit in enumerate(sorted({cell.unit_id for cell in cells}))}
        return cls(
            n=np.array([m.n for m in measured], dtype=np.float64),
            mean=np.array([m.mean for m in measured], dtype=np.float64),
            squares=np.array([m.squares for m in measured], dtype=np.float64),
            arm=np.array([cell.arm for cell in cells], dtype=np.float64),
            unit=np.array([units[cell.unit_id] for cell in cells], dtype=np.int64),
            hour=minute % DAY_MIN // 60,
            day=minute // DAY_MIN,
            coin=np.array([cell.coin for cell in cells], dtype=np.int64),
            flipped=np.array([cell.flipped for cell in cells], dtype=np.bool_),
        )


def figures(blocks: Blocks, *, arm: int) -> ArmFigures:
    ours = blocks.arm == arm
    n = blocks.n[ours]
    subjects = int(n.sum())
    if not subjects:
        return ArmFigures(subjects=0, blocks=0, mean=None, sd=None)
    mean = float((n * blocks.mean[ours]).sum() / subjects)
    squares = blocks.squares[ours].sum() + (n * (blocks.mean[ours] - mean) ** 2).sum()
    return ArmFigures(
        subjects=subjects,
        blocks=int(ours.sum()),
        mean=mean,
        sd=float(np.sqrt(squares / (subjects - 1))) if subjects > 1 else None,
    )


def compare(
    blocks: Blocks, *, random: np.random.Generator, level: float = 0.95, tosses: int = 999
) -> Difference | None:
    """How the arms differ; None while too little, or nothing but the same, has been measured."""
    if min((blocks.arm == 0).sum(), (blocks.arm == 1).sum()) < 2:
        return None
    covariates, adjusted_for = _covariates(blocks)
    fit = _Fit(blocks, covariates)
    if fit.leeway < TINY * blocks.n.sum():
        return None
    variance, degrees = fit.variance()
    if np.sqrt(variance) <= TINY * np.abs(blocks.mean).max() or degrees < 1:
        return None
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - half a second, for whoever compares

    se = float(np.sqrt(variance))
    reach = float(stdtrit(degrees, 0.5 + level / 2)) * se
    return Difference(
        effect=fit.effect,
        se=se,
        low=fit.effect - reach,
        high=fit.effect + reach,
        degrees=degrees,
        p=float(2 * stdtr(degrees, -abs(fit.effect) / se)),
        randomisation_p=_randomisation_p(blocks, fit, random=random, tosses=tosses),
        blocks=len(blocks.n),
        adjusted_for=adjusted_for,
    )


def least_detectable(
    *,
    blocks: int,
    subjects_per_block: float,
    sizes_cv: float,
    block_sd: float,
    subject_sd: float,
    level: float = 0.95,
    power: float = 0.8,
) -> float:
    """The smallest true difference that would be told from none with this power.

    Half the blocks run either arm. `block_sd` is how much blocks differ beyond their subjects'
    chance, `subject_sd` how much subjects of one block do; `sizes_cv` is how unequal blocks are
    (the standard deviation of their subjects over the mean: large ones bring their shocks to many;
    Eldridge, Ashby & Kerry 2006, International Journal of Epidemiology 35(5)). All from the past.
    """
    assert blocks > 2, "two blocks have no spread"
    from scipy.special import stdtrit  # noqa: PLC0415 - half a second, for whoever compares

    variance = (1 + sizes_cv**2) * block_sd**2 + subject_sd**2 / subjects_per_block
    degrees = blocks - 2
    quantiles = stdtrit(degrees, 0.5 + level / 2) + stdtrit(degrees, power)
    return float(quantiles * np.sqrt(4 * variance / blocks))


class _Fit:
    """The regression over subjects, from blocks alone: weighted by subjects, means as outcomes.

    The arm is taken with its part explained by the covariates removed (Frisch, Waugh & Lovell), so
    it is orthogonal to them.
    """

    def __init__(self, blocks: Blocks, covariates: Floats) -> None:
        self.n = blocks.n
        self.covariates = covariates
        self.weighted = covariates * self.n[:, None]
        self.gram = np.linalg.pinv(covariates.T @ self.weighted, hermitian=True)
        self.arm = self.rest(blocks.arm)
        self.outcome = self.rest(blocks.mean)
        self.leeway = float(self.n @ self.arm**2)
        self.effect = float(self.n @ (self.arm * self.outcome) / max(self.leeway, TINY))

    def rest(self, column: Floats) -> Floats:
        """What the covariates do not explain of a column."""
        return column - self.covariates @ (self.gram @ (self.weighted.T @ column))

    def variance(self) -> tuple[float, float]:
        """CR2 variance of the effect, and Satterthwaite's degrees of freedom for it.

        For block g with n subjects and leverage h per subject, the adjustment (I - H_gg)^-1/2 takes
        the constant vector to itself times (1 - n h)^-1/2. A block that determines a coefficient
        alone has n h = 1 and no residual: it tells nothing and is left out. The degrees are
        (tr K)² / tr K², where K = diag(d) - U M Uᵀ is the quadratic form of the estimator's
        residuals if these were independent and alike; it is never made, for it is blocks by blocks.
        """
        n, arm = self.n, self.arm
        leverage = ((self.covariates @ self.gram) * self.covariates).sum(axis=1)
        leverage = leverage + arm**2 / self.leeway
        free = 1 - n * leverage
        tells = free > TINY
        stretch = np.where(tells, 1 / np.sqrt(np.where(tells, free, 1.0)), 0.0)
        share = arm / self.leeway * stretch
        residual = self.outcome - self.effect * arm
        variance = float(((n * share * residual) ** 2).sum())

        rows = np.column_stack([self.covariates, arm])
        inverse = np.zeros((rows.shape[1], rows.shape[1]))
        inverse[:-1, :-1] = self.gram
        inverse[-1, -1] = 1 / self.leeway
        d = share**2 * n
        u = rows * (share * n)[:, None]
        trace = float((d * (1 - n * leverage)).sum())
        cross = inverse @ (u.T @ u)
        squared = float(
            (d**2).sum() - 2 * (d * ((u @ inverse) * u).sum(axis=1)).sum() + np.trace(cross @ cross)
        )
        return variance, trace**2 / squared if squared > 0 else 0.0


def _covariates(blocks: Blocks) -> tuple[Floats, tuple[str, ...]]:
    """A constant, and what else there are blocks enough for: one column per hour, unit and day."""
    columns: Floats = np.ones((len(blocks.n), 1))
    adjusted_for: list[str] = []
    for name, labels in (("hour", blocks.hour), ("unit", blocks.unit), ("day", blocks.day)):
        levels = np.unique(labels)[1:]
        wide = columns.shape[1] + len(levels)
        if len(levels) and BLOCKS_PER_COLUMN * wide <= len(blocks.n):
            dummies = (labels[:, None] == levels[None, :]).astype(np.float64)
            columns = np.column_stack([columns, dummies])
            adjusted_for.append(name)
    return columns, tuple(adjusted_for)


def _randomisation_p(
    blocks: Blocks, fit: _Fit, *, random: np.random.Generator, tosses: int
) -> float:
    """How often chance alone, through the same design and regression, makes as large a difference.

    With few coins every outcome is looked at; otherwise so many, beside the one that was. A side is
    +1 or -1, and an arm is (1 ± side) / 2: all sums over blocks are sums over coins of their sides.
    """
    coins, coin = np.unique(blocks.coin, return_inverse=True)
    in_full = len(coins) <= MOST_COINS_IN_FULL
    total = 2 ** len(coins) if in_full else tosses
    halves = np.column_stack([fit.weighted, fit.n, fit.n * fit.outcome]) / 2
    by_coin = np.zeros((len(coins), halves.shape[1]))
    np.add.at(by_coin, coin, np.where(blocks.flipped, -1.0, 1.0)[:, None] * halves)
    as_large = 0
    for begin in range(0, total, TOSSES_AT_ONCE):
        outcomes = np.arange(begin, min(begin + TOSSES_AT_ONCE, total))
        if in_full:
            heads = outcomes[:, None] >> np.arange(len(coins))[None, :] & 1
        else:
            heads = random.integers(0, 2, size=(len(outcomes), len(coins)))
        sums = halves.sum(axis=0) + (2.0 * heads - 1.0) @ by_coin
        explained, subjects, pull = sums[:, :-2], sums[:, -2], sums[:, -1]
        leeway = subjects - ((explained @ fit.gram) * explained).sum(axis=1)
        effects = np.where(leeway > TINY, pull / np.maximum(leeway, TINY), 0.0)
        as_large += int((np.abs(effects) >= abs(fit.effect) * (1 - TINY)).sum())
    return as_large / total if in_full else (1 + as_large) / (1 + total)
