"""What dispatch hears, from the road, from couriers, from the clock and from operators."""

from collections.abc import Sequence

from tawsil.dispatch import model
from tawsil.dispatch.events import DeliveryDone, DeliveryGivenUp
from tawsil.dispatch.service import doubts, escalation, offers, switchback
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.observing import on_performance
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due
from tawsil.kernel.decisions import By
from tawsil.kernel.events import Recorded
from tawsil.tracking.events import GeofenceEntered


async def on_geofence(tx: Tx, events: Sequence[Recorded[GeofenceEntered]]) -> None:
    board = await Board.of_references(tx, [e.event.reference_id for e in events])
    for recorded in events:
        delivery = board.find(recorded.by, recorded.event.reference_id)
        if delivery is not None and delivery.courier_id == recorded.event.courier_id:
            board.decide(recorded.by, model.arrive(delivery, kind=recorded.event.kind, now=tx.now))
    await board.save()


async def on_done(tx: Tx, events: Sequence[Recorded[DeliveryDone]]) -> None:
    await on_performance(tx, events)
    await switchback.observe(tx, delivery_ids=[e.event.delivery_id for e in events], lost=False)


async def on_given_up(tx: Tx, events: Sequence[Recorded[DeliveryGivenUp]]) -> None:
    await switchback.observe(tx, delivery_ids=[e.event.delivery_id for e in events], lost=True)


async def on_due_offer(tx: Tx, due: Sequence[Due]) -> None:
    await offers.expire(tx, [d.subject_id for d in due])


async def on_due_delivery(tx: Tx, due: Sequence[Due]) -> None:
    """Climb the ladder, give up at its end, or look whether the courier is still coming."""
    board = await Board.of(tx, delivery_ids=[d.subject_id for d in due])
    asked = [board.deliveries[d.subject_id] for d in due]
    sights = await doubts.sights(tx, asked)
    for id_ in [d.id for d in asked]:
        delivery = board.deliveries[id_]  # as left by what came before: one offer may hold two
        deadline = delivery.deadline
        if deadline is None or deadline.at > tx.now:
            continue
        by = By(tenant_id=delivery.tenant_id, correlation_id=delivery.correlation_id)
        match deadline.kind:
            case "escalate":
                escalation.climb(board, by, delivery, reason="nobody_yet")
            case "give_up":
                board.withdraw_offer_of(by, delivery, reason="given_up")
                board.end(by, delivery, model.give_up(board.deliveries[id_], now=tx.now))
            case _:
                doubts.look(board, by, delivery, sight=sights.get(id_), tx=tx)
    await board.save()
