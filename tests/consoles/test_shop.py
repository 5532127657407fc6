"""The shop over HTTP: where to bring it, what is near, searching, a menu, and the cart."""

import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from catalog.conftest import TENANT, grill, seed
from catalog.test_search import LATE, PIZZERIA, hear
from tawsil.catalog.public import Merchant
from tawsil.catalog.routes import routes as catalog_routes
from tawsil.consoles import routes as console_routes
from tawsil.geography.routes import routes as geography_routes
from tawsil.kernel.db import Database
from tawsil.kernel.i18n import LOCALES, catalogues
from tawsil.ordering.routes import routes as ordering_routes
from tawsil.pricing.routes import routes as pricing_routes

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ROUTES = [
    *console_routes.routes,
    *geography_routes,
    *catalog_routes,
    *pricing_routes,
    *ordering_routes,
]


@pytest.fixture
async def three(database: Database) -> list[Merchant]:
    async with database.transaction() as tx:
        made = await seed(tx, grill(rating=4.2), PIZZERIA, LATE)
    await hear(database)
    return made


@pytest.fixture
async def shop(
    serve: Any, database: Database, three: list[Merchant], known: dict[str, Any]
) -> httpx.AsyncClient:
    """For a visitor; one who sends forms from our own pages."""
    del three
    served = await serve(ROUTES, database=database, default_tenant_id=TENANT, **known)
    served.headers["Origin"] = str(served.base_url).rstrip("/")
    return served


@pytest.fixture
def customer(shop: httpx.AsyncClient, callers: Any) -> httpx.AsyncClient:
    permissions = ("profile:*:own", "order:create", "order:read:own", "order:cancel:own")
    shop.headers["Authorization"] = f"Bearer {callers.token('customer', *permissions)}"
    return shop


async def post(client: httpx.AsyncClient, path: str, **fields: Any) -> httpx.Response:
    content = urlencode(fields, doseq=True)
    answer = await client.post(path, content=content, headers=FORM, follow_redirects=False)
    for name, value in answer.cookies.items():
        client.cookies.set(name, value)
    return answer


async def at_the_centre(client: httpx.AsyncClient) -> None:
    chosen = {"words": "Corniche 12", "latitude": "24.12", "longitude": "53.1", "next": "/"}
    answer = await post(client, "/address", **chosen)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def names(text: str) -> list[str]:
    return re.findall(r'<h3><a href="/merchants/[^"]+"(?: data-dish)?><bdi>([^<]+)</bdi>', text)


async def test_a_visitor_sees_the_city_and_is_asked_where_to(shop: httpx.AsyncClient) -> None:
    page = await shop.get("/")
    assert page.status_code == 200
    assert names(page.text) == ["Forno Rosso", "Layali Grill", "Night Bakery"]
    assert 'action="/address"' in page.text


async def test_with_an_address_the_nearest_open_comes_first_with_time_and_fee(
    shop: httpx.AsyncClient,
) -> None:
    await at_the_centre(shop)
    page = await shop.get("/")
    assert names(page.text) == ["Layali Grill", "Forno Rosso", "Night Bakery"]
    assert re.search(r"\d+\N{EN DASH}\d+ min", page.text)
    assert "Corniche 12" in page.text
    assert "Opens 18:00" in page.text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("open_now=true", ["Layali Grill", "Forno Rosso"]),
        ("cuisine=pizza", ["Forno Rosso"]),
        ("rating=4.5", ["Forno Rosso"]),
        ("within_m=1000&sort=rating", ["Forno Rosso", "Layali Grill"]),
        ("sort=fee", ["Layali Grill", "Forno Rosso", "Night Bakery"]),
        ("sort=time", ["Layali Grill", "Forno Rosso", "Night Bakery"]),
        ("cuisine=thai", []),
    ],
)
async def test_filters_stand_in_the_address(
    shop: httpx.AsyncClient, query: str, expected: list[str]
) -> None:
    await at_the_centre(shop)
    page = await shop.get(f"/?{query}")
    assert names(page.text) == expected
    assert ("Nothing fits these filters" in page.text) == (not expected)


