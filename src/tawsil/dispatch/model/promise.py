"""When a courier is to hand over, as it was said when they took it, and whether they did."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch.events import IncidentKind

LATE_AFTER: Final = timedelta(minutes=5)
"""A handover up to this much after the promise is in time."""


class Promise(Struct, frozen=True, kw_only=True):
    """What one courier is held to for one delivery. What others cause moves it: goods that come
    late out of the kitchen, something added to the route.
    """

    delivery_id: UUID
    courier_id: UUID
    pickup_at: datetime
    dropoff_at: datetime
    arrived_at: datetime | None = None
    """When the courier stood at the pick-up."""
    stranded: IncidentKind | None = None
    """How they were lost with the goods on board, by a cause of their own."""


def moved(promise: Promise, *, pickup_at: datetime, dropoff_at: datetime) -> Promise:
    return replace(promise, pickup_at=pickup_at, dropoff_at=dropoff_at)


def arrived(promise: Promise, *, at: datetime) -> Promise:
    return replace(promise, arrived_at=promise.arrived_at or at)


def collected(promise: Promise, *, at: datetime) -> Promise:
    """Waiting at the counter beyond what was expected is not the courier's doing."""
    if promise.arrived_at is None:
        return promise
    waited = max(timedelta(0), at - max(promise.arrived_at, promise.pickup_at))
    return replace(promise, dropoff_at=promise.dropoff_at + waited)


def stranded(promise: Promise, *, kind: IncidentKind) -> Promise:
    """It is held against them only if somebody else has to bring it."""
    return replace(promise, stranded=promise.stranded or kind)


def recovered(promise: Promise) -> Promise:
    return replace(promise, stranded=None)


def late_by(promise: Promise, *, handed_over_at: datetime) -> timedelta | None:
    """How much later than promised it was handed over; None: in time."""
    late = handed_over_at - promise.dropoff_at
    return late if late > LATE_AFTER else None
