"""Merchants as they are first written down, with their menus."""

from collections.abc import Callable
from uuid import UUID

from msgspec import Struct

from tawsil.catalog.events import MerchantListed
from tawsil.catalog.hours import Hours
from tawsil.catalog.menu import Category, Menu, Option, OptionGroup, Product
from tawsil.catalog.model import Merchant, Standing
from tawsil.geography.public import TaxClass
from tawsil.kernel.decisions import Accepted, accept
from tawsil.kernel.places import Place


class NewOption(Struct, frozen=True, kw_only=True):
    name_en: str
    name_ar: str
    price_delta_minor: int = 0


class NewOptionGroup(Struct, frozen=True, kw_only=True):
    name_en: str
    name_ar: str
    min_choices: int = 0
    max_choices: int = 1
    options: tuple[NewOption, ...]


class NewProduct(Struct, frozen=True, kw_only=True):
    name_en: str
    name_ar: str
    description_en: str = ""
    description_ar: str = ""
    price_minor: int
    tax_class: TaxClass = TaxClass.STANDARD
    image_url: str | None = None
    option_groups: tuple[NewOptionGroup, ...] = ()


class NewCategory(Struct, frozen=True, kw_only=True):
    name_en: str
    name_ar: str
    products: tuple[NewProduct, ...]


class NewMerchant(Struct, frozen=True, kw_only=True):
    """A merchant to be listed; it gets an id when it brings none.

    Unless it was verified before, it takes no orders yet.
    """

    id: UUID | None = None
    tenant_id: UUID
    city_id: UUID
    name_en: str
    name_ar: str
    description_en: str = ""
    description_ar: str = ""
    cuisine: str
    address_en: str
    address_ar: str
    place: Place
    phone: str
    currency: str
    commission_bp: int | None = None
    hours: Hours
    prep_time_s: int = 900
    rating: float | None = None
    verified: bool = True
    categories: tuple[NewCategory, ...] = ()


def list_merchant(new: NewMerchant, *, ids: Callable[[], UUID]) -> Accepted[Merchant]:
    merchant = Merchant(
        id=new.id or ids(),
        tenant_id=new.tenant_id,
        city_id=new.city_id,
        name_en=new.name_en,
        name_ar=new.name_ar,
        description_en=new.description_en,
        description_ar=new.description_ar,
        cuisine=new.cuisine,
        address_en=new.address_en,
        address_ar=new.address_ar,
        place=new.place,
        phone=new.phone,
        currency=new.currency,
        commission_bp=new.commission_bp,
        hours=new.hours,
        prep_time_s=new.prep_time_s,
        rating=new.rating,
        standing=Standing.ACTIVE if new.verified else Standing.UNVERIFIED,
    )
    return accept(
        merchant,
        MerchantListed(merchant_id=merchant.id, city_id=merchant.city_id, place=merchant.place),
    )


def write_menu(new: NewMerchant, merchant: Merchant, *, ids: Callable[[], UUID]) -> Menu:
    return Menu(
        merchant_id=merchant.id,
        categories=tuple(_category(c, merchant, ids=ids) for c in new.categories),
    )


def _category(new: NewCategory, merchant: Merchant, *, ids: Callable[[], UUID]) -> Category:
    id_ = ids()
    return Category(
        id=id_,
        tenant_id=merchant.tenant_id,
        city_id=merchant.city_id,
        merchant_id=merchant.id,
        name_en=new.name_en,
        name_ar=new.name_ar,
        products=tuple(_product(p, merchant, category_id=id_, ids=ids) for p in new.products),
    )


def _product(
    new: NewProduct, merchant: Merchant, *, category_id: UUID, ids: Callable[[], UUID]
) -> Product:
    return Product(
        id=ids(),
        tenant_id=merchant.tenant_id,
        city_id=merchant.city_id,
        merchant_id=merchant.id,
        category_id=category_id,
        currency=merchant.currency,
        name_en=new.name_en,
        name_ar=new.name_ar,
        description_en=new.description_en,
        description_ar=new.description_ar,
        price_minor=new.price_minor,
        image_url=new.image_url,
        tax_class=new.tax_class,
        option_groups=tuple(
            OptionGroup(
                id=ids(),
                name_en=group.name_en,
                name_ar=group.name_ar,
                min_choices=group.min_choices,
                max_choices=group.max_choices,
                options=tuple(
                    Option(
                        id=ids(),
                        name_en=option.name_en,
                        name_ar=option.name_ar,
                        price_delta_minor=option.price_delta_minor,
                    )
                    for option in group.options
                ),
            )
            for group in new.option_groups
        ),
    )
