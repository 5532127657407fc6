"""An operator decides who has a delivery, takes that back, or leaves things as they are."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

from tawsil.couriers import public as couriers
from tawsil.dispatch import model, store
from tawsil.dispatch.events import Cause
from tawsil.dispatch.model import TO_COLLECT, WITHOUT_COURIER, Delivery, Etas, State, Undo
from tawsil.dispatch.service import cash
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.requests import Outcomes, unknown
from tawsil.geography.public import GreatCircle
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Command, Refusal, refuse
from tawsil.kernel.places import Place
from tawsil.tracking import public as tracking

_STRAIGHT: Final = GreatCircle()


class ByHand(Command, frozen=True, kw_only=True):
    """`reason`: what the operator says about it."""

    reference_id: UUID
    reason: str = ""


class Reassign(ByHand, frozen=True, kw_only=True):
    """To this courier, or (None) away from the present one and back to the search."""

    courier_id: UUID | None = None


class UndoReassignment(ByHand, frozen=True, kw_only=True):
    pass


class HandOver(ByHand, frozen=True, kw_only=True):
    """What is on board went to this courier, at `place`."""

    courier_id: UUID
    place: Place | None = None


class CarryOn(ByHand, frozen=True, kw_only=True):
    """Whatever puts it at risk, it stays with its courier."""


Outcome = Delivery | Refusal
H = TypeVar("H", bound=ByHand)


async def reassign(tx: Tx, commands: Sequence[Reassign]) -> Outcomes:
    async def decide(board: Board, delivery: Delivery, command: Reassign) -> Outcome:
        if delivery.state not in WITHOUT_COURIER | TO_COLLECT:
            return refuse("dispatch.already_collected", state=delivery.state)
        if command.courier_id is not None and command.courier_id == delivery.courier_id:
            return refuse("dispatch.has_it_already")
        return await _give(
            tx, board, command.by, delivery, courier_id=command.courier_id, cause=Cause.BY_HAND
        )

    return [await _decided(tx, c, decide, courier_id=c.courier_id) for c in commands]


async def undo(tx: Tx, commands: Sequence[UndoReassignment]) -> Outcomes:
    """Put the former courier back, if they have not been asked for anything else since."""

    async def decide(board: Board, delivery: Delivery, command: UndoReassignment) -> Outcome:
        if refused := model.not_undoable(delivery, now=tx.now):
            return refused
        assert delivery.undo is not None
        former = delivery.undo.courier_id
        decided_at = delivery.undo.until_at - timedelta(seconds=delivery.rules.graces.undo_s)
        asked = any(o.pending and o.courier_id == former for o in board.offers.values())
        theirs = board.carried(former) if former is not None else []
        if asked or any(d.assigned_at and d.assigned_at >= decided_at for d in theirs):
            return refuse("dispatch.former_courier_not_free")
        outcome = await _give(
            tx, board, command.by, delivery, courier_id=former, cause=Cause.UNDONE
        )
        gone = isinstance(outcome, Refusal)
        return refuse("dispatch.former_courier_not_free") if gone else outcome

    known = await store.of_references(tx, reference_ids=[c.reference_id for c in commands])
    former = {r: d.undo.courier_id for r, d in known.items() if d.undo is not None}
    return [await _decided(tx, c, decide, courier_id=former.get(c.reference_id)) for c in commands]


async def hand_over(tx: Tx, commands: Sequence[HandOver]) -> Outcomes:
    """Note that another courier has what is on board now."""

    async def decide(board: Board, delivery: Delivery, command: HandOver) -> Outcome:
        by = command.by.about(delivery.correlation_id)
        etas = await _etas_on_board(tx, delivery, command)
        decision = model.hand_over(
            delivery, courier_id=command.courier_id, etas=etas, place=command.place, now=tx.now
        )
        if isinstance(decision, Refusal):
            return decision
        if refused := await _engage(tx, board, by, courier_id=command.courier_id):
            return refused
        _withdraw_offers_to(board, by, command.courier_id)
        return board.hand_over(by, delivery, decision)

    return [await _decided(tx, c, decide, courier_id=c.courier_id) for c in commands]


async def carry_on(tx: Tx, commands: Sequence[CarryOn]) -> Outcomes:
    async def decide(board: Board, delivery: Delivery, command: CarryOn) -> Outcome:
        by = command.by.about(delivery.correlation_id)
        return board.decide(by, model.carry_on(delivery, now=tx.now))

    return [await _decided(tx, c, decide, courier_id=None) for c in commands]


async def _decided(
    tx: Tx,
    command: H,
    decide: Callable[[Board, Delivery, H], Awaitable[Outcome]],
    *,
    courier_id: UUID | None,
) -> Outcome:
    concerned = [courier_id] if courier_id is not None else []
    known = await store.of_references(tx, reference_ids=[command.reference_id])
    pending = await store.pending_of(tx, courier_ids=concerned)
    board = await Board.of(
        tx,
        delivery_ids=[
            *(d.id for d in known.values()),
            *(i for o in pending for i in o.delivery_ids),
        ],
        courier_ids=concerned,
    )
    delivery = board.find(command.by, command.reference_id)
    if delivery is None:
        return unknown()
    outcome = await decide(board, delivery, command)
    if isinstance(outcome, Refusal):
        return outcome
    await board.save()
    await store.add_remarks(tx, [(command.by, delivery.id, command.reason)])
    return outcome


async def _give(
    tx: Tx, board: Board, by: By, delivery: Delivery, *, courier_id: UUID | None, cause: Cause
) -> Outcome:
    """Take it from whoever has it or is asked, and give it to this courier or to the search."""
    by = by.about(delivery.correlation_id)
    if courier_id is not None:
        over = await cash.over_limit(tx, board, delivery, courier_ids=[courier_id])
        refused = over.get(courier_id) or await _engage(tx, board, by, courier_id=courier_id)
        if refused is not None:
            return refused
    former = delivery.courier_id
    board.withdraw_offer_of(by, delivery, reason="reassigned")
    if courier_id is not None:
        _withdraw_offers_to(board, by, courier_id)
    delivery = board.deliveries[delivery.id]
    if delivery.state in TO_COLLECT:
        board.end(by, delivery, model.unassign(delivery, cause=cause, now=tx.now))
    until_at = tx.now + timedelta(seconds=delivery.rules.graces.undo_s)
    undo = None if cause is Cause.UNDONE else Undo(until_at=until_at, courier_id=former)
    outcome = board.decide(by, model.remember(board.deliveries[delivery.id], undo=undo))
    if courier_id is None or isinstance(outcome, Refusal):
        return outcome
    etas = await _etas(tx, outcome, courier_id=courier_id)
    return board.assign(by, outcome, courier_id=courier_id, etas=etas, now=tx.now)


async def _engage(tx: Tx, board: Board, by: By, *, courier_id: UUID) -> Refusal | None:
    """Why the courier cannot have it; otherwise they are on the job."""
    if carried := board.carried(courier_id):
        return None if carried[0].tenant_id == by.tenant_id else unknown()
    await board.lock_couriers(courier_id)
    pending = await store.pending_of(tx, courier_ids=[courier_id])
    if not board.offers.keys() >= {offer.id for offer in pending}:
        # Asked between looking and locking. Letting go to lock anew would keep those waiting who
        # already wait for this transaction as a whole.
        return refuse("dispatch.has_another_offer")
    (engaged,) = await couriers.engage(tx, [couriers.Engage(by=by, courier_id=courier_id)])
    return engaged if isinstance(engaged, Refusal) else None


def _withdraw_offers_to(board: Board, by: By, courier_id: UUID) -> None:
    for offer in list(board.offers.values()):
        if offer.pending and offer.courier_id == courier_id:
            board.withdraw_offer_of(
                by, board.deliveries[offer.delivery_ids[0]], reason="reassigned"
            )


async def _etas(tx: Tx, delivery: Delivery, *, courier_id: UUID) -> Etas:
    """Expected instants as the crow flies; a courier who was never seen counts as there."""
    origin = await _place(tx, courier_id) or delivery.pickup
    arrival_at = tx.now + _ride(origin, delivery.pickup)
    pickup_at: datetime = max(arrival_at, delivery.ready_at)
    return Etas(
        arrival_at=arrival_at,
        pickup_at=pickup_at,
        dropoff_at=pickup_at + _ride(delivery.pickup, delivery.dropoff),
    )


async def _etas_on_board(tx: Tx, delivery: Delivery, command: HandOver) -> Etas:
    """It was collected when it was; from here on, as the crow flies to where it goes."""
    goes_to = delivery.pickup if delivery.state is State.FAILED else delivery.dropoff
    here = command.place or await _place(tx, command.courier_id) or goes_to
    before = delivery.etas
    arrival_at = min(before.arrival_at, tx.now) if before is not None else tx.now
    pickup_at = min(before.pickup_at, tx.now) if before is not None else tx.now
    return Etas(
        arrival_at=arrival_at, pickup_at=pickup_at, dropoff_at=tx.now + _ride(here, goes_to)
    )


async def _place(tx: Tx, courier_id: UUID) -> Place | None:
    position = (await tracking.latest(tx, courier_ids=[courier_id])).get(courier_id)
    return position.place if position is not None else None


def _ride(origin: Place, to: Place) -> timedelta:
    return timedelta(seconds=tracking.eta_s(origin=origin, to=to, travel=_STRAIGHT))
