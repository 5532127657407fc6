"""Everybody lists exactly what they reach, filtered, sorted, in parts, and as a file."""

import csv
from io import StringIO
from typing import Any
from uuid import UUID

import httpx
import pytest

from ordering.crowd import COURIERS, CUSTOMERS, MERCHANTS, NOON, TENANT, Crowd, gather
from tawsil.apps import wiring
from tawsil.identity import public as identity
from tawsil.identity.public import NewUser, Role
from tawsil.kernel.db import Database
from tawsil.ordering import routes
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order, PaidBy

LEVELS = {
    "municipality": Role.MUNICIPAL_MANAGER,
    "district": Role.DISTRICT_MANAGER,
    "region": Role.REGIONAL_MANAGER,
    "country": Role.COUNTRY_DISTRIBUTOR,
}


class Lister:
    def __init__(self, client: httpx.AsyncClient, callers: Any) -> None:
        self._client, self._callers = client, callers

    def token(self, role: Role, **fields: Any) -> str:
        return self._callers.token(role.value, *identity.PERMISSIONS[role], **fields)

    async def get(self, token: str, address: str) -> httpx.Response:
        return await self._client.get(address, headers={"Authorization": f"Bearer {token}"})

    async def ids(self, token: str, query: str = "") -> list[UUID]:
        """All of a list, by cursor."""
        seen: list[UUID] = []
        cursor = ""
        while True:
            answer = await self.get(token, f"/v4/orders?limit=7&{query}{cursor}")
            assert answer.status_code == 200, answer.text
            body = answer.json()
            seen += [UUID(order["id"]) for order in body["data"]]
            following = body["meta"]["pagination"].get("next_cursor")
            if following is None:
                return seen
            cursor = f"&cursor={following}"


@pytest.fixture
async def lister(serve: Any, callers: Any) -> Lister:
    return Lister(await serve(routes.routes, registry=wiring.REGISTRY), callers)


async def crowd_of(database: Database, seed: int) -> Crowd:
    async with database.transaction() as tx:
        return await gather(tx, seed=seed)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_manager_lists_and_reads_exactly_its_subtree(
    lister: Lister, database: Database, seed: int
) -> None:
    crowd = await crowd_of(database, seed)
    for area in crowd.areas.values():
        token = lister.token(LEVELS[area.level.value], location_id=area.id)
        below = crowd.cities_below(area.id)
        mine = {order.id for order in crowd.orders if order.city_id in below}
        listed = await lister.ids(token)
        assert len(listed) == len(set(listed))
        assert set(listed) == mine
    area = max(crowd.areas.values(), key=lambda a: len(a.level.value))
    token = lister.token(Role.MUNICIPAL_MANAGER, location_id=area.id)
    below = crowd.cities_below(area.id)
    for order in crowd.orders[:30]:
        for path in ("", "/timeline", "/delivery-status"):
            answer = await lister.get(token, f"/v4/orders/{order.id}{path}")
            assert answer.status_code == (200 if order.city_id in below else 404), path


async def test_a_scope_reaches_no_higher_than_it_says(lister: Lister, database: Database) -> None:
    crowd = await crowd_of(database, 1)
    country = next(a for a in crowd.areas.values() if a.level.value == "country")
    some_city = next(iter(crowd.cities))
    for role, location_id in [
        (Role.MUNICIPAL_MANAGER, country.id),
        (Role.REGIONAL_MANAGER, country.id),
        (Role.COUNTRY_DISTRIBUTOR, None),
        (Role.COUNTRY_DISTRIBUTOR, some_city),
        (Role.COUNTRY_DISTRIBUTOR, MERCHANTS[0]),
    ]:
        assert await lister.ids(lister.token(role, location_id=location_id)) == []
    elsewhere = lister.token(Role.COUNTRY_DISTRIBUTOR, location_id=country.id, tenant_id=country.id)
    assert await lister.ids(elsewhere) == []
    assert await lister.ids(lister.token(Role.COUNTRY_DISTRIBUTOR, location_id=country.id))


async def test_people_list_their_own(lister: Lister, database: Database) -> None:
    crowd = await crowd_of(database, 3)
    for role, fields, mine in [
        (Role.CUSTOMER, {"user_id": CUSTOMERS[0]}, lambda o: o.customer_id == CUSTOMERS[0]),
        (Role.DELIVERY_PARTNER, {"user_id": COURIERS[0]}, lambda o: o.courier_id == COURIERS[0]),
        (
            Role.MERCHANT,
            {"location_id": MERCHANTS[0]},
            lambda o: o.merchant_id == MERCHANTS[0] and o.offered_at is not None,
        ),
        (Role.MERCHANT, {}, lambda _: False),
        (Role.ADMIN, {}, lambda _: True),
        (Role.SUPPORT_STAFF, {}, lambda _: True),
    ]:
        listed = await lister.ids(lister.token(role, **fields))
        assert set(listed) == {o.id for o in crowd.orders if mine(o)}, role


