"""One decision, timed: from where everybody is to who goes where."""

import os
import platform
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Final

from msgspec import Struct

from tawsil.dispatch import public as dispatch
from tawsil.dispatch.planning import Plan, TravelTimes, plan, survey
from tawsil.geography import public as geography
from tawsil.simulation.crowd import Crowd, crowd


class Limits(Struct, frozen=True):
    jobs: int = 0
    couriers: int = 0
    seconds: float | None = None
    rss_mb: float = 500.0


LIMITS: Final = (
    Limits(jobs=2000, couriers=2000, seconds=1.0),
    Limits(jobs=200, couriers=200, seconds=0.05),
)


class Matched(Struct, frozen=True, kw_only=True):
    """Wall-clock seconds of a decision, travel times and candidates included."""

    jobs: int
    couriers: int
    repeat: int
    seed: int
    policy: str
    median_s: float
    max_s: float
    median_cpu_s: float
    median_survey_s: float
    """Of this, to measure the ways."""
    peak_rss_mb: float
    """Of a process that has done nothing else."""
    commitments: int
    holds: int
    cores: int
    python: str


def measure(size: tuple[int, int], *, repeat: int, seed: int) -> Matched:
    """Decide `repeat` times about one invented city, after one decision that is not counted.

    Pins the calling process to one core: call it in a process of its own.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    jobs, couriers = size
    scene = crowd(jobs=jobs, couriers=couriers, seed=seed)
    travel = dispatch.OnMap(geography.GreatCircle.of(geography.CityRules()))
    decision, _ = _decide(scene, travel)
    times = [_decide(scene, travel)[1] for _ in range(repeat)]
    return Matched(
        jobs=jobs,
        couriers=couriers,
        repeat=repeat,
        seed=seed,
        policy=dispatch.LIVE_POLICY.name,
        median_s=round(median(t.wall_s for t in times), 4),
        max_s=round(max(t.wall_s for t in times), 4),
        median_cpu_s=round(median(t.cpu_s for t in times), 4),
        median_survey_s=round(median(t.survey_s for t in times), 4),
        peak_rss_mb=round(_peak_rss_kb() / 1024, 1),
        commitments=len(decision.commitments),
        holds=len(decision.holds),
        cores=len(os.sched_getaffinity(0)),
        python=platform.python_version(),
    )


def _peak_rss_kb() -> int:
    """Of this program alone: `getrusage` counts what the process was before it became this."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


class _Times(Struct, frozen=True):
    wall_s: float
    survey_s: float
    cpu_s: float


def _decide(scene: Crowd, travel: TravelTimes) -> tuple[Plan, _Times]:
    start_s, cpu_s = perf_counter(), process_time()
    snapshot = survey(
        now=scene.now,
        jobs=scene.jobs,
        couriers=scene.couriers,
        travel=travel,
        demand=scene.demand,
        notice_s=scene.notice_s,
    )
    surveyed_s = perf_counter()
    decision = plan(snapshot, dispatch.LIVE_POLICY)
    end_s = perf_counter()
    return decision, _Times(
        wall_s=end_s - start_s, survey_s=surveyed_s - start_s, cpu_s=process_time() - cpu_s
    )
