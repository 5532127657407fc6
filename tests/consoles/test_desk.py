"""The desk: a ticket is worked on until it is closed, and a refund takes a second person."""

import re
from typing import Any

import httpx
import pytest

from consoles.reader import Browser
from ordering.conftest import Street
from support.conftest import Desk
from tawsil.consoles import routes as console_routes
from tawsil.consoles.listed import Listed
from tawsil.identity.public import PERMISSIONS, Role
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.i18n import LOCALES
from tawsil.ordering.refunds import routes as refund_routes
from tawsil.support import routes as support_routes

STAFF = PERMISSIONS[Role.SUPPORT_STAFF]


@pytest.fixture
async def client(serve: Any, known: dict[str, Any]) -> httpx.AsyncClient:
    return await serve(
        [*console_routes.routes, *support_routes.routes, *refund_routes.routes], **known
    )


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_ticket_is_worked_on_until_it_is_closed(
    client: httpx.AsyncClient, callers: Any, database: Database, by: By, ids: Ids, locale: str
) -> None:
    desk = Desk(by, ids)
    async with database.transaction() as tx:
        await desk.open(tx)
        order = await desk.searching(tx)
        sara = await desk.hire(tx, Role.SUPPORT_STAFF, "sara")
    browser = Browser(client, callers.token("support_staff", *STAFF, user_id=sara), locale)
    assert "/tickets/" not in await browser.see("/tickets")
    customer = callers.token("customer", *PERMISSIONS[Role.CUSTOMER], user_id=desk.customer_id)
    asked = await client.post(
        "/v4/support/tickets",
        json={
            "kind": "order_problem",
            "subject_kind": "order",
            "subject_id": str(order.id),
            "words": "Half of it is missing.",
        },
        headers={"Authorization": f"Bearer {customer}"},
    )
    here = f"/tickets/{asked.json()['data']['id']}"
    assert here in await browser.see("/tickets?kind=order_problem&status=OPEN")
    assert here not in await browser.see("/tickets?mine=1")
    for act, fields in (
        ("assign", {}),
        ("note", {"words": "The kitchen forgot it.", "seen_by": "customer"}),
        ("priority", {"priority": "urgent"}),
        ("status", {"status": "RESOLVED", "resolution": "solved", "words": "Sent again."}),
    ):
        done = await browser.send(f"{here}/{act}", **fields)
        assert (done.status_code, done.headers["location"]) == (303, f"{here}?done={act}")
        await browser.see(done.headers["location"])
    shown = await browser.see(here)
    assert "The kitchen forgot it." in shown
    assert "Sent again." in shown
    assert here in await browser.see("/tickets?mine=1&status=RESOLVED")
    refused = await browser.send(f"{here}/status", status="WAITING")
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    await browser.send(f"{here}/status", status="CLOSED")
    assert "<form method" not in re.sub(
        r"(?s)<header.*?</header>|<nav.*?</nav>", "", await browser.see(here)
    )
    assert (await browser.send(f"{here}/burn")).status_code == 404


@pytest.mark.parametrize("locale", LOCALES)
async def test_what_waits_for_a_second_person_is_decided(
    client: httpx.AsyncClient, callers: Any, database: Database, by: By, ids: Ids, locale: str
) -> None:
    street = Street(by, ids)
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.settled(tx)
    browser = Browser(client, callers.token("support_staff", *STAFF), locale)
    customer = callers.token("customer", *PERMISSIONS[Role.CUSTOMER], user_id=order.customer_id)

    async def ask() -> str:
        asked = await client.post(
            f"/v4/orders/{order.id}/refunds",
            json={"reason": "quality", "items": [{"position": 0, "quantity": 1}]},
            headers={"Authorization": f"Bearer {customer}"},
        )
        assert asked.status_code == 201, asked.text
        return asked.json()["data"]["id"]

    first = f"/refunds/{await ask()}"
    assert first in await browser.see("/refunds")
    refused = await browser.send(f"{first}/refuse", because="photo_shows_it")
    assert (refused.status_code, refused.headers["location"]) == (303, "/refunds?done=refused")
    assert first not in await browser.see("/refunds?done=refused")
    assert (await browser.send(f"{first}/approve")).status_code == 409
    second = f"/refunds/{await ask()}"
    approved = await browser.send(f"{second}/approve")
    assert (approved.status_code, approved.headers["location"]) == (303, "/refunds?done=approved")
    assert f"/city/orders/{order.id}" in await browser.see("/refunds?status=all")


async def test_the_desk_is_not_for_customers(client: httpx.AsyncClient, callers: Any) -> None:
    token = callers.token("customer", *PERMISSIONS[Role.CUSTOMER])
    for address in ("/tickets", "/refunds"):
        answer = await client.get(address, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 403


def test_the_pages_of_a_list_keep_what_it_was_narrowed_to() -> None:
    asked = {"q": "a b", "role": "", "page": "3"}
    found = Listed[int](items=[], page=3, pages=4, total=61, asked=asked)
    assert found.address == "?q=a+b&page="
    assert Listed[int](items=[], page=1, pages=2, total=9, asked={}).address == "?page="