async def test_filters_and_sorts(lister: Lister, database: Database) -> None:
    crowd = await crowd_of(database, 4)
    admin = lister.token(Role.ADMIN)
    one = crowd.orders[0]
    area = max(crowd.areas.values(), key=lambda a: len(crowd.cities_below(a.id)))
    at = "2026-11-20T12:10:00Z"
    half = NOON.replace(minute=10)
    expected: dict[str, Any] = {
        "status=PENDING&status=DELIVERED": lambda o: o.status in {Status.PENDING, Status.DELIVERED},
        "live=true": lambda o: o.live,
        f"city_id={one.city_id}": lambda o: o.city_id == one.city_id,
        f"area_id={area.id}": lambda o: o.city_id in crowd.cities_below(area.id),
        f"merchant_id={one.merchant_id}": lambda o: o.merchant_id == one.merchant_id,
        f"courier_id={COURIERS[1]}": lambda o: o.courier_id == COURIERS[1],
        f"customer_id={CUSTOMERS[1]}": lambda o: o.customer_id == CUSTOMERS[1],
        "payment_method=cash": lambda o: o.paid_by is PaidBy.CASH,
        f"from={at}": lambda o: o.placed_at >= half,
        f"to={at}": lambda o: o.placed_at < half,
        "least_total_minor=2000&most_total_minor=4000": lambda o: (
            2_000 <= o.amounts.total_minor <= 4_000
        ),
        "q=20007": lambda o: o.number == 20_007,
        "q=%2320007": lambda o: o.number == 20_007,
        "q=nobody%25": lambda _: False,
    }
    for query, keeps in expected.items():
        listed = await lister.ids(admin, query)
        assert set(listed) == {o.id for o in crowd.orders if keeps(o)}, query
    keys: dict[str, Any] = {
        "": lambda o: (-o.placed_at.timestamp(), -o.id.int),
        "sort=number": lambda o: o.number,
        "sort=-total,placed_at": lambda o: (-o.amounts.total_minor, o.placed_at, o.id),
        "sort=status,-number": lambda o: (o.status.value, -o.number),
    }
    for query, key in keys.items():
        listed = await lister.ids(admin, query)
        assert listed == [o.id for o in sorted(crowd.orders, key=key)], query


async def test_staff_find_a_customers_orders_by_name(lister: Lister, database: Database) -> None:
    crowd = await crowd_of(database, 5)
    user = NewUser(
        id=CUSTOMERS[2],
        tenant_id=TENANT,
        email="Layla@example.com",
        name="ليلى_حسن",
        phone="+971501234567",
        password_hash="$argon2id$unused",
        roles=(Role.CUSTOMER,),
    )
    async with database.transaction() as tx:
        await identity.create_users(tx, users=[user])
    hers = {o.id for o in crowd.orders if o.customer_id == user.id}
    admin = lister.token(Role.ADMIN)
    for words in ("ليلى", "ليلى_", "LAYLA@", "%2B9715012"):
        assert set(await lister.ids(admin, f"q={words}")) == hers, words
    for words in ("%25", "_", "حسن", "ليلى%25"):
        assert await lister.ids(admin, f"q={words}") == []
    courier = lister.token(Role.DELIVERY_PARTNER, user_id=COURIERS[0])
    assert await lister.ids(courier, "q=ليلى") == []
    country = next(a for a in crowd.areas.values() if a.level.value == "country")
    manager = lister.token(Role.COUNTRY_DISTRIBUTOR, location_id=country.id)
    below = crowd.cities_below(country.id)
    assert set(await lister.ids(manager, "q=ليلى")) == {
        o.id for o in crowd.orders if o.id in hers and o.city_id in below
    }


async def test_a_list_as_a_file(lister: Lister, database: Database) -> None:
    crowd = await crowd_of(database, 6)
    admin = lister.token(Role.ADMIN)
    answer = await lister.get(admin, "/v4/orders.csv?status=DELIVERED&sort=number")
    read = list(csv.DictReader(StringIO(answer.text, newline="")))
    delivered = [o for o in crowd.orders if o.status is Status.DELIVERED]

    def written(order: Order) -> tuple[str, ...]:
        total = str(order.amounts.total_minor)
        return (str(order.number), str(order.id), str(order.city_id), total)

    columns = ("number", "id", "city_id", "total_minor")
    assert [tuple(row[c] for c in columns) for row in read] == [written(o) for o in delivered]
    mine = await lister.get(lister.token(Role.CUSTOMER, user_id=CUSTOMERS[0]), "/v4/orders.csv")
    rows = list(csv.DictReader(StringIO(mine.text, newline="")))
    assert {row["customer_id"] for row in rows} == {str(CUSTOMERS[0])}


async def test_a_page_beyond_the_end_keeps_the_total(lister: Lister, database: Database) -> None:
    crowd = await crowd_of(database, 7)
    answer = await lister.get(lister.token(Role.ADMIN), "/v4/orders?page=99")
    assert answer.json()["data"] == []
    assert answer.json()["meta"]["pagination"]["total"] == len(crowd.orders)
