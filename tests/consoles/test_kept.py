"""Addresses of customers: on their account, and a visitor's in the browser until they sign in."""

import re
from typing import Any

import httpx

from consoles.front import browsing, open_front
from tawsil.geography.routes import routes as geography_routes
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.ordering import routes as order_routes

HOME = {"words": "Corniche 12", "latitude": "24.12", "longitude": "53.1", "next": "/address"}
WORK = {"words": "Souq Street 3", "latitude": "24.14", "longitude": "53.12", "next": "/address"}
LAYLA = {"name": "Layla", "email": "layla@example.com", "password": "a long enough password"}
KEPT = re.compile(r'action="(/address/kept/[0-9a-f-]{36})"')
UNDO = re.compile(r'<form class="undo" method="post" action="/address/kept">(.*?)</form>')
FIELD = re.compile(r'name="([a-z_]+)" value="([^"]*)"')


async def addresses(client: httpx.AsyncClient) -> str:
    page = await client.get("/address")
    assert page.status_code == 200, page.text
    assert "console." not in page.text
    return page.text


async def test_what_a_visitor_chose_is_kept_with_the_account_and_can_be_changed(
    database: Database, by: By, known: dict[str, Any]
) -> None:
    more = [*order_routes.routes, *geography_routes]
    front = await open_front(database, by=by, known=known, more=more)
    async with browsing(front) as client:
        await client.post("/address", data=HOME)
        shown = await addresses(client)
        assert "Kept in this browser" in shown
        assert not KEPT.search(shown)

        registered = await client.post("/register", data={**LAYLA, "next": "/address"})
        assert "Your addresses" in registered.text
        assert registered.text.count("Corniche 12") > 0
        await client.post("/address", data=WORK)
        home, work = KEPT.findall(await addresses(client))

        await client.post(home, data={"name": "Mother", "instructions": "Ring twice"})
        shown = await addresses(client)
        assert "Mother" in shown
        assert "Ring twice" in shown
        await client.post(work, data={"name": "Work", "is_default": "on"})
        assert KEPT.findall(await addresses(client)) == [work, home], "the default comes first"

        # Another browser, signed in: things go to the default without a word.
        client.cookies.delete("tawsil_address")
        assert "Souq Street 3" in (await client.get("/")).text

        forgotten = await client.post(work, data={"forget": "yes"})
        assert "Work was deleted." in forgotten.text
        assert KEPT.findall(forgotten.text) == [home]
        undo = UNDO.search(forgotten.text)
        assert undo is not None
        await client.post("/address/kept", data=dict(FIELD.findall(undo[1])))
        shown = await addresses(client)
        assert len(KEPT.findall(shown)) == 2
        assert shown.index("Souq Street 3") < shown.index("Mother"), "it is the default again"
        assert (await client.post(home, data={"name": " " * 3})).status_code == 422
        missing = await client.post(work, data={"name": "Gone"})
        assert missing.status_code == 404
