"""Menus are kept: right for whoever has just changed one, and soon for everybody."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tawsil.apps.live import forgetting
from tawsil.catalog import events
from tawsil.catalog.public import Merchant
from tawsil.catalog.routes import routes
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.events import Registry
from tawsil.kernel.http import live
from tawsil.kernel.http.cached import Cache
from tawsil.kernel.http.live import Hub


def availability(answer: httpx.Response) -> list[bool]:
    assert answer.status_code == 200, answer.text
    categories = answer.json()["data"]["categories"]
    return [product["available"] for category in categories for product in category["products"]]


async def test_menus_are_kept_and_forgotten(
    serve: Any,
    callers: Any,
    listed: list[Merchant],
    database: Database,
    clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "POLL_S", 0.01)
    menus = Cache("menus", now=clock)
    hub = Hub(database, registry=Registry(events.EVENTS), translations={}, hear=[forgetting(menus)])
    client: httpx.AsyncClient = await serve(routes, menus=menus)
    path = f"/v4/merchants/{listed[0].id}/menu"
    token = callers.token("merchant", "menu:*:own", location_id=listed[0].id)
    owner = {"Authorization": f"Bearer {token}"}

    async with hub.running():
        before = await client.get(path)
        assert all(availability(before))
        product_id = before.json()["data"]["categories"][0]["products"][0]["id"]
        out = await client.put(
            f"/v4/products/{product_id}/availability",
            json={"availability": "out_for_4_hours"},
            headers=owner,
        )
        assert out.status_code == 200
        assert not availability(await client.get(path, headers=owner))[0], "at once for the writer"
        async with asyncio.timeout(5):
            while all(availability(await client.get(path))):
                await asyncio.sleep(0.01)
        unchanged = await client.get(path, headers={"If-None-Match": before.headers["ETag"]})
        assert unchanged.status_code == 200, "it has changed"
        in_arabic = await client.get(path, headers={"Accept-Language": "ar"})
        assert in_arabic.headers["ETag"] != unchanged.headers["ETag"]
        assert len(menus) == 1

    clock.advance(timedelta(hours=4))  # nobody says so, but it can be had again
    assert all(availability(await client.get(path)))
    assert (await client.get(f"/v4/merchants/{listed[0].tenant_id}/menu")).status_code == 404
