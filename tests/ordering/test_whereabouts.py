"""Where an order is: for its people, and only while somebody is on it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from ordering.conftest import TENANT, Street
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.places import Place
from tawsil.ordering import journey, routes
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting
from tawsil.tracking import public as tracking

HERE = Place(24.121, 53.101)
ASSIGNED = ("order:read:assigned", "order:update:assigned")


class Scene:
    """An order, its people and strangers."""

    def __init__(self, client: httpx.AsyncClient, database: Database, street: Street) -> None:
        self._client, self.database, self.street = client, database, street
        self.tokens: dict[str, str] = {}

    async def begin(self, *, carried: bool) -> UUID:
        async with self.database.transaction() as tx:
            await self.street.open(tx)
            order = await (self.street.carried(tx) if carried else self.street.offered(tx))
        self.order: Order = order
        return order.id

    async def seen(self, clock: VirtualClock) -> None:
        """The courier's phone says where it is."""
        ping = tracking.Ping(place=HERE, at=clock(), accuracy_m=6.0)
        sent = tracking.RecordPositions(
            by=self.street.by, courier_id=self.street.courier_id, pings=[ping]
        )
        async with self.database.transaction() as tx:
            await tracking.record(tx, [sent])

    async def get(self, who: str, path: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        return await self._client.get(path, headers=headers)


@pytest.fixture
async def scene(serve: Any, database: Database, street: Street, callers: Any, ids: Any) -> Scene:
    scene = Scene(await serve(routes.routes), database, street)
    scene.tokens = {
        "customer": callers.token("customer", "order:read:own", user_id=street.customer_id),
        "merchant": callers.token("merchant", *ASSIGNED, location_id=street.merchant_id),
        "courier": callers.token("delivery_partner", *ASSIGNED, user_id=street.courier_id),
        "support": callers.token("support_staff", "order:read"),
        "other customer": callers.token("customer", "order:read:own"),
        "other courier": callers.token("delivery_partner", *ASSIGNED),
        "other merchant": callers.token("merchant", *ASSIGNED, location_id=ids()),
        "other tenant": callers.token("support_staff", "order:read", tenant_id=ids()),
    }
    assert street.by.tenant_id == TENANT
    return scene


PEOPLE = ("customer", "merchant", "courier", "support")


async def test_its_people_see_where_it_is_and_how_old_that_is(
    scene: Scene, clock: VirtualClock
) -> None:
    order_id = await scene.begin(carried=True)
    await scene.seen(clock)
    clock.advance(timedelta(seconds=40))
    for version in ("v4", "v2"):
        for who in scene.tokens:
            location = await scene.get(who, f"/{version}/deliveries/{order_id}/location")
            status = await scene.get(who, f"/{version}/orders/{order_id}/delivery-status")
            if who not in PEOPLE:
                assert (location.status_code, status.status_code) == (404, 404), who
                assert location.json()["errors"][0]["code"] == "request.not_found"
                continue
            seen = location.json()["data"]
            assert (seen["latitude"], seen["longitude"]) == (HERE.latitude, HERE.longitude)
            assert (seen["age_s"], seen["courier_id"]) == (40.0, str(scene.street.courier_id))
            told = status.json()["data"]
            assert told["location"] == seen
            assert (told["status"], told["order_id"]) == ("ACCEPTED", str(order_id))


async def test_a_courier_is_in_sight_only_while_on_the_order(
    scene: Scene, clock: VirtualClock
) -> None:
    order_id = await scene.begin(carried=True)
    await scene.seen(clock)
    async with scene.database.transaction() as tx:
        command = journey.CancelOrder(
            by=scene.street.by, order_id=order_id, acting=Acting(Party.OPERATOR), reason="other"
        )
        (cancelled,) = await journey.cancel(tx, [command])
    assert not isinstance(cancelled, Refusal), cancelled
    for who in PEOPLE:
        location = await scene.get(who, f"/v4/deliveries/{order_id}/location")
        assert location.status_code == 404
        assert location.json()["errors"][0]["code"] == "order.courier_not_in_sight"
        told = (await scene.get(who, f"/v4/orders/{order_id}/delivery-status")).json()["data"]
        assert (told["status"], told["courier_id"], told["location"]) == ("CANCELLED", None, None)


async def test_nobody_is_in_sight_before_somebody_has_it(scene: Scene) -> None:
    order_id = await scene.begin(carried=False)
    told = (await scene.get("customer", f"/v4/orders/{order_id}/delivery-status")).json()["data"]
    assert (told["status"], told["stage"], told["location"]) == ("PENDING", None, None)
    location = await scene.get("customer", f"/v4/deliveries/{order_id}/location")
    assert location.status_code == 404
