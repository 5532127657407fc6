"""What has happened to experiments."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from msgspec import Meta, Struct

from tawsil.kernel.decisions import Event


class StopCause(StrEnum):
    """Why an experiment stopped before its end; `missed` when nobody was there to start it."""

    HARM = "harm"
    MISTAKE = "mistake"
    NOT_NEEDED = "not_needed"
    MISSED = "missed"


class ExperimentDrafted(Event, frozen=True, tag="experiment.drafted.v1"):
    experiment_id: UUID
    arms: tuple[str, str]
    metrics: tuple[str, ...]


class ExperimentScheduled(Event, frozen=True, tag="experiment.scheduled.v1"):
    """Which arm runs when and where is fixed: `assignment_sha256` is the hash of that table as CSV.

    No units: the whole city is one.
    """

    experiment_id: UUID
    arms: tuple[str, str]
    units: tuple[UUID, ...]
    block_min: int
    starts_at: datetime
    ends_at: datetime
    seed: int
    cells: int
    assignment_sha256: str


class ExperimentStarted(Event, frozen=True, tag="experiment.started.v1"):
    experiment_id: UUID
    ends_at: datetime


class ExperimentEnded(Event, frozen=True, tag="experiment.ended.v1"):
    experiment_id: UUID


class ExperimentStopped(Event, frozen=True, tag="experiment.stopped.v1"):
    """Before its end, or before it began."""

    experiment_id: UUID
    cause: StopCause


class Rollout(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether something is on, and for how many in a hundred."""

    on: bool
    percent: Annotated[int, Meta(ge=0, le=100)] = 100


class CityRollout(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts in one city instead of what counts everywhere."""

    city_id: UUID
    on: bool
    percent: Annotated[int, Meta(ge=0, le=100)] = 100


class FlagCreated(Event, frozen=True, tag="flag.created.v1"):
    """Why is for colleagues, and not in the log."""

    key: str
    everywhere: Rollout
    cities: tuple[CityRollout, ...]


class FlagChanged(Event, frozen=True, tag="flag.changed.v1"):
    """All that it says from now on."""

    key: str
    everywhere: Rollout
    cities: tuple[CityRollout, ...]


class Module(StrEnum):
    """A part of the product that a tenant may do without."""

    PROMOTIONS = "promotions"
    LOYALTY = "loyalty"
    EXPERIMENTS = "experiments"


class ModuleSwitched(Event, frozen=True, tag="module.switched.v1"):
    module: Module
    on: bool


EVENTS: Final = (
    FlagCreated,
    FlagChanged,
    ModuleSwitched,
    ExperimentDrafted,
    ExperimentScheduled,
    ExperimentStarted,
    ExperimentEnded,
    ExperimentStopped,
)
