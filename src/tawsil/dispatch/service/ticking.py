"""The dispatcher's tick: look at a city, plan, tell couriers, and write down why."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import perf_counter
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch import planning, store
from tawsil.dispatch.model import Offer, State, Suggestion
from tawsil.dispatch.service import journal, offers, replanning
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.outlook import Expected, Outlooks, suggest
from tawsil.dispatch.service.rounds import rounds_of
from tawsil.dispatch.service.switchback import parts_of
from tawsil.dispatch.service.view import RECENT, View, job, look
from tawsil.kernel import metrics
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal

AHEAD: Final = timedelta(hours=2)
"""What is ready later than this is not thought about yet."""
KEEP_HOLDS_EVERY: Final = timedelta(seconds=10)


class Tick(Struct, frozen=True, kw_only=True):
    """What one tick did. `ran` is False when another dispatcher had the city."""

    ran: bool = True
    waiting: int = 0
    offers: tuple[Offer, ...] = ()
    held: int = 0
    suggestions: tuple[Suggestion, ...] = ()
    decision_id: UUID | None = None


async def tick(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID,
    travel: planning.TravelTimes,
    policy: planning.Policy,
    auto_accept: bool = False,
    outlooks: Outlooks | None = None,
) -> Tick:
    """Decide for one city, now. Two at once do no harm: one finds the city locked and leaves it.

    With `outlooks`, idle couriers are told now and then where they do better to wait.

    `auto_accept` answers every offer with yes at once: for replays of days whose couriers had no
    choice, and stood where they were last seen.
    """
    if not await store.try_lock_city(tx, city_id=city_id):
        return Tick(ran=False)
    waiting = await store.waiting(tx, tenant_id=tenant_id, city_id=city_id)
    metrics.unassigned_orders.labels(str(city_id)).set(len(waiting))
    soon = [d for d in waiting if d.ready_at <= tx.now + AHEAD]
    expected = None
    if outlooks is not None and policy.moves:
        expected = await outlooks.due(tx, tenant_id=tenant_id, city_id=city_id)
    if not soon and expected is None:
        return Tick(waiting=len(waiting))
    seen = await look(
        tx,
        tenant_id=tenant_id,
        city_id=city_id,
        waiting=soon,
        policy=policy,
        positions_last=timedelta.max if auto_accept else RECENT,
    )
    by = By(tenant_id=tenant_id, correlation_id=tx.ids())
    outcome, counted_on = Tick(waiting=len(waiting)), set[UUID]()
    for part in await parts_of(tx, seen.jobs, tenant_id=tenant_id, city_id=city_id, policy=policy):
        thought = _think(
            seen.of(part.jobs, without=counted_on),
            policy=part.policy,
            travel=travel,
            expected=expected if part.whole else None,
            now=tx.now,
        )
        counted_on |= thought.counted_on
        done = await _act(tx, by, thought, city_id=city_id, auto_accept=auto_accept)
        outcome = replace(
            outcome,
            offers=(*outcome.offers, *done.offers),
            held=outcome.held + done.held,
            suggestions=(*outcome.suggestions, *done.suggestions),
            decision_id=done.decision_id or outcome.decision_id,
        )
    return outcome


async def _act(tx: Tx, by: By, thought: "_Thought", *, city_id: UUID, auto_accept: bool) -> Tick:
    """Tell couriers what was thought, and keep why."""
    plan = thought.plan
    made = await _tell(tx, by, thought)
    told = [offer for offer in made.values() if isinstance(offer, Offer)]
    if auto_accept:
        told = await _say_yes(tx, by, told)
    suggested = await suggest(tx, by, city_id=city_id, moves=plan.moves, asked=made.keys())
    done = Tick(offers=tuple(told), held=len(plan.holds), suggestions=tuple(suggested))
    if not suggested and not await _worth_keeping(tx, plan, city_id=city_id):
        return done
    row = journal.written(
        tx.ids(),
        by,
        city_id=city_id,
        inputs=replanning.inputs_of(thought.snapshot, policy=thought.policy, travel=thought.travel),
        left_out=thought.view.left_out,
        plan=plan,
        solver_s=thought.solver_s,
        made=made,
        waiting=[d for d in thought.view.jobs.values() if d.state is State.WAITING],
    )
    await store.add_decision(tx, row)
    return replace(done, decision_id=row.id)


class _Thought(Struct, frozen=True, kw_only=True):
    policy: planning.Policy
    view: View
    snapshot: planning.Snapshot
    plan: planning.Plan
    travel: planning.TravelTimes
    solver_s: float

    @property
    def counted_on(self) -> set[UUID]:
        """Couriers who are told, or meant for something."""
        meant = {hold.courier for hold in self.plan.holds if hold.courier is not None}
        return meant | {commitment.courier for commitment in self.plan.commitments}


def _think(
    view: View,
    *,
    policy: planning.Policy,
    travel: planning.TravelTimes,
    expected: Expected | None,
    now: datetime,
) -> _Thought:
    """Measure the ways and plan, with a watch in hand."""
    travel = replanning.noting(travel)
    started_s = perf_counter()
    snapshot = planning.survey(
        now=now,
        jobs=[job(d, zone=view.zones.get(d.id)) for d in view.jobs.values()],
        couriers=view.couriers,
        travel=travel,
        demand=expected.demand if expected else (),
        notice_s=expected.notice_s if expected else (),
    )
    plan = planning.plan(snapshot, policy)
    return _Thought(
        policy=policy,
        view=view,
        snapshot=snapshot,
        plan=plan,
        travel=travel,
        solver_s=perf_counter() - started_s,
    )


async def _worth_keeping(tx: Tx, plan: planning.Plan, *, city_id: UUID) -> bool:
    """Every tick that tells somebody something; of those that only hold, one now and then."""
    if plan.commitments or not plan.holds:
        return bool(plan.commitments)
    last_at = await store.last_decision_at(tx, city_id=city_id)
    return last_at is None or tx.now - last_at >= KEEP_HOLDS_EVERY


async def _say_yes(tx: Tx, by: By, told: Sequence[Offer]) -> list[Offer]:
    """For the first courier of each round."""
    first = {o.round_id: o for o in reversed(told)}.values()
    answers = [offers.Answer(by=by, offer_id=o.id, courier_id=o.courier_id) for o in first]
    accepted = await offers.accept(tx, answers) if answers else []
    taken = [o for o in accepted if isinstance(o, Offer)]
    assert len(taken) == len(answers), "an offer made in this transaction can be accepted in it"
    return taken


async def _tell(tx: Tx, by: By, thought: _Thought) -> dict[UUID, Offer | Refusal]:
    """Offer what the plan commits, under lock of what it is about."""
    plan = thought.plan
    if not plan.commitments:
        return {}
    board = await Board.of(
        tx,
        delivery_ids=[id_ for c in plan.commitments for id_ in c.added],
        courier_ids=[c.courier for c in plan.commitments],
    )
    rounds = rounds_of(
        board, view=thought.view, snapshot=thought.snapshot, plan=plan, policy=thought.policy
    )
    made = await offers.make(tx, board, by=by, rounds=rounds)
    await board.save()
    return made
