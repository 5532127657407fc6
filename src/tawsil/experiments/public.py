"""What others may use of experiments."""

from tawsil.experiments.analysis import (
    ArmFigures,
    Difference,
    Measured,
    least_detectable,
)
from tawsil.experiments.events import StopCause
from tawsil.experiments.model import Better, Experiment, Metric, Observation, Status
from tawsil.experiments.reading import Guard, MetricReading, Verdict, read
from tawsil.experiments.service import (
    Draft,
    Running,
    Schedule,
    Stop,
    arm_at,
    assignment,
    draft,
    experiment,
    measured,
    observe,
    on_due,
    schedule,
    stop,
)
from tawsil.experiments.store import experiments

__all__ = [
    "ArmFigures",
    "Better",
    "Difference",
    "Draft",
    "Experiment",
    "Guard",
    "Measured",
    "Metric",
    "MetricReading",
    "Observation",
    "Running",
    "Schedule",
    "Status",
    "Stop",
    "StopCause",
    "Verdict",
    "arm_at",
    "assignment",
    "draft",
    "experiment",
    "experiments",
    "least_detectable",
    "measured",
    "observe",
    "on_due",
    "read",
    "schedule",
    "stop",
]
