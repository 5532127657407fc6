"""From the cart to an order: what it costs with everything, and paying for it.

Nothing is ordered twice: the form carries a key, and the platform answers a repeat of it as it
answered the first time. A price that has changed since it was shown is shown again before it is
charged.
"""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.response import Redirect
from msgspec import Struct
from msgspec.structs import replace

from tawsil.consoles.access import uuid_or_none
from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.consoles.pages import stamp
from tawsil.consoles.shop import orders
from tawsil.consoles.shop.addresses import MOST_WORDS, Address, choosing
from tawsil.consoles.shop.basket import (
    Basket,
    Choices,
    basket_of,
    changed,
    keep,
    savings_of,
    ways_to_pay,
)
from tawsil.consoles.shop.cards import card_field, card_tokens
from tawsil.consoles.shop.frame import ORDER, Visit, shop_page, taken_up_again, visit_of
from tawsil.consoles.shop.kept import kept_of
from tawsil.kernel.http import PUBLIC, allow

CART: Final = "/cart"
CHECKOUT: Final = "/checkout"
USED: Final = "idempotency.reused"
"""Of a form that was sent before with something else in it: what it ordered stands."""


class Placed(Struct, frozen=True, kw_only=True):
    id: UUID


@get(CART, opt={"rule": PUBLIC}, include_in_schema=False)
async def show_cart(request: Asked, state: State) -> Response[Any]:
    """Every fee before anything is decided; the same page is where promotions are tried."""
    if again := taken_up_again(request):
        return again
    visit = await visit_of(request)
    choices = Choices.read(request.query_params)
    basket = await basket_of(request, visit, choices) if visit.may_order else None
    return shop_page(
        request,
        visit,
        "shop/cart.html",
        here=CART,
        basket=basket,
        onward=f"{CHECKOUT}?{urlencode(choices.query)}",
        now=state.database.now(),
    )


@post(f"{CART}/lines", opt={"rule": allow(ORDER)}, include_in_schema=False, status_code=303)
async def change_line(request: Asked) -> Redirect:
    """One more, one less, or none of a line."""
    form = await request.form()
    visit = await visit_of(request)
    line, quantity = (str(form.get(name, "")) for name in ("line", "quantity"))
    if visit.cart and line.isdigit() and quantity.isdigit():
        lines = changed(visit.cart, line=int(line), quantity=int(quantity))
        await keep(request, visit.cart, lines)
    query = urlencode(Choices.read(form).query)
    return Redirect(f"{CART}?{query}" if query else CART, status_code=303)


@get(CHECKOUT, opt={"rule": allow(ORDER)}, include_in_schema=False)
async def show_checkout(request: Asked, state: State) -> Response[Any]:
    visit = await visit_of(request)
    choices = Choices.read(request.query_params)
    known = [one for one in await kept_of(request) if one.chosen == visit.address]
    if known and not choices.instructions:
        choices = replace(choices, instructions=known[0].instructions)
    return await _checkout(request, state, visit, await basket_of(request, visit, choices))


@post(
    f"{CHECKOUT}/price",
    opt={"rule": allow(ORDER)},
    include_in_schema=False,
    status_code=200,
)
async def price_again(request: Asked, state: State) -> Response[Any]:
    """The page with what was typed, and what that costs."""
    form = await request.form()
    visit = await visit_of(request)
    basket = await basket_of(request, visit, Choices.read(form))
    return await _checkout(request, state, visit, basket, notes=str(form.get("notes", "")))


@post(
    f"{CHECKOUT}/again",
    opt={"rule": allow(ORDER)},
    include_in_schema=False,
    status_code=200,
)
async def check_out_again(request: Asked, state: State) -> Response[Any]:
    """The checkout as it was for an order that was not paid: nothing has to be said twice."""
    order_id = uuid_or_none(str((await request.form()).get("order", "")))
    if order_id is None:
        return Redirect(CART, status_code=303)
    order = await orders.again(request, order_id)
    visit = await visit_of(request)
    if order.destination is not None:
        words = order.destination.address[:MOST_WORDS]
        place = order.dropoff
        address = Address(words=words, latitude=place.latitude, longitude=place.longitude)
        visit = replace(visit, addresses=[address, *visit.addresses])
    timezone = (await orders.timezones_of(request, [order]))[order.city_id]
    choices = Choices.of(order, timezone=timezone, now=state.database.now())
    basket = await basket_of(request, visit, choices)
    notes = order.destination.notes if order.destination else ""
    shown = await _checkout(request, state, visit, basket, notes=notes)
    if visit.address is not None:
        shown.cookies.append(choosing(request, visit.address))
    return shown


@post(CHECKOUT, opt={"rule": allow(ORDER)}, include_in_schema=False, status_code=303)
async def place_order(request: Asked, state: State) -> Response[Any]:
    """Order what was shown, at the price that was shown."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    visit = await visit_of(request)
    choices, notes = Choices.read(form), form.get("notes", "").strip()
    quote_id = form.get("quote", "")
    if choices.mark != form.get("priced"):
        basket = await basket_of(request, visit, choices)
        quote = basket.quote if basket else None
        if quote is None or str(quote.due_minor) != form.get("due"):
            return await _checkout(request, state, visit, basket, notes=notes, moved=True)
        quote_id = str(quote.id)
    answer = await ask_as_caller(
        request,
        "POST",
        "/v4/orders",
        json=_order(form, quote_id=quote_id, notes=notes),
        key=form.get("key") or None,
    )
    if answer.is_success:
        return Redirect(f"/orders/{answered(answer, Placed).id}", status_code=303)
    refused = refusal_of(answer)
    if refused.code == USED:
        return Redirect("/orders", status_code=303)
    basket = await basket_of(request, visit, choices)
    return await _checkout(request, state, visit, basket, notes=notes, refused=refused)


def _order(form: dict[str, str], *, quote_id: str, notes: str) -> dict[str, Any]:
    in_cash = form.get("method") == "cash"
    return {
        "quote_id": quote_id,
        "payment_method": "cash" if in_cash else "card",
        "card_tokens": [] if in_cash else card_tokens(form),
        "notes": notes[:500],
    }


async def _checkout(
    request: Asked,
    state: State,
    visit: Visit,
    basket: Basket | None,
    *,
    notes: str = "",
    moved: bool = False,
    refused: Refused | None = None,
) -> Response[Any]:
    if basket is None or visit.address is None:
        return Redirect(CART, status_code=303)
    quote = basket.quote
    wrong = refused or basket.refused
    return shop_page(
        request,
        visit,
        "shop/checkout.html",
        here=CHECKOUT,
        status=wrong.status if wrong else 200,
        basket=basket,
        notes=notes,
        moved=moved,
        refused=wrong,
        ways=await ways_to_pay(request, quote) if quote else [],
        key=str(state.database.ids()),
        field=await card_field(request, state) if quote and quote.due_minor else None,
        now=state.database.now(),
        stamp=stamp,
    )


@get("/wallet", opt={"rule": allow(ORDER)}, include_in_schema=False)
async def show_wallet(request: Asked) -> Response[str]:
    """What a customer has besides money: points, credit, and addresses of this browser."""
    visit = await visit_of(request)
    points, credit = await savings_of(request)
    return shop_page(
        request, visit, "shop/wallet.html", here="/wallet", points=points, credit=credit
    )


pages: Final = [
    show_wallet,
    show_cart,
    change_line,
    show_checkout,
    price_again,
    check_out_again,
    place_order,
]
