"""The cart over HTTP: what a customer is about to order. It has no prices; a quote has."""

from typing import Final

from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Envelope, allow, envelope
from tawsil.ordering import store
from tawsil.ordering.views import CartBody


@get("/v4/cart", opt={"rule": allow("order:create")}, tags=["Orders"], summary="My cart")
async def get_cart(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[store.Cart | None]:
    async with database.transaction() as tx:
        return envelope(await store.cart(tx, customer_id=caller.user_id))


@put("/v4/cart", opt={"rule": allow("order:create")}, tags=["Orders"], summary="Replace my cart")
async def put_cart(
    data: JSONBody[CartBody], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[store.Cart]:
    """Keep what is about to be ordered; `POST /v4/quotes` prices it with every fee."""
    cart = store.Cart(merchant_id=data.merchant_id, lines=data.lines)
    async with database.transaction() as tx:
        await store.put_cart(tx, customer_id=caller.user_id, tenant_id=caller.tenant_id, cart=cart)
    return envelope(cart)


@delete("/v4/cart", opt={"rule": allow("order:create")}, tags=["Orders"], summary="Empty my cart")
async def delete_cart(caller: NamedDependency[Caller], database: NamedDependency[Database]) -> None:
    async with database.transaction() as tx:
        await store.drop_carts(tx, [caller.user_id])


routes: Final = [get_cart, put_cart, delete_cart]
