"""A merchant's menu, a dish with its options, and putting it into the cart."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.datastructures import Cookie, FormMultiDict
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from tawsil.consoles.access import uuid_or_none
from tawsil.consoles.assets import Asked
from tawsil.consoles.pages import cookie
from tawsil.consoles.shop import merchants
from tawsil.consoles.shop.frame import Cart, CartLine, Visit, shop_page, taken_up_again, visit_of
from tawsil.consoles.shop.merchants import Menu, Product, Shown
from tawsil.kernel.http import PUBLIC, Problem, not_found
from tawsil.kernel.i18n import text

MOST_OF_ONE: Final = 99
BEFORE_COOKIE: Final = "tawsil_cart_before"
"""The cart that a new one took the place of: to be put back for a while."""
BEFORE_KEPT_S: Final = 600
MOST_IN_COOKIE: Final = 3_000
_encoder: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder: Final = msgspec.msgpack.Decoder(Cart)


@get("/merchants/{merchant_id:uuid}", opt={"rule": PUBLIC}, include_in_schema=False)
async def show_menu(
    request: Asked,
    merchant_id: FromPath[UUID],
    added: FromQuery[str | None] = None,
    instead: FromQuery[str | None] = None,
) -> Response[Any]:
    if again := taken_up_again(request):
        return again
    visit = await visit_of(request)
    shown, menu = await merchants.merchant_with_menu(request, visit, merchant_id)
    product_id = uuid_or_none(added)
    return shop_page(
        request,
        visit,
        "shop/merchant.html",
        here=f"/merchants/{merchant_id}",
        shown=shown,
        menu=menu,
        subtotal_minor=_subtotal(visit, shown, menu),
        added=menu.product(product_id) if product_id else None,
        instead=bool(instead) and _before(request) is not None,
    )


@get(
    "/merchants/{merchant_id:uuid}/dishes/{product_id:uuid}",
    opt={"rule": PUBLIC},
    include_in_schema=False,
)
async def show_dish(
    request: Asked, merchant_id: FromPath[UUID], product_id: FromPath[UUID]
) -> Response[Any]:
    """The dish with its options: a page of its own, of which the menu's script shows the form."""
    if again := taken_up_again(request):
        return again
    visit = await visit_of(request)
    return await _dish_page(request, visit, merchant_id, product_id)


@post("/merchants/{merchant_id:uuid}/cart", opt={"rule": PUBLIC}, include_in_schema=False)
async def add(request: Asked, merchant_id: FromPath[UUID]) -> Response[Any]:
    """Put a dish into the cart; first to where one signs in, for whoever has not."""
    form = await request.form()
    product_id = uuid_or_none(str(form.get("product_id", "")))
    if product_id is None:
        raise not_found()
    visit = await visit_of(request)
    here = f"/merchants/{merchant_id}"
    if visit.caller is None:
        back = quote(f"{here}/dishes/{product_id}", safe="")
        return Redirect(f"/sign-in?next={back}", status_code=303)
    if not visit.may_order:
        raise Problem(403, "request.forbidden", permission="order:create")
    _, menu = await merchants.merchant_with_menu(request, visit, merchant_id)
    product = menu.product(product_id)
    if product is None:
        raise not_found()
    chosen = _chosen(form)
    refused = _refusal(product, chosen)
    if refused is not None:
        return await _dish_page(
            request, visit, merchant_id, product_id, chosen=chosen, refused=refused
        )
    line = CartLine(product_id=product_id, quantity=_quantity(form), option_ids=list(chosen))
    replaced = visit.cart if visit.cart and visit.cart.merchant_id != merchant_id else None
    lines = visit.cart.lines if visit.cart and not replaced else []
    await merchants.put_cart(request, Cart(merchant_id=merchant_id, lines=_with(lines, line)))
    kept = _keep(request, replaced) if replaced else None
    return Redirect(
        f"{here}?added={product_id}{'&instead=true' if kept else ''}#dish-{product_id}",
        status_code=303,
        cookies=[kept] if kept else [],
    )


