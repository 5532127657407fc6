"""What is to be expected: that what happened lately happens again."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from tawsil.dispatch.planning.model import Job

HORIZON: Final = timedelta(minutes=15)
_ECHO: Final = 1 << 127
"""A bit that is clear in the id of a job for some thousand years."""


def echoes(jobs: Iterable[Job], *, now: datetime) -> list[Job]:
    """Each job placed within the horizon, once more, a horizon later: expected jobs.

    One sample of the future, drawn from the past without chance: as many jobs, at the same
    sites, to the same doors, with as much notice.
    """
    return [
        replace(
            job,
            id=UUID(int=job.id.int ^ _ECHO),
            placed_at=job.placed_at + HORIZON,
            ready_at=job.ready_at + HORIZON,
            declined_by=frozenset(),
            escalation=0,
            expected=True,
        )
        for job in jobs
        if now - HORIZON < job.placed_at <= now
    ]
