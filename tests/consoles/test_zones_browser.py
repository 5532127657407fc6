"""A zone is drawn with the mouse, and by keyboard alone; and what is paused there is paused."""

from collections.abc import AsyncIterator
from shutil import which
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from consoles.browsing import DRAWING, fits_a_phone, serving
from consoles.test_zones import MAY, ROUTES, Desk, street
from ordering.conftest import TENANT, Street
from tawsil.apps.wiring import REGISTRY
from tawsil.geography import public as geography
from tawsil.kernel.db import Database
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.live import Hub
from tawsil.kernel.http.live import routes as live_routes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
__all__ = ["street"]
SLOWLY_MS = 30_000


@pytest.fixture
async def site(
    street: Street, database: Database, callers: Any, known: dict[str, Any]
) -> AsyncIterator[str]:
    del street
    hub = Hub(database, registry=REGISTRY, translations={}, feeds=[])
    app = create_app(
        routes=[*ROUTES, *live_routes],
        database=database,
        authenticate=callers,
        state={"settings": known["settings"], "registry": REGISTRY, "hub": hub},
        lifespan=[hub.running],
        cities_below=geography.CitiesBelow(database),
    )
    async with serving(app) as address:
        yield address


@pytest.fixture
async def page(site: str, callers: Any) -> AsyncIterator[Page]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    token = callers.token("admin", *MAY, tenant_id=TENANT)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=DRAWING)
        context = await browser.new_context(
            viewport={"width": 1280, "height": 800},
            reduced_motion="reduce",
            base_url=site,
        )
        await context.add_cookies([{"name": "tawsil_access", "value": token, "url": site}])
        context.set_default_timeout(SLOWLY_MS)
        yield await context.new_page()
        await browser.close()


@pytest.fixture
async def desk(site: str, street: Street, callers: Any) -> AsyncIterator[Desk]:
    async with httpx.AsyncClient(base_url=site, trust_env=False) as client:
        yield Desk(client, street, callers)


async def test_a_zone_is_drawn_with_the_mouse_and_paused(page: Page, desk: Desk) -> None:
    await page.goto("/city/zones")
    await page.get_by_role("link", name="New zone").click()
    await page.locator("#drawing").wait_for()
    box = await page.locator("#ground canvas").bounding_box()
    assert box
    for across, down in ((0.1, 0.1), (0.9, 0.1), (0.9, 0.8), (0.1, 0.8), (0.1, 0.1)):
        at = (box["x"] + box["width"] * across, box["y"] + box["height"] * down)
        await page.mouse.move(*at)
        await page.mouse.click(*at)
    said = page.locator("#outline-said")
    await expect(said).to_contain_text("km²", timeout=SLOWLY_MS)
    assert (await page.locator("#outline").input_value()).count("[") == 2 + 5, "five corners"
    drawn = await said.inner_text()
    await page.get_by_label("Name in English").fill("Old Port")
    await page.get_by_label("Name in Arabic").fill("الميناء القديم")
    await page.get_by_role("button", name="Add the zone").click()
    row = page.locator("tr", has_text="Old Port")
    assert drawn.split(" · ", maxsplit=1)[0] in await row.inner_text(), "the cells of the preview"

    status, usual = await desk.quote()
    assert status == 201
    await row.locator("summary").click()
    await row.get_by_label("Why").fill("the bridge is shut")
    await row.get_by_role("button", name="Pause").click()
    await expect(row).to_contain_text("Paused", timeout=SLOWLY_MS)
    assert await desk.quote() == (409, "quote.zone_paused")
    await row.get_by_role("button", name="Resume").click()
    await expect(row).to_contain_text("Open", timeout=SLOWLY_MS)
    assert await desk.quote() == (201, usual)
    await fits_a_phone(page)


async def test_a_zone_is_drawn_by_keyboard_alone(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto("/city/zones?zone=new")
    await page.locator("#drawing").wait_for()
    outline = page.locator("#outline")
    for turn in ("ArrowRight", "ArrowUp", "ArrowLeft"):
        await page.focus("[data-draw=corner]")
        await page.keyboard.press("Enter")
        await page.focus("#ground canvas")
        await page.keyboard.press(turn)
    await page.focus("[data-draw=corner]")
    await page.keyboard.press("Enter")
    await expect(page.locator("#outline-said")).to_contain_text("km²", timeout=SLOWLY_MS)
    four = await outline.input_value()
    assert four.count("[") == 2 + 5
    await page.focus("[data-draw=back]")
    await page.keyboard.press("Enter")
    assert (await outline.input_value()).count("[") == 2 + 4

    await outline.focus()
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text("[[53.0, 24.1], [53.2, 24.2], [53.2, 24.1], [53.0, 24.2]]")
    await expect(page.locator("#outline-said")).to_contain_text("crosses itself")
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(four)
    await expect(page.locator("#outline-said")).to_contain_text("km²")
    await page.focus("#name_en")
    await page.keyboard.insert_text("Old Port")
    await page.keyboard.press("Tab")
    await page.keyboard.insert_text("الميناء القديم")
    await page.keyboard.press("Enter")
    await page.locator("tr", has_text="Old Port").wait_for()
    assert complaints == []
