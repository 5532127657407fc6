"""The zones of a city on their page: what an operator does there is what a customer meets."""

import html
import json
import re
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from ordering.conftest import DOOR, TENANT, Street
from tawsil.apps.wiring import REGISTRY
from tawsil.consoles.routes import routes as console_routes
from tawsil.geography.routes import routes as geography_routes
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.i18n import LOCALES
from tawsil.pricing.routes import routes as pricing_routes

ROUTES: list[Any] = [*console_routes, *geography_routes, *pricing_routes]
MAY = ("zone:*", "order:*")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HERE = "/city/zones?city=marsa"
WEST, EAST = 53.05, 53.15
CORNERS = [[WEST, 24.1], [EAST, 24.1], [EAST, 24.2], [WEST, 24.2]]
"""Around the grill and the door."""
ZONE = {
    "name_en": "Old Port",
    "name_ar": "الميناء القديم",
    "slug": "",
    "outline": json.dumps(CORNERS),
}
SOON = {"for": "30", "reason": "the bridge is shut"}


class Desk:
    """An operator before the page, and a customer who wants a kebab brought to the door."""

    def __init__(self, client: httpx.AsyncClient, street: Street, callers: Any) -> None:
        self.client, self.street = client, street
        customer = callers.token("customer", "order:create", tenant_id=TENANT)
        self.customer = {"Authorization": f"Bearer {customer}"}

    async def see(self, address: str = HERE) -> str:
        shown = await self.client.get(address)
        assert shown.status_code == 200, shown.text
        assert "console." not in shown.text
        return shown.text

    async def send(self, path: str, **fields: Any) -> httpx.Response:
        body = urlencode({"city": "marsa", **fields}, doseq=True)
        return await self.client.post(path, content=body, headers=FORM)

    async def do(self, path: str, **fields: Any) -> str:
        """A form that is taken; the page it leads to."""
        answer = await self.send(path, **fields)
        assert answer.status_code == 303, answer.text
        assert answer.headers["location"] == HERE
        return await self.see()

    async def undo(self, page: str) -> str:
        """Send the form by which a page offers to take back what was done."""
        form = page.split('class="undo"')[1].split("</form>", maxsplit=1)[0]
        (action,) = re.findall(r'action="([^"]+)"', form)
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
        return await self.do(action, **{n: html.unescape(v) for n, v in fields.items()})

    async def quote(self) -> tuple[int, str]:
        """The status of what a customer asks, and the code of its error or its delivery fee."""
        body = {
            "merchant_id": str(self.street.merchant_id),
            "lines": [{"product_id": str(self.street.product_id), "quantity": 2}],
            "dropoff": {
                "latitude": DOOR.latitude,
                "longitude": DOOR.longitude,
                "address": "Corniche 12",
            },
        }
        answer = await self.client.post("/v4/quotes", json=body, headers=self.customer)
        told = answer.json()
        if not answer.is_success:
            return answer.status_code, told["errors"][0]["code"]
        return answer.status_code, str(told["data"]["breakdown"]["delivery_fee_minor"])


@pytest.fixture
async def street(database: Database, by: By, ids: Ids) -> Street:
    street = Street(by, ids)
    async with database.transaction() as tx:
        await street.open(tx)
    return street


@pytest.fixture
async def desk(serve: Any, callers: Any, street: Street, tmp_path: Any) -> Desk:
    client = await serve(ROUTES, registry=REGISTRY, settings=SimpleNamespace(data=tmp_path))
    token = callers.token("admin", *MAY, tenant_id=TENANT)
    client.headers["Authorization"] = f"Bearer {token}"
    client.headers["Origin"] = str(client.base_url).rstrip("/")
    return Desk(client, street, callers)


def zone_id(page: str) -> str:
    (found,) = re.findall(r'data-zone="([^"]+)"', page)
    return found


async def test_a_zone_is_drawn_renamed_and_deleted_and_all_of_it_taken_back(desk: Desk) -> None:
    assert "No zones yet" in await desk.see()
    assert 'action="/city/zones"' in await desk.see(f"{HERE}&zone=new")
    page = await desk.do("/city/zones", **ZONE)
    assert "The zone was added." in page
    assert "Old Port" in page
    one = f"/city/zones/{zone_id(page)}"

    form = await desk.see(f"{HERE}&zone={zone_id(page)}")
    assert 'value="old-port"' in form
    outline = html.unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", form, re.DOTALL)[0])
    assert json.loads(outline)["coordinates"][0] == [*CORNERS, CORNERS[0]]

    page = await desk.do(one, **{**ZONE, "name_en": "Harbour", "slug": "harbour"})
    assert "Harbour" in page
    page = await desk.undo(page)
    assert "<bdi>Old Port</bdi>" in page
    assert "<bdi>Harbour</bdi>" not in page

    page = await desk.do(f"{one}/retire")
    assert "No zones yet" in page
    page = await desk.undo(page)
    assert "The zone is back as it was." in page
    assert f"/city/zones/{zone_id(page)}" == one
    assert "No zones yet" in await desk.undo(page)


