"""What an experiment's measurements say of each of its metrics."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from msgspec import Struct

from tawsil.experiments import analysis
from tawsil.experiments.analysis import ArmFigures, Blocks, Difference, Measured
from tawsil.experiments.model import Better, Experiment, Metric


class Verdict(StrEnum):
    """Of the second arm against the control; unclear while the interval holds zero."""

    BETTER = "better"
    WORSE = "worse"
    UNCLEAR = "unclear"
    NO_DATA = "no_data"


class Guard(StrEnum):
    """Of a metric's guard rail: kept when the whole interval is within it, broken when the
    measured difference itself is beyond it, unsure otherwise.
    """

    KEPT = "kept"
    UNSURE = "unsure"
    BROKEN = "broken"


class MetricReading(Struct, frozen=True, kw_only=True):
    """One metric: how the control and the other arm did, and what that shows."""

    metric: Metric
    control: ArmFigures
    challenger: ArmFigures
    difference: Difference | None
    verdict: Verdict
    guard: Guard | None


def read(experiment: Experiment, measured: Sequence[Measured]) -> list[MetricReading]:
    """Each metric, the primary first. The same measurements always read the same.

    Only the primary metric's interval has its 95 %: of twenty others, one may be off by chance.
    """
    return [
        _read(
            metric,
            Blocks.of(
                [m for m in measured if m.metric == metric.name], block_min=experiment.block_min
            ),
            random=np.random.default_rng(experiment.seed),
        )
        for metric in experiment.metrics
    ]


def _read(metric: Metric, blocks: Blocks, *, random: np.random.Generator) -> MetricReading:
    difference = analysis.compare(blocks, random=random)
    return MetricReading(
        metric=metric,
        control=analysis.figures(blocks, arm=0),
        challenger=analysis.figures(blocks, arm=1),
        difference=difference,
        verdict=_verdict(metric, difference),
        guard=_guard(metric, difference),
    )


def _worsening(metric: Metric, difference: Difference) -> tuple[float, float, float]:
    """The difference and its interval, lowest first, turned so that more is worse."""
    if metric.better is Better.LOWER:
        return difference.low, difference.effect, difference.high
    return -difference.high, -difference.effect, -difference.low


def _verdict(metric: Metric, difference: Difference | None) -> Verdict:
    if difference is None:
        return Verdict.NO_DATA
    low, _, high = _worsening(metric, difference)
    if low > 0:
        return Verdict.WORSE
    return Verdict.BETTER if high < 0 else Verdict.UNCLEAR


def _guard(metric: Metric, difference: Difference | None) -> Guard | None:
    limit = metric.worse_by_most
    if limit is None:
        return None
    if difference is None:
        return Guard.UNSURE
    _, effect, high = _worsening(metric, difference)
    if effect > limit:
        return Guard.BROKEN
    return Guard.KEPT if high <= limit else Guard.UNSURE
