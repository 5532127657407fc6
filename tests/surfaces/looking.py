"""A browser that looks at a page in every language, theme and width, as somebody signed in."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import product
from shutil import which
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, async_playwright, expect
from playwright.async_api import Page as Tab

from consoles.browsing import QUIET
from surfaces.living import Living
from surfaces.pages import Page
from tawsil.simulation.seeding import PASSWORD


class Variant(NamedTuple):
    locale: str
    theme: str
    width: int

    def __str__(self) -> str:
        return f"{self.locale}-{self.theme}-{self.width}"


VARIANTS = tuple(Variant(*one) for one in product(("en", "ar"), ("light", "dark"), (1280, 360)))
SETTLES_MS = 900
DRAWN_WITHIN_MS = 15_000
UNDRAWN = ".maplibregl-map:not([data-drawn]), #map-note:not([hidden])"
HEIGHTS: Mapping[int, int] = {1280: 900, 360: 740}


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    program = which("chromium")
    assert program, "this drives Debian's chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        await browser.close()


async def sign_in(context: BrowserContext, *, url: str, email: str) -> None:
    answer = await context.request.post(
        f"{url}/sign-in",
        form={"email": email, "password": PASSWORD, "next": "/account"},
        headers={"Origin": url},
        max_redirects=0,
    )
    assert answer.status == 303, await answer.text()


async def prefer(context: BrowserContext, *, url: str, variant: Variant) -> None:
    await context.add_cookies(
        [
            {"name": "tawsil_locale", "value": variant.locale, "url": url},
            {"name": "tawsil_theme", "value": variant.theme, "url": url},
        ]
    )


@asynccontextmanager
async def as_somebody(
    browser: Browser, there: Living, who: str | None, *, telephone: bool = False
) -> AsyncIterator[BrowserContext]:
    context = (
        await browser.new_context(
            viewport={"width": 360, "height": HEIGHTS[360]}, has_touch=True, is_mobile=True
        )
        if telephone
        else await browser.new_context(reduced_motion="reduce")
    )
    await there.find(who)
    if who is not None:
        await sign_in(context, url=there.url, email=there.people[who])
    yield context
    await context.close()


@asynccontextmanager
async def looking_at(
    context: BrowserContext, there: Living, page: Page, variant: Variant
) -> AsyncIterator[tuple[Tab, list[str]]]:
    """The page, and what the browser complains about while it is open.

    Nothing is fetched from elsewhere; an acquirer's field for a card is a page in a frame.
    """
    await prefer(context, url=there.url, variant=variant)
    tab = await context.new_page()
    await tab.set_viewport_size({"width": variant.width, "height": HEIGHTS[variant.width]})
    complaints: list[str] = []
    ours = urlsplit(there.url).netloc
    tab.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    tab.on(
        "console",
        lambda said: (
            complaints.append(f"{said.type}: {said.text}")
            if said.type == "error" and "status of 404" not in said.text
            else None
        ),
    )
    tab.on(
        "request",
        lambda asked: (
            complaints.append(f"elsewhere: {asked.url}")
            if urlsplit(asked.url).netloc not in {ours, ""} and not asked.is_navigation_request()
            else None
        ),
    )
    await tab.goto(there.url + page.address.format_map(there.facts))
    await tab.locator(page.ready).first.wait_for()
    await tab.evaluate("document.fonts.ready")
    yield tab, complaints
    await tab.close()


def by_person(pages: tuple[Page, ...]) -> Iterator[tuple[str | None, list[Page]]]:
    for who in dict.fromkeys(page.who for page in pages):
        yield who, [page for page in pages if page.who == who]


async def settled(tab: Tab) -> None:
    """Before a picture: what moves has come to rest, and maps are drawn as far as they can be."""
    await tab.wait_for_timeout(SETTLES_MS)
    with suppress(AssertionError):
        await expect(tab.locator(UNDRAWN)).to_have_count(0, timeout=DRAWN_WITHIN_MS)
