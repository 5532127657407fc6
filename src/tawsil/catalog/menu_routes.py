"""Menus over HTTP for those who write them: a merchant its own, operations any of the tenant."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.catalog import editing
from tawsil.catalog.access import check_own, own_of
from tawsil.catalog.menu_views import WrittenCategoryView, WrittenMenuView, WrittenProductView
from tawsil.catalog.writing import MOST_OPTIONS, Dish, Names, WrittenGroup, WrittenOption
from tawsil.geography.public import TaxClass
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Commands, Envelope, allow, envelope, not_found
from tawsil.kernel.text import OneLine, Prose

TAGS: Final = ["Menus"]
CREATE: Final = "menu:create"
UPDATE: Final = "menu:update"

Name = Annotated[OneLine, Meta(min_length=1, max_length=100)]
Description = Annotated[Prose, Meta(max_length=1_000)]
Price = Annotated[int, Meta(ge=0, le=10**9)]
Minutes = Annotated[int, Meta(ge=1, le=240)]
ImageUrl = Annotated[
    str,
    Meta(
        pattern=r"^https://[^\s\"'<>\\]{3,500}$(?!\n)",
        examples=["https://images.example.com/shawarma.jpg"],
    ),
]
Edition = Annotated[int, Meta(ge=1, le=2**31 - 1)]

DISH: Final[dict[str, Any]] = {
    "name_en": "Chicken shawarma",
    "name_ar": "شاورما دجاج",
    "description_en": "With garlic sauce and pickles.",
    "description_ar": "مع الثومية والمخلل.",
    "price_minor": 1_200,
    "tax_class": "standard",
    "image_url": "https://images.example.com/shawarma.jpg",
    "prep_time_minutes": 20,
    "option_groups": [
        {
            "name_en": "Size",
            "name_ar": "الحجم",
            "min_choices": 1,
            "max_choices": 1,
            "options": [
                {"name_en": "Regular", "name_ar": "عادي"},
                {"name_en": "Large", "name_ar": "كبير", "price_delta_minor": 400},
            ],
        }
    ],
}
CATEGORY: Final[dict[str, Any]] = {"name_en": "Wraps", "name_ar": "لفائف"}
NEIGHBOUR: Final = "01920000-0000-7000-8000-0000000000d2"
SOMEWHERE: Final = "01920000-0000-7000-8000-0000000000ca"


class OptionBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With the id of one the dish has or had, it is that one; without, a new one."""

    option_id: UUID | None = None
    name_en: Name
    name_ar: Name
    price_delta_minor: Price = 0

    def written(self) -> WrittenOption:
        return WrittenOption(**{f: getattr(self, f) for f in WrittenOption.__struct_fields__})


class OptionGroupBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many of its options go with the dish: at least and at most."""

    group_id: UUID | None = None
    name_en: Name
    name_ar: Name
    min_choices: Annotated[int, Meta(ge=0, le=MOST_OPTIONS)] = 0
    max_choices: Annotated[int, Meta(ge=1, le=MOST_OPTIONS)] = 1
    options: Annotated[list[OptionBody], Meta(min_length=1, max_length=MOST_OPTIONS)]

    def written(self) -> WrittenGroup:
        return WrittenGroup(
            group_id=self.group_id,
            name_en=self.name_en,
            name_ar=self.name_ar,
            min_choices=self.min_choices,
            max_choices=self.max_choices,
            options=tuple(option.written() for option in self.options),
        )


class _Dish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is written about a dish. `prep_time_minutes`: where it takes longer than usual."""

    name_en: Name
    name_ar: Name
    description_en: Description = ""
    description_ar: Description = ""
    price_minor: Price
    tax_class: TaxClass = TaxClass.STANDARD
    image_url: ImageUrl | None = None
    prep_time_minutes: Minutes | None = None
    option_groups: Annotated[list[OptionGroupBody], Meta(max_length=30)] = []

    def dish(self) -> Dish:
        return Dish(
            name_en=self.name_en,
            name_ar=self.name_ar,
            description_en=self.description_en,
            description_ar=self.description_ar,
            price_minor=self.price_minor,
            tax_class=self.tax_class,
            image_url=self.image_url,
            prep_time_s=None if self.prep_time_minutes is None else self.prep_time_minutes * 60,
            option_groups=tuple(group.written() for group in self.option_groups),
        )