@post("/cart/before", opt={"rule": PUBLIC}, include_in_schema=False)
async def put_back(request: Asked) -> Response[Any]:
    """Take the cart back that a new one took the place of."""
    before = _before(request)
    if before is not None:
        await merchants.put_cart(request, before)
    gone = cookie(request, BEFORE_COOKIE, "", max_age=0)
    return Redirect("/cart", status_code=303, cookies=[gone])


async def _dish_page(
    request: Asked,
    visit: Visit,
    merchant_id: UUID,
    product_id: UUID,
    *,
    chosen: Sequence[UUID] = (),
    refused: str | None = None,
) -> Response[Any]:
    shown, menu = await merchants.merchant_with_menu(request, visit, merchant_id)
    product = menu.product(product_id)
    if product is None:
        raise not_found()
    return shop_page(
        request,
        visit,
        "shop/dish.html",
        status=422 if refused else 200,
        here=f"/merchants/{merchant_id}/dishes/{product_id}",
        shown=shown,
        menu=menu,
        product=product,
        chosen=frozenset(chosen),
        refused=refused,
        subtotal_minor=_subtotal(visit, shown, menu),
    )


def _subtotal(visit: Visit, shown: Shown, menu: Menu) -> int | None:
    """What of this menu is in the cart; None, if that is of another merchant."""
    if visit.cart is None or visit.cart.merchant_id != shown.merchant.id:
        return None
    return menu.subtotal_minor(visit.cart.lines)


def _chosen(form: FormMultiDict) -> list[UUID]:
    """The options of all groups, each named `group-…`."""
    said = [value for name, value in form.multi_items() if name.startswith("group-")]
    return [id_ for id_ in map(uuid_or_none, map(str, said)) if id_ is not None]


def _quantity(form: FormMultiDict) -> int:
    said = str(form.get("quantity", "1"))
    return min(max(int(said), 1), MOST_OF_ONE) if said.isascii() and said.isdigit() else 1


def _refusal(product: Product, chosen: Sequence[UUID]) -> str | None:
    """Why it cannot be put into the cart like that."""
    if not product.available:
        return text("console.shop.dish.sold_out_now", params={"name": product.name})
    for group in product.option_groups:
        count = sum(option.id in chosen for option in group.options)
        if not group.min_choices <= count <= group.max_choices:
            return text(
                "console.shop.dish.choose_again",
                params={
                    "group": group.name,
                    "least": group.min_choices,
                    "most": group.max_choices,
                },
            )
    known = {option.id for group in product.option_groups for option in group.options}
    return None if set(chosen) <= known else text("console.shop.dish.changed")


def _with(lines: Sequence[CartLine], more: CartLine) -> list[CartLine]:
    """The same dish with the same options is one line."""
    kept = list(lines)
    for n, line in enumerate(kept):
        if line.product_id == more.product_id and set(line.option_ids) == set(more.option_ids):
            quantity = min(line.quantity + more.quantity, MOST_OF_ONE)
            kept[n] = msgspec.structs.replace(line, quantity=quantity)
            return kept
    return [*kept, more]


def _keep(request: Asked, cart: Cart) -> Cookie | None:
    """The cookie with a cart, unless it is too large for one."""
    written = urlsafe_b64encode(_encoder.encode(cart)).decode().rstrip("=")
    if len(written) > MOST_IN_COOKIE:
        return None
    return cookie(request, BEFORE_COOKIE, written, max_age=BEFORE_KEPT_S)


def _before(request: Asked) -> Cart | None:
    written = request.cookies.get(BEFORE_COOKIE, "")
    try:
        return _decoder.decode(urlsafe_b64decode(written + "=" * (-len(written) % 4)))
    except (ValueError, msgspec.MsgspecError):
        return None


pages: Final = [show_menu, show_dish, add, put_back]
