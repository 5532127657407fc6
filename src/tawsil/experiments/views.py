"""What answers about experiments look like, and how a result is told in words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.experiments.public import (
    ArmFigures,
    Difference,
    Experiment,
    Guard,
    Metric,
    MetricReading,
    Status,
    StopCause,
    Verdict,
)
from tawsil.kernel.i18n import text

MINUTES_FROM_S: Final = 60.0  # shorter times are told in seconds


class ExperimentView(Struct, frozen=True, kw_only=True):
    """`assignment_sha256` is the hash of the fixed table of arms, once there is one."""

    id: UUID
    city_id: UUID
    name: str
    status: Status
    arms: tuple[str, str]
    metrics: tuple[Metric, ...]
    units: tuple[UUID, ...]
    block_min: int
    blocks: int
    washout_s: int
    starts_at: datetime
    ends_at: datetime
    seed: int
    assignment_sha256: str | None
    started_at: datetime | None
    finished_at: datetime | None
    stop_cause: StopCause | None
    stop_note: str

    @classmethod
    def of(cls, experiment: Experiment) -> "ExperimentView":
        return cls(
            id=experiment.id,
            city_id=experiment.city_id,
            name=experiment.name,
            status=experiment.status,
            arms=experiment.arms,
            metrics=experiment.metrics,
            units=experiment.units,
            block_min=experiment.block_min,
            blocks=experiment.blocks,
            washout_s=experiment.washout_s,
            starts_at=experiment.starts_at,
            ends_at=experiment.ends_at,
            seed=experiment.seed,
            assignment_sha256=experiment.assignment_sha256,
            started_at=experiment.started_at,
            finished_at=experiment.finished_at,
            stop_cause=experiment.stop_cause,
            stop_note=experiment.stop_note,
        )


class MetricView(Struct, frozen=True, kw_only=True):
    """One metric, in its own unit and in words. A difference is the second arm less the control."""

    metric: Metric
    control: ArmFigures
    challenger: ArmFigures
    difference: Difference | None
    verdict: Verdict
    guard: Guard | None
    words: str

    @classmethod
    def of(cls, reading: MetricReading, *, arms: tuple[str, str]) -> "MetricView":
        return cls(
            metric=reading.metric,
            control=reading.control,
            challenger=reading.challenger,
            difference=reading.difference,
            verdict=reading.verdict,
            guard=reading.guard,
            words=words(reading, arms=arms),
        )


class AnalysisView(Struct, frozen=True, kw_only=True):
    """What an experiment shows, the primary metric first; `words` tells it in a few sentences."""

    experiment_id: UUID
    status: Status
    final: bool
    words: str
    metrics: list[MetricView]

    @classmethod
    def of(cls, experiment: Experiment, readings: Sequence[MetricReading]) -> "AnalysisView":
        metrics = [MetricView.of(reading, arms=experiment.arms) for reading in readings]
        final = experiment.finished_at is not None
        primary, *others = metrics
        told = [primary, *(m for m in others if m.guard is Guard.BROKEN)]
        sentences = [m.words for m in told]
        if not final:
            sentences.append(text("experiment.preliminary"))
        return cls(
            experiment_id=experiment.id,
            status=experiment.status,
            final=final,
            words=" ".join(sentences),
            metrics=metrics,
        )


class PowerView(Struct, frozen=True, kw_only=True):
    """The smallest true difference that would be told from none, with a chance of `power`."""

    blocks: int
    power: float
    least_detectable: float


def words(reading: MetricReading, *, arms: tuple[str, str]) -> str:
    """The result of one metric in the caller's language: how much, how sure, from how much."""
    control, challenger = arms
    metric, difference = reading.metric, reading.difference
    if difference is None:
        return text("experiment.no_data", params={"metric": metric.name})
    timed = metric.name.endswith("_s")
    furthest = max(abs(difference.low), abs(difference.high))
    in_minutes = timed and furthest >= MINUTES_FROM_S

    def shown(value: float) -> str:
        size = abs(value)
        return f"{size / 60:.1f}" if in_minutes else f"{size:.1f}" if timed else f"{size:.3g}"

    unit = text("experiment.minutes" if in_minutes else "experiment.seconds") if timed else ""
    near, far = sorted((difference.low, difference.high), key=abs)
    sentence = text(
        f"experiment.{_direction(difference)}_{'time' if timed else 'number'}",
        params={
            "metric": metric.name,
            "arm": challenger,
            "control": control,
            "size": shown(difference.effect),
            "near": shown(near),
            "far": shown(far),
            "less": shown(difference.low),
            "more": shown(difference.high),
            "unit": unit,
            "blocks": difference.blocks,
        },
    )
    if reading.guard is Guard.BROKEN:
        limit = shown(metric.worse_by_most or 0.0)
        sentence += " " + text(
            "experiment.guard_broken",
            params={"metric": metric.name, "limit": f"{limit} {unit}".strip()},
        )
    return sentence


def _direction(difference: Difference) -> str:
    if difference.low > 0:
        return "more"
    return "less" if difference.high < 0 else "unclear"
