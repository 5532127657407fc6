"""The office in a real browser: dishes are dragged, and charts stand above their tables."""

from collections.abc import AsyncIterator
from shutil import which
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from consoles.browsing import QUIET, fits_a_phone, serving
from consoles.test_office import MAY, ROUTES
from ordering.conftest import Street
from tawsil.catalog import public as catalog
from tawsil.catalog.editing import ListProduct, list_products
from tawsil.catalog.writing import Dish
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http.app import create_app

pytestmark = pytest.mark.browser


@pytest.fixture
async def street(database: Database, by: By, ids: Ids) -> Street:
    """A grill with three dishes that sold something."""
    street = Street(by, ids)
    async with database.transaction() as tx:
        await street.open(tx)
        for _ in range(3):
            await street.settled(tx)
        menu = await catalog.menu(tx, merchant_id=street.merchant_id)
        await list_products(
            tx,
            [
                ListProduct(
                    by=by,
                    merchant_id=street.merchant_id,
                    category_id=menu.categories[0].id,
                    dish=Dish(name_en=en, name_ar=ar, price_minor=900),
                )
                for en, ar in (("Falafel", "فلافل"), ("Hummus", "حمص"))
            ],
        )
    return street


@pytest.fixture
async def page(
    callers: Any, known: dict[str, Any], database: Database, street: Street
) -> AsyncIterator[Page]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    app = create_app(
        routes=ROUTES,
        database=database,
        authenticate=callers,
        state={**known, "psp_webhook_secret": "s"},
        cities_below=geography.CitiesBelow(database),
    )
    token = callers.token("merchant", *MAY, location_id=street.merchant_id)
    async with serving(app) as address, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        context = await browser.new_context(
            viewport={"width": 1280, "height": 900},
            base_url=address,
            extra_http_headers={"Authorization": f"Bearer {token}"},
        )
        yield await context.new_page()
        await browser.close()


async def names(page: Page) -> list[str]:
    return await page.locator(".dish-name").all_inner_texts()


async def test_a_dish_is_dragged_to_its_place_and_moved_back_by_a_button(page: Page) -> None:
    await page.goto("/merchant/menu")
    assert await names(page) == ["Kebab", "Falafel", "Hummus"]
    grip = page.locator(".dish", has_text="Hummus").locator("[data-grip]")
    first = await page.locator(".dish").first.bounding_box()
    assert first is not None
    await grip.hover()
    await page.mouse.down()
    await page.mouse.move(first["x"] + 40, first["y"] + 6, steps=5)
    async with page.expect_navigation():
        await page.mouse.up()
    assert await names(page) == ["Hummus", "Kebab", "Falafel"]
    await page.get_by_role("button", name="Move Hummus down").click()
    await page.wait_for_url("**done=moved**")
    assert await names(page) == ["Kebab", "Hummus", "Falafel"]
    await fits_a_phone(page)


async def test_charts_are_drawn_above_their_tables(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    await page.goto("/merchant/reports")
    await page.locator("#chart-days canvas").wait_for()
    await page.locator("#chart-hours canvas").wait_for()
    assert await page.locator("section:has(#chart-days) .table tbody tr").count() == 1
    await fits_a_phone(page)
    assert complaints == []
