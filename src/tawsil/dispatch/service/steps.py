"""The courier's steps: arrived, collected, handed over, not handed over, brought back."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from tawsil.dispatch import model
from tawsil.dispatch.model import Delivery
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.requests import Outcomes, unknown
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Decision, refuse
from tawsil.tracking.events import StopKind


class Step(Command, frozen=True, kw_only=True):
    """`at`: when it was taken, if the courier was out of reach then."""

    reference_id: UUID
    courier_id: UUID
    at: datetime | None = None


class Arrival(Step, frozen=True, kw_only=True):
    kind: StopKind


Decide = Callable[[Delivery, Step], Decision[Delivery]]


async def arrived(tx: Tx, arrivals: Sequence[Arrival]) -> Outcomes:
    """The courier says so themselves, where their phone could not."""
    board = await Board.of_references(tx, [a.reference_id for a in arrivals])
    outcomes: Outcomes = []
    for arrival in arrivals:
        delivery = board.find(arrival.by, arrival.reference_id)
        if delivery is None:
            outcomes.append(unknown())
        elif delivery.courier_id != arrival.courier_id:
            outcomes.append(refuse("dispatch.not_your_delivery", status=403))
        else:
            here = model.arrive(delivery, kind=arrival.kind, now=tx.now, at=arrival.at)
            outcomes.append(board.decide(arrival.by, here))
    await board.save()
    return outcomes


async def picked_up(tx: Tx, steps: Sequence[Step]) -> Outcomes:
    return await _each(
        tx, steps, lambda d, s: model.pick_up(d, courier_id=s.courier_id, now=tx.now, at=s.at)
    )


async def failed(tx: Tx, steps: Sequence[Step]) -> Outcomes:
    """Nobody took it: the same courier brings it back to the pick-up place."""
    return await _each(
        tx, steps, lambda d, s: model.fail(d, courier_id=s.courier_id, now=tx.now, at=s.at)
    )


async def delivered(tx: Tx, steps: Sequence[Step]) -> Outcomes:
    return await _each(
        tx,
        steps,
        lambda d, s: model.deliver(d, courier_id=s.courier_id, now=tx.now, at=s.at),
        last=True,
    )


async def returned(tx: Tx, steps: Sequence[Step]) -> Outcomes:
    return await _each(
        tx,
        steps,
        lambda d, s: model.bring_back(d, courier_id=s.courier_id, now=tx.now, at=s.at),
        last=True,
    )


async def _each(tx: Tx, steps: Sequence[Step], decide: Decide, *, last: bool = False) -> Outcomes:
    """Take steps one after another; after the `last` one of all it carries a courier is free."""
    board = await Board.of_references(tx, [s.reference_id for s in steps])
    outcomes: Outcomes = []
    for step in steps:
        delivery = board.find(step.by, step.reference_id)
        if delivery is None:
            outcomes.append(unknown())
            continue
        decision = decide(delivery, step)
        outcomes.append(
            board.end(step.by, delivery, decision) if last else board.decide(step.by, decision)
        )
    await board.save()
    return outcomes
