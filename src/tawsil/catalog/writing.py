"""A menu as a merchant writes it: what may be changed, and what becomes of it. Pure decisions."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog.events import (
    CategoryChanged,
    CategoryListed,
    CategoryMoved,
    CategoryRestored,
    CategoryRetired,
    ProductChanged,
    ProductListed,
    ProductMoved,
    ProductRestored,
    ProductRetired,
)
from tawsil.catalog.menu import Category, Option, OptionGroup, Product, tax_as
from tawsil.catalog.model import Merchant
from tawsil.geography.public import TaxClass
from tawsil.kernel.decisions import Accepted, Decision, Refusal, accept, refuse, then

Ids = Callable[[], UUID]
MOST_OPTIONS: Final = 200


class WrittenOption(Struct, frozen=True, kw_only=True):
    """Without an id it is new; one that is left out is retired, and back when it is named again."""

    option_id: UUID | None = None
    name_en: str
    name_ar: str
    price_delta_minor: int = 0


class WrittenGroup(Struct, frozen=True, kw_only=True):
    group_id: UUID | None = None
    name_en: str
    name_ar: str
    min_choices: int = 0
    max_choices: int = 1
    options: tuple[WrittenOption, ...]


class Dish(Struct, frozen=True, kw_only=True):
    """All that a merchant writes about a product, at once."""

    name_en: str
    name_ar: str
    description_en: str = ""
    description_ar: str = ""
    price_minor: int
    tax_class: TaxClass = TaxClass.STANDARD
    image_url: str | None = None
    prep_time_s: int | None = None
    option_groups: tuple[WrittenGroup, ...] = ()


class Names(Struct, frozen=True, kw_only=True):
    name_en: str
    name_ar: str


def list_category(merchant: Merchant, names: Names, *, ids: Ids) -> Accepted[Category]:
    category = Category(
        id=ids(),
        tenant_id=merchant.tenant_id,
        city_id=merchant.city_id,
        merchant_id=merchant.id,
        name_en=names.name_en,
        name_ar=names.name_ar,
    )
    return accept(category, CategoryListed(category_id=category.id, merchant_id=merchant.id))


def rename(category: Category, *, to: Names, edition: int) -> Decision[Category]:
    if stale := _stale(category, edition):
        return stale
    fields = _differing(category, to, to.__struct_fields__)
    if not fields:
        return accept(category)
    renamed = replace(
        category, edition=edition + 1, **{field: getattr(to, field) for field in fields}
    )
    return accept(
        renamed,
        CategoryChanged(category_id=category.id, merchant_id=category.merchant_id, fields=fields),
    )


def move_category(category: Category) -> Decision[Category]:
    return accept(
        category, CategoryMoved(category_id=category.id, merchant_id=category.merchant_id)
    )


def retire_category(category: Category, *, now: datetime) -> Decision[Category]:
    """Off the menu, with everything in it."""
    if category.retired_at is not None:
        return accept(category)
    return accept(
        replace(category, retired_at=now),
        CategoryRetired(category_id=category.id, merchant_id=category.merchant_id),
    )


def restore_category(category: Category) -> Decision[Category]:
    if category.retired_at is None:
        return accept(category)
    return accept(
        replace(category, retired_at=None),
        CategoryRestored(category_id=category.id, merchant_id=category.merchant_id),
    )


def list_product(category: Category, dish: Dish, *, currency: str, ids: Ids) -> Decision[Product]:
    if refused := _gone(category):
        return refused
    groups = _groups(dish.option_groups, known=frozenset(), ids=ids)
    if isinstance(groups, Refusal):
        return groups
    product = Product(
        id=ids(),
        tenant_id=category.tenant_id,
        city_id=category.city_id,
        merchant_id=category.merchant_id,
        category_id=category.id,
        currency=currency,
        option_groups=groups,
        **_plain(dish),
    )
    return accept(
        product,
        ProductListed(
            product_id=product.id,
            merchant_id=product.merchant_id,
            category_id=category.id,
            price_minor=product.price_minor,
            currency=currency,
        ),
    )


def rewrite(
    product: Product, *, to: Dish, edition: int, known: Collection[UUID], ids: Ids
) -> Decision[Product]:
    """For quotes from now on. `known` are the groups and options it has or ever had."""
    if stale := _stale(product, edition):
        return stale
    groups = _groups(to.option_groups, known=known, ids=ids)
    if isinstance(groups, Refusal):
        return groups
    plain = _plain(to) | {"tax_class": product.tax_class}
    wanted = replace(product, option_groups=groups, **plain)
    fields = _differing(product, wanted, Dish.__struct_fields__)
    written = accept(product)
    if fields:
        written = accept(
            wanted,
            ProductChanged(
                product_id=product.id,
                merchant_id=product.merchant_id,
                fields=fields,
                price_minor=wanted.price_minor,
                currency=product.currency,
            ),
        )
    done = then(written, lambda p: tax_as(p, tax_class=to.tax_class))
    assert not isinstance(done, Refusal), "any product may be of any tax class"
    if not done.events:
        return done
    return replace(done, state=replace(done.state, edition=edition + 1))


def move_product(product: Product, *, to: Category) -> Decision[Product]:
    if to.merchant_id != product.merchant_id:
        return refuse("request.not_found", status=404)
    if refused := _gone(to):
        return refused
    return accept(
        replace(product, category_id=to.id, shelved=False),
        ProductMoved(product_id=product.id, merchant_id=product.merchant_id, category_id=to.id),
    )


def retire_product(product: Product, *, now: datetime) -> Decision[Product]:
    if product.retired_at is not None:
        return accept(product)
    return accept(
        replace(product, retired_at=now),
        ProductRetired(product_id=product.id, merchant_id=product.merchant_id),
    )


def restore_product(product: Product) -> Decision[Product]:
    if product.retired_at is None:
        return accept(product)
    return accept(
        replace(product, retired_at=None),
        ProductRestored(product_id=product.id, merchant_id=product.merchant_id),
    )


def placed(ids: Iterable[UUID], moving: UUID, *, after: UUID | None) -> list[UUID] | Refusal:
    """The order in which `moving` stands right after another, or first."""
    others = [id_ for id_ in ids if id_ != moving]
    if after is None:
        return [moving, *others]
    if after not in others:
        return refuse("menu.neighbour_gone")
    index = others.index(after) + 1
    return [*others[:index], moving, *others[index:]]


def _stale(written: Category | Product, edition: int) -> Refusal | None:
    if written.retired_at is not None:
        return refuse("written.retired", name=written.name_en, name_ar=written.name_ar)
    if written.edition != edition:
        return refuse(
            "written.stale",
            name=written.name_en,
            name_ar=written.name_ar,
            sent=edition,
            edition=written.edition,
        )
    return None


def _gone(category: Category) -> Refusal | None:
    if category.retired_at is None:
        return None
    return refuse("written.retired", name=category.name_en, name_ar=category.name_ar)


def _plain(dish: Dish) -> dict[str, Any]:
    """But for the options, which get their ids."""
    return {f: getattr(dish, f) for f in dish.__struct_fields__ if f != "option_groups"}


def _differing(one: Struct, other: Struct, fields: Iterable[str]) -> tuple[str, ...]:
    return tuple(field for field in fields if getattr(one, field) != getattr(other, field))


def _groups(
    written: Sequence[WrittenGroup], *, known: Collection[UUID], ids: Ids
) -> tuple[OptionGroup, ...] | Refusal:
    named = [group.group_id for group in written] + [
        option.option_id for group in written for option in group.options
    ]
    given = [id_ for id_ in named if id_ is not None]
    if len(set(given)) < len(given) or not set(given) <= set(known):
        return refuse("menu.option_not_its_own", status=422)
    if sum(len(group.options) for group in written) > MOST_OPTIONS:
        return refuse("menu.too_many_options", status=422, most=MOST_OPTIONS)
    for group in written:
        if not group.min_choices <= group.max_choices <= len(group.options):
            return refuse(
                "menu.choices_impossible",
                status=422,
                group=group.name_en,
                group_ar=group.name_ar,
                options=len(group.options),
            )
    return tuple(_group(group, ids=ids) for group in written)


def _group(group: WrittenGroup, *, ids: Ids) -> OptionGroup:
    return OptionGroup(
        id=group.group_id or ids(),
        name_en=group.name_en,
        name_ar=group.name_ar,
        min_choices=group.min_choices,
        max_choices=group.max_choices,
        options=tuple(
            Option(
                id=option.option_id or ids(),
                name_en=option.name_en,
                name_ar=option.name_ar,
                price_delta_minor=option.price_delta_minor,
            )
            for option in group.options
        ),
    )
