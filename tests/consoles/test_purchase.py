"""A customer's points and credit, and the cart of somebody who has not signed in."""

from typing import Any

from litestar import Litestar

from consoles.front import browsing
from tawsil.consoles import routes as console_routes
from tawsil.geography import public as geography
from tawsil.kernel.db import Database
from tawsil.kernel.http.app import create_app
from tawsil.ordering import routes as order_routes
from tawsil.payments.routes import routes as payment_routes


async def test_a_visitors_cart_leads_to_signing_in(front: Litestar) -> None:
    async with browsing(front) as client:
        page = await client.get("/cart")
    assert page.status_code == 200
    assert 'href="/sign-in?next=/cart"' in page.text
    assert "console." not in page.text


async def test_a_wallet_shows_what_there_is(database: Database, callers: Any, known: Any) -> None:
    app = create_app(
        routes=[*console_routes.routes, *order_routes.routes, *payment_routes],
        database=database,
        authenticate=callers,
        state=known,
        cities_below=geography.CitiesBelow(database),
    )
    token = callers.token("customer", "order:create", "payment:read:own")
    async with browsing(app) as client:
        page = await client.get("/wallet", headers={"Authorization": f"Bearer {token}"})
    assert page.status_code == 200, page.text
    assert "Points and credit" in page.text
    assert "console." not in page.text
