"""Menus: what each trade sells, and how one merchant's menu differs from the next one's."""

from enum import StrEnum
from functools import cache
from random import Random
from typing import Final

from msgspec import Struct

from tawsil.simulation.city.dice import between, chance
from tawsil.simulation.city.words import Words, read_list

_DROPPED: Final = 0.15  # share of a trade's products that a merchant does not sell


class Trade(StrEnum):
    RESTAURANT = "restaurant"
    BAKERY = "bakery"
    PHARMACY = "pharmacy"
    GROCERY = "grocery"


class Choice(Struct, frozen=True):
    key: str
    name: Words
    extra_minor: int


class OptionGroup(Struct, frozen=True):
    """Between `least` and `most` of the choices go with one product."""

    key: str
    name: Words
    least: int
    most: int
    choices: tuple[Choice, ...]


class Product(Struct, frozen=True):
    key: str
    name: Words
    about: Words
    price_minor: int
    options: tuple[OptionGroup, ...] = ()


class Category(Struct, frozen=True):
    key: str
    name: Words
    products: tuple[Product, ...]


class Menu(Struct, frozen=True):
    categories: tuple[Category, ...]

    @property
    def products(self) -> tuple[Product, ...]:
        return tuple(product for category in self.categories for product in category.products)


class _OptionsRow(Struct, frozen=True):
    name: Words
    least: int
    most: int
    choices: list[tuple[str, str, int]]


class _CategoryRow(Struct, frozen=True):
    name: Words
    products: list[tuple[str, str, int, str, str, list[str]]]


class Cuisine(Struct, frozen=True):
    """A kind of kitchen or shop: its names, its hours, and everything it might sell."""

    key: str
    name: Words
    trade: Trade
    hours: str
    prep_mean_s: int
    merchants: list[Words]
    categories: list[_CategoryRow]


class _Menus(Struct, frozen=True):
    options: dict[str, _OptionsRow]
    cuisines: list[Cuisine]


@cache
def _menus() -> _Menus:
    return read_list("menus.toml", _Menus)


def cuisines() -> list[Cuisine]:
    return _menus().cuisines


def write_menu(cuisine: Cuisine, *, rng: Random) -> Menu:
    """One merchant's menu: most of the trade's products, at the merchant's level of prices."""
    level = between(rng, 0.92, 1.18)
    categories: list[Category] = []
    for row in cuisine.categories:
        products = [
            Product(
                key=_key(en),
                name=Words(en, ar),
                about=Words(about_en, about_ar),
                price_minor=_rounded(price * level),
                options=tuple(_option_group(key) for key in groups),
            )
            for i, (en, ar, price, about_en, about_ar, groups) in enumerate(row.products)
            if not chance(rng, _DROPPED) or i == 0
        ]
        categories.append(Category(_key(row.name.en), row.name, tuple(products)))
    return Menu(tuple(categories))


def _option_group(key: str) -> OptionGroup:
    row = _menus().options[key]
    choices = tuple(Choice(_key(en), Words(en, ar), extra) for en, ar, extra in row.choices)
    return OptionGroup(key, row.name, row.least, row.most, choices)


def _rounded(price: float) -> int:
    """To half a dirham, as menus are priced; never below three dirhams."""
    return max(300, round(price / 50) * 50)


def _key(name: str) -> str:
    kept = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return "-".join(part for part in kept.split("-") if part)
