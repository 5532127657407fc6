"""A courier's whole job, and an operator who gives one to another: by keyboard alone.

How customers order and merchants accept so is told with the rest of what their pages do.
"""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest
from playwright.async_api import Page, async_playwright, expect

from consoles.browsing import QUIET, tab_to
from walk.conftest import Walk, position
from walk.small_city import (
    COURIER,
    DOOR,
    KITCHEN,
    PASSWORD,
    PEOPLE,
    SECOND_COURIER,
)
from walk.test_courier_app import phone

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("walk"),
    pytest.mark.timeout(300),
]

PATIENCE_MS = 30_000


@pytest.fixture(autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
async def desk(walk: Walk) -> AsyncIterator[Page]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        context = await browser.new_context(
            base_url=str(walk.client.base_url), viewport={"width": 1280, "height": 900}
        )
        context.set_default_timeout(PATIENCE_MS)
        yield await context.new_page()
        await browser.close()


async def signed_in(page: Page, address: str, *, who: str, onward: str) -> None:
    await page.goto(f"{address}/sign-in?next={onward}")
    await tab_to(page, "[name=email]")
    await page.keyboard.type(PEOPLE[who].email)
    await tab_to(page, "[name=password]")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(rf"//[^/]+{onward}$"))


async def press(page: Page, selector: str) -> None:
    """What is reached by Tab, once it is there, and pressed."""
    await page.locator(selector).first.wait_for()
    await tab_to(page, selector)
    await page.keyboard.press("Enter")


async def cooked(walk: Walk) -> str:
    path = await walk.place()
    await walk.becomes(path, payment="safe")
    await walk.do("merchant", f"{path}/accept", prep_time_minutes=1)
    await walk.do("merchant", f"{path}/steps/ready")
    return path


async def test_a_courier_does_a_job_by_keyboard_alone(walk: Walk, tmp_path: Path) -> None:
    async with phone(tmp_path / "phone") as context:
        page = context.pages[0]
        address = str(walk.client.base_url).rstrip("/")
        await signed_in(page, address, who="courier", onward="/courier")
        await press(page, ".go")  # the shift begins
        await page.get_by_role("heading", name="Waiting for an offer").wait_for()
        await walk.seen_at(KITCHEN)
        path = await cooked(walk)
        await press(page, "dialog[open] .answer.yes")
        await walk.becomes(path, courier_id=str(COURIER))
        await page.get_by_role("heading", name="Shawarma Corner").wait_for()
        here, taken = page.locator(".action .go"), page.locator(".action .slide")
        await expect(here.or_(taken)).to_be_visible()
        if await here.is_visible():  # not noticed by where they stand
            await press(page, ".action .go")
        await press(page, ".action .slide")
        order = await walk.becomes(path, status="PICKED_UP")
        await press(page, ".action .go")  # at the door
        await page.get_by_role("button", name="Hand over").wait_for()
        await press(page, ".action .go")
        await press(page, "dialog[open] .choice")
        await tab_to(page, "dialog[open] .pin input")
        await page.keyboard.type(order["handover_pin"])
        await press(page, "dialog[open] .slide")
        await walk.becomes(path, status="DELIVERED")
        await page.get_by_role("heading", name="Waiting for an offer").wait_for()
        await tab_to(page, ".pair .button:last-child")
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Off duty").wait_for()


async def test_an_operator_gives_an_order_to_another_by_keyboard_alone(
    walk: Walk, desk: Page
) -> None:
    await walk.on_duty(KITCHEN)
    path = await cooked(walk)
    offer = await walk.until("an offer", walk.pending_offer)
    await walk.do("courier", f"/v4/drivers/{COURIER}/offers/{offer['id']}/accept")
    order = await walk.becomes(path, courier_id=str(COURIER))
    second = f"/v4/drivers/{SECOND_COURIER}"
    await walk.do("second courier", f"{second}/availability/start-shift")
    ping = {**position(DOOR), "accuracy_m": 5, "at": datetime.now(UTC).isoformat()}
    await walk.do("second courier", f"{second}/positions", pings=[ping])

    await signed_in(desk, "", who="operator", onward="/city")
    await desk.locator('#pulse[data-state="live"]').wait_for()
    await desk.keyboard.press("/")
    await desk.keyboard.type(str(order["number"]))
    await expect(desk.locator("a.row")).to_have_count(1)
    await tab_to(desk, "a.row")
    await desk.keyboard.press("a")
    await expect(desk.locator(".why .chosen")).to_be_visible()
    await expect(desk.locator('[name="courier_id"]').first).to_be_focused()
    await desk.keyboard.press("Space")
    await desk.keyboard.press("Enter")
    await walk.becomes(path, courier_id=str(SECOND_COURIER))
    await expect(desk.locator("a.row")).to_contain_text("Second Courier")
    await tab_to(desk, "#toasts button")
    await desk.keyboard.press("Enter")
    await walk.becomes(path, courier_id=str(COURIER))
    await walk.do("operator", f"{path}/cancel", reason="customer_asked_support")
    await walk.do("courier", f"/v4/drivers/{COURIER}/availability/end-shift")
    await walk.do("second courier", f"{second}/availability/end-shift")
