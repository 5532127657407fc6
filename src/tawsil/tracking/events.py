"""Arrivals and departures. Positions themselves are not events: there are too many of them."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event


class StopKind(StrEnum):
    PICKUP = "pickup"
    DROPOFF = "dropoff"


class GeofenceEntered(Event, frozen=True, kw_only=True, tag="geofence.entered.v1"):
    """The courier came near the stop of what `reference_id` names; `at` is the phone's time."""

    reference_id: UUID
    courier_id: UUID
    kind: StopKind
    at: datetime


class GeofenceLeft(Event, frozen=True, kw_only=True, tag="geofence.left.v1"):
    reference_id: UUID
    courier_id: UUID
    kind: StopKind
    at: datetime


EVENTS: Final = (GeofenceEntered, GeofenceLeft)
