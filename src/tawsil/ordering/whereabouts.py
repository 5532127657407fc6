"""How far an order is on its way, and where: for those on it, and only while somebody is."""

from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.dispatch import public as dispatch
from tawsil.identity import public as identity
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import Envelope, Problem, allow, envelope, since_v2
from tawsil.kernel.reach import Reach
from tawsil.ordering.access import visible
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order
from tawsil.ordering.moves import LIVE
from tawsil.tracking import public as tracking

ARRIVING: Final = LIVE - {Status.UNDELIVERABLE}


class DeliveryLocationView(Struct, frozen=True, kw_only=True):
    """Where the courier was last seen; `age_s` says how long ago, so that a gap shows as one."""

    delivery_id: UUID
    courier_id: UUID
    latitude: float
    longitude: float
    accuracy_m: float
    at: datetime
    age_s: float


class DeliveryStatusView(Struct, frozen=True, kw_only=True):
    """An order's way at one look. `stage` is null until a courier is looked for.

    Courier and location are shown only while the courier is on the order.
    """

    order_id: UUID
    status: Status
    stage: dispatch.State | None
    courier_id: UUID | None
    courier_name: str | None
    """The first name of whoever is on it."""
    ready_at: datetime | None
    expected_pickup_at: datetime | None
    expected_dropoff_at: datetime | None
    expected_dropoff_by_at: datetime | None
    """Half of all such orders have arrived by the one, nine in ten by the other."""
    picked_up_at: datetime | None
    delivered_at: datetime | None
    ended_because: str | None
    location: DeliveryLocationView | None


@get(
    since_v2("/orders/{order_id:uuid}/delivery-status"),
    opt={"rule": allow("order:read")},
    tags=["Orders"],
    summary="How far an order is on its way",
)
async def show_delivery_status(
    order_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[DeliveryStatusView]:
    """Everything a waiting person asks, in one answer; live streams tell the same unasked."""
    async with database.transaction() as tx:
        order, _ = await visible(tx, reach=reach, order_id=order_id)
        delivery = (await dispatch.of_references(tx, reference_ids=[order_id])).get(order_id)
        location = await location_of(tx, order)
        window = expected(order, delivery.etas if delivery else None, now=tx.now)
        name = await first_name(tx, order)
    etas = delivery.etas if delivery and order.status in LIVE else None
    return envelope(
        DeliveryStatusView(
            order_id=order.id,
            status=order.status,
            stage=delivery.state if delivery else None,
            courier_id=order.courier_id if order.status in LIVE else None,
            courier_name=name,
            ready_at=order.ready_at,
            expected_pickup_at=etas.pickup_at if etas else None,
            expected_dropoff_at=window.p50_at if window else order.promised_at,
            expected_dropoff_by_at=window.p90_at if window else None,
            picked_up_at=order.picked_up_at,
            delivered_at=order.delivered_at,
            ended_because=order.ended_because,
            location=location,
        )
    )


@get(
    since_v2("/deliveries/{order_id:uuid}/location"),
    opt={"rule": allow("order:read")},
    tags=["Orders"],
    summary="Where the courier of a delivery is",
)
async def show_delivery_location(
    order_id: FromPath[UUID], reach: NamedDependency[Reach], database: NamedDependency[Database]
) -> Envelope[DeliveryLocationView]:
    """For the people of the order, and only while a courier is on it.

    Deliveries are addressed by the order they are for.
    """
    async with database.transaction() as tx:
        order, _ = await visible(tx, reach=reach, order_id=order_id)
        location = await location_of(tx, order)
    if location is None:
        raise Problem(404, "order.courier_not_in_sight")
    return envelope(location)


def expected(order: Order, etas: dispatch.Etas | None, *, now: datetime) -> tracking.Eta | None:
    """When what is live should arrive: as dispatch expects it, or as it was promised."""
    p50_at = etas.dropoff_at if etas else order.promised_at or order.scheduled_for
    if order.status not in ARRIVING or p50_at is None:
        return None
    return tracking.spread(max(p50_at, now), now=now)


async def first_name(tx: Tx, order: Order) -> str | None:
    """Of the courier who is on it."""
    if order.courier_id is None or order.status not in LIVE:
        return None
    people = await identity.get_many(tx, tenant_id=order.tenant_id, ids=[order.courier_id])
    words = people[order.courier_id].name.split() if people else []
    return words[0] if words else None


async def location_of(tx: Tx, order: Order) -> DeliveryLocationView | None:
    if order.courier_id is None or order.status not in LIVE:
        return None
    position = (await tracking.latest(tx, courier_ids=[order.courier_id])).get(order.courier_id)
    if position is None:
        return None
    return DeliveryLocationView(
        delivery_id=order.id,
        courier_id=order.courier_id,
        latitude=position.place.latitude,
        longitude=position.place.longitude,
        accuracy_m=position.accuracy_m,
        at=position.at,
        age_s=max(0.0, (tx.now - position.at).total_seconds()),
    )


routes: Final = [show_delivery_status, show_delivery_location]
