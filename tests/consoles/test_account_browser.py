"""An account in a real browser: from a forgotten password to the second step, in both languages."""

from collections.abc import AsyncIterator
from datetime import timedelta
from shutil import which

import pyotp
import pytest
from litestar import Litestar
from playwright.async_api import Page, async_playwright, expect

from consoles.browsing import QUIET, fits_a_phone, serving
from consoles.front import EMAIL
from identity.conftest import Postbox
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.jobs import HeldJobs

pytestmark = pytest.mark.browser
NEW_PASSWORD = "tea at the old harbour"


@pytest.fixture
async def site(front: Litestar) -> AsyncIterator[str]:
    async with serving(front) as address:
        yield address


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        yield await context.new_page()
        await browser.close()


async def looks_right(page: Page, name: str) -> None:
    """In both languages, on a desk and on a telephone."""
    for locale, direction in (("ar", "rtl"), ("en", "ltr")):
        await page.locator(f'button[name="locale"][value="{locale}"]').click()
        await expect(page.locator("html")).to_have_attribute("dir", direction)
        assert "console." not in await page.locator("body").inner_text(), name
        await fits_a_phone(page)
        await page.set_viewport_size({"width": 1280, "height": 800})


async def test_from_a_forgotten_password_to_the_second_step(
    page: Page, site: str, database: Database, jobs: HeldJobs, clock: VirtualClock
) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None,
    )
    postbox = Postbox(database, jobs)

    await page.goto(f"{site}/sign-in")
    await page.get_by_role("link", name="Forgot your password?").click()
    await looks_right(page, "forgotten")
    await page.keyboard.type(EMAIL)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("a link is on its way")

    await page.goto(f"{site}/reset-password?token={await postbox.token()}")
    await looks_right(page, "reset")
    await page.get_by_label("New password").fill(NEW_PASSWORD)
    await page.get_by_label("The same again").fill(NEW_PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("has been changed")

    await page.goto(f"{site}/sign-in?next=/account")
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").fill(NEW_PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("My account")
    await looks_right(page, "account")

    await page.get_by_role("button", name="Set it up").click()
    secret = (await page.locator("code.secret").first.inner_text()).replace(" ", "")
    await page.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).at(clock()))
    await page.keyboard.press("Enter")
    await expect(page.locator(".codes li")).to_have_count(10)

    await page.get_by_role("button", name="Sign out", exact=True).click()
    await page.get_by_label("E-mail").fill(EMAIL)
    await page.get_by_label("Password").fill(NEW_PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("One more step")
    await fits_a_phone(page)
    clock.advance(timedelta(seconds=30))
    await page.keyboard.type(pyotp.TOTP(secret).at(clock()))
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{site}/city")
    await page.goto(f"{site}/account")
    await expect(page.locator("#totp + p, #totp ~ p").first).to_contain_text("10 recovery codes")
    assert complaints == []
