"""Couriers over HTTP: who may do and see what."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from hierarchy import grow_above
from tawsil.couriers import public
from tawsil.couriers.public import Hold, MissOffer, NewCourier, Vehicle
from tawsil.couriers.routes import routes
from tawsil.couriers.views import TRACK_POINTS, TrackView
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.places import Place
from tawsil.tracking import public as tracking

CITY = UUID(int=5)
OWN = ("courier:read:own", "courier:update:own")


class Phone:
    """A client that signs its requests as one caller."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._client.get(path, headers=self._headers | headers)

    async def put(self, path: str, body: Any) -> httpx.Response:
        return await self._client.put(path, json=body, headers=self._headers)

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


async def test_older_clients_say_v2(call: Call, courier_id: UUID) -> None:
    phone = call("delivery_partner", *OWN, user_id=courier_id)
    path = f"/v2/drivers/{courier_id}/availability"
    for action, body, to in (
        ("start-shift", {}, "AVAILABLE"),
        ("take-break", {"minutes": 30}, "ON_BREAK"),
        ("resume", None, "AVAILABLE"),
        ("end-shift", None, "OFFLINE"),
    ):
        answer = await phone.post(f"{path}/{action}", body)
        assert (answer.status_code, answer.json()["data"]["availability"]) == (200, to)


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


async def test_a_courier_is_told_of_missed_offers_in_their_language(
    call: Call, courier_id: UUID, database: Database, by: By
) -> None:
    phone = call("delivery_partner", *OWN, user_id=courier_id)
    path = f"/v4/drivers/{courier_id}"
    await phone.post(f"{path}/availability/start-shift", {})
    told: list[Any] = []
    for _ in range(3):
        async with database.transaction() as tx:
            await public.hold(tx, [Hold(by=by, courier_id=courier_id)])
            await public.missed_offer(tx, [MissOffer(by=by, courier_id=courier_id)])
        told.append((await phone.get(path)).json()["data"])
    assert [t["missed_offers"] for t in told] == [1, 2, 0]
    assert [t["availability"] for t in told] == ["AVAILABLE", "AVAILABLE", "ON_BREAK"]
    assert told[0]["message"] is None
    assert "one more missed offer" in told[1]["message"]
    assert "break of 15 minutes" in told[2]["message"]
    arabic = (await phone.get(path, **{"Accept-Language": "ar"})).json()["data"]["message"]
    assert "استراحة مدتها 15 دقيقة" in arabic
    await phone.post(f"{path}/availability/resume")
    assert (await phone.get(path)).json()["data"]["message"] is None


async def test_the_history_of_a_courier_is_read_in_pages_and_windows(
    call: Call, courier_id: UUID, clock: VirtualClock
) -> None:
    phone = call("delivery_partner", *OWN, user_id=courier_id)
    path = f"/v4/drivers/{courier_id}/availability"
    for action, body in (("start-shift", {}), ("take-break", {"minutes": 30}), ("resume", None)):
        await phone.post(f"{path}/{action}", body)
        clock.advance(timedelta(minutes=10))
    found = (await phone.get(f"{path}/history?limit=2")).json()
    assert [(s["availability"], s["reason"], s["length_s"]) for s in found["data"]] == [
        ("AVAILABLE", "break_resumed", None),
        ("ON_BREAK", "break_taken", 600),
    ]
    assert found["meta"]["pagination"]["total"] == 3
    window = "from=2026-11-20T12:01:00Z&to=2026-11-20T12:05:00Z"
    (only,) = (await phone.get(f"{path}/history?{window}")).json()["data"]
    assert only["reason"] == "shift_started"
    for wrong in ("from=2026-11-20T12:01:00", "to=noon", "from=2026-11-20T12:00Z&to=2026-11-20Z"):
        assert (await phone.get(f"{path}/history?{wrong}")).status_code == 400
    backwards = "from=2026-11-20T12:05:00Z&to=2026-11-20T12:05:00Z"
    (error,) = (await phone.get(f"{path}/history?{backwards}")).json()["errors"]
    assert "`from` must be before `to`" in error["message"]
    assert (await call("delivery_partner", *OWN).get(f"{path}/history")).status_code == 404


async def test_a_vehicle_is_marked_unsafe_by_its_courier_and_safe_by_operations(
    call: Call, courier_id: UUID
) -> None:
    phone = call("delivery_partner", *OWN, user_id=courier_id)
    operations = call("admin", "courier:*")
    path = f"/v4/drivers/{courier_id}"
    await phone.post(f"{path}/availability/start-shift", {})
    assert (await phone.post(f"{path}/vehicle/unsafe", {"reason": "tired"})).status_code == 400
    marked = (await phone.post(f"{path}/vehicle/unsafe", {"reason": "brakes"})).json()["data"]
    assert (marked["availability"], marked["reason"]) == ("OFFLINE", "vehicle_unsafe")
    assert "(brakes)" in marked["message"]
    refused = await phone.post(f"{path}/availability/start-shift", {})
    assert refused.status_code == 409
    assert "Have it checked" in refused.json()["errors"][0]["message"]
    assert (await phone.post(f"{path}/vehicle/safe")).status_code == 403
    safe = (await operations.post(f"{path}/vehicle/safe")).json()["data"]
    assert (safe["vehicle_unsafe_since_at"], safe["message"]) == (None, None)
    assert (await phone.post(f"{path}/availability/start-shift", {})).status_code == 200
    stranger = call("delivery_partner", *OWN)
    assert (await stranger.post(f"{path}/vehicle/unsafe", {"reason": "brakes"})).status_code == 404


