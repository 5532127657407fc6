"""The dispatcher's tick: look at a city, plan, tell couriers, and write down why."""

from datetime import datetime, timedelta
from itertools import pairwise
from time import perf_counter
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch import planning, store
from tawsil.dispatch.events import Stop
from tawsil.dispatch.model import OFFER_LASTS, Offer, State
from tawsil.dispatch.service import journal, offers, replanning
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.view import View, job, look
from tawsil.kernel import metrics
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.places import distance_m
from tawsil.tracking.events import StopKind

ROAD_PER_STRAIGHT: Final = 1.35
"""Metres by road for a metre as the crow flies, for the distance an offer names."""
AHEAD: Final = timedelta(hours=2)
"""What is ready later than this is not thought about yet."""
KEEP_HOLDS_EVERY: Final = timedelta(seconds=10)


class Tick(Struct, frozen=True, kw_only=True):
    """What one tick did. `ran` is False when another dispatcher had the city."""

    ran: bool = True
    waiting: int = 0
    offers: tuple[Offer, ...] = ()
    held: int = 0
    decision_id: UUID | None = None


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
    view = await look(tx, tenant_id=tenant_id, city_id=city_id, waiting=soon, policy=policy)
    travel = replanning.noting(travel)
    started_s = perf_counter()
    snapshot = planning.survey(
        now=tx.now,
        jobs=[job(d) for d in view.jobs.values()],
        couriers=view.couriers,
        travel=travel,
    )
    plan = planning.plan(snapshot, policy)
    solver_s = perf_counter() - started_s
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
        inputs=replanning.inputs_of(snapshot, policy=policy, travel=travel),
        left_out=view.left_out,
        plan=plan,
        solver_s=solver_s,
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
