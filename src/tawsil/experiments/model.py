"""An experiment: what is compared, where and when, and what may happen to it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.experiments.design import BLOCK_LENGTHS_MIN
from tawsil.experiments.events import (
    ExperimentDrafted,
    ExperimentEnded,
    ExperimentScheduled,
    ExperimentStarted,
    ExperimentStopped,
    StopCause,
)
from tawsil.kernel.decisions import Deadline, Decision, Refusal, accept, refuse

STARTS: Final = "experiment_starts"
ENDS: Final = "experiment_ends"
FEWEST_CELLS: Final = 20  # with less, hardly any difference could be told from chance
MOST_CELLS: Final = 50_000


class Status(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    ENDED = "ended"
    STOPPED = "stopped"


MOVES: Final[Mapping[Status, frozenset[Status]]] = {
    Status.DRAFT: frozenset({Status.SCHEDULED, Status.STOPPED}),
    Status.SCHEDULED: frozenset({Status.RUNNING, Status.STOPPED}),
    Status.RUNNING: frozenset({Status.ENDED, Status.STOPPED}),
    Status.ENDED: frozenset(),
    Status.STOPPED: frozenset(),
}


class Better(StrEnum):
    """Which way a metric should go."""

    LOWER = "lower"
    HIGHER = "higher"


class Metric(Struct, frozen=True, kw_only=True):
    """A number measured of every subject; a name ending in `_s` says it is in seconds.

    `worse_by_most` is its guard rail: how much worse the second arm may make it, in its own unit.
    """

    name: str
    better: Better = Better.LOWER
    worse_by_most: float | None = None


class Observation(Struct, frozen=True, kw_only=True):
    """What was measured of one subject, such as a delivery, that began in a zone at an instant."""

    tenant_id: UUID
    city_id: UUID
    zone_id: UUID | None
    subject_id: UUID
    started_at: datetime
    metric: str
    value: float

    def __post_init__(self) -> None:
        assert isfinite(self.value), "what was measured is a number"


class Experiment(Struct, frozen=True, kw_only=True):
    """Two arms, the control first, that take turns in blocks of time. No units: the city is one.

    The first `washout_s` of each block are not counted: the other arm still has its hand in them.
    """

    stream: ClassVar[str] = "experiment"
    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    name: str
    arms: tuple[str, str]
    metrics: tuple[Metric, ...]
    units: tuple[UUID, ...] = ()
    block_min: int
    washout_s: int = 0
    starts_at: datetime
    ends_at: datetime
    seed: int
    status: Status = Status.DRAFT
    assignment_sha256: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stop_cause: StopCause | None = None
    stop_note: str = ""

    @property
    def deadline(self) -> Deadline | None:
        if self.status is Status.SCHEDULED:
            return Deadline(STARTS, self.starts_at)
        if self.status is Status.RUNNING:
            return Deadline(ENDS, self.ends_at)
        return None

    @property
    def unit_ids(self) -> tuple[UUID, ...]:
        return self.units or (self.city_id,)

    @property
    def blocks(self) -> int:
        return (self.ends_at - self.starts_at) // timedelta(minutes=self.block_min)

    @property
    def cells(self) -> int:
        return self.blocks * len(self.unit_ids)


def draft(experiment: Experiment) -> Decision[Experiment]:
    """Take it down, if it could be run as it is."""
    if refused := _flaw(experiment):
        return refused
    return accept(
        experiment,
        ExperimentDrafted(
            experiment_id=experiment.id,
            arms=experiment.arms,
            metrics=tuple(metric.name for metric in experiment.metrics),
        ),
    )


def schedule(
    experiment: Experiment,
    *,
    assignment_sha256: str,
    others: Sequence[Experiment],
    now: datetime,
) -> Decision[Experiment]:
    """Fix its table; refused in a window that another of the same city has already.

    `others` are those of the same tenant and city that wait or run.
    """
    if refused := _illegal(experiment, Status.SCHEDULED):
        return refused
    if experiment.starts_at <= now:
        return refuse("experiment.begun", status=422, starts_at=experiment.starts_at, now=now)
    for other in others:
        if experiment.starts_at < other.ends_at and other.starts_at < experiment.ends_at:
            return refuse(
                "experiment.overlaps",
                name=other.name,
                experiment_id=other.id,
                starts_at=other.starts_at,
                ends_at=other.ends_at,
            )
    return accept(
        replace(experiment, status=Status.SCHEDULED, assignment_sha256=assignment_sha256),
        ExperimentScheduled(
            experiment_id=experiment.id,
            arms=experiment.arms,
            units=experiment.units,
            block_min=experiment.block_min,
            starts_at=experiment.starts_at,
            ends_at=experiment.ends_at,
            seed=experiment.seed,
            cells=experiment.cells,
            assignment_sha256=assignment_sha256,
        ),
    )


def wake(experiment: Experiment, *, now: datetime) -> Decision[Experiment]:
    """Do what its deadline says: begin, or end. One that could not begin in time is missed."""
    if experiment.status is Status.RUNNING:
        return end(experiment)
    if now >= experiment.ends_at:
        return stop(experiment, cause=StopCause.MISSED, note="", now=now)
    return start(experiment, now=now)


def start(experiment: Experiment, *, now: datetime) -> Decision[Experiment]:
    if refused := _illegal(experiment, Status.RUNNING):
        return refused
    return accept(
        replace(experiment, status=Status.RUNNING, started_at=now),
        ExperimentStarted(experiment_id=experiment.id, ends_at=experiment.ends_at),
    )


def end(experiment: Experiment) -> Decision[Experiment]:
    if refused := _illegal(experiment, Status.ENDED):
        return refused
    return accept(
        replace(experiment, status=Status.ENDED, finished_at=experiment.ends_at),
        ExperimentEnded(experiment_id=experiment.id),
    )


def stop(
    experiment: Experiment, *, cause: StopCause, note: str, now: datetime
) -> Decision[Experiment]:
    if refused := _illegal(experiment, Status.STOPPED):
        return refused
    return accept(
        replace(
            experiment, status=Status.STOPPED, stop_cause=cause, stop_note=note, finished_at=now
        ),
        ExperimentStopped(experiment_id=experiment.id, cause=cause),
    )


def _illegal(experiment: Experiment, to: Status) -> Refusal | None:
    legal = MOVES[experiment.status]
    if to in legal:
        return None
    return refuse("experiment.not_now", status_now=experiment.status, to=to, legal=sorted(legal))


def _flaw(experiment: Experiment) -> Refusal | None:
    for named in (experiment.arms, experiment.units, [m.name for m in experiment.metrics]):
        name, times = Counter(map(str, named)).most_common(1)[0] if named else ("", 0)
        if times > 1:
            return refuse("experiment.repeated", status=422, value=name)
    if experiment.block_min not in BLOCK_LENGTHS_MIN:
        return refuse("experiment.block_uneven", status=422, lengths=BLOCK_LENGTHS_MIN)
    length = experiment.ends_at - experiment.starts_at
    block = timedelta(minutes=experiment.block_min)
    if length <= timedelta() or length % block:
        return refuse("experiment.uneven", status=422, block_min=experiment.block_min)
    if experiment.washout_s > (most_s := experiment.block_min * 30):
        return refuse("experiment.washout_too_long", status=422, most_s=most_s)
    if not FEWEST_CELLS <= experiment.cells <= MOST_CELLS:
        return refuse(
            "experiment.size",
            status=422,
            cells=experiment.cells,
            fewest=FEWEST_CELLS,
            most=MOST_CELLS,
        )
    return None
