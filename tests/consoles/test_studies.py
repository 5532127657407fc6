"""Policies and experiments on pages: tried, set live, stopped."""

from typing import Any

import httpx
import pytest

from consoles.reader import Browser
from experiments.conftest import plan, scheduled
from tawsil.consoles import routes as console_routes
from tawsil.dispatch.events import EVENTS
from tawsil.dispatch.public import CreatePolicy
from tawsil.dispatch.routes import routes as dispatch_routes
from tawsil.dispatch.service import policies
from tawsil.experiments.routes import routes as experiment_routes
from tawsil.geography.public import City
from tawsil.geography.routes import routes as geography_routes
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.events import Registry
from tawsil.kernel.i18n import LOCALES

__all__ = ["plan"]


@pytest.fixture
async def client(serve: Any, known: dict[str, Any]) -> httpx.AsyncClient:
    routes = [
        *console_routes.routes,
        *dispatch_routes,
        *experiment_routes,
        *geography_routes,
    ]
    return await serve(routes, registry=Registry(EVENTS), **known)


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_policy_is_tried_and_set_live(
    client: httpx.AsyncClient, callers: Any, database: Database, by: By, city: City, locale: str
) -> None:
    async with database.transaction() as tx:
        command = CreatePolicy(by=by, name="evening", weights={"lead_s": 120}, note="told earlier")
        await policies.create(tx, [command])
    admin = Browser(client, callers.token("admin", "order:*", "system:*"), locale)
    shown = await admin.see("/policies")
    assert "/policies/evening/1" in shown
    assert "told earlier" in shown
    here = "/policies/evening/1"
    assert "lead_s" in await admin.see(here)
    early = await admin.send(f"{here}/live", city_id=str(city.id))
    assert early.status_code == 409
    assert 'role="alert"' in early.text
    tried = await admin.send(f"{here}/trial", city_id=str(city.id))
    assert (tried.status_code, tried.headers["location"]) == (303, f"{here}?done=tried")
    await admin.see(f"{here}?done=tried")
    live = await admin.send(f"{here}/live", city_id=str(city.id), reason="We know it well.")
    assert (live.status_code, live.headers["location"]) == (303, f"{here}?done=live")
    assert here in await admin.see("/policies")
    assert (await admin.send(f"{here}/live", city_id="nowhere")).status_code == 404
    reader = Browser(client, callers.token("support_staff", "order:read"), locale)
    assert (await client.get("/policies", headers=reader.headers)).status_code == 403


@pytest.mark.parametrize("locale", LOCALES)
async def test_an_experiment_is_shown_and_stopped(
    client: httpx.AsyncClient,
    callers: Any,
    database: Database,
    plan: Any,
    locale: str,
) -> None:
    async with database.transaction() as tx:
        experiment = await scheduled(tx, plan())
    admin = Browser(client, callers.token("admin", "order:*", "system:*"), locale)
    here = f"/experiments/{experiment.id}"
    assert here in await admin.see("/experiments?status=scheduled")
    assert here not in await admin.see("/experiments?status=ended")
    assert "thrifty@1" in await admin.see(here)
    stopped = await admin.send(f"{here}/stop", cause="mistake", note="Wrong zones.")
    assert (stopped.status_code, stopped.headers["location"]) == (303, f"{here}?done=stopped")
    shown = await admin.see(f"{here}?done=stopped")
    assert "Wrong zones." in shown
    assert f"{here}/stop" not in shown
    again = await admin.send(f"{here}/stop", cause="mistake")
    assert again.status_code == 409
