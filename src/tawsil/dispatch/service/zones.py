"""Zone health: counted when somebody asks, from what is open and who is there."""

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Final
from uuid import UUID

from tawsil.couriers import public as couriers
from tawsil.couriers.public import Availability
from tawsil.dispatch.model.zones import Job, ZoneHealth, measured
from tawsil.dispatch.store import zone_rows
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.tracking import public as tracking

SEEN_WITHIN: Final = timedelta(minutes=5)
_BUSY: Final = frozenset({Availability.ON_OFFER, Availability.ON_JOB})


async def zone_health(tx: Tx, *, city_id: UUID) -> list[ZoneHealth]:
    """Every zone of a city, by its slug. What lies in no zone is in none of them."""
    zones = await geography.zones(tx, city_id=city_id)
    if not zones:
        return []
    jobs = await zone_rows.open_jobs(tx, city_id=city_id)
    at_work = {c.id: c for c in await couriers.on_duty(tx, city_id=city_id)}
    seen = [
        (at_work[id_].availability, position.place)
        for id_, position in (await tracking.latest(tx, courier_ids=list(at_work))).items()
        if tx.now - position.at <= SEEN_WITHIN
    ]
    places = [place for place, _ in jobs] + [place for _, place in seen]
    found = await geography.zones_of(tx, city_id=city_id, places=places)
    jobs_in: defaultdict[UUID, list[Job]] = defaultdict(list)
    for (_, job), zone in zip(jobs, found[: len(jobs)], strict=True):
        if zone is not None:
            jobs_in[zone.id].append(job)
    free: Counter[UUID] = Counter()
    busy: Counter[UUID] = Counter()
    for (availability, _), zone in zip(seen, found[len(jobs) :], strict=True):
        if zone is not None:
            free[zone.id] += availability is Availability.AVAILABLE
            busy[zone.id] += availability in _BUSY
    return [
        measured(
            zone_id=zone.id,
            city_id=city_id,
            jobs=jobs_in[zone.id],
            free=free[zone.id],
            busy=busy[zone.id],
            now=tx.now,
        )
        for zone in zones
    ]
