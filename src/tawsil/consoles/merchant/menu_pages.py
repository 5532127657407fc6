"""The menu as its merchant writes it: a list to rearrange, and a page for each dish.

Every button is a form that works without scripts; `menu_editor.ts` lets dishes be dragged.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import httpx
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from tawsil.consoles.access import uuid_or_none
from tawsil.consoles.assets import Asked
from tawsil.consoles.merchant.desk import Form, Trouble, back_to, form_of, there
from tawsil.consoles.merchant.frame import merchant_id_of, merchant_page
from tawsil.consoles.own_api import answered, ask_as_caller, refusal_of
from tawsil.kernel.http import Caller, allow, not_found

HERE: Final = "/merchant/menu"
UPDATE: Final = "menu:update"
AVAILABILITIES: Final = ("available", "out_for_4_hours", "out_today", "out_indefinitely")
DONE: Final = frozenset(
    {"listed", "changed", "moved", "retired", "restored", "renamed", "added", *AVAILABILITIES}
)


class Option(Struct, frozen=True, kw_only=True):
    id: UUID
    name_en: str
    name_ar: str
    price_delta_minor: int


class Group(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    name_en: str
    name_ar: str
    min_choices: int
    max_choices: int
    options: list[Option]


class Product(Struct, frozen=True, kw_only=True):
    id: UUID
    category_id: UUID
    edition: int
    name: str
    name_en: str
    name_ar: str
    description_en: str
    description_ar: str
    price_minor: int
    currency: str
    tax_class: str
    image_url: str | None
    prep_time_minutes: int | None
    available: bool
    unavailable_until: datetime | None
    retired_at: datetime | None
    option_groups: list[Group]


class Category(Struct, frozen=True, kw_only=True):
    id: UUID
    edition: int
    name: str
    name_en: str
    name_ar: str
    retired_at: datetime | None
    products: list[Product]

    @property
    def shown(self) -> list[Product]:
        return [product for product in self.products if product.retired_at is None]


class Menu(Struct, frozen=True, kw_only=True):
    currency: str
    timezone: str
    categories: list[Category]

    @property
    def shown(self) -> list[Category]:
        return [category for category in self.categories if category.retired_at is None]

    @property
    def retired(self) -> list[Category | Product]:
        """What can be put back: categories, and dishes of those that are shown."""
        gone: list[Category | Product] = [c for c in self.categories if c.retired_at is not None]
        return gone + [p for c in self.shown for p in c.products if p.retired_at is not None]

    def find(self, id_: UUID | None) -> Category | Product | None:
        things: list[Category | Product] = [*self.categories]
        things += [product for category in self.categories for product in category.products]
        return next((thing for thing in things if thing.id == id_), None)


class Done(Struct, frozen=True):
    """What was done a moment ago, to what, and the form that takes it back."""

    code: str
    name: str
    action: str = ""
    fields: dict[str, str] = {}


@get(HERE, opt={"rule": allow(UPDATE)}, include_in_schema=False)
async def show_menu(
    request: Asked,
    caller: NamedDependency[Caller],
    done: FromQuery[str | None] = None,
    on: FromQuery[str | None] = None,
    was: FromQuery[str | None] = None,
) -> Response[str]:
    menu = await menu_of(request, caller)
    return await _menu_page(request, caller, menu, done=_done(menu, done, on, was))


@post(f"{HERE}/categories", opt={"rule": allow("menu:create")}, include_in_schema=False)
async def add_category(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    form = await form_of(request)
    path = f"/v4/merchants/{merchant_id_of(caller)}/categories"
    answer = await ask_as_caller(request, "POST", path, json=_names(form))
    return await _on(request, caller, answer, done="added")


@post(
    f"{HERE}/categories/{{category_id:uuid}}", opt={"rule": allow(UPDATE)}, include_in_schema=False
)
async def rename_category(
    request: Asked, caller: NamedDependency[Caller], category_id: FromPath[UUID]
) -> Response[Any]:
    if not isinstance((await menu_of(request, caller)).find(category_id), Category):
        raise not_found()
    form = await form_of(request)
    edition = form.get("edition", "")
    body = {**_names(form), "edition": int(edition) if edition.isdecimal() else 0}
    answer = await ask_as_caller(request, "PUT", f"/v4/categories/{category_id}", json=body)
    return await _on(request, caller, answer, done="renamed", on=category_id)


@post(
    f"{HERE}/categories/{{category_id:uuid}}/{{change:str}}",
    opt={"rule": allow(UPDATE)},
    include_in_schema=False,
)
async def change_category(
    request: Asked,
    caller: NamedDependency[Caller],
    category_id: FromPath[UUID],
    change: FromPath[str],
) -> Response[Any]:
    """Up, down, off the menu or back on it."""
    merchant_id_of(caller)
    path = f"/v4/categories/{category_id}"
    if change in {"retire", "restore"}:
        answer = await ask_as_caller(request, "POST", f"{path}/{change}")
        return await _on(request, caller, answer, done=f"{change}d", on=category_id)
    menu = await menu_of(request, caller)
    order = [category.id for category in menu.shown]
    if category_id not in order:
        raise not_found()
    after = _after(order, category_id, change)
    answer = await ask_as_caller(request, "POST", f"{path}/move", json={"after_id": after})
    return await _on(request, caller, answer, done="moved", on=category_id)


@post(
    f"{HERE}/dishes/{{product_id:uuid}}/{{change:str}}",
    opt={"rule": allow(UPDATE)},
    include_in_schema=False,
)
async def change_product(
    request: Asked,
    caller: NamedDependency[Caller],
    product_id: FromPath[UUID],
    change: FromPath[str],
) -> Response[Any]:
    """Up, down, to where it was dragged, out or to be had again, off the menu or back on it."""
    merchant_id_of(caller)
    path = f"/v4/products/{product_id}"
    if change in {"retire", "restore"}:
        answer = await ask_as_caller(request, "POST", f"{path}/{change}")
        return await _on(request, caller, answer, done=f"{change}d", on=product_id)
    form = await form_of(request)
    product = (await menu_of(request, caller)).find(product_id)
    if not isinstance(product, Product):
        raise not_found()
    if change in AVAILABILITIES:
        answer = await ask_as_caller(
            request, "PUT", f"{path}/availability", json={"availability": change}
        )
        was = "available" if product.available else "out_indefinitely"
        return await _on(request, caller, answer, done=change, on=product_id, was=was)
    body = await _place(request, caller, product, change, form)
    answer = await ask_as_caller(request, "POST", f"{path}/move", json=body)
    return await _on(request, caller, answer, done="moved", on=product_id)


async def menu_of(request: Asked, caller: Caller) -> Menu:
    path = f"/v4/merchants/{merchant_id_of(caller)}/menu/written"
    return answered(await ask_as_caller(request, "GET", path), Menu)


async def _place(
    request: Asked, caller: Caller, product: Product, change: str, form: Form
) -> dict[str, Any]:
    if change == "move":  # dragged, or chosen
        return {
            "category_id": form.get("category_id", ""),
            "after_id": uuid_or_none(form.get("after_id")),
        }
    menu = await menu_of(request, caller)
    (category,) = (c for c in menu.categories if c.id == product.category_id)
    order = [one.id for one in category.shown]
    if product.id not in order:
        raise not_found()
    return {"category_id": category.id, "after_id": _after(order, product.id, change)}


def _after(order: Sequence[UUID], id_: UUID, change: str) -> UUID | None:
    """After which of them it stands when it is moved by one; None: first.

    Raises:
        Problem: 404, there is no such change.
    """
    others = [one for one in order if one != id_]
    here = order.index(id_)
    if change not in {"up", "down"}:
        raise not_found()
    to = max(0, here - 1) if change == "up" else min(len(others), here + 1)
    return others[to - 1] if to else None


async def _on(
    request: Asked,
    caller: Caller,
    answer: httpx.Response,
    *,
    done: str,
    on: UUID | None = None,
    was: str = "",
) -> Response[Any]:
    """Back to the menu, which says what was done; or the menu, which says why it was not."""
    if answer.is_success:
        told = {"done": done, "on": str(on or ""), "was": was}
        named = {name: value for name, value in told.items() if value}
        return back_to(HERE, at=f"at-{on}" if on else "", **named)
    menu = await menu_of(request, caller)
    return await _menu_page(request, caller, menu, trouble=refusal_of(answer))


async def _menu_page(
    request: Asked,
    caller: Caller,
    menu: Menu,
    *,
    done: Done | None = None,
    trouble: Trouble | None = None,
) -> Response[str]:
    return await merchant_page(
        request,
        "merchant/menu.html",
        caller=caller,
        section="menu",
        status=getattr(trouble, "status", 422) if trouble else 200,
        here=HERE,
        menu=menu,
        there=there,
        done=done,
        trouble=trouble,
    )


def _names(form: Form) -> dict[str, str]:
    return {"name_en": form.get("name_en", ""), "name_ar": form.get("name_ar", "")}


def _done(menu: Menu, code: str | None, on: str | None, was: str | None) -> Done | None:
    if code not in DONE:
        return None
    thing = menu.find(uuid_or_none(on))
    if thing is None:
        return Done(code, "") if code == "added" else None
    kind = "dishes" if isinstance(thing, Product) else "categories"
    there = f"{HERE}/{kind}/{thing.id}"
    if code == "retired":
        return Done(code, thing.name, f"{there}/restore")
    if code in AVAILABILITIES and was in AVAILABILITIES:
        return Done(code, thing.name, f"{there}/{was}")
    return Done(code, thing.name)


pages: Final = [show_menu, add_category, rename_category, change_category, change_product]
