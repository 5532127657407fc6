"""Couriers over HTTP: who may do and see what."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from tawsil.couriers import public
from tawsil.couriers.public import NewCourier, Vehicle
from tawsil.couriers.routes import routes
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By

CITY = UUID(int=5)
OWN = ("courier:read:own", "courier:update:own")


class Phone:
    """A client that signs its requests as one caller."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> httpx.Response:
        return await self._client.get(path, headers=self._headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self._client.post(path, json=body, headers=self._headers | headers)


Call = Callable[..., Phone]


@pytest.fixture
async def call(serve: Callable[..., Awaitable[httpx.AsyncClient]], callers: Any) -> Call:
    client = await serve(routes)
    return lambda role, *permissions, **fields: Phone(
        client, callers.token(role, *permissions, **fields)
    )


@pytest.fixture
async def courier_id(database: Database, by: By) -> UUID:
    async with database.transaction() as tx:
        new = NewCourier(by=by, courier_id=tx.ids(), city_id=CITY, vehicle=Vehicle.BICYCLE)
        (courier,) = await public.create_couriers(tx, couriers=[new])
    return courier.id


async def test_a_day_on_duty(call: Call, courier_id: UUID) -> None:
    phone = call("delivery_partner", *OWN, user_id=courier_id)
    path = f"/v4/drivers/{courier_id}"
    began = await phone.post(f"{path}/availability/start-shift", {"until": "2026-11-20T20:00:00Z"})
    assert began.status_code == 200, began.text
    assert began.json()["data"]["shift_ends_at"] == "2026-11-20T20:00:00Z"
    rests = await phone.post(f"{path}/availability/take-break", {"minutes": 30})
    assert rests.json()["data"]["break_ends_at"] == "2026-11-20T12:30:00Z"
    again = await phone.post(f"{path}/availability/take-break", {"minutes": 30})
    assert again.status_code == 409
    (error,) = again.json()["errors"]
    assert error["code"] == "courier.move_not_allowed"
    assert error["detail"]["legal"] == ["AVAILABLE", "OFFLINE"]
    assert (await phone.post(f"{path}/availability/resume")).status_code == 200
    assert (await phone.post(f"{path}/availability/end-shift")).status_code == 200
    assert (await phone.get(path)).json()["data"]["availability"] == "OFFLINE"


async def test_a_tap_that_is_sent_twice_counts_once(call: Call, courier_id: UUID) -> None:
    phone = call("delivery_partner", *OWN, user_id=courier_id)
    path = f"/v4/drivers/{courier_id}/availability/start-shift"
    first = await phone.post(path, {}, **{"Idempotency-Key": "tap-1"})
    second = await phone.post(path, {}, **{"Idempotency-Key": "tap-1"})
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert second.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("minutes", [4, 241, -1, 10**30, "long", None])
async def test_a_break_is_between_5_and_240_minutes(
    call: Call, courier_id: UUID, minutes: Any
) -> None:
    phone = call("delivery_partner", *OWN, user_id=courier_id)
    answer = await phone.post(
        f"/v4/drivers/{courier_id}/availability/take-break", {"minutes": minutes}
    )
    assert answer.status_code == 400


async def test_others_do_not_see_or_move_a_courier(call: Call, courier_id: UUID, ids: Ids) -> None:
    colleague = call("delivery_partner", *OWN)
    elsewhere = call("super_admin", "*:*", tenant_id=ids())
    path = f"/v4/drivers/{courier_id}"
    for stranger in (colleague, elsewhere):
        assert (await stranger.get(path)).status_code == 404
        assert (await stranger.post(f"{path}/availability/end-shift")).status_code == 404
    customer = call("customer", "profile:*:own")
    assert (await customer.get(path)).status_code == 403


async def test_operations_see_their_tenants_couriers(
    call: Call, courier_id: UUID, ids: Ids
) -> None:
    admin = call("admin", "courier:*")
    found = (await admin.get(f"/v4/drivers?city_id={CITY}&availability=OFFLINE")).json()
    assert [courier["id"] for courier in found["data"]] == [str(courier_id)]
    assert found["meta"]["pagination"]["total"] == 1
    beyond = (await admin.get("/v4/drivers?page=9")).json()
    assert (beyond["data"], beyond["meta"]["pagination"]["total"]) == ([], 1)
    for query in (f"city_id={ids()}", "availability=ON_JOB"):
        assert (await admin.get(f"/v4/drivers?{query}")).json()["data"] == []
    elsewhere = call("admin", "courier:*", tenant_id=ids())
    assert (await elsewhere.get("/v4/drivers")).json()["data"] == []
    courier = call("delivery_partner", *OWN, user_id=courier_id)
    assert (await courier.get("/v4/drivers")).status_code == 403