async def test_zones_that_are_not_of_the_city_are_refused_by_name(
    call: Call, courier_id: UUID, ids: Ids
) -> None:
    phone = call("delivery_partner", *OWN, user_id=courier_id)
    path = f"/v4/drivers/{courier_id}/zones"
    strange = str(ids())
    refused = await phone.put(path, {"zone_ids": [strange]})
    assert refused.status_code == 422
    assert strange in refused.json()["errors"][0]["message"]
    too_many = await phone.put(path, {"zone_ids": [str(ids()) for _ in range(21)]})
    assert too_many.status_code == 400
    assert (await phone.put(path, {"zone_ids": []})).json()["data"]["preferred_zones"] == []


async def test_managers_see_the_couriers_of_their_area(
    call: Call, courier_id: UUID, database: Database, by: By, ids: Ids
) -> None:
    elsewhere = ids()
    async with database.transaction() as tx:
        tenant = geography.Tenant(id=by.tenant_id, slug="wasla", name="Wasla")
        await geography.create_tenant(tx, tenant=tenant)
        for city_id, slug in ((CITY, "marsa"), (elsewhere, "bahar")):
            city = geography.City(
                id=city_id,
                tenant_id=by.tenant_id,
                slug=slug,
                name_en=slug,
                name_ar=slug,
                currency="AED",
                timezone="UTC",
                centre=Place(24.1, 53.1),
            )
            await geography.create_city(tx, city=city)
        areas = await grow_above(tx, by, city_id=CITY)
        stranger = NewCourier(
            by=by, courier_id=ids(), city_id=elsewhere, vehicle=Vehicle.CAR, rating=4.0
        )
        await public.create_couriers(tx, couriers=[stranger])
    admin = call("admin", "courier:*")
    manager = call(
        "district_manager",
        "courier:read:district",
        "courier:list:district",
        location_id=areas[2],
    )
    mine, theirs = str(courier_id), str(stranger.courier_id)

    async def listed(who: Any, query: str = "") -> set[str]:
        return {one["id"] for one in (await who.get(f"/v4/drivers?{query}")).json()["data"]}

    assert await listed(admin) == {mine, theirs}
    assert await listed(manager) == {mine}
    assert await listed(manager, f"city_id={elsewhere}") == set()
    assert await listed(admin, f"area_id={areas[0]}") == {mine}
    assert await listed(admin, "vehicle=car&unsafe=false&least_rating=4") == {theirs}
    assert await listed(admin, "least_rating=4.1") == {mine}
    assert await listed(admin, "q=nobody") == set()
    for path in ("", "/availability/history"):
        assert (await manager.get(f"/v4/drivers/{mine}{path}")).status_code == 200
        assert (await manager.get(f"/v4/drivers/{theirs}{path}")).status_code == 404
    file = (await manager.get("/v4/drivers.csv?sort=-rating")).text
    assert [line.split(",")[0] for line in file.splitlines()] == ["id", mine]


async def test_a_track_shows_its_gaps(
    call: Call, courier_id: UUID, database: Database, by: By, clock: VirtualClock
) -> None:
    """Positions every ten seconds, ten minutes of silence, and one that nobody could reach."""
    began = clock() - timedelta(minutes=30)
    heard = [*range(0, 300, 10), *range(900, 1_200, 10)]
    pings = [
        tracking.Ping(place=Place(24 + s / 1e5, 53), at=began + timedelta(seconds=s), accuracy_m=5)
        for s in heard
    ]
    far = tracking.Ping(place=Place(30, 53), at=began + timedelta(seconds=1_205), accuracy_m=5)
    async with database.transaction() as tx:
        sent = tracking.RecordPositions(by=by, courier_id=courier_id, pings=[*pings, far])
        await tracking.record(tx, [sent])
    path = f"/v4/drivers/{courier_id}/track"
    staff = call("admin", "courier:*")
    track = (await staff.get(path)).json()["data"]
    assert [len(stretch) for stretch in track["stretches"]] == [30, 30]
    assert track["suspect"] == 1
    first, second = track["stretches"]
    assert (first[0]["at"], second[0]["latitude"]) == ("2026-11-20T11:30:00Z", 24.009)

    assert (await call("delivery_partner", *OWN, user_id=courier_id).get(path)).status_code == 200
    assert (await call("delivery_partner", *OWN).get(path)).status_code == 404
    later = (await staff.get(f"{path}?from=2026-11-20T11:45:00Z")).json()["data"]
    assert [len(stretch) for stretch in later["stretches"]] == [30]
    for query, status in (
        ("from=2026-11-19T11:00:00Z", 422),
        ("from=2026-11-20T13:00:00Z", 400),
        ("from=2026-11-20T11:00:00", 400),
        ("to=0001-01-01T00:00:00Z", 400),
    ):
        assert (await staff.get(f"{path}?{query}")).status_code == status, query


def test_a_long_track_is_thinned_and_keeps_its_ends() -> None:
    began = datetime(2026, 11, 20, tzinfo=UTC)
    day = [
        tracking.Position(
            courier_id=CITY,
            tenant_id=CITY,
            place=Place(24, 53),
            at=began + timedelta(seconds=2 * n),
            accuracy_m=5,
            speed_mps=None,
            heading_deg=None,
            seq=None,
        )
        for n in range(43_200)
    ]
    view = TrackView.of(day, courier_id=CITY, from_at=began, to_at=began + timedelta(days=1))
    (stretch,) = view.stretches
    assert 1_900 <= len(stretch) <= TRACK_POINTS + 2
    assert (stretch[0].at, stretch[-1].at) == (day[0].at, day[-1].at)
