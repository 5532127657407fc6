"""A full board in a real browser: nobody is kept out, it fits a telephone, and prints a ticket."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import which
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Page, async_playwright, expect

from consoles.browsing import QUIET, fits_a_phone, serving
from ordering.conftest import Street
from surfaces.test_pages import AXE, LOOK
from tawsil.apps import wiring
from tawsil.apps.live import TRANSLATIONS
from tawsil.catalog.routes import routes as merchant_routes
from tawsil.consoles.routes import routes as console_routes
from tawsil.geography import public as geography
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.live import Hub
from tawsil.kernel.http.live import routes as live_routes
from tawsil.ordering import journey, model
from tawsil.ordering.chat import service as chat
from tawsil.ordering.events import Thread
from tawsil.ordering.moves import Party
from tawsil.ordering.routes import routes as order_routes
from tawsil.ordering.steps import Acting

pytestmark = pytest.mark.browser

KITCHEN = (
    "merchant:read:own",
    "merchant:update:own",
    "menu:*:own",
    "order:read:assigned",
    "order:update:assigned",
)


class Kitchen:
    """An order in each of the first three columns, and one that was called off."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.new, self.preparing, self.ready, self.gone = [UUID(int=0)] * 4

    async def fill(self, database: Database) -> None:
        street = self.street
        async with database.transaction() as tx:
            await street.open(tx)
            self.preparing, self.ready, self.gone = [await self._placed(tx) for _ in range(3)]
            orders = await journey.store.get(tx, [self.preparing, self.ready, self.gone])
            for id_ in (self.preparing, self.ready):
                await journey.accept_order(tx, [street.accepting(orders[id_])])
            acting = Acting(Party.MERCHANT, street.merchant_id)
            done = journey.MoveOrder(by=street.by, order_id=self.ready, acting=acting)
            await journey.mark_ready(tx, [done])
            await journey.cancel(
                tx,
                [
                    journey.CancelOrder(
                        by=street.by, order_id=self.gone, acting=acting, reason="too_busy"
                    )
                ],
            )
            words = chat.SendMessage(
                by=street.by,
                order_id=self.ready,
                acting=Acting(Party.CUSTOMER, street.customer_id),
                thread=Thread.MERCHANT,
                words="Thanks!",
            )
            await chat.send(tx, [words])
            self.new = await self._placed(tx)

    async def _placed(self, tx: Tx) -> UUID:
        placing = self.street.placing(await self.street.quote(tx), notes="No onions, please")
        (order,) = await journey.place(tx, [placing])
        assert isinstance(order, model.Order), order
        return (await self.street.after(tx, order, model.payment_safe(order, now=tx.now))).id


@pytest.fixture
async def kitchen(database: Database, street: Street) -> Kitchen:
    kitchen = Kitchen(street)
    await kitchen.fill(database)
    return kitchen


@pytest.fixture
async def street(by: Any, ids: Any) -> Street:
    return Street(by, ids)


@pytest.fixture
async def site(database: Database, callers: Any, known: dict[str, Any]) -> AsyncIterator[str]:
    hub = Hub(database, registry=wiring.REGISTRY, translations=TRANSLATIONS)
    app = create_app(
        routes=[*console_routes, *order_routes, *merchant_routes, *live_routes],
        database=database,
        authenticate=callers,
        state={**known, "registry": wiring.REGISTRY, "hub": hub},
        lifespan=[hub.running],
        cities_below=geography.CitiesBelow(database),
    )
    async with serving(app) as address:
        yield address


@pytest.fixture
async def page(site: str, callers: Any, kitchen: Kitchen) -> AsyncIterator[Page]:
    chromium = which("chromium")
    assert chromium, "this test drives Debian's chromium: apt-get install chromium"
    token = callers.token("merchant", *KITCHEN, location_id=kitchen.street.merchant_id)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        context = await browser.new_context(reduced_motion="reduce")
        await context.add_cookies([{"name": "tawsil_access", "value": token, "url": site}])
        yield await context.new_page()
        await browser.close()


async def opened(page: Page, site: str, *, locale: str = "en", theme: str = "light") -> None:
    cookies = {"tawsil_locale": locale, "tawsil_theme": theme}
    await page.context.add_cookies(
        [{"name": n, "value": v, "url": site} for n, v in cookies.items()]
    )
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.goto(f"{site}/merchant")
    await page.locator('.board[data-live="live"]').wait_for()
    await page.locator("[data-order]").first.wait_for()


def card(page: Page, order_id: UUID) -> Any:
    return page.locator(f'[data-order="{order_id}"]')


async def test_it_keeps_nobody_out_and_fits_a_telephone(
    page: Page, site: str, kitchen: Kitchen
) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    for locale, theme in (("en", "light"), ("ar", "dark"), ("en", "dark"), ("ar", "light")):
        name = f"{locale}-{theme}"
        await opened(page, site, locale=locale, theme=theme)
        assert "console." not in await page.locator("body").inner_text()
        await keeps_nobody_out(page)
        await look(page, f"board-{name}-1280")
        await fits_a_phone(page)
        await keeps_nobody_out(page)
        await look(page, f"board-{name}-360")
        await page.get_by_role("tab").nth(1).click()
        await expect(card(page, kitchen.preparing)).to_be_visible()
        await expect(card(page, kitchen.new)).to_be_hidden()
        await page.get_by_role("tab").nth(0).click()
        for opens, there in (
            (card(page, kitchen.new).locator(".order-number"), ".chat-form"),
            (page.locator('[data-asks="items"]'), ".stock"),
            (page.locator('[data-asks="settings"]'), "#volume"),
        ):
            await opens.click()
            await page.locator(there).first.wait_for()
            await keeps_nobody_out(page)
            await fits_a_phone(page)
            await look(page, f"{there.strip('.#')}-{name}-360")
            await page.keyboard.press("Escape")
            await expect(page.locator("dialog")).to_have_count(0)
    assert complaints == []


async def test_a_ticket_is_all_that_is_printed(page: Page, site: str, kitchen: Kitchen) -> None:
    await opened(page, site)
    await page.evaluate("window.print = () => document.body.dataset.printed = 'true'")
    button = card(page, kitchen.preparing).get_by_role("button", name="Print the ticket")
    await button.click()
    await page.locator('body[data-printed="true"]').wait_for()
    await page.emulate_media(media="print")
    ticket = page.locator(".ticket")
    await expect(ticket).to_be_visible()
    for words in ("Kebab", "No onions, please", "Cash at the door"):
        await expect(ticket).to_contain_text(words)
    await expect(page.locator(".board")).to_be_hidden()
    await look(page, "ticket")


async def keeps_nobody_out(page: Page) -> None:
    await page.evaluate(AXE.read_text())
    assert await page.evaluate(LOOK) == []


async def look(page: Page, name: str) -> None:
    """Leave a picture where one is asked for."""
    if folder := os.environ.get("TAWSIL_PICTURES"):
        await page.screenshot(path=Path(folder) / f"{name}.png")