async def test_nobody_orders_into_a_paused_zone_until_it_resumes(desk: Desk) -> None:
    page = await desk.do("/city/zones", **ZONE)
    one = zone_id(page)
    usual = await desk.quote()
    assert usual[0] == 201

    page = await desk.do("/city/zones/pause", zone=one, **SOON)
    assert "1 of 1 zones" in page
    assert "the bridge is shut" in page
    assert await desk.quote() == (409, "quote.zone_paused")

    page = await desk.do("/city/zones/resume", zone=one)
    assert "automatically, by the load" in page
    assert await desk.quote() == usual

    page = await desk.undo(page)
    assert await desk.quote() == (409, "quote.zone_paused")
    assert "automatically, by the load" in await desk.undo(page)
    assert await desk.quote() == usual


async def test_a_surcharge_outlives_a_pause(desk: Desk) -> None:
    one = zone_id(await desk.do("/city/zones", **ZONE))
    _, usual = await desk.quote()
    page = await desk.do("/city/zones/surge", times="1.5", **SOON)
    assert "×1.5" in page
    assert await desk.quote() == (201, str(int(usual) * 3 // 2))

    await desk.do("/city/zones/pause", zone=one, **SOON)
    page = await desk.do("/city/zones/resume", zone=one)
    assert "×1.5" in page
    assert await desk.quote() == (201, str(int(usual) * 3 // 2))
    after = {"next": HERE}
    assert "as usual" in await desk.do("/city/dispatch/let-go", **after)
    assert await desk.quote() == (201, usual)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"outline": json.dumps([CORNERS[n] for n in (0, 2, 1, 3)])}, "crosses itself"),
        ({"outline": json.dumps([[x + 9, y] for x, y in CORNERS])}, "more than 50 km"),
        ({"outline": json.dumps([[WEST, 23.7], [EAST + 0.35, 24.1], [52.7, 24.3]])}, "larger"),
        ({"outline": json.dumps(CORNERS[:2])}, "three"),
        ({"outline": "north of the bridge"}, "no GeoJSON polygon"),
        ({"outline": "{}"}, "no GeoJSON polygon"),
        ({"name_ar": ""}, "at least 1"),
    ],
)
async def test_what_is_no_zone_is_said_in_words_and_stays_in_the_form(
    desk: Desk, wrong: dict[str, str], said: str
) -> None:
    answer = await desk.send("/city/zones", **{**ZONE, **wrong})
    assert 400 <= answer.status_code < 500
    assert said in answer.text.split('role="alert"')[1][:400]
    assert 'value="Old Port"' in answer.text
    assert html.escape(wrong.get("outline", ZONE["outline"]), quote=True) in answer.text.replace(
        "&#34;", "&quot;"
    )


async def test_a_pause_without_a_reason_is_refused(desk: Desk) -> None:
    one = zone_id(await desk.do("/city/zones", **ZONE))
    answer = await desk.send("/city/zones/pause", zone=one, **{"for": "30"}, reason=" ")
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    for times in ("much", "0.5", "9"):
        assert (await desk.send("/city/zones/surge", times=times, **SOON)).status_code == 400
    assert (await desk.quote())[0] == 201


async def test_only_who_may_change_zones_is_let_in(desk: Desk, callers: Any) -> None:
    support = callers.token("support_staff", "order:read", tenant_id=TENANT)
    manager = callers.token("municipal_manager", "zone:update:municipality", tenant_id=TENANT)
    for token in (support, manager):
        headers = {"Authorization": f"Bearer {token}"}
        assert (await desk.client.get(HERE, headers=headers)).status_code == 403
    nowhere = await desk.client.get("/city/zones?city=atlantis")
    assert nowhere.status_code == 404
    assert (await desk.send(f"/city/zones/{uuid4()}", **ZONE)).status_code == 404


@pytest.mark.parametrize("locale", LOCALES)
async def test_the_page_speaks_both_languages(desk: Desk, locale: str) -> None:
    await desk.do("/city/zones", **ZONE)
    shown = await desk.client.get(HERE, headers={"Accept-Language": locale})
    name = ZONE["name_ar" if locale == "ar" else "name_en"]
    assert f"<bdi>{name}</bdi>" in shown.text
    assert shown.text.count('href="/city/zones?city=marsa"') == 1, "the navigation leads here"
