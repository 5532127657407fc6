"""The shop in a real browser: by keyboard alone, on a telephone, and without scripts."""

from collections.abc import AsyncIterator
from shutil import which
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from catalog.conftest import TENANT, grill, seed
from catalog.test_search import LATE, PIZZERIA, hear
from consoles.browsing import QUIET, fits_a_phone, serving
from consoles.test_shop import ROUTES
from tawsil.catalog.public import Merchant
from tawsil.kernel.db import Database
from tawsil.kernel.http.app import create_app

pytestmark = pytest.mark.browser


@pytest.fixture
async def three(database: Database) -> list[Merchant]:
    async with database.transaction() as tx:
        made = await seed(tx, grill(rating=4.2), PIZZERIA, LATE)
    await hear(database)
    return made


@pytest.fixture
async def site(
    three: list[Merchant], callers: Any, known: dict[str, Any], database: Database
) -> AsyncIterator[str]:
    del three
    app = create_app(
        routes=ROUTES,
        database=database,
        authenticate=callers,
        state={**known, "default_tenant_id": TENANT},
    )
    async with serving(app) as address:
        yield address


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        await browser.close()


async def customer(browser: Browser, callers: Any, **how: Any) -> BrowserContext:
    token = callers.token("customer", "profile:*:own", "order:create", "order:cancel:own")
    headers = {"Authorization": f"Bearer {token}"}
    return await browser.new_context(
        viewport={"width": 360, "height": 740}, extra_http_headers=headers, **how
    )


async def tab_to(page: Page, name: str) -> None:
    """Press Tab until what has the focus is called so."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        at = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText"
        if name in (await page.evaluate(at) or ""):
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


async def test_a_dish_is_ordered_by_keyboard_alone(
    browser: Browser, site: str, callers: Any
) -> None:
    context = await customer(browser, callers)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{site}/address?next=/&q=marsa")
    await tab_to(page, "Marsa")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site}/")
    await tab_to(page, "Layali Grill")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-follows]")
    await tab_to(page, "Choose options for Chicken shawarma")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#dish-dialog[open]")
    await tab_to(page, "Add to cart")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#cart-bar a")
    assert "12.00" in await page.locator("#cart-bar").inner_text()
    assert not await page.locator("#dish-dialog[open]").count()
    assert "Chicken shawarma" in await page.locator("#news").inner_text()
    assert complaints == []


async def test_without_scripts_the_same_is_done_on_pages(
    browser: Browser, site: str, callers: Any
) -> None:
    context = await customer(browser, callers, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(site)
    await page.get_by_role("link", name="Layali Grill").click()
    await page.get_by_role("link", name="Choose options for Chicken shawarma").click()
    await page.get_by_label("Large").check()
    await page.get_by_role("button", name="Add to cart").click()
    await page.wait_for_url("**/merchants/*?added=*")
    assert "16.00" in await page.locator("#cart-bar").inner_text()


@pytest.mark.parametrize("locale", ["en", "ar"])
async def test_the_pages_fit_a_telephone(
    browser: Browser, site: str, callers: Any, three: list[Merchant], locale: str
) -> None:
    context = await customer(browser, callers, locale=locale)
    page = await context.new_page()
    for path in ("/", "/search?q=pizza", "/address?q=marsa", f"/merchants/{three[0].id}"):
        await page.goto(site + path)
        assert await page.locator("html").get_attribute("lang") == locale
        await fits_a_phone(page)
