"""Each kind of action as what it asks of ordering, dispatch and couriers."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.ordering import journey
from tawsil.ordering.moves import Party
from tawsil.ordering.outbox.model import (
    Action,
    Arrive,
    BringBack,
    CannotDeliver,
    Deliver,
    EndShift,
    GiveBack,
    PickUp,
    Resume,
    TakeBreak,
    VehicleUnsafe,
)
from tawsil.ordering.steps import Acting


class Asked(Struct, frozen=True):
    """An action of a courier, and when we take it to have happened."""

    by: By
    courier_id: UUID
    action: Any
    at: datetime

    @property
    def on_order(self) -> dict[str, Any]:
        return {
            "by": self.by,
            "order_id": self.action.order_id,
            "acting": Acting(Party.COURIER, self.courier_id),
            "at": self.at,
        }

    @property
    def on_duty(self) -> dict[str, Any]:
        return {"by": self.by, "courier_id": self.courier_id}


Effects = Sequence[object | Refusal]


async def _arrive(tx: Tx, asked: Sequence[Asked]) -> Effects:
    return await dispatch.arrived(
        tx,
        [
            dispatch.Arrival(
                by=a.by.about(a.action.order_id),
                reference_id=a.action.order_id,
                courier_id=a.courier_id,
                kind=a.action.stop,
                at=a.at,
            )
            for a in asked
        ],
    )


async def _pick_up(tx: Tx, asked: Sequence[Asked]) -> Effects:
    return await journey.pick_up(tx, [journey.MoveOrder(**a.on_order) for a in asked])


async def _deliver(tx: Tx, asked: Sequence[Asked]) -> Effects:
    return await journey.deliver(
        tx,
        [
            journey.DeliverOrder(**a.on_order, pin=a.action.pin, proof_ids=a.action.proof_ids)
            for a in asked
        ],
    )


async def _cannot_deliver(tx: Tx, asked: Sequence[Asked]) -> Effects:
    return await journey.mark_undeliverable(
        tx,
        [
            journey.MarkUndeliverable(**a.on_order, reason=a.action.reason, remark=a.action.note)
            for a in asked
        ],
    )


async def _bring_back(tx: Tx, asked: Sequence[Asked]) -> Effects:
    return await journey.return_to_merchant(tx, [journey.MoveOrder(**a.on_order) for a in asked])


async def _give_back(tx: Tx, asked: Sequence[Asked]) -> Effects:
    return await dispatch.give_back(
        tx,
        [
            dispatch.GiveBack(
                by=a.by,
                courier_id=a.courier_id,
                reference_id=a.action.order_id,
                reason=a.action.note,
            )
            for a in asked
        ],
    )


async def _take_break(tx: Tx, asked: Sequence[Asked]) -> Effects:
    """What is left of the break; nothing, once it would be over."""
    left = {n: timedelta(minutes=a.action.minutes) - (tx.now - a.at) for n, a in enumerate(asked)}
    going = [n for n, length in left.items() if length > timedelta(0)]
    taken = await couriers.take_break(
        tx,
        [
            couriers.TakeBreak(**asked[n].on_duty, length=max(left[n], couriers.SHORTEST_BREAK))
            for n in going
        ],
    )
    effects = dict(zip(going, taken, strict=True))
    return [effects.get(n) for n in left]


async def _resume(tx: Tx, asked: Sequence[Asked]) -> Effects:
    return await couriers.resume(tx, [couriers.Resume(**a.on_duty) for a in asked])


async def _end_shift(tx: Tx, asked: Sequence[Asked]) -> Effects:
    return await couriers.end_shift(tx, [couriers.EndShift(**a.on_duty) for a in asked])


async def _vehicle_unsafe(tx: Tx, asked: Sequence[Asked]) -> Effects:
    return await couriers.mark_unsafe(
        tx, [couriers.MarkUnsafe(**a.on_duty, fault=a.action.reason) for a in asked]
    )


APPLYING: Final[Mapping[type[Action], Callable[[Tx, Sequence[Asked]], Awaitable[Effects]]]] = {
    Arrive: _arrive,
    PickUp: _pick_up,
    Deliver: _deliver,
    CannotDeliver: _cannot_deliver,
    BringBack: _bring_back,
    GiveBack: _give_back,
    TakeBreak: _take_break,
    Resume: _resume,
    EndShift: _end_shift,
    VehicleUnsafe: _vehicle_unsafe,
}
