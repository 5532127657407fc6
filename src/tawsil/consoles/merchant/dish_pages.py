"""The page of a dish: all that is written about it, with its options.

Rows are added and taken out by buttons that send the form and have it back, saved by none of them.
"""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import Struct, field

from tawsil.consoles.assets import Asked
from tawsil.consoles.merchant.desk import (
    Form,
    SlipError,
    Trouble,
    back_to,
    form_of,
    minor_of,
    price_step,
    typed,
    whole_of,
)
from tawsil.consoles.merchant.frame import merchant_id_of, merchant_page
from tawsil.consoles.merchant.menu_pages import HERE, UPDATE, Category, Menu, Product, menu_of
from tawsil.consoles.own_api import ask_as_caller, refusal_of
from tawsil.geography.public import TaxClass
from tawsil.kernel.http import Caller, allow, not_found

DISHES: Final = f"{HERE}/dishes"
MOST_ROWS: Final = 60


class OptionRow(Struct):
    id: str = ""
    name_en: str = ""
    name_ar: str = ""
    price: str = ""


class GroupRows(Struct):
    id: str = ""
    name_en: str = ""
    name_ar: str = ""
    least: str = "0"
    most: str = "1"
    options: list[OptionRow] = field(default_factory=list[OptionRow])


class Sheet(Struct):
    """The form of a dish as it was typed, whether or not it can be read."""

    category_id: str = ""
    edition: str = ""
    name_en: str = ""
    name_ar: str = ""
    description_en: str = ""
    description_ar: str = ""
    price: str = ""
    tax_class: str = TaxClass.STANDARD.value
    image_url: str = ""
    prep: str = ""
    groups: list[GroupRows] = field(default_factory=list[GroupRows])

    @classmethod
    def of(cls, product: Product) -> "Sheet":
        return cls(
            category_id=str(product.category_id),
            edition=str(product.edition),
            name_en=product.name_en,
            name_ar=product.name_ar,
            description_en=product.description_en,
            description_ar=product.description_ar,
            price=typed(product.price_minor, product.currency),
            tax_class=product.tax_class,
            image_url=product.image_url or "",
            prep=str(product.prep_time_minutes or ""),
            groups=[
                GroupRows(
                    id=str(group.id),
                    name_en=group.name_en,
                    name_ar=group.name_ar,
                    least=str(group.min_choices),
                    most=str(group.max_choices),
                    options=[
                        OptionRow(
                            id=str(option.id),
                            name_en=option.name_en,
                            name_ar=option.name_ar,
                            price=typed(option.price_delta_minor, product.currency),
                        )
                        for option in group.options
                    ],
                )
                for group in product.option_groups
            ],
        )

    @classmethod
    def sent(cls, form: Form) -> "Sheet":
        names = [name for name in cls.__struct_fields__ if name != "groups"]
        return cls(**{name: form.get(name, "") for name in names}, groups=[*_groups(form)])

    def body(self, currency: str) -> dict[str, Any]:
        """What the API takes.

        Raises:
            SlipError: a number is none.
        """
        return {
            "name_en": self.name_en,
            "name_ar": self.name_ar,
            "description_en": self.description_en,
            "description_ar": self.description_ar,
            "price_minor": minor_of(self.price, currency),
            "tax_class": self.tax_class,
            "image_url": self.image_url or None,
            "prep_time_minutes": whole_of(self.prep, "prep"),
            "option_groups": [
                {
                    "group_id": group.id or None,
                    "name_en": group.name_en,
                    "name_ar": group.name_ar,
                    "min_choices": whole_of(group.least, "least") or 0,
                    "max_choices": whole_of(group.most, "most") or 1,
                    "options": [
                        {
                            "option_id": option.id or None,
                            "name_en": option.name_en,
                            "name_ar": option.name_ar,
                            "price_delta_minor": minor_of(option.price, currency),
                        }
                        for option in group.options
                    ],
                }
                for group in self.groups
            ],
        }

    def alter(self, how: str) -> bool:
        """Add or take out a row: `add`, `add.1`, `out.1`, `out.1.2`.

        False: it says something else.
        """
        what, *at = how.split(".")
        if what not in {"add", "out"} or not all(part.isdecimal() for part in at):
            return False
        numbers = [int(part) for part in at]
        if what == "add" and not numbers:
            self.groups.append(GroupRows(options=[OptionRow(), OptionRow()]))
            return True
        if not numbers or numbers[0] >= len(self.groups):
            return False
        rows: list[Any] = self.groups if len(numbers) == 1 else self.groups[numbers[0]].options
        if what == "add":
            self.groups[numbers[0]].options.append(OptionRow())
        elif numbers[-1] < len(rows):
            rows.pop(numbers[-1])
        return True


