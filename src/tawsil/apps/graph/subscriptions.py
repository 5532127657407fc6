"""What can be listened to: the live hub's messages, as things of the graph.

Who may listen is decided when they begin. After that the hub tells a caller nothing that does not
concern them, and with each message, or each quiet while, it is asked whether their session lives.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

import strawberry

from tawsil.apps.graph.asked import Asked, Info, identified
from tawsil.apps.graph.objects import DeliveryLocation, Order, as_id
from tawsil.kernel.http import Problem, not_found
from tawsil.kernel.http.live import LiveMessage, SignedOutError, SlowConsumerError
from tawsil.ordering import public as ordering


@strawberry.type
class Subscription:
    @strawberry.subscription(description="An order as it is after each thing that happens to it.")
    async def order_status_updated(
        self, info: Info, order_id: strawberry.ID
    ) -> AsyncGenerator[Order, None]:
        asked, wanted = info.context, identified(order_id)
        await _visible(asked, wanted)

        async def orders() -> AsyncGenerator[Order, None]:
            async with aclosing(_heard(asked, "order_status_updated")) as heard:
                async for message in heard:
                    if message.data["orderId"] == wanted:
                        yield await _visible(asked, wanted)

        return orders()

    @strawberry.subscription(description="Where the courier of an order is, about once a second.")
    async def delivery_location_updated(
        self, info: Info, order_id: strawberry.ID
    ) -> AsyncGenerator[DeliveryLocation, None]:
        asked, wanted = info.context, identified(order_id)
        order = (await _visible(asked, wanted)).order

        async def locations() -> AsyncGenerator[DeliveryLocation, None]:
            courier_id, told_at = order.courier_id, None
            names = ("delivery_location_updated", "delivery_courier_changed", "couriers_moved")
            async with aclosing(_heard(asked, *names)) as heard:
                async for message in heard:
                    if message.event == "delivery_courier_changed":
                        if message.data["deliveryId"] == wanted:
                            courier_id = message.data["driverId"]
                        continue
                    found = _location(message, order_id=wanted, courier_id=courier_id)
                    if found and found.at != told_at:
                        told_at = found.at
                        yield found

        return locations()

    @strawberry.subscription(description="Orders that a merchant is to answer, as they come.")
    async def new_order(
        self, info: Info, merchant_id: strawberry.ID
    ) -> AsyncGenerator[Order, None]:
        asked, wanted = info.context, identified(merchant_id)
        await _reached(asked, wanted)

        async def orders() -> AsyncGenerator[Order, None]:
            async with aclosing(_heard(asked, "new_order")) as heard:
                async for message in heard:
                    if wanted in message.audience.location_ids:
                        yield await _visible(asked, message.data["orderId"])

        return orders()


def _location(
    message: LiveMessage, *, order_id: UUID, courier_id: UUID | None
) -> DeliveryLocation | None:
    """Operations hear of a courier once, whatever number they carry, or of all at once."""
    told = message.data
    if message.event == "couriers_moved":
        rows = (row for row in told["couriers"] if row[0] == courier_id)
        found = next(rows, None)
    elif told["deliveryId"] == order_id or told["courierId"] == courier_id:
        names = ("courierId", "longitude", "latitude", "accuracy", "at")
        found = tuple(told[name] for name in names)
    else:
        found = None
    if found is None:
        return None
    who, longitude, latitude, accuracy_m, at = found
    return DeliveryLocation(
        order_id=as_id(order_id),
        courier_id=as_id(who),
        latitude=latitude,
        longitude=longitude,
        accuracy_m=accuracy_m,
        at=at,
    )


async def _visible(asked: Asked, order_id: UUID) -> Order:
    """The order as it is now.

    Raises:
        Problem: 403 or 404, it is not the caller's to see.
    """
    reach = await asked.reach("order:read")
    async with asked.reading.tx() as tx:
        order, party = await ordering.visible(tx, reach=reach, order_id=order_id)
    return Order.of(order, party=party)


async def _reached(asked: Asked, merchant_id: UUID) -> None:
    """Raise `Problem` unless the merchant's orders are the caller's to see."""
    reach = await asked.reach("order:read")
    found = await asked.loads.merchants.load(merchant_id)
    if found is None:
        raise not_found()
    if reach.location_id != merchant_id and not reach.city(found.merchant.city_id):
        raise not_found()


async def _heard(asked: Asked, *names: str) -> AsyncGenerator[LiveMessage, None]:
    """Messages of these names for the caller, from now on, while their session lives.

    Raises:
        Problem: 401 when the session is over, 503 when the caller does not keep up.
    """
    assert asked.hub is not None, "subscriptions come with a hub"
    await asked.rest()
    try:
        async with aclosing(
            asked.hub.messages(asked.caller, after=None, may_still=asked.still_signed_in)
        ) as messages:
            async for message in messages:
                await asked.still_signed_in()
                if isinstance(message, LiveMessage) and message.event in names:
                    yield message
                    await asked.rest()
    except SlowConsumerError:
        raise Problem(503, "graph.fell_behind") from None
    except SignedOutError:
        raise Problem(401, "request.token_invalid") from None
