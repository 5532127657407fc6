"""What others may use of experiments."""

from tawsil.experiments.analysis import (
    ArmFigures,
    Difference,
    Measured,
    least_detectable,
)
from tawsil.experiments.events import CityRollout, Module, Rollout, StopCause
from tawsil.experiments.flags.model import Flag
from tawsil.experiments.flags.service import Flags, SetFlag, is_on, set_flag
from tawsil.experiments.flags.store import FlagChange
from tawsil.experiments.flags.store import get as flag
from tawsil.experiments.flags.store import history as flag_history
from tawsil.experiments.flags.store import of_tenant as flags
from tawsil.experiments.model import Better, Experiment, Metric, Observation, Status
from tawsil.experiments.modules.model import Switch
from tawsil.experiments.modules.service import ModulesOff, SwitchModule, switch_module
from tawsil.experiments.modules.store import of_tenant as modules
from tawsil.experiments.modules.store import off as modules_off
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
    "CityRollout",
    "Difference",
    "Draft",
    "Experiment",
    "Flag",
    "FlagChange",
    "Flags",
    "Guard",
    "Measured",
    "Metric",
    "MetricReading",
    "Module",
    "ModulesOff",
    "Observation",
    "Rollout",
    "Running",
    "Schedule",
    "SetFlag",
    "Status",
    "Stop",
    "StopCause",
    "Switch",
    "SwitchModule",
    "Verdict",
    "arm_at",
    "assignment",
    "draft",
    "experiment",
    "experiments",
    "flag",
    "flag_history",
    "flags",
    "is_on",
    "least_detectable",
    "measured",
    "modules",
    "modules_off",
    "observe",
    "on_due",
    "read",
    "schedule",
    "set_flag",
    "stop",
    "switch_module",
]
