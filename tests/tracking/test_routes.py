"""Positions over HTTP: who may send and see them, and what a bad one does."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from conftest import CITY
from tawsil.couriers import public as couriers
from tawsil.couriers.routes import routes as courier_routes
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.tracking.routes import routes as tracking_routes

OWN = ("location:update:own", "courier:read:own")
PING = {"latitude": 33.89, "longitude": 35.5, "accuracy_m": 8.0, "at": "2026-11-20T11:59:50Z"}


@pytest.fixture
async def client(serve: Callable[..., Awaitable[httpx.AsyncClient]]) -> httpx.AsyncClient:
    return await serve([*tracking_routes, *courier_routes])


@pytest.fixture
async def courier_id(database: Database, by: By) -> UUID:
    async with database.transaction() as tx:
        new = couriers.NewCourier(
            by=by, courier_id=tx.ids(), city_id=CITY, vehicle=couriers.Vehicle.BICYCLE
        )
        (courier,) = await couriers.create_couriers(tx, couriers=[new])
    return courier.id


@pytest.fixture
def signed(callers: Any) -> Callable[..., dict[str, str]]:
    return lambda role, *permissions, **fields: {
        "Authorization": f"Bearer {callers.token(role, *permissions, **fields)}"
    }


Signed = Callable[..., dict[str, str]]


async def test_a_phone_sends_and_operations_see(
    client: httpx.AsyncClient, signed: Signed, courier_id: UUID
) -> None:
    me = signed("delivery_partner", *OWN, user_id=courier_id)
    path = f"/v4/drivers/{courier_id}/position"
    assert (await client.get(path, headers=me)).status_code == 404
    pings = [PING, PING, PING | {"at": "2026-11-20T12:02:00+00:00"}]
    sent = await client.post(f"{path}s", json={"pings": pings}, headers=me)
    assert sent.status_code == 200, sent.text
    receipt = sent.json()["data"]
    (refused,) = receipt.pop("refused")
    assert receipt == {"accepted": 1, "duplicates": 1, "suspect": 0}
    assert (refused["index"], refused["code"]) == (2, "tracking.ping_in_future")
    assert "60 seconds" in refused["message"]
    for headers in (me, signed("support_staff", "courier:read")):
        seen = (await client.get(path, headers=headers)).json()["data"]
        assert (seen["latitude"], seen["age_s"]) == (33.89, 10.0)


async def test_nobody_sends_or_sees_for_another(
    client: httpx.AsyncClient, signed: Signed, courier_id: UUID, ids: Ids
) -> None:
    me = signed("delivery_partner", *OWN, user_id=courier_id)
    path = f"/v4/drivers/{courier_id}/position"
    assert (await client.post(f"{path}s", json={"pings": [PING]}, headers=me)).status_code == 200
    colleague = signed("delivery_partner", *OWN)
    elsewhere = signed("super_admin", "*:*", tenant_id=ids())
    for headers in (colleague, elsewhere):
        answer = await client.post(f"{path}s", json={"pings": [PING]}, headers=headers)
        assert answer.status_code == 404
        assert (await client.get(path, headers=headers)).status_code == 404
    customer = signed("customer", "order:read:own")
    assert (await client.get(path, headers=customer)).status_code == 403


@pytest.mark.parametrize(
    "pings",
    [
        [],
        [PING] * 501,
        [PING | {"latitude": 90.1}],
        [PING | {"longitude": -181}],
        [PING | {"latitude": None}],
        [PING | {"accuracy_m": -1}],
        [PING | {"at": "2026-11-20T12:00:00"}],
        [PING | {"at": "today"}],
        [PING | {"seq": 2**31}],
        [PING | {"battery": 3}],
    ],
)
async def test_what_is_not_a_ping_is_refused(
    client: httpx.AsyncClient, signed: Signed, courier_id: UUID, pings: list[Any]
) -> None:
    me = signed("delivery_partner", *OWN, user_id=courier_id)
    answer = await client.post(
        f"/v4/drivers/{courier_id}/positions", json={"pings": pings}, headers=me
    )
    assert answer.status_code == 400
