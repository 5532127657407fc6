"""What a customer has ordered: how far it is, and everything that can be done about it."""

import asyncio
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import httpx
from litestar import Response, get, post
from litestar.datastructures import State
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.consoles.pages import HTML, fragment, stamp
from tawsil.consoles.shop import orders, receipt_pdf
from tawsil.consoles.shop.basket import Purse, purse_of
from tawsil.consoles.shop.cards import CARD, card_field, card_tokens
from tawsil.consoles.shop.frame import shop_page, visit_of
from tawsil.consoles.shop.orders import told_of
from tawsil.kernel.http import HEAVY, allow, not_found
from tawsil.kernel.i18n import current_locale

READ: Final = "order:read"
CHANGE: Final = "order:update"
CODES: Final = frozenset({"cold", "wrong_items", "missing_items", "never_arrived", "other"})
DONE: Final = frozenset({"cancel", "choice", "tip", "review", "complain", "unshare"})


class Shared(Struct, frozen=True, kw_only=True):
    """A link, which is shown this once."""

    path: str
    until_at: datetime


@get("/orders", opt={"rule": allow("order:create")}, include_in_schema=False)
async def list_orders(request: Asked, page: FromQuery[int] = 1) -> Response[str]:
    visit = await visit_of(request)
    page = max(1, min(page, 1_000))
    found, more = await orders.mine(request, page=page)
    return shop_page(
        request,
        visit,
        "shop/orders.html",
        here="/orders",
        orders=found,
        merchants=await orders.merchants_of(request, found),
        timezones=await orders.timezones_of(request, found),
        number=page,
        more=more,
    )


@get("/orders/{order_id:uuid}", opt={"rule": allow(READ)}, include_in_schema=False)
async def show_order(
    request: Asked,
    state: State,
    order_id: FromPath[UUID],
    part: FromQuery[str | None] = None,
    done: FromQuery[str | None] = None,
) -> Response[str]:
    """The order now; `part` is what changes while somebody waits for it."""
    if part:
        told = await told_of(request, order_id)
        body = fragment("shop/_progress.html", told=told, stamp=stamp)
        return Response(body, media_type=HTML, headers={"Cache-Control": "no-store"})
    return await _show(request, state, order_id, done=done if done in DONE else None)


@get("/orders/{order_id:uuid}/receipt", opt={"rule": allow(READ)}, include_in_schema=False)
async def show_receipt(request: Asked, order_id: FromPath[UUID]) -> Response[str]:
    """What was paid and for what, to keep or to print."""
    visit = await visit_of(request)
    told = await told_of(request, order_id)
    here = f"/orders/{order_id}/receipt"
    return shop_page(request, visit, "shop/receipt.html", here=here, told=told)


@get(
    "/orders/{order_id:uuid}/receipt.pdf",
    opt={"rule": allow(READ), "limit": HEAVY},
    include_in_schema=False,
    media_type="application/pdf",
)
async def print_receipt(request: Asked, state: State, order_id: FromPath[UUID]) -> Response[bytes]:
    """The same on paper, in the language of the page."""
    told = await told_of(request, order_id)
    made = await asyncio.to_thread(
        receipt_pdf.pdf,
        receipt_pdf.printed(told),
        locale=current_locale.get(),
        at=state.database.now(),
    )
    name = f'attachment; filename="receipt-{told.order.number}.pdf"'
    return Response(made, headers={"Content-Disposition": name, "Cache-Control": "no-store"})


@get("/paid/{paid_for:uuid}", opt={"rule": allow(READ)}, include_in_schema=False)
async def back_from_bank(request: Asked, paid_for: FromPath[UUID]) -> Redirect:
    """On to the order that was paid for; a tip's payment is named after the tip, not the order."""
    known = await ask_as_caller(request, "GET", f"/v4/orders/{paid_for}")
    return Redirect(f"/orders/{paid_for}" if known.is_success else "/orders", status_code=303)