class ListProductBody(_Dish, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new dish, at the end of a category."""

    category_id: UUID


class ChangeProductBody(_Dish, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it at once; what is left out becomes what it is without. `edition`: as it was read."""

    edition: Edition


class MoveProductBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Into a category, right after another dish of it; `null`: to its top."""

    category_id: UUID
    after_id: UUID | None


class CategoryBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name_en: Name
    name_ar: Name

    def names(self) -> Names:
        return Names(name_en=self.name_en, name_ar=self.name_ar)


class ChangeCategoryBody(CategoryBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`edition`: as it was read."""

    edition: Edition


class MoveCategoryBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Right after another category; `null`: to the top of the menu."""

    after_id: UUID | None


ListProductIn = Annotated[ListProductBody, Meta(examples=[{**DISH, "category_id": SOMEWHERE}])]
ChangeProductIn = Annotated[ChangeProductBody, Meta(examples=[{**DISH, "edition": 1}])]
MoveProductIn = Annotated[
    MoveProductBody, Meta(examples=[{"category_id": SOMEWHERE, "after_id": NEIGHBOUR}])
]
CategoryIn = Annotated[CategoryBody, Meta(examples=[CATEGORY])]
ChangeCategoryIn = Annotated[ChangeCategoryBody, Meta(examples=[{**CATEGORY, "edition": 1}])]
MoveCategoryIn = Annotated[MoveCategoryBody, Meta(examples=[{"after_id": None}])]


@get(
    "/v4/merchants/{merchant_id:uuid}/menu/written",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="A menu as it is written",
)
async def show_written_menu(
    merchant_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[WrittenMenuView]:
    """In both languages, with editions, and with what is retired."""
    async with database.transaction() as tx:
        found = await editing.written(
            tx, tenant_id=caller.tenant_id, merchant_id=merchant_id, own=own_of(caller, UPDATE)
        )
    if found is None:
        raise not_found()
    return envelope(WrittenMenuView.of(found, at=tx.now))


@get(
    "/v4/products/{product_id:uuid}",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="A dish as it is written",
)
async def show_product(
    product_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
) -> Envelope[WrittenProductView]:
    """In both languages, with its edition and its options, even when it is retired."""
    async with database.transaction() as tx:
        found = await editing.product(
            tx, tenant_id=caller.tenant_id, product_id=product_id, own=own_of(caller, UPDATE)
        )
    if found is None:
        raise not_found()
    return envelope(WrittenProductView.of(found, at=tx.now))


@post(
    "/v4/merchants/{merchant_id:uuid}/categories",
    opt={"rule": allow(CREATE)},
    tags=TAGS,
    summary="Add a category to a menu",
)
async def list_category(
    merchant_id: FromPath[UUID],
    data: JSONBody[CategoryIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenCategoryView]]:
    """At the end of the menu. Customers see it once something in it is sold."""
    check_own(caller, merchant_id, CREATE)
    command = editing.ListCategory(by=caller.by, merchant_id=merchant_id, names=data.names())
    return await commands.submit(
        editing.list_categories, command, view=_category(database), status=201
    )


@put(
    "/v4/categories/{category_id:uuid}",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Rename a category",
)
async def rename_category(
    category_id: FromPath[UUID],
    data: JSONBody[ChangeCategoryIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenCategoryView]]:
    """409 `written.stale` when somebody else has changed it since the edition that was read."""
    command = editing.RenameCategory(
        by=caller.by,
        category_id=category_id,
        merchant_id=own_of(caller, UPDATE),
        names=data.names(),
        edition=data.edition,
    )
    return await commands.submit(editing.rename_categories, command, view=_category(database))


@post(
    "/v4/categories/{category_id:uuid}/move",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Move a category within its menu",
)
async def move_category(
    category_id: FromPath[UUID],
    data: JSONBody[MoveCategoryIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenCategoryView]]:
    command = editing.MoveCategory(
        by=caller.by,
        category_id=category_id,
        merchant_id=own_of(caller, UPDATE),
        after_id=data.after_id,
    )
    return await commands.submit(editing.move_categories, command, view=_category(database))


@post(
    "/v4/categories/{category_id:uuid}/retire",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Take a category off the menu",
)
async def retire_category(
    category_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenCategoryView]]:
    """With everything in it. Orders and quotes that name it stay as they are."""
    command = editing.RetireCategory(
        by=caller.by, category_id=category_id, merchant_id=own_of(caller, UPDATE)
    )
    return await commands.submit(editing.retire_categories, command, view=_category(database))


@post(
    "/v4/categories/{category_id:uuid}/restore",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Put a category back on the menu",
)
async def restore_category(
    category_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenCategoryView]]:
    """Where it was, with what was in it."""
    command = editing.RestoreCategory(
        by=caller.by, category_id=category_id, merchant_id=own_of(caller, UPDATE)
    )
    return await commands.submit(editing.restore_categories, command, view=_category(database))


@post(
    "/v4/merchants/{merchant_id:uuid}/products",
    opt={"rule": allow(CREATE)},
    tags=TAGS,
    summary="Add a dish to a menu",
)
async def list_product(
    merchant_id: FromPath[UUID],
    data: JSONBody[ListProductIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenProductView]]:
    """At the end of a category, with its options. Prices are in minor units of the merchant's
    currency.
    """
    check_own(caller, merchant_id, CREATE)
    command = editing.ListProduct(
        by=caller.by, merchant_id=merchant_id, category_id=data.category_id, dish=data.dish()
    )
    return await commands.submit(
        editing.list_products, command, view=_product(database), status=201
    )


@put(
    "/v4/products/{product_id:uuid}",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Change a dish",
)
async def change_product(
    product_id: FromPath[UUID],
    data: JSONBody[ChangeProductIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenProductView]]:
    """All that is written about it, for quotes from now on: those taken before keep their price.

    409 `written.stale` when somebody else has changed it since the edition that was read.
    """
    command = editing.RewriteProduct(
        by=caller.by,
        product_id=product_id,
        merchant_id=own_of(caller, UPDATE),
        dish=data.dish(),
        edition=data.edition,
    )
    return await commands.submit(editing.rewrite_products, command, view=_product(database))


@post(
    "/v4/products/{product_id:uuid}/move",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Move a dish within its menu",
)
async def move_product(
    product_id: FromPath[UUID],
    data: JSONBody[MoveProductIn],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenProductView]]:
    """To another place, or into another category."""
    command = editing.MoveProduct(
        by=caller.by,
        product_id=product_id,
        merchant_id=own_of(caller, UPDATE),
        category_id=data.category_id,
        after_id=data.after_id,
    )
    return await commands.submit(editing.move_products, command, view=_product(database))


@post(
    "/v4/products/{product_id:uuid}/retire",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Take a dish off the menu",
)
async def retire_product(
    product_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenProductView]]:
    """Orders and quotes that name it stay as they are."""
    command = editing.RetireProduct(
        by=caller.by, product_id=product_id, merchant_id=own_of(caller, UPDATE)
    )
    return await commands.submit(editing.retire_products, command, view=_product(database))


@post(
    "/v4/products/{product_id:uuid}/restore",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Put a dish back on the menu",
)
async def restore_product(
    product_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
    database: NamedDependency[Database],
) -> Response[Envelope[WrittenProductView]]:
    """Where it was."""
    command = editing.RestoreProduct(
        by=caller.by, product_id=product_id, merchant_id=own_of(caller, UPDATE)
    )
    return await commands.submit(editing.restore_products, command, view=_product(database))


def _category(database: Database) -> Any:
    return partial(WrittenCategoryView.of, at=database.now())


def _product(database: Database) -> Any:
    return partial(WrittenProductView.of, at=database.now())


routes: Final[list[Any]] = [
    show_written_menu,
    show_product,
    list_category,
    rename_category,
    move_category,
    retire_category,
    restore_category,
    list_product,
    change_product,
    move_product,
    retire_product,
    restore_product,
]