async def test_an_address_far_from_every_city_says_so(shop: httpx.AsyncClient) -> None:
    await post(shop, "/address", words="London", latitude="51.5", longitude="0")
    page = await shop.get("/")
    assert "We do not deliver there yet" in page.text
    assert "Marsa" in page.text


async def test_an_address_that_nobody_delivers_to_says_so(shop: httpx.AsyncClient) -> None:
    await post(shop, "/address", words="Desert", latitude="24.4", longitude="53.1")
    assert "No place delivers to this address yet" in (await shop.get("/")).text


async def test_places_are_found_by_name_and_remembered(shop: httpx.AsyncClient) -> None:
    found = await shop.get("/address?q=mar")
    assert 'value="Marsa"' in found.text
    assert "No place of that name" in (await shop.get("/address?q=zzz")).text
    await at_the_centre(shop)
    again = await shop.get("/address?next=/search")
    assert "Corniche 12" in again.text
    forgotten = await post(shop, "/address", forget="Corniche 12")
    assert forgotten.status_code == 303
    assert 'value="Corniche 12"' not in (await shop.get("/address")).text


@pytest.mark.parametrize(
    "fields",
    [
        {"words": "x", "latitude": "91", "longitude": "0"},
        {"words": "x", "latitude": "", "longitude": ""},
        {"words": "a\u202eb", "latitude": "1", "longitude": "1"},
    ],
)
async def test_an_address_that_cannot_be_is_refused(
    shop: httpx.AsyncClient, fields: dict[str, str]
) -> None:
    assert (await post(shop, "/address", **fields)).status_code in {400, 422}


async def test_a_pin_without_a_name_is_called_by_what_is_near(shop: httpx.AsyncClient) -> None:
    await post(shop, "/address", words="", latitude="24.1201", longitude="53.1001")
    assert "Near Marsa" in (await shop.get("/")).text


async def test_a_forged_cookie_counts_as_no_address(shop: httpx.AsyncClient) -> None:
    for forged in ("nonsense", "W10", "W1siYSIsOTk5LDBdXQ"):
        shop.cookies.set("tawsil_address", forged)
        assert (await shop.get("/")).status_code == 200


async def test_searching_finds_what_was_meant(shop: httpx.AsyncClient) -> None:
    await at_the_centre(shop)
    page = await shop.get("/search?q=shwarma")
    assert "Chicken shawarma" in names(page.text)
    assert 'href="/search?q=shawarma"' in page.text
    nothing = await shop.get("/search?q=zzzzzz")
    assert "Nothing found" in nothing.text
    assert (await shop.get("/search")).status_code == 200


@pytest.mark.parametrize("locale", LOCALES)
async def test_every_page_speaks_the_language(
    shop: httpx.AsyncClient, three: list[Merchant], locale: str
) -> None:
    shop.headers["Accept-Language"] = locale
    await at_the_centre(shop)
    menu = (await shop.get(f"/merchants/{three[0].id}")).text
    dish = re.search(r'href="(/merchants/[^"]+/dishes/[^"]+)"', menu)
    assert dish
    for path in ("/", "/search?q=pizza", dish[1], "/address?q=marsa", "/register"):
        page = await shop.get(path)
        assert page.status_code == 200, path
        assert f'lang="{locale}"' in page.text
        assert "console." not in page.text, path
        assert catalogues[locale].has("console.shop.cart")


async def test_a_visitor_signs_in_before_the_cart_and_comes_back(
    shop: httpx.AsyncClient, three: list[Merchant]
) -> None:
    dish = await product_of(shop, three[0], "Water")
    answer = await post(shop, f"/merchants/{three[0].id}/cart", product_id=dish)
    back = f"%2Fmerchants%2F{three[0].id}%2Fdishes%2F{dish}"
    assert answer.headers["location"] == f"/sign-in?next={back}"


