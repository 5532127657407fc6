"""An administrator changes what a city charges, in a real browser, and the next quote has it."""

import re
from collections.abc import AsyncIterator
from shutil import which
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from administration.conftest import open_cities
from conftest import CITY, TENANT
from consoles.browsing import QUIET, fits_a_phone, serving
from tawsil.apps.platform import create_api
from tawsil.catalog import public as catalog
from tawsil.identity.public import PERMISSIONS, Role
from tawsil.kernel.db import Database
from tawsil.kernel.places import Place
from tawsil.kernel.settings import Settings

pytestmark = pytest.mark.browser

KITCHEN, DOOR = Place(24.12, 53.1), Place(24.125, 53.1)
PAGES = (
    "",
    "/cities",
    f"/cities/{CITY}",
    f"/cities/{CITY}/fees",
    "/areas",
    "/users",
    "/users/new",
    "/merchants",
    "/couriers",
    "/couriers/new",
    "/promotions",
    "/promotions/new",
    "/flags",
    "/modules",
    "/plugins",
    "/health",
    "/tenants",
)


@pytest.fixture
async def merchant(database: Database) -> catalog.NewMerchant:
    await open_cities(database)
    kebab = catalog.NewProduct(name_en="Kebab", name_ar="كباب", price_minor=8_000)
    grill = catalog.NewMerchant(
        id=database.ids(),
        tenant_id=TENANT,
        city_id=CITY,
        name_en="Layali Grill",
        name_ar="مشاوي ليالي",
        cuisine="grill",
        address_en="Corniche 4",
        address_ar="الكورنيش 4",
        place=KITCHEN,
        phone="+97140000001",
        currency="AED",
        hours=catalog.ALWAYS,
        categories=(catalog.NewCategory(name_en="Food", name_ar="طعام", products=(kebab,)),),
    )
    async with database.transaction() as tx:
        await catalog.create_merchants(tx, merchants=[grill])
    return grill


@pytest.fixture
async def site(callers: Any, database: Database, merchant: Any) -> AsyncIterator[str]:
    assert merchant.city_id == CITY
    settings = Settings(rate_limits_exempt="127.0.0.1/32")
    async with serving(create_api(settings, database, authenticate=callers)) as address:
        yield address


@pytest.fixture
async def page(callers: Any) -> AsyncIterator[Page]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    token = callers.token("super_admin", *PERMISSIONS[Role.SUPER_ADMIN])
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        context = await browser.new_context(
            viewport={"width": 1280, "height": 900},
            extra_http_headers={"Authorization": f"Bearer {token}"},
        )
        yield await context.new_page()
        await browser.close()


async def test_a_fee_is_changed_and_the_next_quote_has_it(
    page: Page, site: str, callers: Any, database: Database, merchant: catalog.NewMerchant
) -> None:
    customer = callers.token("customer", *PERMISSIONS[Role.CUSTOMER])
    async with database.transaction() as tx:
        menu = await catalog.menu(tx, merchant_id=merchant.id)
    asked = {
        "merchant_id": str(merchant.id),
        "lines": [{"product_id": str(menu.categories[0].products[0].id), "quantity": 1}],
        "dropoff": {
            "latitude": DOOR.latitude,
            "longitude": DOOR.longitude,
            "address": "Corniche 12",
        },
    }

    async def fee() -> int:
        answer = await page.request.post(
            f"{site}/v4/quotes", data=asked, headers={"Authorization": f"Bearer {customer}"}
        )
        return (await answer.json())["data"]["breakdown"]["delivery_fee_minor"]

    assert await fee() == 500
    await page.goto(f"{site}/admin")
    await page.get_by_role("link", name=re.compile("Fees and taxes")).first.click()
    await page.get_by_label("Base fee (AED)").fill("7.25")
    await page.get_by_role("button", name="Show what changes").click()
    delivery = page.get_by_role("row", name=re.compile("^Delivery"))
    assert "10.25" in await delivery.inner_text()  # 2 km beyond what the base includes
    assert await fee() == 500
    await page.get_by_role("button", name="Save these rules").click()
    await page.get_by_text("Saved. The next quote has it.").wait_for()
    assert await fee() == 725


async def test_the_pages_fit_in_both_languages(page: Page, site: str) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for path in PAGES:
        for locale in ("en", "ar"):
            await page.goto(f"{site}/admin{path}")
            if await page.locator("html").get_attribute("lang") != locale:
                await page.locator(f'button[name="locale"][value="{locale}"]').click()
                await page.locator(f'html[lang="{locale}"]').wait_for()
            assert await page.locator("html").get_attribute("lang") == locale
            assert "console." not in await page.locator("body").inner_text()
            await fits_a_phone(page)
            await page.set_viewport_size({"width": 1280, "height": 900})
    assert complaints == []
