"""Five people of one order, each with a browser of their own, in a city that lives by itself.

They live in the city as everybody does, but nobody acts for them: the simulated city is smaller.
"""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct
from playwright.async_api import Browser, BrowserContext, Geolocation, Page
from pydantic import SecretStr

from surfaces.living import ADMIN, SEED, Living
from surfaces.looking import HEIGHTS, settled, sign_in
from tawsil.apps.cli.database import NAME
from tawsil.apps.platform import open_database
from tawsil.identity import public as identity
from tawsil.kernel.places import Place
from tawsil.kernel.postgres import EmbeddedPostgres
from tawsil.kernel.settings import Settings
from tawsil.simulation import seeding
from tawsil.simulation.city import DEFAULT_SIZE, CitySize, build_city, demo_accounts
from tawsil.simulation.city.residents import Courier, Customer, Merchant

PICTURES: Final = "TAWSIL_STORY_PICTURES"
"""A folder for a picture of each chapter; without it none are taken."""
PATIENCE_MS: Final = 45_000
LARGER: Final = CitySize(merchants=45, customers=503, couriers=41)
REFUSED: Final = """
  addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    console.error(`CSP: ${violatedDirective} ${blockedURI}`));
"""


class Cast(Struct, frozen=True):
    """The last of each kind: there are so many more than act by themselves."""

    merchant: Merchant
    customer: Customer
    courier: Courier


class Person(Struct):
    """Somebody at a browser; `complaints` is what it did not like."""

    page: Page
    complaints: list[str]

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    async def goes_to(self, address: str) -> None:
        await self.page.goto(address)

    async def is_at(self, place: Place) -> None:
        await self.context.set_geolocation(_standing(place))

    async def pictured(self, chapter: str) -> None:
        if folder := os.environ.get(PICTURES):
            Path(folder).mkdir(parents=True, exist_ok=True)
            await settled(self.page)
            await self.page.screenshot(path=Path(folder) / f"{chapter}.png", animations="disabled")


class Five(Struct, frozen=True, kw_only=True):
    cast: Cast
    customer: Person
    merchant: Person
    courier: Person
    operator: Person
    admin: Person

    @property
    def complaints(self) -> dict[str, list[str]]:
        people = ("customer", "merchant", "courier", "operator", "admin")
        return {who: said for who in people if (said := getattr(self, who).complaints)}


async def settle(there: Living) -> Cast:
    """Put more people into the city than act in it by themselves."""
    assert DEFAULT_SIZE.merchants < LARGER.merchants, "the last merchant is nobody's"
    city = seeding.round_the_clock(build_city(SEED, size=LARGER))
    password_hash = await identity.hash_password(seeding.PASSWORD)
    with EmbeddedPostgres(data=there.data / "postgres") as server:
        settings = Settings(data=there.data, database_url=SecretStr(server.url(NAME)))
        async with open_database(settings, most=2) as database:
            await seeding.seed(database, city, password_hash=password_hash)
    return Cast(city.merchants[-1], city.customers[-1], city.couriers[-1])


@asynccontextmanager
async def five_people(browser: Browser, there: Living) -> AsyncIterator[Five]:
    """Everybody signed in, with an empty page before them."""
    cast = await settle(there)
    phone: dict[str, Any] = {
        "viewport": {"width": 360, "height": HEIGHTS[360]},
        "has_touch": True,
        "is_mobile": True,
        "permissions": ["geolocation"],
    }
    desk: dict[str, Any] = {"viewport": {"width": 1280, "height": HEIGHTS[1280]}}
    home, kitchen = cast.customer.home.place, cast.merchant.address.place
    operator = demo_accounts(build_city(SEED)).operator.email
    async with AsyncExitStack() as stack:

        async def comes(email: str, **how: Any) -> Person:
            context = await browser.new_context(base_url=there.url, **how)
            stack.push_async_callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            await sign_in(context, url=there.url, email=email)
            return await _watched(context, there)

        yield Five(
            cast=cast,
            customer=await comes(
                cast.customer.email, locale="ar", geolocation=_standing(home), **phone
            ),
            merchant=await comes(cast.merchant.email, **desk),
            courier=await comes(cast.courier.email, geolocation=_standing(kitchen), **phone),
            operator=await comes(operator, **desk),
            admin=await comes(ADMIN, **desk),
        )


def _standing(place: Place) -> Geolocation:
    return {"latitude": place.latitude, "longitude": place.longitude, "accuracy": 5}


async def _watched(context: BrowserContext, there: Living) -> Person:
    """A page whose complaints are kept, and what it asks of anybody but the platform.

    The acquirer's own field for cards is the one thing that may come from elsewhere.
    """
    await context.add_init_script(REFUSED)
    person = Person(await context.new_page(), [])
    said = person.complaints
    ours = {urlsplit(there.url).netloc, ""}

    def is_card_field(address: str) -> bool:
        return urlsplit(address).path == "/field"

    person.page.on("pageerror", lambda error: said.append(f"error: {error}"))
    person.page.on(
        "console",
        lambda line: (
            said.append(f"{line.type}: {line.text}")
            if line.type == "error" and "ERR_INTERNET_DISCONNECTED" not in line.text
            else None
        ),
    )
    context.on(
        "request",
        lambda asked: (
            said.append(f"elsewhere: {asked.url}")
            if urlsplit(asked.url).netloc not in ours and not is_card_field(asked.url)
            else None
        ),
    )
    return person
