"""What dispatch hears, from the road, from couriers, from the clock and from operators."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from tawsil.dispatch import model
from tawsil.dispatch.model import Delivery, State
from tawsil.dispatch.service import offers
from tawsil.dispatch.service.board import Board
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due
from tawsil.kernel.decisions import By
from tawsil.kernel.events import Recorded
from tawsil.kernel.places import distance_m
from tawsil.tracking import public as tracking
from tawsil.tracking.events import GeofenceEntered, StopKind

NEAR_M: Final = 300.0
"""A courier this near to the pick-up has arrived, whatever the geofence said."""


async def on_geofence(tx: Tx, events: Sequence[Recorded[GeofenceEntered]]) -> None:
    board = await Board.of_references(tx, [e.event.reference_id for e in events])
    for recorded in events:
        delivery = board.find(recorded.by, recorded.event.reference_id)
        if delivery is not None and delivery.courier_id == recorded.event.courier_id:
            board.decide(recorded.by, model.arrive(delivery, kind=recorded.event.kind))
    await board.save()


async def on_due_offer(tx: Tx, due: Sequence[Due]) -> None:
    await offers.expire(tx, [d.subject_id for d in due])


async def on_due_delivery(tx: Tx, due: Sequence[Due]) -> None:
    """Climb the ladder, give up at its end, or send somebody else when the courier stalls."""
    board = await Board.of(tx, delivery_ids=[d.subject_id for d in due])
    asked = [board.deliveries[d.subject_id] for d in due]
    stalled = [d.courier_id for d in asked if d.state is State.ASSIGNED and d.courier_id]
    positions = await tracking.latest(tx, courier_ids=stalled) if stalled else {}
    for id_ in [d.id for d in asked]:
        delivery = board.deliveries[id_]  # as left by what came before: one offer may hold two
        deadline = delivery.deadline
        if deadline is None or deadline.at > tx.now:
            continue
        by = By(tenant_id=delivery.tenant_id, correlation_id=delivery.correlation_id)
        match deadline.kind:
            case "escalate":
                board.decide(by, model.escalate(delivery, reason="nobody_yet"))
            case "give_up":
                board.withdraw_offer_of(by, delivery, reason="given_up")
                board.end(by, delivery, model.give_up(board.deliveries[id_], now=tx.now))
            case _ if _is_there(delivery, positions):
                board.decide(by, model.arrive(delivery, kind=StopKind.PICKUP))
            case _:
                lost = model.unassign(delivery, reason="courier_stalled", now=tx.now)
                board.end(by, delivery, lost)
    await board.save()


def _is_there(delivery: Delivery, positions: dict[UUID, tracking.Position]) -> bool:
    assert delivery.courier_id is not None
    position = positions.get(delivery.courier_id)
    return position is not None and distance_m(position.place, delivery.pickup) <= NEAR_M