@post(
    "/orders/{order_id:uuid}/{wish:str}",
    opt={"rule": allow(CHANGE)},
    include_in_schema=False,
    status_code=303,
)
async def act_on_order(
    request: Asked, state: State, order_id: FromPath[UUID], wish: FromPath[str]
) -> Response[Any]:
    """Whatever the page offers, asked of the API; what it refuses is said on the page."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    if wish == "again":
        await orders.again(request, order_id)
        return Redirect("/cart", status_code=303)
    answer = await _ask(request, order_id, wish, form)
    if not answer.is_success:
        return await _show(request, state, order_id, refused=refusal_of(answer))
    if wish == "share":
        shared = answered(answer, Shared)
        address = f"{str(request.base_url).rstrip('/')}{shared.path}"
        return await _show(request, state, order_id, link=(address, shared.until_at))
    return Redirect(f"/orders/{order_id}?done={wish}", status_code=303)


async def _ask(request: Asked, order_id: UUID, wish: str, form: dict[str, str]) -> httpx.Response:
    """What a form of the page is to the API: a method, where, and what is sent."""
    reason = form.get("reason", "")
    bodies: dict[str, tuple[str, dict[str, Any] | None]] = {
        "cancel": ("cancel", {"reason": "changed_mind"}),
        "choice": ("choice", {"choice": form.get("choice", "")}),
        "tip": ("tip", _tip(form)),
        "review": ("review", _review(form)),
        "complain": ("dispute", {"reason": reason if reason in CODES else "other"}),
        "share": ("share", None),
        "unshare": ("share", None),
    }
    if wish not in bodies:
        raise not_found()
    where, body = bodies[wish]
    method = "DELETE" if wish == "unshare" else "POST"
    path = f"/v4/orders/{order_id}/{where}"
    return await ask_as_caller(request, method, path, json=body, key=form.get("key") or None)


def _tip(form: dict[str, str]) -> dict[str, Any]:
    """One of the amounts that are offered, or one's own, by card or out of the credit."""
    given = form.get("amount_minor", "")
    amount_minor = int(given) if given.isascii() and given.isdigit() and len(given) < 8 else 0
    cards = card_tokens(form) if form.get("method") == CARD else []
    paid = {"card_tokens": cards} if cards else {"use_credit": True}
    return {"amount_minor": amount_minor, **paid}


def _review(form: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for whom in ("merchant", "courier"):
        stars = form.get(f"{whom}_rating", "")
        if stars in {"1", "2", "3", "4", "5"}:
            body[f"{whom}_rating"] = int(stars)
        if words := form.get(f"{whom}_words", "").strip():
            body[f"{whom}_words"] = words
    return body


async def _show(
    request: Asked,
    state: State,
    order_id: UUID,
    *,
    done: str | None = None,
    link: tuple[str, datetime] | None = None,
    refused: Refused | None = None,
) -> Response[str]:
    visit = await visit_of(request)
    told = await told_of(request, order_id)
    now = state.database.now()
    delivered_at = told.order.delivered_at
    since = now - delivered_at if delivered_at else None
    order = told.order
    may_tip = since is not None and since < orders.TIP_WITHIN and order.may_be_tipped
    return shop_page(
        request,
        visit,
        "shop/order.html",
        status=refused.status if refused else 200,
        here=f"/orders/{order_id}",
        told=told,
        done=done,
        link=link,
        refused=refused,
        key=str(state.database.ids()),
        may_rate=since is not None and since < orders.RATE_WITHIN,
        may_tip=may_tip,
        field=await card_field(request, state) if may_tip else None,
        purse=await purse_of(request, order.currency) if order.had else Purse(),
        stamp=stamp,
        now=now,
        complaints=sorted(CODES),
    )


pages: Final = [
    list_orders,
    show_order,
    show_receipt,
    print_receipt,
    back_from_bank,
    act_on_order,
]