def _groups(form: Form) -> Iterator[GroupRows]:
    for g in range(MOST_ROWS):
        if f"g{g}.name_en" not in form:
            return
        rows = [
            OptionRow(**{n: form.get(f"g{g}.{o}.{n}", "") for n in OptionRow.__struct_fields__})
            for o in range(MOST_ROWS)
            if f"g{g}.{o}.name_en" in form
        ]
        plain = [name for name in GroupRows.__struct_fields__ if name != "options"]
        yield GroupRows(**{n: form.get(f"g{g}.{n}", "") for n in plain}, options=rows)


@get(f"{DISHES}/new", opt={"rule": allow("menu:create")}, include_in_schema=False)
async def show_new_dish(
    request: Asked, caller: NamedDependency[Caller], category: FromQuery[str | None] = None
) -> Response[str]:
    menu = await menu_of(request, caller)
    return await _dish_page(request, caller, menu, Sheet(category_id=category or ""))


@post(f"{DISHES}/new", opt={"rule": allow("menu:create")}, include_in_schema=False)
async def list_dish(request: Asked, caller: NamedDependency[Caller]) -> Response[Any]:
    form = await form_of(request)
    sheet, menu = Sheet.sent(form), await menu_of(request, caller)
    if sheet.alter(form.get("how", "")):
        return await _dish_page(request, caller, menu, sheet)
    path = f"/v4/merchants/{merchant_id_of(caller)}/products"
    return await _send(request, caller, menu, sheet, "POST", path, done="listed")


@get(f"{DISHES}/{{product_id:uuid}}", opt={"rule": allow(UPDATE)}, include_in_schema=False)
async def show_dish(
    request: Asked, caller: NamedDependency[Caller], product_id: FromPath[UUID]
) -> Response[str]:
    menu = await menu_of(request, caller)
    product = _found(menu, product_id)
    return await _dish_page(request, caller, menu, Sheet.of(product), product=product)


@post(f"{DISHES}/{{product_id:uuid}}", opt={"rule": allow(UPDATE)}, include_in_schema=False)
async def rewrite_dish(
    request: Asked, caller: NamedDependency[Caller], product_id: FromPath[UUID]
) -> Response[Any]:
    form = await form_of(request)
    sheet, menu = Sheet.sent(form), await menu_of(request, caller)
    product = _found(menu, product_id)
    if sheet.alter(form.get("how", "")):
        return await _dish_page(request, caller, menu, sheet, product=product)
    path = f"/v4/products/{product_id}"
    return await _send(request, caller, menu, sheet, "PUT", path, done="changed", product=product)


async def _send(
    request: Asked,
    caller: Caller,
    menu: Menu,
    sheet: Sheet,
    method: str,
    path: str,
    *,
    done: str,
    product: Product | None = None,
) -> Response[Any]:
    """To the API; back comes the menu, or the same form with what is wrong with it."""
    try:
        body = sheet.body(menu.currency)
        body |= (
            {"edition": whole_of(sheet.edition, "edition") or 0}
            if product
            else {"category_id": sheet.category_id}
        )
    except SlipError as error:
        return await _dish_page(request, caller, menu, sheet, product=product, trouble=error.slip)
    answer = await ask_as_caller(request, method, path, json=body)
    if not answer.is_success:
        return await _dish_page(
            request, caller, menu, sheet, product=product, trouble=refusal_of(answer)
        )
    on = str(answer.json()["data"]["id"])
    return back_to(HERE, at=f"at-{on}", done=done, on=on)


async def _dish_page(
    request: Asked,
    caller: Caller,
    menu: Menu,
    sheet: Sheet,
    *,
    product: Product | None = None,
    trouble: Trouble | None = None,
) -> Response[str]:
    return await merchant_page(
        request,
        "merchant/dish.html",
        caller=caller,
        section="menu",
        status=getattr(trouble, "status", 422) if trouble else 200,
        here=f"{DISHES}/{product.id}" if product else f"{DISHES}/new",
        menu=menu,
        sheet=sheet,
        product=product,
        trouble=trouble,
        step=price_step(menu.currency),
        tax_classes=[one.value for one in TaxClass],
    )


def _found(menu: Menu, product_id: UUID) -> Product:
    found = menu.find(product_id)
    if found is None or isinstance(found, Category):
        raise not_found()
    return found


pages: Final = [show_new_dish, list_dish, show_dish, rewrite_dish]
