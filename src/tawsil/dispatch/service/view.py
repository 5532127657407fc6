"""A city as the planner sees it."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.couriers import public as couriers
from tawsil.couriers.public import Availability
from tawsil.dispatch import planning, store
from tawsil.dispatch.model import TO_COLLECT, Delivery, State
from tawsil.dispatch.service import cash, performance
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place
from tawsil.tracking import public as tracking

RECENT: Final = timedelta(minutes=2)
"""Who has not been heard of for longer may be anywhere: phones speak at least once a minute."""


class View(Struct, frozen=True, kw_only=True):
    """A city as the planner sees it: jobs, couriers, and who was left out beforehand and why."""

    jobs: dict[UUID, Delivery]
    couriers: tuple[planning.Courier, ...]
    left_out: dict[str, list[UUID]]
    zones: Mapping[UUID, UUID] = {}
    """Where jobs are collected; known only if some courier prefers zones."""

    def of(self, jobs: dict[UUID, Delivery], *, without: AbstractSet[UUID]) -> "View":
        """Only these jobs; of the couriers, nobody who is counted on or collects other jobs."""
        return View(
            jobs=jobs,
            couriers=tuple(
                c for c in self.couriers if c.id not in without and jobs.keys() >= set(c.collecting)
            ),
            left_out=self.left_out,
            zones=self.zones,
        )


async def look(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID,
    waiting: Sequence[Delivery],
    policy: planning.Policy,
    positions_last: timedelta = RECENT,
) -> View:
    """Waiting deliveries and couriers on duty; a position counts for `positions_last`."""
    on_duty = [c for c in await couriers.on_duty(tx, city_id=city_id) if c.tenant_id == tenant_id]
    asked = await store.couriers_asked(tx, city_id=city_id)
    carried: dict[UUID | None, list[Delivery]] = {
        courier_id: list(theirs)
        for courier_id, theirs in groupby(
            await store.carried_in(tx, city_id=city_id), key=lambda d: d.courier_id
        )
    }
    free = [c for c in on_duty if c.availability is Availability.AVAILABLE]
    positions = await tracking.latest(tx, courier_ids=[c.id for c in free]) if free else {}
    leaving = await _leaving(tx, free, policy=policy)
    jobs = {d.id: d for d in waiting}
    room = await cash.room_of(tx, waiting, courier_ids=[c.id for c in on_duty])
    staff: list[planning.Courier] = []
    left_out: dict[str, list[UUID]] = {}
    for courier in on_duty:
        theirs = carried.get(courier.id, [])
        seen = _not_askable(courier, theirs, asked=asked)
        if seen is None and courier.availability is Availability.AVAILABLE:
            seen = _idle(courier, positions.get(courier.id), last=positions_last, now=tx.now)
        elif seen is None:
            seen = _busy(courier, theirs, services=policy.services, now=tx.now)
        if isinstance(seen, str):
            left_out.setdefault(seen, []).append(courier.id)
            continue
        seen = _with_room(seen, theirs, room=room)
        staff.append(replace(seen, free_at=leaving.get(courier.id, seen.free_at)))
        jobs |= {d.id: d for d in theirs if d.id in seen.collecting}
    return View(
        jobs=jobs,
        couriers=await _with_standing(tx, staff),
        left_out=left_out,
        zones=await _zones(tx, jobs, city_id=city_id) if any(c.prefers for c in staff) else {},
    )


def _with_room(
    seen: planning.Courier, theirs: Sequence[Delivery], *, room: Mapping[UUID, int]
) -> planning.Courier:
    """What is on board or waits at another door is as good as held."""
    if seen.id not in room:
        return seen
    coming = sum(d.collect_minor for d in theirs if d.id not in seen.collecting)
    return replace(seen, cash_room_minor=room[seen.id] - coming)


async def _zones(tx: Tx, jobs: Mapping[UUID, Delivery], *, city_id: UUID) -> dict[UUID, UUID]:
    pickups = [d.pickup for d in jobs.values()]
    zones = await geography.zones_of(tx, city_id=city_id, places=pickups)
    return {id_: zone.id for id_, zone in zip(jobs, zones, strict=True) if zone is not None}


async def _with_standing(tx: Tx, staff: Sequence[planning.Courier]) -> tuple[planning.Courier, ...]:
    """How they do breaks ties, and leaves nobody out."""
    standing = await performance.standing(tx, courier_ids=[c.id for c in staff])
    return tuple(
        replace(c, rating=standing[c.id].score, acceptance=standing[c.id].acceptance) for c in staff
    )


async def _leaving(
    tx: Tx, free: Sequence[couriers.Courier], *, policy: planning.Policy
) -> dict[UUID, datetime]:
    """When those who have just handed over may be told of the next: they leave the door first.

    While an offer is made and accepted they can do that, so the lead counts against it.
    """
    at_door = timedelta(seconds=max(0.0, policy.services.dropoff_s / 2 - policy.lead_s))
    just = {c.id: c.since_at + at_door for c in free if c.since_at + at_door > tx.now}
    if not just:
        return {}
    spans = await couriers.history(
        tx, courier_ids=list(just), from_at=tx.now, to_at=tx.now + timedelta(seconds=1)
    )
    return {s.courier_id: just[s.courier_id] for s in spans if s.reason is couriers.Reason.JOB_DONE}


def _not_askable(
    courier: couriers.Courier, theirs: Sequence[Delivery], *, asked: set[UUID]
) -> str | None:
    """Why a courier is not for the planner to see, wherever they are."""
    if courier.fault is not None:
        return "vehicle_unsafe"
    if courier.id in asked or courier.availability is Availability.ON_OFFER:
        return "has_an_offer"
    if courier.availability is Availability.AVAILABLE:
        return None
    if courier.availability is not Availability.ON_JOB or not theirs:
        return courier.availability.lower()
    return "in_doubt" if any(d.risk is not None for d in theirs) else None


def _idle(
    courier: couriers.Courier, seen: tracking.Position | None, *, last: timedelta, now: datetime
) -> planning.Courier | str:
    if seen is None:
        return "no_position"
    if now - seen.at > last:
        return "no_recent_position"
    return planning.Courier(
        id=courier.id,
        place=seen.place,
        free_at=now,
        off_at=courier.shift_ends_at,
        idle_since=courier.since_at,
        prefers=courier.preferred_zones,
    )


def _busy(
    courier: couriers.Courier,
    theirs: Sequence[Delivery],
    *,
    services: planning.Services,
    now: datetime,
) -> planning.Courier:
    place, free_at, collecting = _under_way(theirs, services=services, now=now)
    return planning.Courier(
        id=courier.id,
        place=place,
        free_at=free_at,
        off_at=courier.shift_ends_at,
        collecting=collecting,
        prefers=courier.preferred_zones,
    )


def _under_way(
    theirs: Sequence[Delivery], *, services: planning.Services, now: datetime
) -> tuple[Place, datetime, tuple[UUID, ...]]:
    """Where and when a courier on a job is free, and what they are still to collect.

    `theirs` are in the order of drop-off. On the way to one site they may collect more there; once
    anything is on board, or when collecting at two sites, they finish first.
    """
    last = theirs[-1]
    assert last.etas is not None, "a courier's work has expected times"
    if all(d.state in TO_COLLECT for d in theirs) and len({d.site_id for d in theirs}) == 1:
        there = any(d.state is State.AT_PICKUP for d in theirs)
        bound = min if there else max
        return last.pickup, bound(now, last.etas.arrival_at), tuple(d.id for d in theirs)
    leaves_at = last.etas.dropoff_at + timedelta(seconds=services.dropoff_s / 2)
    free_at = max(now + timedelta(seconds=1), leaves_at)
    if last.state is not State.FAILED:
        return last.dropoff, free_at, ()
    carry = last.etas.dropoff_at - last.etas.pickup_at
    return last.pickup, max(free_at, leaves_at + carry), ()


def job(delivery: Delivery, *, zone: UUID | None = None) -> planning.Job:
    return planning.Job(
        id=delivery.id,
        site=delivery.site_id,
        pickup=delivery.pickup,
        dropoff=delivery.dropoff,
        placed_at=delivery.requested_at,
        ready_at=delivery.ready_at,
        declined_by=delivery.declined_by,
        escalation=delivery.level,
        reach=delivery.reach,
        zone=zone,
        collect_minor=delivery.collect_minor,
    )
