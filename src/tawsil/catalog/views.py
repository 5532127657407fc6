"""Merchants and menus as the API shows them; `name` is in the language of the request."""

from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct

from tawsil.catalog.events import SuspendedBecause
from tawsil.catalog.finding import Answer, Found, FoundDish
from tawsil.catalog.hours import Hours, SpecialDays
from tawsil.catalog.menu import Menu, Option, OptionGroup, Product
from tawsil.catalog.model import FOREVER, Merchant, Standing, Taking
from tawsil.geography.public import TaxClass
from tawsil.kernel.i18n import current_locale
from tawsil.kernel.places import Place


class _Named(Protocol):
    @property
    def name_en(self) -> str: ...
    @property
    def name_ar(self) -> str: ...


def localised(en: str, ar: str) -> str:
    return ar if current_locale.get() == "ar" else en


def _name(named: _Named) -> str:
    return localised(named.name_en, named.name_ar)


def until(instant: datetime | None) -> datetime | None:
    return None if instant == FOREVER else instant


class MerchantView(Struct, frozen=True, kw_only=True):
    """`open`: it takes orders now. Otherwise `closed_because` and, where known, `opens_at`.

    `price_level`: 1 where half of the dishes cost little for the city, 2 about the usual, 3 more.
    """

    id: UUID
    city_id: UUID
    name: str
    name_en: str
    name_ar: str
    description: str
    cuisine: str
    address: str
    place: Place
    phone: str
    currency: str
    timezone: str
    hours: Hours
    special_days: SpecialDays
    open: bool
    closed_because: str | None
    opens_at: datetime | None
    prep_time_s: int
    busy: bool
    rating: float | None
    ratings: int
    price_level: int | None
    distance_m: int | None

    @classmethod
    def of(cls, found: Found) -> "MerchantView":
        merchant, refusal = found.merchant, found.refusal
        return cls(
            id=merchant.id,
            city_id=merchant.city_id,
            name=_name(merchant),
            name_en=merchant.name_en,
            name_ar=merchant.name_ar,
            description=localised(merchant.description_en, merchant.description_ar),
            cuisine=merchant.cuisine,
            address=localised(merchant.address_en, merchant.address_ar),
            place=merchant.place,
            phone=merchant.phone,
            currency=merchant.currency,
            timezone=found.timezone,
            hours=merchant.hours,
            special_days=merchant.special_days,
            open=refusal is None,
            closed_because=refusal.code if refusal else None,
            opens_at=refusal.detail.get("opens_at") if refusal else None,
            prep_time_s=merchant.expected_prep_s,
            busy=merchant.busy_extra_s > 0,
            rating=merchant.rating,
            ratings=merchant.ratings,
            price_level=found.price_level,
            distance_m=None if found.distance_m is None else round(found.distance_m),
        )


class FoundDishView(Struct, frozen=True, kw_only=True):
    """A dish, and where it is sold."""

    id: UUID
    name: str
    name_en: str
    name_ar: str
    description: str
    price_minor: int
    image_url: str | None
    available: bool
    merchant: MerchantView

    @classmethod
    def of(cls, found: FoundDish) -> "FoundDishView":
        product = found.product
        return cls(
            id=product.id,
            name=_name(product),
            name_en=product.name_en,
            name_ar=product.name_ar,
            description=localised(product.description_en, product.description_ar),
            price_minor=product.price_minor,
            image_url=product.image_url,
            available=found.available,
            merchant=MerchantView.of(found.at),
        )


class AnswerView(Struct, frozen=True, kw_only=True):
    """`meant`: what was looked for instead, where what was typed is near a word that is known."""

    meant: str | None
    merchants: list[MerchantView]
    dishes: list[FoundDishView]
    dishes_in_all: int

    @classmethod
    def of(cls, answer: Answer) -> "AnswerView":
        return cls(
            meant=answer.meant,
            merchants=[MerchantView.of(found) for found in answer.merchants],
            dishes=[FoundDishView.of(found) for found in answer.dishes],
            dishes_in_all=answer.dishes_in_all,
        )


