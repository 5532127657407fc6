"""The use cases of dispatch, one module for each kind; here, what it hears and when it is woken."""

from tawsil.dispatch.service.doubts import (
    on_courier_unavailable,
    on_vehicle_safe,
    on_vehicle_unsafe,
)
from tawsil.dispatch.service.handlers import on_due_delivery, on_due_offer, on_geofence

__all__ = [
    "on_courier_unavailable",
    "on_due_delivery",
    "on_due_offer",
    "on_geofence",
    "on_vehicle_safe",
    "on_vehicle_unsafe",
]
