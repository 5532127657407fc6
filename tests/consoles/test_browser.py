"""The live city and its dispatch in a real browser, by keyboard alone."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from shutil import which
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright, expect

from conftest import TENANT
from consoles.browsing import DRAWING, fits_a_phone, serving
from consoles.painted import DECISION_ID, HELD
from consoles.tiles import archive
from tawsil.consoles.routes import routes
from tawsil.kernel.db import Database
from tawsil.kernel.events import Registry
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.live import Audience, Hub, LiveMessage
from tawsil.kernel.http.live import routes as live_routes

pytestmark = pytest.mark.browser


@pytest.fixture
def told() -> list[LiveMessage]:
    """What is put here is told to every browser, once."""
    return []


@pytest.fixture
async def site(
    database: Database, callers: Any, known: dict[str, Any], told: list[LiveMessage]
) -> AsyncIterator[str]:
    async def feed(_: Database) -> list[LiveMessage]:
        messages = list(told)
        told.clear()
        return messages

    hub = Hub(database, registry=Registry([]), translations={}, feeds=[feed])
    app = create_app(
        routes=[*routes, *live_routes],
        database=database,
        authenticate=callers,
        state={**known, "hub": hub},
        lifespan=[hub.running],
    )
    async with serving(app) as address:
        yield address


@pytest.fixture
async def page(site: str, operator: str) -> AsyncIterator[Page]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=DRAWING)
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        await context.add_cookies([{"name": "tawsil_access", "value": operator, "url": site}])
        yield await context.new_page()
        await browser.close()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser does not like about the pages."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "console",
        lambda line: said.append(line.text) if line.type in {"error", "warning"} else None,
    )
    return said


async def focused(page: Page) -> str:
    return await page.evaluate("document.activeElement.textContent")


async def test_the_city_by_keyboard_in_both_languages(
    page: Page, site: str, watch: Any, complaints: list[str]
) -> None:
    await page.goto(f"{site}/city")
    await page.wait_for_selector('#pulse[data-state="live"]')

    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.getAttribute('href')") == "#queue"
    await page.keyboard.press("Enter")
    for key, number in (("j", 10_001), ("j", 10_002), ("j", 10_003), ("k", 10_002)):
        await page.keyboard.press(key)
        assert f"#{number}" in await focused(page)

    await page.keyboard.press("Enter")
    await page.wait_for_selector(".timeline li")
    assert await page.evaluate("document.activeElement.id") == "story-title"
    assert f"order={watch.orders[1].id}" in page.url
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#detail", state="hidden")
    assert "#10002" in await focused(page)

    await page.click("#keys")
    await page.focus("a.row >> nth=0")
    await page.keyboard.press("j")
    assert "#10001" in await focused(page)

    await page.click('a.filter[data-stage="ready"]')
    await expect(page.locator("a.row")).to_have_count(1)
    await page.click('button[name="locale"]')
    await page.wait_for_selector('html[dir="rtl"]')
    assert "stage=ready" in page.url
    assert await page.locator("#queue-title").text_content() == "الطلبات الجارية"

    await fits_a_phone(page)
    assert complaints == []


async def test_an_order_is_chosen_narrowed_to_and_assigned_by_keyboard(
    page: Page, site: str, watch: Any, complaints: list[str]
) -> None:
    await page.goto(f"{site}/city")
    await page.wait_for_selector('#pulse[data-state="live"]')
    await page.wait_for_selector("#map-note", state="hidden")
    await page.wait_for_selector("#ground[data-drawn]")
    assert await page.locator("#ground canvas").count() == 1

    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    assert await page.locator("[data-chosen]").text_content() == "2 chosen"
    await page.click('[data-bulk="none"]')
    assert await page.locator("#bulk").is_hidden()

    await page.focus("a.row >> nth=1")
    await page.keyboard.press("a")
    await page.wait_for_selector("#detail details[open]")
    assert await page.evaluate("document.activeElement.name") == "courier_id"
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.wait_for_selector("#detail", state="hidden")

    await page.keyboard.press("/")
    await page.keyboard.type("10003")
    await expect(page.locator("a.row")).to_have_count(1)
    assert "q=10003" in page.url
    await page.reload()
    await expect(page.locator("a.row")).to_have_count(1)

    await page.keyboard.press("Control+k")
    await page.keyboard.type("10003")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".timeline li")
    assert f"order={watch.orders[2].id}" in page.url
    courier = watch.couriers[2]
    await page.goto(f"{site}/city?courier={courier.id}")
    assert courier.name in await page.locator("#story-title").inner_text()
    await fits_a_phone(page)
    assert complaints == []


async def test_a_banner_comes_and_goes_with_the_conditions(
    page: Page, site: str, watch: Any, complaints: list[str]
) -> None:
    await page.goto(f"{site}/city")
    await page.wait_for_selector('#pulse[data-state="live"]')
    assert await page.locator(".banner").count() == 0
    watch.conditions = HELD
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.wait_for_selector(".banner")
    await fits_a_phone(page)
    await page.click(".banner a")
    await page.wait_for_url("**/city/dispatch?city=marsa")
    assert complaints == []


async def test_dispatch_by_keyboard_in_both_languages(
    page: Page, site: str, watch: Any, told: list[LiveMessage], complaints: list[str]
) -> None:
    await page.goto(f"{site}/city/dispatch")
    await page.wait_for_selector('#pulse[data-state="live"]')
    key = str(watch.orders[1].id)
    await page.focus(f'[data-focus="escalate-{key}"]')
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.name") == "reason"
    await page.keyboard.press("Escape")
    assert "Escalate now" in await focused(page)

    await page.keyboard.press("Tab")
    assert "Assign by hand" in await focused(page)
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.type("nearer")
    # The page goes on being fresh around a form that is being filled in.
    watch.conditions = HELD
    await page.evaluate("dispatchEvent(new Event('online'))")
    await page.wait_for_selector('.steps [data-step="strained"][aria-current]')
    assert await page.input_value(f'[data-key="{key}"] details[open] [name="reason"]') == "nearer"
    assert await page.evaluate("document.activeElement.name") == "reason"
    assert await page.locator(f'[data-key="{key}"] input:checked').count() == 1
    assert await page.locator("details.act[open]").count() == 1

    await page.click('button[name="locale"]')
    await page.wait_for_selector('html[dir="rtl"]')
    assert await page.locator("#ladder-title").text_content() == "بلا مندوب"
    await fits_a_phone(page)
    for summary in await page.locator("details.act > summary").all():
        await summary.click()
        await fits_a_phone(page)
    await page.wait_for_selector('#pulse[data-state="live"]')
    alarm = {"deliveryId": key, "level": 3}
    told.append(
        LiveMessage(event="operator_alert", data=alarm, audience=Audience(tenant_id=TENANT))
    )
    assert "الدرجة 3" in await page.locator(".alarm").inner_text()
    await fits_a_phone(page)
    await page.click(".alarm button")
    assert await page.locator(".alarm").count() == 0
    await page.goto(f"{site}/city/decisions/{DECISION_ID}")
    await fits_a_phone(page)
    assert complaints == []


async def test_tiles_from_an_archive_of_ones_own_are_drawn(
    page: Page, site: str, known: dict[str, Any], complaints: list[str]
) -> None:
    maps = known["settings"].data / "maps"
    maps.mkdir()
    (maps / "marsa.pmtiles").write_bytes(archive())
    parts: list[int] = []
    page.on("response", lambda said: parts.append(said.status) if "/tiles/" in said.url else None)
    await page.goto(f"{site}/city")
    await page.wait_for_selector("#map-note", state="hidden", timeout=30_000)
    sea = await page.evaluate(
        """() => {
          const probe = document.body.appendChild(document.createElement("p"));
          probe.style.color = "var(--map-sea)";
          return getComputedStyle(probe).color.match(/\\d+/g).map(Number);
        }"""
    )
    ground = await page.locator("#ground canvas").bounding_box()
    assert ground
    corner = {"x": ground["x"] + ground["width"] - 90, "y": ground["y"] + 20}
    async with asyncio.timeout(30):
        while _colour(await page.screenshot(clip={**corner, "width": 1, "height": 1})) != sea:
            await asyncio.sleep(0.2)
    assert set(parts) == {206}
    await expect(page.locator(".maplibregl-ctrl-attrib")).to_contain_text("OpenStreetMap")
    assert complaints == []


def _colour(png: bytes) -> list[int]:
    """Of a picture of one pixel."""
    packed, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        packed += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return list(zlib.decompress(packed)[1:4])
