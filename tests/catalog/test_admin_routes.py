"""Merchants as operations, support and managers see and change them."""

import csv
from io import StringIO
from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec import Struct

from catalog.conftest import CITY, TENANT, grill, seed
from hierarchy import grow_above
from tawsil.catalog import public, routes
from tawsil.catalog.admin_routes import EXAMPLE
from tawsil.catalog.public import Merchant
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.identity.public import Role
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.places import Place
from tawsil.pricing import public as pricing
from tawsil.pricing import routes as pricing_routes

FAR_CITY = UUID("01900000-0000-7000-8000-0000000000c2")


class Scene(Struct):
    client: httpx.AsyncClient
    callers: Any
    near: list[Merchant]
    far: Merchant
    municipality: UUID
    region: UUID

    def token(self, role: Role, **fields: Any) -> str:
        return self.callers.token(role.value, *identity.PERMISSIONS[role], **fields)

    async def ask(self, token: str, method: str, path: str, **sent: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.client.request(method, path, headers=headers, **sent)

    async def names(self, token: str, query: str = "") -> list[str]:
        answer = await self.ask(token, "GET", f"/v4/admin/merchants?{query}")
        assert answer.status_code == 200, answer.text
        return [merchant["name_en"] for merchant in answer.json()["data"]]


@pytest.fixture
async def scene(serve: Any, database: Database, callers: Any, by: By) -> Scene:
    """Two merchants in a city that lies in a municipality, one in a city that lies in none."""
    async with database.transaction() as tx:
        near = await seed(
            tx, grill(name_en="Layali", rating=4.5), grill(name_en="100% Falafel_s", rating=None)
        )
        city = await geography.city(tx, city_id=CITY)
        assert city is not None
        far_city = geography.City(
            **{f: getattr(city, f) for f in city.__struct_fields__}
            | {"id": FAR_CITY, "slug": "bahar"}
        )
        await geography.create_city(tx, city=far_city)
        (far,) = await public.create_merchants(
            tx, merchants=[grill(name_en="=Far", city_id=FAR_CITY, cuisine="fish")]
        )
        areas = await grow_above(tx, by, city_id=CITY)
    client = await serve([*routes.routes, *pricing_routes.routes])
    return Scene(client, callers, near, far, areas[-1], areas[1])


async def test_managers_list_their_area_and_customers_nothing(scene: Scene) -> None:
    everything = {"Layali", "100% Falafel_s", "=Far"}
    admin, support = scene.token(Role.ADMIN), scene.token(Role.SUPPORT_STAFF)
    regional = scene.token(Role.REGIONAL_MANAGER, location_id=scene.region)
    municipal = scene.token(Role.MUNICIPAL_MANAGER, location_id=scene.municipality)
    assert set(await scene.names(admin)) == set(await scene.names(support)) == everything
    for manager in (regional, municipal):
        assert set(await scene.names(manager)) == everything - {"=Far"}
        for merchant in [*scene.near, scene.far]:
            one = await scene.ask(manager, "GET", f"/v4/admin/merchants/{merchant.id}")
            assert one.status_code == (404 if merchant.city_id == FAR_CITY else 200)
        for path in ("verify", "reinstate"):
            address = f"/v4/admin/merchants/{scene.near[0].id}/{path}"
            assert (await scene.ask(manager, "POST", address)).status_code == 403
    for role in (Role.CUSTOMER, Role.DELIVERY_PARTNER, Role.MERCHANT):
        token = scene.token(role, location_id=scene.near[0].id)
        assert (await scene.ask(token, "GET", "/v4/admin/merchants")).status_code == 403


async def test_filters_sorts_and_words(scene: Scene) -> None:
    admin = scene.token(Role.ADMIN)
    expected = {
        "sort=name": ["100% Falafel_s", "=Far", "Layali"],
        "sort=-rating,name": ["Layali", "100% Falafel_s", "=Far"],
        f"city_id={FAR_CITY}": ["=Far"],
        f"area_id={scene.region}": ["100% Falafel_s", "Layali"],
        f"area_id={FAR_CITY}": [],
        "cuisine=fish": ["=Far"],
        "standing=ACTIVE": ["100% Falafel_s", "=Far", "Layali"],
        "standing=UNVERIFIED&standing=SUSPENDED": [],
        "q=0%25": ["100% Falafel_s"],
        "q=_": ["100% Falafel_s"],
        "q=FALAFEL": ["100% Falafel_s"],
        "q=%25%25": [],
    }
    for query, names in expected.items():
        found = await scene.names(admin, query)
        assert (found if "sort" in query else sorted(found)) == names, query


async def test_the_list_as_a_file(scene: Scene) -> None:
    answer = await scene.ask(scene.token(Role.ADMIN), "GET", "/v4/admin/merchants.csv")
    rows = list(csv.DictReader(StringIO(answer.text, newline="")))
    assert [row["name_en"] for row in rows] == ["100% Falafel_s", "'=Far", "Layali"]
    assert {row["name_ar"] for row in rows} == {scene.far.name_ar}
    assert rows[0]["place_latitude"] == str(scene.near[1].place.latitude)


async def test_a_merchant_sells_once_verified_and_until_suspended(scene: Scene) -> None:
    admin, customer = scene.token(Role.ADMIN), scene.token(Role.CUSTOMER)
    body = {**EXAMPLE, "city_id": str(CITY)}
    made = await scene.ask(admin, "POST", "/v4/admin/merchants", json=body)
    assert made.status_code == 201, made.text
    merchant = made.json()["data"]
    assert merchant["standing"] == "UNVERIFIED"
    own = f"/v4/admin/merchants/{merchant['id']}"

    async def refused() -> tuple[str, list[str]]:
        quote = {
            "merchant_id": merchant["id"],
            "lines": [{"product_id": merchant["id"], "quantity": 1}],
            "dropoff": {"latitude": 24.13, "longitude": 53.1, "address": "Corniche 12"},
        }
        answer = await scene.ask(customer, "POST", "/v4/quotes", json=quote)
        shown = (await scene.client.get("/v4/merchants?limit=50")).json()["data"]
        return answer.json()["errors"][0]["code"], [one["id"] for one in shown]

    code, listed = await refused()
    assert code == "merchant.unverified"
    assert merchant["id"] not in listed
    assert (await scene.ask(admin, "POST", f"{own}/verify")).json()["data"]["standing"] == "ACTIVE"
    code, listed = await refused()
    assert code == "product.unknown", "it may sell, though it has no menu"
    assert merchant["id"] in listed
    suspended = await scene.ask(admin, "POST", f"{own}/suspend", json={"reason": "hygiene"})
    assert suspended.json()["data"]["suspended_because"] == "hygiene"
    code, listed = await refused()
    assert code == "merchant.suspended"
    assert merchant["id"] not in listed
    again = await scene.ask(admin, "POST", f"{own}/verify")
    assert again.status_code == 409
    assert again.json()["errors"][0]["detail"]["legal"] == ["reinstate"]
    assert (await scene.ask(admin, "POST", f"{own}/reinstate")).status_code == 200
    assert (await refused())[0] == "product.unknown"


async def test_what_was_quoted_is_not_ordered_of_a_suspended_merchant(
    scene: Scene, database: Database, by: By, ids: Any
) -> None:
    seller = scene.near[0]
    async with database.transaction() as tx:
        menu = await public.menu(tx, merchant_id=seller.id)
        water = menu.categories[-1].products[0].id
        command = pricing.IssueQuote(
            by=by,
            customer_id=ids(),
            merchant_id=seller.id,
            lines=(public.Line(product_id=water, quantity=9),),
            dropoff=Place(24.13, 53.1),
            address="Corniche 12",
        )
        (quote,) = await pricing.issue(tx, [command])
        assert isinstance(quote, pricing.Quote), quote
    address = f"/v4/admin/merchants/{seller.id}/suspend"
    body = {"reason": "licence"}
    await scene.ask(scene.token(Role.ADMIN), "POST", address, json=body)
    async with database.transaction() as tx:
        take = pricing.TakeQuote(by=by, quote_id=quote.id, customer_id=command.customer_id)
        (taken,) = await pricing.take(tx, [take])
    assert getattr(taken, "code", None) == "merchant.suspended"


async def test_changing_writes_what_differs_and_cannot_reach_further(scene: Scene) -> None:
    admin = scene.token(Role.ADMIN)
    address = f"/v4/admin/merchants/{scene.near[0].id}"
    changed = await scene.ask(admin, "PUT", address, json={**EXAMPLE, "commission_bp": 1500})
    assert changed.status_code == 200, changed.text
    assert changed.json()["data"]["commission_bp"] == 1500
    assert await scene.names(admin, "q=layali+grill") == ["Layali Grill"]
    for more in ({"standing": "ACTIVE"}, {"tenant_id": str(TENANT)}, {"rating": 5}):
        answer = await scene.ask(admin, "PUT", address, json={**EXAMPLE, **more})
        assert answer.status_code == 400
    own = scene.token(Role.MERCHANT, location_id=scene.near[0].id)
    assert (await scene.ask(own, "PUT", address, json=EXAMPLE)).status_code == 403
    stranger = scene.token(Role.ADMIN, tenant_id=FAR_CITY)
    assert (await scene.ask(stranger, "PUT", address, json=EXAMPLE)).status_code == 404
    lost = {**EXAMPLE, "city_id": str(CITY)}
    answer = await scene.ask(stranger, "POST", "/v4/admin/merchants", json=lost)
    assert answer.json()["errors"][0]["code"] == "merchant.city_unknown"


async def test_operations_says_how_a_product_is_taxed(scene: Scene, database: Database) -> None:
    admin, merchant_id = scene.token(Role.ADMIN), scene.near[0].id
    menu = f"/v4/merchants/{merchant_id}/menu"

    async def classes() -> list[str]:
        categories = (await scene.client.get(menu)).json()["data"]["categories"]
        return [p["tax_class"] for category in categories for p in category["products"]]

    before = await classes()
    assert set(before) == {"standard"}
    async with database.transaction() as tx:
        sold = await public.products_of(tx, tenant_id=TENANT, merchant_ids=[merchant_id])
    address = f"/v4/admin/products/{sold[merchant_id][0].id}/tax-class"
    for _ in range(2):
        taxed = await scene.ask(admin, "PUT", address, json={"tax_class": "zero"})
        assert taxed.status_code == 200, taxed.text
        assert taxed.json()["data"]["tax_class"] == "zero"
    assert sorted(await classes()) == sorted(["zero", *before[1:]])
    async with database.transaction() as tx:
        told = await tx.value("select count(*) from kernel.event where type = 'product.taxed.v1'")
    assert told == 1, "the second time changed nothing"
    own = scene.token(Role.MERCHANT, location_id=merchant_id)
    assert (await scene.ask(own, "PUT", address, json={"tax_class": "zero"})).status_code == 403
    stranger = scene.token(Role.ADMIN, tenant_id=FAR_CITY)
    answer = await scene.ask(stranger, "PUT", address, json={"tax_class": "zero"})
    assert answer.status_code == 404
