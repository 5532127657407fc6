"""What a courier does with a delivery: arrive, collect, hand over, or bring back.

Who is out of reach tells of it later and says when it was (`at`); it is believed within what is
known to have happened before, and never in the future.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from tawsil.dispatch import events
from tawsil.dispatch.model.delivery import SEEN_BY_LOOKING, Delivery, recovered, refused
from tawsil.dispatch.model.states import (
    ASSIGNED,
    AT_DROPOFF,
    AT_PICKUP,
    DONE,
    FAILED,
    PICKED_UP,
    RETURNED,
    WITH_COURIER,
    State,
)
from tawsil.kernel.decisions import Accepted, Decision, accept, refuse, then
from tawsil.tracking.events import StopKind


def arrive(
    delivery: Delivery, *, kind: StopKind, now: datetime, at: datetime | None = None
) -> Decision[Delivery]:
    """The courier stands at the door. Arriving twice, or somewhere passed already, is no news.

    `at`: since when, as a courier says who was out of reach; not before they had it.
    """
    expected = {StopKind.PICKUP: ASSIGNED, StopKind.DROPOFF: PICKED_UP}
    if delivery.state is not expected[kind]:
        return accept(delivery)
    to = AT_PICKUP if kind is StopKind.PICKUP else AT_DROPOFF
    seen = delivery.risk is not None and delivery.risk.cause in SEEN_BY_LOOKING
    well: Decision[Delivery] = recovered(delivery, now=now) if seen else accept(delivery)
    happened_at = _happened_at(delivery, said=at, now=now)
    at_pickup = kind is StopKind.PICKUP
    arrived_at = (happened_at or now) if at_pickup else delivery.arrived_at
    here = then(well, lambda d: accept(replace(d, arrived_at=arrived_at)))
    return then(
        here, lambda d: _moved(d, to, events.DeliveryArrived, kind=kind, happened_at=happened_at)
    )


def pick_up(
    delivery: Delivery, *, courier_id: UUID, now: datetime, at: datetime | None = None
) -> Decision[Delivery]:
    taken = replace(delivery, collected_at=_happened_at(delivery, said=at, now=now) or now)
    return _step(taken, PICKED_UP, events.DeliveryPickedUp, courier_id=courier_id, now=now, at=at)


def deliver(
    delivery: Delivery, *, courier_id: UUID, now: datetime, at: datetime | None = None
) -> Decision[Delivery]:
    return _step(delivery, DONE, events.DeliveryDone, courier_id=courier_id, now=now, at=at)


def fail(
    delivery: Delivery, *, courier_id: UUID, now: datetime, at: datetime | None = None
) -> Decision[Delivery]:
    """Nobody took it: the same courier brings it back."""
    return _step(delivery, FAILED, events.DeliveryFailed, courier_id=courier_id, now=now, at=at)


def bring_back(
    delivery: Delivery, *, courier_id: UUID, now: datetime, at: datetime | None = None
) -> Decision[Delivery]:
    return _step(delivery, RETURNED, events.DeliveryReturned, courier_id=courier_id, now=now, at=at)


def _step(
    delivery: Delivery,
    to: State,
    fact: Any,
    *,
    courier_id: UUID,
    now: datetime,
    at: datetime | None,
) -> Decision[Delivery]:
    """What the courier does shows that they are at it, whatever was feared."""
    if delivery.courier_id != courier_id:
        return refuse("dispatch.not_your_delivery", status=403)
    if no := refused(delivery, to):
        return no
    well: Decision[Delivery] = accept(delivery)
    if delivery.risk is not None:
        well = recovered(delivery, now=now)
    happened_at = _happened_at(delivery, said=at, now=now)
    ended_at = (happened_at or now) if to in {DONE, RETURNED} else None
    return then(well, lambda d: _moved(d, to, fact, ended_at=ended_at, happened_at=happened_at))


def _happened_at(delivery: Delivery, *, said: datetime | None, now: datetime) -> datetime | None:
    """When a step was taken that is told of later: after the one before it, and not after now."""
    if said is None or said >= now:
        return None
    before = (delivery.assigned_at, delivery.arrived_at, delivery.collected_at)
    return min(now, max(said, *(at for at in before if at is not None), delivery.requested_at))


def _moved(
    delivery: Delivery, to: State, fact: Any, *, ended_at: datetime | None = None, **fields: Any
) -> Accepted[Delivery]:
    moved = replace(
        delivery, state=to, ended_at=ended_at, watch=delivery.watch if to in WITH_COURIER else None
    )
    return accept(
        moved,
        fact(
            delivery_id=moved.id,
            reference_id=moved.reference_id,
            courier_id=moved.courier_id,
            **fields,
        ),
    )
