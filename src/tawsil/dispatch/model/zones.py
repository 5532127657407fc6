"""How each zone of a city does: what is wanted there, who is there, and how long it takes."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from statistics import fmean
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch.model.delivery import COMMIT_AHEAD

LATE_AFTER: Final = timedelta(minutes=10)
"""So long after it is ready, food that no courier has come for is late."""
LONGEST_WAIT: Final = timedelta(minutes=10)
"""A wait of this, the last rung of the usual ladder, is as bad as any that is longer."""
OF_SUPPLY: Final = 0.4
OF_WAIT: Final = 0.4
OF_LATE: Final = 0.2


class Job(Struct, frozen=True, kw_only=True):
    """A delivery to be collected in a zone, or on its way from there."""

    ready_at: datetime
    searched_since_at: datetime
    assigned_at: datetime | None
    arrival_eta_at: datetime | None
    collected: bool

    def wait(self, now: datetime) -> timedelta:
        """From when somebody should have set off until somebody took it, or until now."""
        urgent_at = max(self.searched_since_at, self.ready_at - COMMIT_AHEAD)
        return max((self.assigned_at or now) - urgent_at, timedelta(0))

    def late(self, now: datetime) -> bool:
        """Its food waits, or will, for longer than it should."""
        if self.collected:
            return False
        there_at = max(self.arrival_eta_at, now) if self.arrival_eta_at else now
        return there_at - self.ready_at >= LATE_AFTER


class ZoneHealth(Struct, frozen=True, kw_only=True):
    """Deliveries by where they are collected, couriers by where they were last seen.

    `score` is from 0 (nothing works) to 1: four tenths for couriers who are free for those who
    wait, four for how soon jobs are taken, two for jobs that are not late. A zone in which nothing
    is wanted does well.
    """

    zone_id: UUID
    city_id: UUID
    waiting: int
    late: int
    carried: int
    free: int
    busy: int
    wait_s: int
    """The mean, of all that is open."""
    score: float


def measured(
    *, zone_id: UUID, city_id: UUID, jobs: Sequence[Job], free: int, busy: int, now: datetime
) -> ZoneHealth:
    waiting = sum(job.assigned_at is None for job in jobs)
    late = sum(job.late(now) for job in jobs)
    wait_s = _mean_s(job.wait(now) for job in jobs)
    supply = 1.0 if waiting == 0 else min(1.0, free / waiting)
    promptness = 1.0 - min(1.0, wait_s / LONGEST_WAIT.total_seconds())
    punctuality = 1.0 if not jobs else 1.0 - late / len(jobs)
    return ZoneHealth(
        zone_id=zone_id,
        city_id=city_id,
        waiting=waiting,
        late=late,
        carried=len(jobs) - waiting,
        free=free,
        busy=busy,
        wait_s=round(wait_s),
        score=round(OF_SUPPLY * supply + OF_WAIT * promptness + OF_LATE * punctuality, 2),
    )


def _mean_s(waits: Iterable[timedelta]) -> float:
    seconds = [wait.total_seconds() for wait in waits]
    return fmean(seconds) if seconds else 0.0
