"""What the board of a merchant hears besides orders: its own switches, and couriers at doors."""

from collections.abc import Mapping
from typing import Any, Final

from tawsil.catalog import events as catalog
from tawsil.dispatch import events as dispatch
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.kernel.http.live import Audience, LiveMessage, Translate


def _merchant_updated(recorded: Recorded[Any]) -> list[LiveMessage]:
    """Somebody has paused it, or taken something off the menu: all its screens must know."""
    event = recorded.event
    told = Audience(
        tenant_id=recorded.tenant_id,
        city_id=recorded.city_id,
        location_ids=frozenset({event.merchant_id}),
    )
    data = {"merchantId": event.merchant_id, "happened": recorded.type}
    return [LiveMessage(event="merchant_updated", data=data, audience=told)]


def _courier_arrived(recorded: Recorded[dispatch.DeliveryArrived]) -> list[LiveMessage]:
    """To the courier, and to the people of what is delivered."""
    event = recorded.event
    told = Audience(
        tenant_id=recorded.tenant_id,
        city_id=recorded.city_id,
        user_ids=frozenset({event.courier_id}),
        subject_id=event.reference_id,
    )
    data = {
        "deliveryId": event.reference_id,
        "driverId": event.courier_id,
        "stop": event.kind,
        "at": recorded.at,
    }
    return [LiveMessage(event="delivery_courier_arrived", data=data, audience=told)]


TRANSLATIONS: Final[Mapping[type[Event], Translate]] = {
    **dict.fromkeys(
        (
            catalog.MerchantPaused,
            catalog.MerchantResumed,
            catalog.MerchantBusyChanged,
            catalog.MerchantPrepTimeChanged,
            catalog.ProductAvailabilityChanged,
        ),
        _merchant_updated,
    ),
    dispatch.DeliveryArrived: _courier_arrived,
}
