"""Whether couriers are still coming: they are looked at, they leave, or they say so themselves."""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from tawsil.couriers.events import (
    Availability,
    AvailabilityChanged,
    VehicleMarkedSafe,
    VehicleMarkedUnsafe,
)
from tawsil.dispatch import model, store
from tawsil.dispatch.events import Cause
from tawsil.dispatch.model import TO_COLLECT, Delivery, Sight
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.requests import Outcomes, unknown
from tawsil.geography.public import GreatCircle
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Command, Decision, Refusal, refuse
from tawsil.kernel.events import Recorded
from tawsil.kernel.places import distance_m
from tawsil.tracking import public as tracking

_AWAY: Final = frozenset({Availability.OFFLINE, Availability.ON_BREAK})
_STRAIGHT: Final = GreatCircle()


class GiveBack(Command, frozen=True, kw_only=True):
    """The courier will not collect it; with `whole`, nothing else that they have not collected."""

    courier_id: UUID
    reference_id: UUID
    reason: str
    whole: bool = False


async def sights(tx: Tx, deliveries: Iterable[Delivery]) -> dict[UUID, Sight]:
    """By delivery, where its courier is, as far as that is known."""
    with_courier = [(d, d.courier_id) for d in deliveries if d.courier_id is not None]
    couriers = sorted({courier_id for _, courier_id in with_courier})
    positions = await tracking.latest(tx, courier_ids=couriers) if couriers else {}
    return {
        delivery.id: _sight(positions[courier_id], delivery)
        for delivery, courier_id in with_courier
        if courier_id in positions
    }


def _sight(position: tracking.Position, delivery: Delivery) -> Sight:
    return Sight(
        at=position.at,
        distance_m=distance_m(position.place, delivery.pickup),
        travel_s=tracking.eta_s(origin=position.place, to=delivery.pickup, travel=_STRAIGHT),
    )


def look(board: Board, by: By, delivery: Delivery, *, sight: Sight | None, tx: Tx) -> None:
    heading = _next_stop(board, delivery)
    stand(board, by, delivery, model.look(delivery, sight=sight, heading=heading, now=tx.now))


def stand(
    board: Board, by: By, delivery: Delivery, decision: Decision[Delivery]
) -> Delivery | Refusal:
    """Let a decision stand that may cost the courier the delivery."""
    if isinstance(decision, Accepted) and decision.state.courier_id is None:
        return board.end(by, delivery, decision)
    return board.decide(by, decision)


def _next_stop(board: Board, delivery: Delivery) -> bool:
    """Whether the next stop is this pick-up: nothing is on board, and no other comes first."""
    assert delivery.courier_id is not None
    theirs = board.carried(delivery.courier_id)
    if any(d.state not in TO_COLLECT for d in theirs):
        return False
    first = min(theirs, key=lambda d: (d.etas.pickup_at if d.etas else d.ready_at, d.id))
    return first.site_id == delivery.site_id


async def on_courier_unavailable(tx: Tx, events: Sequence[Recorded[AvailabilityChanged]]) -> None:
    """A courier left: what they were asked is withdrawn, what they carry is at risk.

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
    for recorded in left.values():
        if recorded.event.to is Availability.OFFLINE:
            _endanger_all(tx, board, recorded, cause=Cause.COURIER_OFFLINE)
    await board.save()


async def on_vehicle_unsafe(tx: Tx, events: Sequence[Recorded[VehicleMarkedUnsafe]]) -> None:
    board = await Board.of(tx, delivery_ids=[], courier_ids=[e.event.courier_id for e in events])
    for recorded in events:
        _endanger_all(tx, board, recorded, cause=Cause.VEHICLE_UNSAFE)
    await board.save()


async def on_vehicle_safe(tx: Tx, events: Sequence[Recorded[VehicleMarkedSafe]]) -> None:
    board = await Board.of(tx, delivery_ids=[], courier_ids=[e.event.courier_id for e in events])
    for recorded in events:
        for delivery in board.carried(recorded.event.courier_id):
            well = model.recover(delivery, cause=Cause.VEHICLE_UNSAFE, now=tx.now)
            board.decide(_story(recorded.by, delivery), well)
    await board.save()


def _endanger_all(
    tx: Tx,
    board: Board,
    recorded: Recorded[AvailabilityChanged] | Recorded[VehicleMarkedUnsafe],
    *,
    cause: Cause,
) -> None:
    """Whatever the courier had by then; of what came after, whoever gave it to them knew."""
    for delivery in board.carried(recorded.event.courier_id):
        assert delivery.assigned_at is not None
        if delivery.assigned_at <= recorded.at:
            doubtful = model.endanger(delivery, cause=cause, now=tx.now)
            stand(board, _story(recorded.by, delivery), delivery, doubtful)


async def give_back(tx: Tx, commands: Sequence[GiveBack]) -> Outcomes:
    """A courier cancels what they have not collected."""
    board = await Board.of_references(tx, [c.reference_id for c in commands])
    outcomes: Outcomes = []
    said: list[tuple[By, UUID, str]] = []
    for command in commands:
        delivery = board.find(command.by, command.reference_id)
        if delivery is None or delivery.courier_id != command.courier_id:
            outcomes.append(unknown())
        elif delivery.state not in TO_COLLECT:
            outcomes.append(refuse("dispatch.already_collected", state=delivery.state))
        else:
            given = [delivery]
            if command.whole:
                given = [d for d in board.carried(command.courier_id) if d.state in TO_COLLECT]
            for one in given:
                left = model.endanger(one, cause=Cause.COURIER_CANCELLED, now=tx.now)
                stand(board, _story(command.by, one), one, left)
                said.append((command.by, one.id, command.reason))
            outcomes.append(board.deliveries[delivery.id])
    await board.save()
    await store.add_remarks(tx, said)
    return outcomes


def _story(by: By, delivery: Delivery) -> By:
    return by.about(delivery.correlation_id)
