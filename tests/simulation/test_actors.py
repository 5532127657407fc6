"""Where a courier is on the way, and what the API's words mean to somebody who listens."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.places import distance_m
from tawsil.simulation.actors.news import news_of
from tawsil.simulation.actors.port import NewOrder, Offered, OrderMoved
from tawsil.simulation.actors.rider import Body
from tawsil.simulation.city import CitySize, build_city
from tawsil.simulation.city.dice import random_for
from tawsil.simulation.day import EVENING

CITY = build_city(7, size=CitySize(merchants=3, customers=1, couriers=1))
HOME, SHOP = CITY.couriers[0].home.place, CITY.merchants[0].address.place
ids = Ids(VirtualClock(EVENING), random_for(7, "actors"))


@given(st.floats(0, 3_600), st.floats(0, 60), st.floats(1.5, 15))
def test_nobody_rides_faster_than_they_can(seconds: float, later_s: float, speed_mps: float):
    body = Body(HOME)
    body.set_off(CITY.route(HOME, SHOP), speed_mps=speed_mps, seconds=0.0)
    a, b = body.at(seconds), body.at(seconds + later_s)
    assert distance_m(a, b) <= speed_mps * later_s + 0.5


def test_a_ride_begins_here_and_ends_there():
    body = Body(HOME)
    assert body.at(0.0) == HOME
    body.set_off(CITY.route(HOME, SHOP), speed_mps=8.0, seconds=10.0)
    assert distance_m(body.at(10.0), HOME) < 1
    assert distance_m(body.at(body.arrives_s), SHOP) < 1
    body.stand(SHOP)
    assert body.at(1e6) == SHOP


def test_an_offer_is_understood():
    offer_id, order_id = ids(), ids()
    data = {
        "offerId": str(offer_id),
        "deliveryId": str(order_id),
        "deliveryIds": [str(order_id)],
        "driverId": str(ids()),
        "payload": {
            "estimatedEarning": 900,
            "currency": "AED",
            "distance": 3_200,
            "stops": [
                {"kind": "pickup", "place": {"latitude": 24.1, "longitude": 53.1}},
                {"kind": "dropoff", "place": {"latitude": 24.2, "longitude": 53.2}},
            ],
        },
    }
    offered = news_of("offer_created", json.dumps(data))
    assert isinstance(offered, Offered)
    assert (offered.offer_id, offered.order_ids) == (offer_id, (order_id,))
    assert (offered.pay_minor, offered.distance_m, len(offered.route)) == (900, 3_200, 2)


def test_orders_are_heard_of_and_the_rest_is_not_for_actors():
    order_id = ids()
    told = json.dumps({"orderId": str(order_id), "status": "READY_FOR_PICKUP"})
    assert news_of("new_order", told) == NewOrder(order_id)
    assert news_of("order_status_updated", told) == OrderMoved(order_id, "READY_FOR_PICKUP")
    assert news_of("delivery_location_updated", "{}") is None
    assert news_of("hello", "{}") is None
