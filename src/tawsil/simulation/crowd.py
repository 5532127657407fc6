"""A city at one instant: so many jobs, so many couriers, all from one seed. No people in it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import sqrt
from random import Random
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch.planning import Courier, Demand, Job
from tawsil.kernel.places import Place

NOW: Final = datetime(2026, 1, 15, 17, 30, tzinfo=UTC)
CENTRE: Final = Place(latitude=24.7, longitude=46.7)
COURIERS_PER_KM2: Final = 4.0
JOBS_PER_SITE: Final = 3.0
DEGREES_PER_KM: Final = 1 / 111.2
SPOTS: Final = 40
BUSY: Final = 0.4
COLLECTING: Final = 0.1


class Crowd(Struct, frozen=True):
    """`notice_s` is a sample of times between being placed and being ready."""

    now: datetime
    jobs: tuple[Job, ...]
    couriers: tuple[Courier, ...]
    demand: tuple[Demand, ...]
    notice_s: tuple[float, ...]


def crowd(*, jobs: int, couriers: int, seed: int) -> Crowd:
    """Drop-offs lie around their sites, as deliveries do. Four in ten couriers are busy for up to
    twenty minutes, one in ten is on the way to a job of the crowd, the others are idle.
    """
    assert jobs > 0
    assert couriers > 0
    dice = Random(seed)
    side_km = sqrt(max(couriers, jobs) / COURIERS_PER_KM2)
    sites = [_around(dice, CENTRE, side_km) for _ in range(max(1, round(jobs / JOBS_PER_SITE)))]
    work = [_job(dice, number, sites) for number in range(jobs)]
    staff = [_courier(dice, number, side_km) for number in range(couriers)]
    for number in range(min(round(COLLECTING * couriers), jobs)):
        bound = work[number]
        arrives_at = NOW + timedelta(seconds=dice.uniform(0, 600))
        staff[number] = replace(
            staff[number], place=bound.pickup, free_at=arrives_at, collecting=(bound.id,)
        )
    return Crowd(
        now=NOW,
        jobs=tuple(work),
        couriers=tuple(staff),
        demand=_demand(work),
        notice_s=tuple((job.ready_at - job.placed_at).total_seconds() for job in work),
    )


def _around(dice: Random, place: Place, side_km: float) -> Place:
    reach = side_km / 2 * DEGREES_PER_KM
    return Place(
        latitude=place.latitude + dice.uniform(-reach, reach),
        longitude=place.longitude + dice.uniform(-reach, reach),
    )


def _job(dice: Random, number: int, sites: Sequence[Place]) -> Job:
    site = dice.randrange(len(sites))
    placed_at = NOW - timedelta(seconds=dice.randrange(900))
    return Job(
        id=UUID(int=number),
        site=UUID(int=site),
        pickup=sites[site],
        dropoff=_around(dice, sites[site], 8.0),
        placed_at=placed_at,
        ready_at=placed_at + timedelta(seconds=dice.randrange(300, 1800)),
    )


def _courier(dice: Random, number: int, side_km: float) -> Courier:
    busy_s = dice.uniform(1, 1200) if dice.random() < BUSY else 0.0
    idle_s = 0.0 if busy_s else dice.uniform(0, 1800)
    return Courier(
        id=UUID(int=number),
        place=_around(dice, CENTRE, side_km),
        free_at=NOW + timedelta(seconds=busy_s),
        off_at=NOW + timedelta(seconds=dice.uniform(1800, 28800)),
        idle_since=NOW - timedelta(seconds=idle_s),
        rating=dice.uniform(0.5, 1.0),
        acceptance=dice.uniform(0.4, 1.0),
    )


def _demand(work: Sequence[Job]) -> tuple[Demand, ...]:
    """The sites with most jobs, as if an hour brought as many again."""
    asked: dict[UUID, list[Job]] = {}
    for job in work:
        asked.setdefault(job.site, []).append(job)
    busiest = sorted(asked.items(), key=lambda item: (-len(item[1]), item[0]))[:SPOTS]
    return tuple(
        Demand(site=site, place=theirs[0].pickup, jobs_per_hour=float(len(theirs)))
        for site, theirs in busiest
    )
