"""What the platform tells its people as it happens: live events as news."""

from uuid import UUID

import msgspec
from msgspec import Struct, field

from tawsil.kernel.places import Place
from tawsil.simulation.actors.port import (
    NewOrder,
    News,
    Offered,
    OrderMoved,
    Suggested,
)


class _Stop(Struct, frozen=True):
    place: Place


class _Payload(Struct, frozen=True):
    earning_minor: int = field(name="estimatedEarning")
    distance_m: float = field(name="distance")
    stops: list[_Stop]


class _OfferCreated(Struct, frozen=True):
    offer_id: UUID = field(name="offerId")
    order_ids: list[UUID] = field(name="deliveryIds")
    payload: _Payload


class _OrderUpdated(Struct, frozen=True):
    order_id: UUID = field(name="orderId")
    status: str


class _MoveSuggested(Struct, frozen=True):
    place: Place


class _NewOrder(Struct, frozen=True):
    order_id: UUID = field(name="orderId")


def news_of(name: str, data: str) -> News | None:
    """A message of the live stream as news, if it is any to an actor."""
    match name:
        case "new_order":
            return NewOrder(msgspec.json.decode(data, type=_NewOrder).order_id)
        case "order_status_updated":
            updated = msgspec.json.decode(data, type=_OrderUpdated)
            return OrderMoved(updated.order_id, updated.status)
        case "move_suggested":
            return Suggested(msgspec.json.decode(data, type=_MoveSuggested).place)
        case "offer_created":
            offer = msgspec.json.decode(data, type=_OfferCreated)
            return Offered(
                offer_id=offer.offer_id,
                order_ids=tuple(offer.order_ids),
                distance_m=offer.payload.distance_m,
                pay_minor=offer.payload.earning_minor,
                route=tuple(stop.place for stop in offer.payload.stops),
            )
        case _:
            return None
