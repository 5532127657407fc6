"""Merchants, menus and deliveries as the platform's API tells of them."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final, cast
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask_as_caller
from tawsil.consoles.shop.addresses import Address
from tawsil.consoles.shop.frame import Cart, CartLine, Visit
from tawsil.kernel.places import Place, distance_m

NEAR_A_CITY_M: Final = 60_000
MOST_ESTIMATED: Final = 100
_FIVE_MINUTES_S: Final = 300


class City(Struct, frozen=True, kw_only=True):
    id: UUID
    tenant_id: UUID
    name: str
    name_en: str
    name_ar: str
    timezone: str
    centre: Place
    most_delivery_distance_m: int


class SpecialDay(Struct, frozen=True, kw_only=True):
    day: date
    openings: list[tuple[int, int]] = []


class Merchant(Struct, frozen=True, kw_only=True):
    id: UUID
    city_id: UUID
    name: str
    description: str
    cuisine: str
    address: str
    place: Place
    phone: str
    currency: str
    timezone: str
    hours: list[list[tuple[int, int]]]
    special_days: list[SpecialDay] = []
    open: bool
    closed_because: str | None
    opens_at: datetime | None
    busy: bool
    rating: float | None
    ratings: int = 0
    price_level: int | None
    distance_m: int | None

    @property
    def tint(self) -> int:
        """Which of a few colours stands for it while it has no picture."""
        return self.id.int % 6


class Estimate(Struct, frozen=True, kw_only=True):
    merchant_id: UUID
    delivers: bool
    because: str | None
    currency: str
    delivery_fee_minor: int
    free_from_minor: int | None
    usual_s: int
    latest_s: int

    @property
    def minutes(self) -> tuple[int, int]:
        """From and to, by five: nobody knows a delivery to the minute before it is ordered."""
        least = max(1, self.usual_s // _FIVE_MINUTES_S) * 5
        return least, max(least + 5, -(-self.latest_s // _FIVE_MINUTES_S) * 5)


class Shown(Struct, frozen=True, kw_only=True):
    """A merchant, and what a delivery from it would be, where somebody has said where to."""

    merchant: Merchant
    estimate: Estimate | None

    @property
    def delivers(self) -> bool:
        return self.estimate is None or self.estimate.delivers


class Option(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    price_delta_minor: int


class OptionGroup(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    min_choices: int
    max_choices: int
    options: list[Option]

    @property
    def one_of(self) -> bool:
        return self.max_choices == 1 and self.min_choices == 1


class Product(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    description: str
    price_minor: int
    image_url: str | None
    available: bool
    available_at: datetime | None
    option_groups: list[OptionGroup]

    @property
    def picture(self) -> str | None:
        """Only what is served from here: a page shows nothing of others."""
        local = self.image_url is not None and self.image_url.startswith("/")
        return self.image_url if local else None

    def price_of(self, option_ids: Iterable[UUID]) -> int:
        deltas = {o.id: o.price_delta_minor for group in self.option_groups for o in group.options}
        return self.price_minor + sum(deltas.get(id_, 0) for id_ in option_ids)


class Category(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    products: list[Product]


class Menu(Struct, frozen=True, kw_only=True):
    currency: str
    categories: list[Category]

    def product(self, product_id: UUID) -> Product | None:
        every = (p for category in self.categories for p in category.products)
        return next((p for p in every if p.id == product_id), None)

    def subtotal_minor(self, lines: Sequence[CartLine]) -> int:
        """What is in a cart of this menu, before any fee."""
        known = [(line, self.product(line.product_id)) for line in lines]
        return sum(p.price_of(line.option_ids) * line.quantity for line, p in known if p)


class Dish(Struct, frozen=True, kw_only=True):
    """A dish that was found, and where it is sold."""

    id: UUID
    name: str
    description: str
    price_minor: int
    available: bool
    merchant: Merchant


class Answer(Struct, frozen=True, kw_only=True):
    meant: str | None
    merchants: list[Merchant]
    dishes: list[Dish]
    dishes_in_all: int


async def cities(request: Asked, visit: Visit) -> list[City]:
    found = answered(await ask_as_caller(request, "GET", "/v4/cities"), list[City])
    return [city for city in found if city.tenant_id == visit.tenant_id]


def city_of(address: Address, known: Sequence[City]) -> City | None:
    """The city that an address is in or near."""
    far = {city.id: distance_m(address.place, city.centre) for city in known}
    nearest = min(known, key=lambda city: far[city.id], default=None)
    return nearest if nearest is not None and far[nearest.id] <= NEAR_A_CITY_M else None


async def merchants(request: Asked, visit: Visit, **asked: Any) -> list[Merchant]:
    """Some merchants of the tenant, as asked, near the address if there is one."""
    given = [("tenant_id", visit.tenant_id), *_around(visit.address), *asked.items()]
    answer = await ask_as_caller(request, "GET", f"/v4/merchants?{_query(given)}")
    return answered(answer, list[Merchant])


async def search(request: Asked, visit: Visit, *, q: str, **asked: Any) -> Answer:
    given = [("q", q), ("tenant_id", visit.tenant_id), *_around(visit.address), *asked.items()]
    return answered(await ask_as_caller(request, "GET", f"/v4/search?{_query(given)}"), Answer)


async def with_estimates(request: Asked, visit: Visit, found: Sequence[Merchant]) -> list[Shown]:
    """What a delivery from each would be."""
    if visit.address is None or not found:
        return [Shown(merchant=merchant, estimate=None) for merchant in found]
    ids = list(dict.fromkeys(merchant.id for merchant in found))[:MOST_ESTIMATED]
    given = [*_around(visit.address), *[("merchant_ids", id_) for id_ in ids]]
    answer = await ask_as_caller(request, "GET", f"/v4/delivery-estimates?{_query(given)}")
    known = {one.merchant_id: one for one in answered(answer, list[Estimate])}
    return [Shown(merchant=merchant, estimate=known.get(merchant.id)) for merchant in found]


async def merchant_with_menu(request: Asked, visit: Visit, merchant_id: UUID) -> tuple[Shown, Menu]:
    """One merchant, what it sells, and what a delivery would be.

    Raises:
        Problem: there is none.
    """
    path = f"/v4/merchants/{merchant_id}"
    near = _query(_around(visit.address))
    one, menu = await asyncio.gather(
        ask_as_caller(request, "GET", f"{path}?{near}"),
        ask_as_caller(request, "GET", f"{path}/menu"),
    )
    merchant = answered(one, Merchant)
    (shown,) = await with_estimates(request, visit, [merchant])
    return shown, answered(menu, Menu)


async def put_cart(request: Asked, cart: Cart) -> None:
    answered(await ask_as_caller(request, "PUT", "/v4/cart", json=cart), cast("type[Any]", Any))


def _around(address: Address | None) -> list[tuple[str, Any]]:
    if address is None:
        return []
    return [("latitude", f"{address.latitude:.6f}"), ("longitude", f"{address.longitude:.6f}")]


def _query(given: Iterable[tuple[str, Any]]) -> str:
    shown = {True: "true", False: "false"}
    return urlencode(
        [
            (name, shown.get(one, one) if isinstance(one, bool) else one)
            for name, value in given
            if value is not None
            for one in (cast("list[Any]", value) if isinstance(value, list) else [value])
        ]
    )