async def product_of(client: httpx.AsyncClient, merchant: Merchant, name: str) -> str:
    menu = (await client.get(f"/v4/merchants/{merchant.id}/menu")).json()["data"]
    products = [p for category in menu["categories"] for p in category["products"]]
    return next(p["id"] for p in products if p["name_en"] == name)


async def options_of(client: httpx.AsyncClient, merchant: Merchant, dish: str) -> dict[str, str]:
    page = (await client.get(f"/merchants/{merchant.id}/dishes/{dish}")).text
    found = re.findall(r'<input type="radio" name="(group-[^"]+)" value="([^"]+)"', page)
    return dict(reversed(found))


async def test_dishes_are_put_into_the_cart(
    customer: httpx.AsyncClient, three: list[Merchant]
) -> None:
    cart = f"/merchants/{three[0].id}/cart"
    water = await product_of(customer, three[0], "Water")
    shawarma = await product_of(customer, three[0], "Chicken shawarma")
    first = await post(customer, cart, product_id=water)
    assert first.status_code == 303
    await post(customer, cart, product_id=water, quantity="2")
    wrong = await post(customer, cart, product_id=shawarma)
    assert wrong.status_code == 422
    assert "choose at least 1 and at most 1" in wrong.text
    chosen = await options_of(customer, three[0], shawarma)
    right = await post(customer, cart, product_id=shawarma, **chosen)
    menu = await customer.get(right.headers["location"].partition("#")[0])
    assert "is in your cart" in menu.text
    assert "4 items" in menu.text
    assert "16.50" in menu.text, "three waters and one shawarma"
    kept = (await customer.get("/v4/cart")).json()["data"]
    assert [line["quantity"] for line in kept["lines"]] == [3, 1]


async def test_a_cart_of_another_place_is_put_aside_and_can_be_put_back(
    customer: httpx.AsyncClient, three: list[Merchant]
) -> None:
    layali, forno, _ = three
    water = await product_of(customer, layali, "Water")
    pizza = await product_of(customer, forno, "Margherita")
    await post(customer, f"/merchants/{layali.id}/cart", product_id=water)
    replaced = await post(customer, f"/merchants/{forno.id}/cart", product_id=pizza)
    page = await customer.get(replaced.headers["location"].partition("#")[0])
    assert 'action="/cart/before"' in page.text
    undone = await post(customer, "/cart/before")
    assert undone.headers["location"] == "/cart"
    assert (await customer.get("/v4/cart")).json()["data"]["merchant_id"] == str(layali.id)


async def test_what_is_not_sold_is_not_put_into_the_cart(
    customer: httpx.AsyncClient, three: list[Merchant]
) -> None:
    path = f"/merchants/{three[0].id}/cart"
    for nothing in ("", "nonsense", str(three[0].id)):
        assert (await post(customer, path, product_id=nothing)).status_code == 404
    assert (await customer.get(f"/merchants/{TENANT}")).status_code == 404


@pytest.mark.parametrize(
    ("role", "permissions", "home"),
    [
        ("admin", ("order:*", "zone:*"), "/city"),
        ("support_staff", ("order:read",), "/city/dispatch"),
        ("merchant", ("merchant:update:own",), "/merchant"),
        ("delivery_partner", ("courier:update:own",), "/courier"),
    ],
)
async def test_staff_who_come_in_go_to_work(
    shop: httpx.AsyncClient, callers: Any, role: str, permissions: tuple[str, ...], home: str
) -> None:
    token = callers.token(role, *permissions, location_id=TENANT if role == "merchant" else None)
    headers = {"Authorization": f"Bearer {token}"}
    answer = await shop.get("/", headers=headers, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, home)


async def test_a_session_that_ran_out_is_taken_up_before_the_shop(shop: httpx.AsyncClient) -> None:
    shop.cookies.set("tawsil_session_until", "1")
    answer = await shop.get("/search?q=pizza", follow_redirects=False)
    assert answer.headers["location"] == "/session?next=%2Fsearch%3Fq%3Dpizza"
