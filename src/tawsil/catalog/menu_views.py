"""Menus as those see them who write them: in both languages, with what is retired."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.catalog.editing import Written
from tawsil.catalog.menu import Category, Product
from tawsil.catalog.views import OptionGroupView, localised, until
from tawsil.geography.public import TaxClass


class WrittenProductView(Struct, frozen=True, kw_only=True):
    """`edition` is sent back with a change. Unavailable without an end: until somebody says so."""

    id: UUID
    merchant_id: UUID
    category_id: UUID
    edition: int
    name: str
    name_en: str
    name_ar: str
    description_en: str
    description_ar: str
    price_minor: int
    currency: str
    tax_class: TaxClass
    image_url: str | None
    prep_time_minutes: int | None
    available: bool
    unavailable_until: datetime | None
    retired_at: datetime | None
    option_groups: list[OptionGroupView]

    @classmethod
    def of(cls, product: Product, *, at: datetime) -> "WrittenProductView":
        available = product.available(at=at)
        return cls(
            id=product.id,
            merchant_id=product.merchant_id,
            category_id=product.category_id,
            edition=product.edition,
            name=localised(product.name_en, product.name_ar),
            name_en=product.name_en,
            name_ar=product.name_ar,
            description_en=product.description_en,
            description_ar=product.description_ar,
            price_minor=product.price_minor,
            currency=product.currency,
            tax_class=product.tax_class,
            image_url=product.image_url,
            prep_time_minutes=None if product.prep_time_s is None else product.prep_time_s // 60,
            available=available,
            unavailable_until=None if available else until(product.unavailable_until),
            retired_at=product.retired_at,
            option_groups=[OptionGroupView.of(group) for group in product.option_groups],
        )


class WrittenCategoryView(Struct, frozen=True, kw_only=True):
    id: UUID
    merchant_id: UUID
    edition: int
    name: str
    name_en: str
    name_ar: str
    retired_at: datetime | None
    products: list[WrittenProductView]

    @classmethod
    def of(cls, category: Category, *, at: datetime) -> "WrittenCategoryView":
        return cls(
            id=category.id,
            merchant_id=category.merchant_id,
            edition=category.edition,
            name=localised(category.name_en, category.name_ar),
            name_en=category.name_en,
            name_ar=category.name_ar,
            retired_at=category.retired_at,
            products=[WrittenProductView.of(product, at=at) for product in category.products],
        )


class WrittenMenuView(Struct, frozen=True, kw_only=True):
    """In the order of the menu, retired ones in the places they had."""

    merchant_id: UUID
    currency: str
    timezone: str
    categories: list[WrittenCategoryView]

    @classmethod
    def of(cls, written: Written, *, at: datetime) -> "WrittenMenuView":
        return cls(
            merchant_id=written.menu.merchant_id,
            currency=written.currency,
            timezone=written.timezone,
            categories=[WrittenCategoryView.of(c, at=at) for c in written.menu.categories],
        )
