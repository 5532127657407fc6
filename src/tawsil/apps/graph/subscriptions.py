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
            courier_id = order.courier_id
            names = ("delivery_location_updated", "delivery_courier_changed")
            async with aclosing(_heard(asked, *names)) as heard:
                async for message in heard:
                    told = message.data
                    if message.event == "delivery_courier_changed":
                        courier_id = (
                            told["driverId"] if told["deliveryId"] == wanted else courier_id
                        )
                    # Operations hear of a courier once, whatever number of orders they carry.
                    elif wanted == told["deliveryId"] or courier_id == told["courierId"]:
                        yield DeliveryLocation(
                            order_id=as_id(wanted),
                            courier_id=as_id(told["courierId"]),
                            latitude=told["latitude"],
                            longitude=told["longitude"],
                            accuracy_m=told["accuracy"],
                            at=told["at"],
                        )

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
