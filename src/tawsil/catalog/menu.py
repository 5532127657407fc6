"""Products with their options, whether they can be had, and what a line of a basket costs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog.events import ProductAvailabilityChanged, ProductTaxed
from tawsil.catalog.hours import end_of_business_day
from tawsil.catalog.model import FOREVER
from tawsil.geography.public import TaxClass
from tawsil.kernel.decisions import Deadline, Decision, Refusal, accept, refuse

OUT_FOR_A_WHILE: Final = timedelta(hours=4)
MOST_QUANTITY: Final = 99


class Option(Struct, frozen=True, kw_only=True):
    id: UUID
    name_en: str
    name_ar: str
    price_delta_minor: int


class OptionGroup(Struct, frozen=True, kw_only=True):
    """Between `min_choices` and `max_choices` of the options go with the product."""

    id: UUID
    name_en: str
    name_ar: str
    min_choices: int
    max_choices: int
    options: tuple[Option, ...]


class Product(Struct, frozen=True, kw_only=True):
    """Something a merchant sells; unavailable until an instant, or for ever, or not at all.

    `edition` counts the changes of what is written about it. Once retired it is sold no more, nor
    is it while its category is retired (`shelved`).
    """

    stream: ClassVar[str] = "product"
    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    merchant_id: UUID
    category_id: UUID
    edition: int = 1
    name_en: str
    name_ar: str
    description_en: str = ""
    description_ar: str = ""
    price_minor: int
    currency: str
    tax_class: TaxClass = TaxClass.STANDARD
    image_url: str | None = None
    prep_time_s: int | None = None
    """How long it takes, where that is longer than the merchant usually needs."""
    unavailable_until: datetime | None = None
    retired_at: datetime | None = None
    shelved: bool = False
    option_groups: tuple[OptionGroup, ...] = ()

    @property
    def deadline(self) -> Deadline | None:
        """None: a product comes back by itself when the clock says so."""
        return None

    @property
    def sold(self) -> bool:
        return self.retired_at is None and not self.shelved

    def available(self, *, at: datetime) -> bool:
        return self.unavailable_until is None or self.unavailable_until <= at


class Category(Struct, frozen=True, kw_only=True):
    """A part of a menu, with what is in it. Retired, it is off the menu with all of that."""

    stream: ClassVar[str] = "category"
    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    merchant_id: UUID
    edition: int = 1
    name_en: str
    name_ar: str
    retired_at: datetime | None = None
    products: tuple[Product, ...] = ()

    @property
    def deadline(self) -> Deadline | None:
        """None: nothing happens to it by itself."""
        return None


class Menu(Struct, frozen=True, kw_only=True):
    merchant_id: UUID
    categories: tuple[Category, ...]

    def changes_at(self, *, after: datetime) -> datetime | None:
        """When the next product can be had again, if one is to be at all."""
        return min(
            (
                product.unavailable_until
                for category in self.categories
                for product in category.products
                if product.unavailable_until is not None and product.unavailable_until > after
            ),
            default=None,
        )


class Availability(StrEnum):
    """What a merchant says of a product."""

    AVAILABLE = "available"
    OUT_FOR_4_HOURS = "out_for_4_hours"
    OUT_TODAY = "out_today"
    OUT_INDEFINITELY = "out_indefinitely"


def set_availability(
    product: Product, *, to: Availability, now: datetime, timezone: str
) -> Decision[Product]:
    until = {
        Availability.AVAILABLE: None,
        Availability.OUT_FOR_4_HOURS: now + OUT_FOR_A_WHILE,
        Availability.OUT_TODAY: end_of_business_day(at=now, timezone=timezone),
        Availability.OUT_INDEFINITELY: FOREVER,
    }[to]
    if until == product.unavailable_until:
        return accept(product)
    return accept(
        replace(product, unavailable_until=until),
        ProductAvailabilityChanged(
            product_id=product.id,
            merchant_id=product.merchant_id,
            available=until is None,
            until=None if until == FOREVER else until,
        ),
    )


def tax_as(product: Product, *, tax_class: TaxClass) -> Decision[Product]:
    """For quotes from now on."""
    if tax_class is product.tax_class:
        return accept(product)
    return accept(
        replace(product, tax_class=tax_class),
        ProductTaxed(
            product_id=product.id, merchant_id=product.merchant_id, tax_class=tax_class.value
        ),
    )


class Line(Struct, frozen=True, kw_only=True):
    """What somebody wants: so many of a product, with these options."""

    product_id: UUID
    quantity: int
    option_ids: tuple[UUID, ...] = ()


class PricedOption(Struct, frozen=True, kw_only=True):
    option_id: UUID
    name_en: str
    name_ar: str
    price_delta_minor: int


class PricedLine(Struct, frozen=True, kw_only=True):
    """A line as it was sold, whatever the menu says later. The unit price includes the options."""

    product_id: UUID
    name_en: str
    name_ar: str
    unit_price_minor: int
    quantity: int
    options: tuple[PricedOption, ...]
    total_minor: int
    tax_class: TaxClass = TaxClass.STANDARD
    prep_time_s: int = 0


def price_line(line: Line, product: Product, *, at: datetime) -> PricedLine | Refusal:
    """What a line costs, or why it cannot be had."""
    if not 1 <= line.quantity <= MOST_QUANTITY:
        return refuse("basket.quantity_invalid", status=422, most=MOST_QUANTITY)
    if not product.available(at=at):
        return refuse("product.unavailable", **_named(product))
    chosen = _choose(product, line.option_ids)
    if isinstance(chosen, Refusal):
        return chosen
    unit_price_minor = product.price_minor + sum(o.price_delta_minor for o in chosen)
    return PricedLine(
        product_id=product.id,
        name_en=product.name_en,
        name_ar=product.name_ar,
        unit_price_minor=unit_price_minor,
        quantity=line.quantity,
        options=tuple(
            PricedOption(
                option_id=o.id,
                name_en=o.name_en,
                name_ar=o.name_ar,
                price_delta_minor=o.price_delta_minor,
            )
            for o in chosen
        ),
        total_minor=unit_price_minor * line.quantity,
        tax_class=product.tax_class,
        prep_time_s=product.prep_time_s or 0,
    )


def _choose(product: Product, option_ids: Sequence[UUID]) -> list[Option] | Refusal:
    """The chosen options in the order of the menu."""
    wanted = set(option_ids)
    known = {o.id for group in product.option_groups for o in group.options}
    if len(wanted) < len(option_ids) or not wanted <= known:
        return refuse("product.option_unknown", status=422, **_named(product))
    chosen: list[Option] = []
    for group in product.option_groups:
        of_group = [o for o in group.options if o.id in wanted]
        if not group.min_choices <= len(of_group) <= group.max_choices:
            return refuse(
                "product.choices_wrong",
                status=422,
                **_named(product),
                group=group.name_en,
                group_ar=group.name_ar,
                least=group.min_choices,
                most=group.max_choices,
            )
        chosen += of_group
    return chosen


def _named(product: Product) -> dict[str, Any]:
    return {"product_id": product.id, "name": product.name_en, "name_ar": product.name_ar}
