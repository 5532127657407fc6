"""A picture as the page's script reads it."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.consoles.picture import Name, OrderMark, Picture
from tawsil.kernel.i18n import current_locale
from tawsil.kernel.places import Place

Point = tuple[float, float]
"""[longitude, latitude], as in GeoJSON."""


class CourierDot(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    presence: str
    late: bool
    at: Point | None
    seen_at: datetime | None


class OrderDot(Struct, frozen=True, kw_only=True):
    id: UUID
    number: int
    status: str
    late: bool
    merchant: str
    courier_id: UUID | None
    pickup: Point
    dropoff: Point
    next_stop: Point


class MerchantDot(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    at: Point


class Snapshot(Struct, frozen=True, kw_only=True):
    """`banner`, `strip` and `queue` are parts of the page, rendered; empty inside a whole page."""

    at: datetime
    centre: Point
    couriers: list[CourierDot]
    orders: list[OrderDot]
    merchants: list[MerchantDot]
    banner: str
    strip: str
    queue: str

    @classmethod
    def of(
        cls, picture: Picture, *, banner: str = "", strip: str = "", queue: str = ""
    ) -> "Snapshot":
        behind = {order.courier_id for order in picture.orders if order.late(picture.at)}
        return cls(
            at=picture.at,
            centre=_point(picture.city.centre),
            couriers=[
                CourierDot(
                    id=courier.id,
                    name=courier.name,
                    presence=courier.presence.value,
                    late=courier.id in behind,
                    at=_point(courier.place) if courier.place else None,
                    seen_at=courier.seen_at,
                )
                for courier in picture.couriers
            ],
            orders=[_order(order, picture.at) for order in picture.orders],
            merchants=[
                MerchantDot(id=merchant.id, name=_said(merchant.name), at=_point(merchant.place))
                for merchant in picture.merchants
            ],
            banner=banner,
            strip=strip,
            queue=queue,
        )


def _order(order: OrderMark, now: datetime) -> OrderDot:
    return OrderDot(
        id=order.id,
        number=order.number,
        status=order.status,
        late=order.late(now),
        merchant=_said(order.merchant),
        courier_id=order.courier_id,
        pickup=_point(order.pickup),
        dropoff=_point(order.dropoff),
        next_stop=_point(order.next_stop),
    )


def _said(name: Name) -> str:
    return name.said_in(current_locale.get())


def _point(place: Place) -> Point:
    return (place.longitude, place.latitude)
