"""A courier leaves, or an operator decides: the delivery goes to somebody else."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tawsil.couriers import public as couriers
from tawsil.couriers.events import Availability, AvailabilityChanged
from tawsil.dispatch import model, store
from tawsil.dispatch.model import TO_COLLECT, WITHOUT_COURIER, Delivery, Etas
from tawsil.dispatch.service.board import Board, GrownError
from tawsil.dispatch.service.requests import Outcomes, unknown
from tawsil.geography.public import GreatCircle
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal, refuse
from tawsil.kernel.events import Recorded
from tawsil.tracking import public as tracking

_AWAY: Final = frozenset({Availability.OFFLINE, Availability.ON_BREAK})
_STRAIGHT: Final = GreatCircle()


class Reassign(Command, frozen=True, kw_only=True):
    """By hand: to this courier, or (None) away from the present one and back to the search."""

    reference_id: UUID
    courier_id: UUID | None = None
    reason: str


async def on_courier_unavailable(tx: Tx, events: Sequence[Recorded[AvailabilityChanged]]) -> None:
    """A courier left: what they were asked is withdrawn, what they did not collect is searched for.

    What was offered or assigned to them after that is another matter.
    """
    left = {e.event.courier_id: e for e in events if e.event.to in _AWAY}
    if not left:
        return
    pending = await store.pending_of(tx, courier_ids=list(left))
    board = await Board.of(
        tx,
        delivery_ids=[id_ for offer in pending for id_ in offer.delivery_ids],
        courier_ids=list(left),
    )
    for offer in list(board.offers.values()):
        recorded = left.get(offer.courier_id)
        if recorded is not None and offer.made_at <= recorded.at:
            gone = model.withdraw_offer(offer, reason="courier_unavailable", declined=True)
            board.fall_through(recorded.by, offer, gone, reason="courier_unavailable")
    for courier_id, recorded in left.items():
        if recorded.event.to is Availability.OFFLINE:
            _unassign_all(tx, board, courier_id, recorded)
    await board.save()


def _unassign_all(
    tx: Tx, board: Board, courier_id: UUID, recorded: Recorded[AvailabilityChanged]
) -> None:
    for delivery in board.carried(courier_id):
        assert delivery.assigned_at is not None
        if delivery.state in TO_COLLECT and delivery.assigned_at <= recorded.at:
            lost = model.unassign(delivery, reason="courier_offline", now=tx.now)
            board.end(recorded.by, delivery, lost)


async def reassign(tx: Tx, commands: Sequence[Reassign]) -> Outcomes:
    return [await _reassign(tx, command) for command in commands]


async def _reassign(tx: Tx, command: Reassign) -> Delivery | Refusal:
    """Try until no offer is made to the chosen courier between looking and having them."""
    while True:
        with suppress(GrownError):
            async with tx.savepoint():
                return await _reassign_now(tx, command)


async def _reassign_now(tx: Tx, command: Reassign) -> Delivery | Refusal:
    chosen = [command.courier_id] if command.courier_id else []
    known = await store.of_references(tx, reference_ids=[command.reference_id])
    pending = await store.pending_of(tx, courier_ids=chosen)
    board = await Board.of(
        tx,
        delivery_ids=[
            *(d.id for d in known.values()),
            *(i for o in pending for i in o.delivery_ids),
        ],
        courier_ids=chosen,
    )
    delivery = board.find(command.by, command.reference_id)
    if delivery is None:
        return unknown()
    if refusal := await _not_reassignable(tx, board, command, delivery):
        return refusal
    by = command.by.about(delivery.correlation_id)
    board.withdraw_offer_of(by, delivery, reason="reassigned")
    for offer in list(board.offers.values()):
        if offer.pending and offer.courier_id in chosen:
            board.withdraw_offer_of(
                by, board.deliveries[offer.delivery_ids[0]], reason="reassigned"
            )
    delivery = board.deliveries[delivery.id]
    if delivery.state in TO_COLLECT:
        board.end(by, delivery, model.unassign(delivery, reason=command.reason, now=tx.now))
    outcome: Delivery | Refusal = board.deliveries[delivery.id]
    if command.courier_id is not None:
        etas = await _etas(tx, outcome, courier_id=command.courier_id)
        outcome = board.assign(by, outcome, courier_id=command.courier_id, etas=etas, now=tx.now)
    await board.save()
    return outcome


async def _not_reassignable(
    tx: Tx, board: Board, command: Reassign, delivery: Delivery
) -> Refusal | None:
    """Why not; otherwise the chosen courier is on the job."""
    if delivery.state not in WITHOUT_COURIER | TO_COLLECT:
        return refuse("dispatch.already_collected", state=delivery.state)
    if command.courier_id is None:
        return None
    if command.courier_id == delivery.courier_id:
        return refuse("dispatch.has_it_already")
    if carried := board.carried(command.courier_id):
        return None if carried[0].tenant_id == command.by.tenant_id else unknown()
    engage = couriers.Engage(
        by=command.by.about(delivery.correlation_id), courier_id=command.courier_id
    )
    (engaged,) = await couriers.engage(tx, [engage])
    if isinstance(engaged, Refusal):
        return engaged
    pending = await store.pending_of(tx, courier_ids=[command.courier_id])
    if not board.offers.keys() >= {offer.id for offer in pending}:
        raise GrownError
    return None


async def _etas(tx: Tx, delivery: Delivery, *, courier_id: UUID) -> Etas:
    """Expected instants as the crow flies; a courier who was never seen counts as there."""
    position = (await tracking.latest(tx, courier_ids=[courier_id])).get(courier_id)
    origin = position.place if position is not None else delivery.pickup
    approach_s = float(_STRAIGHT([origin], [delivery.pickup])[0, 0])
    carry_s = float(_STRAIGHT([delivery.pickup], [delivery.dropoff])[0, 0])
    arrival_at = tx.now + timedelta(seconds=approach_s)
    pickup_at: datetime = max(arrival_at, delivery.ready_at)
    return Etas(
        arrival_at=arrival_at,
        pickup_at=pickup_at,
        dropoff_at=pickup_at + timedelta(seconds=carry_s),
    )
