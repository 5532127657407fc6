"""The dispatcher's tick: look at a city, plan, tell couriers, and write down why."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.couriers import public as couriers
from tawsil.couriers.public import Availability
from tawsil.dispatch import planning, store
from tawsil.dispatch.events import Stop
from tawsil.dispatch.model import OFFER_LASTS, TO_COLLECT, Delivery, Offer, State
from tawsil.dispatch.service import journal, offers
from tawsil.dispatch.service.board import Board
from tawsil.kernel import metrics
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.places import Place, distance_m
from tawsil.tracking import public as tracking
from tawsil.tracking.events import StopKind

ROAD_PER_STRAIGHT: Final = 1.35
"""Metres by road for a metre as the crow flies, for the distance an offer names."""
AHEAD: Final = timedelta(hours=2)
"""What is ready later than this is not thought about yet."""
KEEP_HOLDS_EVERY: Final = timedelta(seconds=10)
_BEST_RATING: Final = 5.0
_WORST_RATING: Final = 1.0


class Tick(Struct, frozen=True, kw_only=True):
    """What one tick did. `ran` is False when another dispatcher had the city."""

    ran: bool = True
    waiting: int = 0
    offers: tuple[Offer, ...] = ()
    held: int = 0
    decision_id: UUID | None = None


class View(Struct, frozen=True, kw_only=True):
    """A city as the planner sees it: jobs, couriers, and who was left out beforehand and why."""

    jobs: dict[UUID, Delivery]
    couriers: tuple[planning.Courier, ...]
    left_out: dict[str, list[UUID]]


async def tick(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID,
    travel: planning.TravelTimes,
    policy: planning.Policy,
    auto_accept: bool = False,
    offer_lasts: timedelta = OFFER_LASTS,
) -> Tick:
    """Decide for one city, now. Two at once do no harm: one finds the city locked and leaves it.

    `auto_accept` answers every offer with yes at once: for replays of days whose couriers had no
    choice.
    """
    if not await store.try_lock_city(tx, city_id=city_id):
        return Tick(ran=False)
    waiting = await store.waiting(tx, tenant_id=tenant_id, city_id=city_id)
    metrics.unassigned_orders.labels(str(city_id)).set(len(waiting))
    soon = [d for d in waiting if d.ready_at <= tx.now + AHEAD]
    if not soon:
        return Tick(waiting=len(waiting))
    view = await _view(tx, tenant_id=tenant_id, city_id=city_id, waiting=soon, policy=policy)
    snapshot = planning.survey(
        now=tx.now,
        jobs=[_job(d) for d in view.jobs.values()],
        couriers=view.couriers,
        travel=travel,
    )
    plan = planning.plan(snapshot, policy)
    by = By(tenant_id=tenant_id, correlation_id=tx.ids())
    made = await _tell(tx, by, view=view, snapshot=snapshot, plan=plan, lasts=offer_lasts)
    told = [offer for offer in made.values() if isinstance(offer, Offer)]
    if auto_accept and told:
        answers = [offers.Answer(by=by, offer_id=o.id, courier_id=o.courier_id) for o in told]
        accepted = await offers.accept(tx, answers)
        told = [o for o in accepted if isinstance(o, Offer)]
        assert len(told) == len(answers), "an offer made in this transaction can be accepted in it"
    decision_id = tx.ids() if await _worth_keeping(tx, plan, city_id=city_id) else None
    if decision_id is None:
        return Tick(waiting=len(waiting), held=len(plan.holds))
    row = journal.written(
        decision_id,
        by,
        city_id=city_id,
        inputs=journal.Inputs(jobs=snapshot.jobs, couriers=snapshot.couriers),
        left_out=view.left_out,
        plan=plan,
        made=made,
        waiting=soon,
    )
    await store.add_decision(tx, row)
    return Tick(waiting=len(waiting), offers=tuple(told), held=len(plan.holds), decision_id=row.id)


async def _worth_keeping(tx: Tx, plan: planning.Plan, *, city_id: UUID) -> bool:
    """Every tick that tells somebody something; of those that only hold, one now and then."""
    if plan.commitments:
        return True
    last_at = await store.last_decision_at(tx, city_id=city_id)
    return last_at is None or tx.now - last_at >= KEEP_HOLDS_EVERY


async def _view(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID,
    waiting: Sequence[Delivery],
    policy: planning.Policy,
) -> View:
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
    services = policy.services
    jobs = {d.id: d for d in waiting}
    staff: list[planning.Courier] = []
    left_out: dict[str, list[UUID]] = {}
    for courier in on_duty:
        theirs = carried.get(courier.id, [])
        seen = _seen(
            courier, theirs, positions.get(courier.id), asked=asked, services=services, now=tx.now
        )
        if isinstance(seen, str):
            left_out.setdefault(seen, []).append(courier.id)
            continue
        staff.append(replace(seen, free_at=leaving.get(courier.id, seen.free_at)))
        jobs |= {d.id: d for d in theirs if d.id in seen.collecting}
    return View(jobs=jobs, couriers=tuple(staff), left_out=left_out)


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


def _seen(
    courier: couriers.Courier,
    theirs: Sequence[Delivery],
    position: tracking.Position | None,
    *,
    asked: set[UUID],
    services: planning.Services,
    now: datetime,
) -> planning.Courier | str:
    """A courier as the planner sees them, or why it does not."""
    if courier.id in asked or courier.availability is Availability.ON_OFFER:
        return "has_an_offer"
    rating = (courier.rating - _WORST_RATING) / (_BEST_RATING - _WORST_RATING)
    if courier.availability is Availability.AVAILABLE:
        if position is None:
            return "no_position"
        return planning.Courier(
            id=courier.id,
            place=position.place,
            free_at=now,
            off_at=courier.shift_ends_at,
            idle_since=courier.since_at,
            rating=rating,
        )
    if courier.availability is not Availability.ON_JOB or not theirs:
        return courier.availability.lower()
    place, free_at, collecting = _under_way(theirs, services=services, now=now)
    return planning.Courier(
        id=courier.id,
        place=place,
        free_at=free_at,
        off_at=courier.shift_ends_at,
        collecting=collecting,
        rating=rating,
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


def _job(delivery: Delivery) -> planning.Job:
    return planning.Job(
        id=delivery.id,
        site=delivery.site_id,
        pickup=delivery.pickup,
        dropoff=delivery.dropoff,
        placed_at=delivery.requested_at,
        ready_at=delivery.ready_at,
        declined_by=delivery.declined_by,
        escalation=delivery.level,
    )


async def _tell(
    tx: Tx,
    by: By,
    *,
    view: View,
    snapshot: planning.Snapshot,
    plan: planning.Plan,
    lasts: timedelta,
) -> dict[UUID, Offer | Refusal]:
    """Offer what the plan commits, as far as it still waits now that it is locked."""
    if not plan.commitments:
        return {}
    board = await Board.of(
        tx,
        delivery_ids=[id_ for c in plan.commitments for id_ in c.added],
        courier_ids=[c.courier for c in plan.commitments],
    )
    rows = {c.id: row for row, c in enumerate(snapshot.couriers)}
    sites = {
        job.site: int(column) for job, column in zip(snapshot.jobs, snapshot.site_of, strict=True)
    }
    proposals: list[offers.Proposal] = []
    for commitment in plan.commitments:
        still = all(board.deliveries[id_].state is State.WAITING for id_ in commitment.added)
        carries = {d.id for d in board.carried(commitment.courier)}
        if not still or carries != set(commitment.jobs) - set(commitment.added):
            continue
        courier = snapshot.couriers[rows[commitment.courier]]
        approach_s = float(snapshot.approach_s[rows[courier.id], sites[commitment.site]])
        arrival_at = courier.free_at + timedelta(seconds=approach_s)
        proposals.append(_proposal(commitment, view, courier, arrival_at))
    made = await offers.make(tx, board, by=by, proposals=proposals, lasts=lasts)
    await board.save()
    return made


def _proposal(
    commitment: planning.Commitment, view: View, courier: planning.Courier, arrival_at: datetime
) -> offers.Proposal:
    route = [view.jobs[id_] for id_ in commitment.jobs]
    pickup = Stop(
        kind=StopKind.PICKUP,
        delivery_ids=commitment.jobs,
        place=route[0].pickup,
        at=commitment.pickup_at,
    )
    doors = [
        Stop(kind=StopKind.DROPOFF, delivery_ids=(d.id,), place=d.dropoff, at=at)
        for d, at in zip(route, commitment.dropoff_ats, strict=True)
    ]
    places = [courier.place, pickup.place, *(door.place for door in doors)]
    straight_m = sum(distance_m(a, b) for a, b in pairwise(places))
    return offers.Proposal(
        courier_id=commitment.courier,
        delivery_ids=commitment.added,
        stops=(pickup, *doors),
        arrival_at=arrival_at,
        distance_m=round(straight_m * ROAD_PER_STRAIGHT),
    )