class ListedMerchantView(Struct, frozen=True, kw_only=True):
    """A merchant as those see it who look after it."""

    id: UUID
    city_id: UUID
    name: str
    name_en: str
    name_ar: str
    description_en: str
    description_ar: str
    cuisine: str
    address_en: str
    address_ar: str
    place: Place
    phone: str
    currency: str
    commission_bp: int | None
    hours: Hours
    standing: Standing
    suspended_because: SuspendedBecause | None
    taking: Taking
    paused_until: datetime | None
    prep_time_s: int
    busy_extra_s: int
    rating: float | None

    @classmethod
    def of(cls, merchant: Merchant) -> "ListedMerchantView":
        shown: dict[str, Any] = {
            field: getattr(merchant, field) for field in cls.__struct_fields__ if field != "name"
        }
        shown["paused_until"] = until(merchant.paused_until)
        return cls(name=_name(merchant), **shown)


class MerchantStateView(Struct, frozen=True, kw_only=True):
    """What a merchant has said about taking orders. Paused without an end: until resumed."""

    id: UUID
    taking: Taking
    paused_until: datetime | None
    prep_time_s: int
    busy_extra_s: int

    @classmethod
    def of(cls, merchant: Merchant) -> "MerchantStateView":
        return cls(
            id=merchant.id,
            taking=merchant.taking,
            paused_until=until(merchant.paused_until),
            prep_time_s=merchant.prep_time_s,
            busy_extra_s=merchant.busy_extra_s,
        )


class OptionView(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    name_en: str
    name_ar: str
    price_delta_minor: int

    @classmethod
    def of(cls, option: Option) -> "OptionView":
        return cls(
            id=option.id,
            name=_name(option),
            name_en=option.name_en,
            name_ar=option.name_ar,
            price_delta_minor=option.price_delta_minor,
        )


class OptionGroupView(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    name_en: str
    name_ar: str
    min_choices: int
    max_choices: int
    options: list[OptionView]

    @classmethod
    def of(cls, group: OptionGroup) -> "OptionGroupView":
        return cls(
            id=group.id,
            name=_name(group),
            name_en=group.name_en,
            name_ar=group.name_ar,
            min_choices=group.min_choices,
            max_choices=group.max_choices,
            options=[OptionView.of(option) for option in group.options],
        )


class ProductView(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    name_en: str
    name_ar: str
    description: str
    description_en: str
    description_ar: str
    price_minor: int
    tax_class: TaxClass
    image_url: str | None
    available: bool
    available_at: datetime | None
    """When it can be had again, where that is known."""
    option_groups: list[OptionGroupView]

    @classmethod
    def of(cls, product: Product, *, at: datetime) -> "ProductView":
        available = product.available(at=at)
        return cls(
            id=product.id,
            name=_name(product),
            name_en=product.name_en,
            name_ar=product.name_ar,
            description=localised(product.description_en, product.description_ar),
            description_en=product.description_en,
            description_ar=product.description_ar,
            price_minor=product.price_minor,
            tax_class=product.tax_class,
            image_url=product.image_url,
            available=available,
            available_at=None if available else until(product.unavailable_until),
            option_groups=[OptionGroupView.of(group) for group in product.option_groups],
        )


class CategoryView(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    name_en: str
    name_ar: str
    products: list[ProductView]


class MenuView(Struct, frozen=True, kw_only=True):
    merchant_id: UUID
    currency: str
    categories: list[CategoryView]

    @classmethod
    def of(cls, menu: Menu, *, currency: str, at: datetime) -> "MenuView":
        return cls(
            merchant_id=menu.merchant_id,
            currency=currency,
            categories=[
                CategoryView(
                    id=category.id,
                    name=_name(category),
                    name_en=category.name_en,
                    name_ar=category.name_ar,
                    products=[ProductView.of(product, at=at) for product in category.products],
                )
                for category in menu.categories
                if category.products
            ],
        )


class ProductAvailabilityView(Struct, frozen=True, kw_only=True):
    """Unavailable without an end: until somebody says otherwise."""

    id: UUID
    merchant_id: UUID
    available: bool
    unavailable_until: datetime | None

    @classmethod
    def of(cls, product: Product) -> "ProductAvailabilityView":
        return cls(
            id=product.id,
            merchant_id=product.merchant_id,
            available=product.unavailable_until is None,
            unavailable_until=until(product.unavailable_until),
        )


class ProductTaxView(Struct, frozen=True, kw_only=True):
    id: UUID
    merchant_id: UUID
    tax_class: TaxClass

    @classmethod
    def of(cls, product: Product) -> "ProductTaxView":
        return cls(id=product.id, merchant_id=product.merchant_id, tax_class=product.tax_class)
