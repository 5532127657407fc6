"""The pages of money in a real browser: in both languages, themes and widths."""

from collections.abc import AsyncIterator
from shutil import which
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from consoles.browsing import QUIET, fits_a_phone, serving
from payments.test_reconciliation import line, read
from payments.test_service import captured
from tawsil.consoles import routes as console_routes
from tawsil.geography import public as geography
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http.app import create_app
from tawsil.payments.public import Provider
from tawsil.payments.routes import routes

pytestmark = pytest.mark.browser


@pytest.fixture
async def site(
    callers: Any, known: dict[str, Any], database: Database, by: By
) -> AsyncIterator[str]:
    """A payment of which the acquirer says ten less, and one that nobody knows here."""
    async with database.transaction() as tx:
        await captured(tx, by)
        unknown = line(tx, "bal_2", charge_id="ch_3Qx81bK2eZvKYlo2C0aWmuc4", amount_minor=4_550)
        await read(tx, by, line(tx, "bal_1", amount_minor=990, fee_minor=15), unknown)
    app = create_app(
        routes=[*console_routes.routes, *routes],
        database=database,
        authenticate=callers,
        state={**known, "providers": (Provider.DIRECT,), "psp_webhook_secret": "s"},
        cities_below=geography.CitiesBelow(database),
    )
    async with serving(app) as address:
        yield address


@pytest.fixture
async def page(callers: Any) -> AsyncIterator[Page]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    token = callers.token("admin", "payment:*")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        context = await browser.new_context(
            viewport={"width": 1280, "height": 900},
            extra_http_headers={"Authorization": f"Bearer {token}"},
        )
        yield await context.new_page()
        await browser.close()


async def test_the_pages_fit_in_both_languages(page: Page, site: str, clock: VirtualClock) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for path in ("/money", f"/money/months/{clock():%Y-%m}"):
        for locale in ("en", "ar"):
            await page.goto(site + path)
            await (
                page.locator(f'button[name="locale"][value="{locale}"]')
                .or_(page.locator("html"))
                .first.wait_for()
            )
            if await page.locator("html").get_attribute("lang") != locale:
                await page.locator(f'button[name="locale"][value="{locale}"]').click()
            assert "console." not in await page.locator("body").inner_text()
            await fits_a_phone(page)
            await page.set_viewport_size({"width": 1280, "height": 900})
    assert complaints == []
