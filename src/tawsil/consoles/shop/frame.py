"""What stands around every page of the shop: where to bring it, the cart, and who is looking."""

from typing import Any, Final, cast
from urllib.parse import quote
from uuid import UUID

from litestar import Response
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask_as_caller
from tawsil.consoles.pages import page
from tawsil.consoles.sessions import UNTIL_COOKIE
from tawsil.consoles.shop.addresses import Address, addresses_of
from tawsil.consoles.shop.kept import kept_of
from tawsil.kernel.http import Caller
from tawsil.kernel.http.origins import ACCESS_COOKIE, cookie_of

ORDER: Final = "order:create"


class CartLine(Struct, frozen=True, kw_only=True):
    product_id: UUID
    quantity: int
    option_ids: list[UUID] = []


class Cart(Struct, frozen=True, kw_only=True):
    """What is about to be ordered of one merchant. It has no prices; a quote has."""

    merchant_id: UUID
    lines: list[CartLine]

    @property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)


class Visit(Struct, frozen=True, kw_only=True):
    """Somebody in the shop: a visitor, or a customer with their cart."""

    caller: Caller | None
    addresses: list[Address]
    cart: Cart | None
    tenant_id: UUID

    @property
    def address(self) -> Address | None:
        return next(iter(self.addresses), None)

    @property
    def may_order(self) -> bool:
        return self.caller is not None and bool(self.caller.scopes(ORDER))


def caller_of(request: Asked) -> Caller | None:
    """Whoever shows a valid token, also where none is asked for."""
    return cast("dict[str, Any]", request.scope).get("caller")


async def visit_of(request: Asked) -> Visit:
    caller = caller_of(request)
    cart: Cart | None = None
    addresses = addresses_of(request)
    if caller is not None and caller.scopes(ORDER):
        kept: Any = Cart | None
        cart = answered(await ask_as_caller(request, "GET", "/v4/cart"), cast("type[Cart]", kept))
        addresses = addresses or [one.chosen for one in (await kept_of(request))[:1]]
    return Visit(
        caller=caller,
        addresses=addresses,
        cart=cart,
        tenant_id=caller.tenant_id if caller else request.app.state.default_tenant_id,
    )


def taken_up_again(request: Asked) -> Redirect | None:
    """On to where a session that has run out is taken up: a customer is not shown as a visitor."""
    if cookie_of(request, ACCESS_COOKIE) is not None or UNTIL_COOKIE not in request.cookies:
        return None
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Redirect(f"/session?next={quote(here, safe='')}", status_code=303)


def shop_page(
    request: Asked,
    visit: Visit,
    template: str,
    *,
    status: int = 200,
    here: str | None = None,
    **known: Any,
) -> Response[str]:
    """A page of the shop: its template extends `shop/layout.html`."""
    return page(
        request, template, status=status, caller=visit.caller, here=here, visit=visit, **known
    )
