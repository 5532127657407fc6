"""Whether the courier of a delivery is still coming, and what happens when they are not.

What puts a delivery at risk begins a grace, during which it stays with its courier. If the courier
recovers, nothing has happened; otherwise another one is looked for. What is on board is never taken
away: it is stranded then, and people decide.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from tawsil.dispatch import events
from tawsil.dispatch.events import Cause
from tawsil.dispatch.model.delivery import (
    SEEN_BY_LOOKING,
    Delivery,
    recovered,
    unassign,
)
from tawsil.dispatch.model.offer import Etas
from tawsil.dispatch.model.states import (
    ASSIGNED,
    AT_DROPOFF,
    PICKED_UP,
    TO_COLLECT,
    WITH_COURIER,
    WITHOUT_COURIER,
)
from tawsil.dispatch.model.steps import arrive
from tawsil.dispatch.model.watch import DOUBTS, Risk, Sight, Undo, Watch
from tawsil.kernel.decisions import Decision, Refusal, accept, refuse, then
from tawsil.kernel.places import Place
from tawsil.tracking.events import StopKind

NEAR_M: Final = 300.0
"""A courier this near to the pick-up has arrived, whatever the geofence said."""
NEARER_M: Final = 50.0
"""Less than this may be a trembling position."""


def look(
    delivery: Delivery, *, sight: Sight | None, heading: bool, now: datetime
) -> Decision[Delivery]:
    """Is the courier still coming? Every minute, and when a grace ends.

    `heading`: the pick-up is the next stop, so that the courier should be coming nearer to it.
    """
    assert delivery.state in WITH_COURIER, "somebody is looked at"
    looked = replace(delivery, watch=_watched(delivery, sight, heading=heading, now=now))
    patience = timedelta(seconds=delivery.rules.silent_after_s)
    seen = sight if sight is not None and now - sight.at <= patience else None
    steps: list[Callable[[Delivery], Decision[Delivery]]] = []
    if delivery.state is ASSIGNED and seen is not None and seen.distance_m <= NEAR_M:
        steps.append(lambda d: arrive(d, kind=StopKind.PICKUP, now=now))
    else:
        found = list(_doubts(looked, seen, heading=heading, now=now))
        if _is_over(looked, found):
            steps.append(lambda d: recovered(d, now=now))
        steps += [_endangering(cause, now) for cause in found]
    decision: Decision[Delivery] = accept(looked)
    steps.append(lambda d: close_grace(d, now=now))
    for step in steps:
        decision = then(decision, step)
    return decision


def endanger(delivery: Delivery, *, cause: Cause, now: datetime) -> Decision[Delivery]:
    """Something makes it doubtful that the courier manages; the grace of the cause begins.

    What would end later than a grace that runs already changes nothing; nor does what people were
    told of before.
    """
    assert delivery.courier_id is not None, "a courier is in doubt"
    assert delivery.state in WITH_COURIER
    assert cause in DOUBTS, "what an operator decides has no grace"
    until_at = now + delivery.rules.graces.after(cause)
    running = delivery.grace_ends_at
    if cause in delivery.stranded or (running is not None and running <= until_at):
        return accept(delivery)
    endangered = replace(delivery, risk=Risk(cause=cause, since_at=now))
    fact = events.DeliveryAtRisk(
        delivery_id=delivery.id,
        reference_id=delivery.reference_id,
        courier_id=delivery.courier_id,
        cause=cause,
        collected=delivery.state not in TO_COLLECT,
        until_at=until_at,
    )
    return then(accept(endangered, fact), lambda d: close_grace(d, now=now))


def close_grace(delivery: Delivery, *, now: datetime) -> Decision[Delivery]:
    """Once a grace is over, what is not collected is taken away, and what is on board is told of.

    Before that, nothing happens.
    """
    risk, ends_at = delivery.risk, delivery.grace_ends_at
    if risk is None or ends_at is None or now < ends_at:
        return accept(delivery)
    if delivery.state in TO_COLLECT:
        return unassign(delivery, cause=risk.cause, now=now)
    stranded = replace(delivery, stranded=delivery.stranded | {risk.cause})
    assert delivery.courier_id is not None, "a courier is in doubt"
    fact = events.DeliveryStranded(
        delivery_id=delivery.id,
        reference_id=delivery.reference_id,
        courier_id=delivery.courier_id,
        cause=risk.cause,
    )
    return accept(stranded, fact)


def recover(delivery: Delivery, *, cause: Cause, now: datetime) -> Decision[Delivery]:
    """What put it at risk is over; nothing happens if something else did."""
    if delivery.risk is None or delivery.risk.cause is not cause:
        return accept(delivery)
    return recovered(delivery, now=now)


def carry_on(delivery: Delivery, *, now: datetime) -> Decision[Delivery]:
    """An operator has it stay with its courier, who is looked at from now on as at first.

    What was stranded for a cause is not told of for the same one again.
    """
    if delivery.risk is None:
        return refuse("dispatch.not_at_risk", state=delivery.state)
    return then(
        recovered(delivery, now=now),
        lambda d: accept(replace(d, watch=Watch.begin(now), stranded=delivery.stranded)),
    )


def hand_over(
    delivery: Delivery, *, courier_id: UUID, etas: Etas, place: Place | None, now: datetime
) -> Decision[Delivery]:
    """What is on board went to another courier, as an operator noted."""
    if delivery.state in WITHOUT_COURIER | TO_COLLECT:
        return refuse("dispatch.not_collected_yet", state=delivery.state)
    if delivery.state not in WITH_COURIER:
        return refuse("dispatch.delivery_over", state=delivery.state)
    if courier_id == delivery.courier_id:
        return refuse("dispatch.has_it_already")
    handed = replace(
        delivery,
        state=PICKED_UP if delivery.state is AT_DROPOFF else delivery.state,
        courier_id=courier_id,
        etas=etas,
        assigned_at=now,
        watch=Watch.begin(now),
        risk=None,
        stranded=frozenset(),
        undo=None,
    )
    assert delivery.courier_id is not None, "somebody has what is on board"
    fact = events.DeliveryHandedOver(
        delivery_id=delivery.id,
        reference_id=delivery.reference_id,
        from_courier_id=delivery.courier_id,
        courier_id=courier_id,
        dropoff_eta_at=etas.dropoff_at,
        place=place,
    )
    return accept(handed, fact)


def not_undoable(delivery: Delivery, *, now: datetime) -> Refusal | None:
    """Why what an operator did by hand stands."""
    if delivery.undo is None:
        return refuse("dispatch.nothing_to_undo")
    if delivery.state not in WITHOUT_COURIER | TO_COLLECT:
        return refuse("dispatch.already_collected", state=delivery.state)
    if now >= delivery.undo.until_at:
        return refuse("dispatch.undo_over", seconds=delivery.rules.graces.undo_s)
    return None


def remember(delivery: Delivery, *, undo: Undo | None) -> Decision[Delivery]:
    """What was decided by hand can be taken back for a while; once it was, no more.

    Whoever it is given back to did not lose it.
    """
    former = delivery.undo.courier_id if undo is None and delivery.undo is not None else None
    return accept(
        replace(
            delivery,
            undo=undo,
            declined_by=delivery.declined_by - {former},
            lost_by=delivery.lost_by - {former},
        )
    )


def _endangering(cause: Cause, now: datetime) -> Callable[[Delivery], Decision[Delivery]]:
    def step(delivery: Delivery) -> Decision[Delivery]:
        lost = delivery.state not in WITH_COURIER
        return accept(delivery) if lost else endanger(delivery, cause=cause, now=now)

    return step


def _is_over(delivery: Delivery, found: Collection[Cause]) -> bool:
    """Whether the doubt is gone; a courier who went off duty must have been seen since."""
    risk, watch = delivery.risk, delivery.watch
    assert watch is not None
    if risk is None or risk.cause not in SEEN_BY_LOOKING or risk.cause in found:
        return False
    return risk.cause is not Cause.COURIER_OFFLINE or watch.seen_at > risk.since_at


def _watched(delivery: Delivery, sight: Sight | None, *, heading: bool, now: datetime) -> Watch:
    watch = delivery.watch
    assert watch is not None, "who has it is looked at"
    if sight is not None:
        watch = replace(watch, seen_at=max(watch.seen_at, sight.at))
    if not heading:
        return replace(watch, looked_at=now, nearest_m=None, nearer_at=now)
    if sight is None:
        return replace(watch, looked_at=now)
    if watch.nearest_m is None:
        return replace(watch, looked_at=now, nearest_m=sight.distance_m)
    if sight.distance_m <= watch.nearest_m - NEARER_M:
        return replace(watch, looked_at=now, nearest_m=sight.distance_m, nearer_at=now)
    return replace(watch, looked_at=now)


def _doubts(
    delivery: Delivery, sight: Sight | None, *, heading: bool, now: datetime
) -> Iterator[Cause]:
    """`sight` is where the courier is now, or None if that is not known."""
    assert delivery.watch is not None
    assert delivery.etas is not None
    if _silent(delivery, now):
        yield Cause.COURIER_OFFLINE
    if delivery.state is not ASSIGNED:
        return
    due_at = max(delivery.ready_at, delivery.etas.pickup_at)
    expected_at = now + timedelta(seconds=sight.travel_s if sight is not None else 0.0)
    if expected_at > due_at + timedelta(seconds=delivery.rules.late_after_s):
        yield Cause.TOO_LATE
    still = now - delivery.watch.nearer_at >= timedelta(seconds=delivery.rules.stalled_after_s)
    # Who can still be there in time may rest on the way.
    if heading and sight is not None and still and expected_at > due_at:
        yield Cause.COURIER_STALLED


def _silent(delivery: Delivery, now: datetime) -> bool:
    assert delivery.watch is not None
    return now - delivery.watch.seen_at > timedelta(seconds=delivery.rules.silent_after_s)
