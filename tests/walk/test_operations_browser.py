"""What operators do on the live map, by mouse and by key, with the whole platform behind."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from shutil import which
from typing import Final

import pytest
from playwright.async_api import Page, Route, async_playwright, expect

from consoles.browsing import DRAWING
from tawsil.kernel.places import Place
from walk.conftest import Walk, position
from walk.small_city import DOOR, KITCHEN, PASSWORD, PEOPLE, SECOND_COURIER

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("walk"),
    pytest.mark.timeout(300),  # a platform, a browser, and a map without a graphics card
]

PATIENCE_MS: Final = 30_000
AFAR: Final = Place(24.4680, 54.3660)
ON_SCREEN: Final = """([longitude, latitude]) => {
  const { couriers, orders } = JSON.parse(document.getElementById("snapshot").textContent);
  const mercator = ([lon, lat]) =>
    [lon / 360, -Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI)];
  const all = [
    ...couriers.flatMap(({ at }) => (at ? [at] : [])),
    ...orders.flatMap(({ pickup, dropoff }) => [pickup, dropoff]),
  ].map(mercator);
  const box = document.getElementById("ground").getBoundingClientRect();
  const ends = [0, 1].map((axis) => {
    const its = all.map((one) => one[axis]);
    return [Math.min(...its), Math.max(...its)];
  });
  const [across, down] = ends.map(([least, most]) => most - least);
  const world = Math.min((box.width - 96) / across, (box.height - 96) / down, 512 * 2 ** 16);
  const [x, y] = mercator([longitude, latitude]).map(
    (at, axis) => (at - (ends[axis][0] + ends[axis][1]) / 2) * world);
  return { x: box.left + box.width / 2 + x, y: box.top + box.height / 2 + y };
}"""
"""Where a place is once everybody has been brought into sight."""
SEEN: Final = """([event, order, words]) => {
  const row = () => document.querySelector(`#queue-body li[data-order="${order}"] .row-who`);
  window.seen = new Promise((resolve) => {
    let began = 0;
    addEventListener(event, () => { began = performance.now(); }, { capture: true, once: true });
    new MutationObserver((_, observer) => {
      if (!began || !row()?.textContent.includes(words)) return;
      observer.disconnect();
      const written = performance.now() - began;
      requestAnimationFrame(() =>
        setTimeout(() => resolve([written, performance.now() - began])));
    }).observe(document.getElementById("queue-body"), { subtree: true, childList: true });
  });
}"""
"""Milliseconds from what was done until its row says so, and until that was drawn."""


@pytest.fixture
async def page(walk: Walk) -> AsyncIterator[Page]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=DRAWING)
        context = await browser.new_context(
            base_url=str(walk.client.base_url), viewport={"width": 1280, "height": 800}
        )
        expect.set_options(timeout=PATIENCE_MS)
        page = await context.new_page()
        await page.goto("/sign-in?next=/city")
        await page.fill('[name="email"]', PEOPLE["operator"].email)
        await page.fill('[name="password"]', PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile(r"//[^/]+/city$"))
        yield page
        await browser.close()


async def waiting(walk: Walk) -> str:
    """An order that is long in the making: nobody has been asked for it yet."""
    path = await walk.place()
    await walk.becomes(path, payment="safe")
    await walk.do("merchant", f"{path}/accept", prep_time_minutes=45)
    return path


async def second_courier_at(walk: Walk, *places: Place) -> None:
    here = f"/v4/drivers/{SECOND_COURIER}"
    await walk.as_("second courier", "POST", f"{here}/availability/start-shift")
    for place in places:
        ping = {**position(place), "accuracy_m": 5, "at": datetime.now(UTC).isoformat()}
        await walk.do("second courier", f"{here}/positions", pings=[ping])


async def live_city(page: Page) -> None:
    """Opened anew, so that all who are on it now have been brought into sight."""
    await page.goto("/city")
    await page.wait_for_selector('#pulse[data-state="live"]')
    await page.wait_for_selector("#map-note", state="hidden", timeout=PATIENCE_MS)


async def on_screen(page: Page, place: Place) -> dict[str, float]:
    return await page.evaluate(ON_SCREEN, [place.longitude, place.latitude])


async def say_when_seen(page: Page, how: str) -> None:
    written, drawn = await page.evaluate("seen")
    print(f"{how}: written after {written:.0f} ms, drawn after {drawn:.0f} ms")  # noqa: T201 - the figure


async def test_an_order_is_given_by_drag_and_by_key_and_seen_at_once(
    walk: Walk, page: Page
) -> None:
    await second_courier_at(walk, AFAR)
    path = await waiting(walk)
    id_ = path.rpartition("/")[2]
    await live_city(page)
    row = page.locator(f'a.row[data-id="{id_}"]')
    who = row.locator(".row-who")
    await expect(who).to_contain_text("No courier")

    # By drag. The answer is held back: what is seen does not wait for it.
    answering = asyncio.Event()

    async def hold_back(route: Route) -> None:
        await answering.wait()
        await route.continue_()

    await page.route("**/v4/admin/assignments/*/reassign", hold_back)
    await page.evaluate(SEEN, ["drop", id_, "Second Courier"])
    await row.hover()
    await page.mouse.down()
    there = await on_screen(page, AFAR)
    await page.mouse.move(there["x"] - 4, there["y"], steps=4)
    await page.mouse.move(there["x"], there["y"])
    await page.mouse.up()
    await say_when_seen(page, "by drag")
    toast = page.locator(".toast")
    await expect(toast).to_contain_text("Second Courier")
    assert (await walk.order(path))["courier_id"] is None
    answering.set()
    await walk.becomes(path, courier_id=str(SECOND_COURIER))

    # Taken back.
    await toast.get_by_role("button", name="Undo").click()
    await walk.becomes(path, courier_id=None)
    await expect(who).to_contain_text("No courier")

    # By key.
    answering.clear()
    await row.focus()
    await page.keyboard.press("a")
    radio = page.locator(f'#detail input[name="courier_id"][value="{SECOND_COURIER}"]')
    await expect(page.locator("#detail input:focus")).to_have_count(1)
    await radio.focus()
    await page.keyboard.press("Space")
    await page.evaluate(SEEN, ["keydown", id_, "Second Courier"])
    await page.keyboard.press("Enter")
    await say_when_seen(page, "by key")
    answering.set()
    await walk.becomes(path, courier_id=str(SECOND_COURIER))
    await expect(page.locator("#detail .facts")).to_contain_text("Second Courier")


async def test_orders_are_lassoed_and_a_trail_is_gone_along(walk: Walk, page: Page) -> None:
    await second_courier_at(walk, KITCHEN, DOOR, AFAR)
    numbers = {str((await walk.order(await waiting(walk)))["number"]) for _ in range(2)}
    await live_city(page)

    # Shift and drag over the door they all go to; the same is done about each of them.
    door = await on_screen(page, DOOR)
    await page.keyboard.down("Shift")
    await page.mouse.move(door["x"] - 30, door["y"] - 30)
    await page.mouse.down()
    await page.mouse.move(door["x"] + 30, door["y"] + 30, steps=3)
    await page.mouse.up()
    await page.keyboard.up("Shift")
    await expect(page.locator("[data-chosen]")).to_contain_text("chosen")
    await page.click('[data-bulk="escalate"]')
    outcomes = page.locator("#outcomes-list li")
    for number in numbers:
        await expect(outcomes.filter(has_text=f"#{number}")).to_have_attribute("data-tone", "good")
    await page.keyboard.press("Escape")

    # The courier by name, from the keyboard; where they were, by the arrow keys.
    await page.keyboard.press("Control+k")
    await page.keyboard.type("second cour")
    await page.keyboard.press("Enter")
    await expect(page.locator("#story-title")).to_contain_text("Second Courier")
    assert f"courier={SECOND_COURIER}" in page.url
    await page.click("[data-trail]")
    slider = page.locator("#trail input")
    await expect(slider).to_be_focused()
    clock = page.locator("#trail [data-at]")
    last = await clock.inner_text()
    await page.keyboard.press("ArrowLeft")
    await expect(clock).not_to_have_text(last)
    await page.keyboard.press("Home")
    await expect(page.locator("#trail [data-gap]")).to_be_visible()
    assert await slider.get_attribute("aria-valuetext") == await clock.inner_text()
    await page.click("[data-close-trail]")
    await expect(page.locator("#trail")).to_be_hidden()
