"""The merchant's office: what a form says is what the API has, and every page stands by itself."""

import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest

from catalog.conftest import grill, seed
from tawsil.catalog.routes import routes as catalog_routes
from tawsil.consoles import routes as console_routes
from tawsil.kernel.db import Database
from tawsil.kernel.i18n import LOCALES, catalogues
from tawsil.ordering.reports.routes import routes as report_routes
from tawsil.payments.public import PayoutState
from tawsil.payments.routes import routes as payment_routes

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MAY = ("merchant:update:own", "menu:*:own", "analytics:read:own", "payment:*:own")
ROUTES = [*console_routes.routes, *catalog_routes, *report_routes, *payment_routes]


class Office:
    def __init__(self, client: httpx.AsyncClient, merchant_id: UUID) -> None:
        self.client = client
        self.merchant_id = merchant_id

    async def see(self, path: str) -> str:
        shown = await self.client.get(path)
        assert shown.status_code == 200, shown.text
        return shown.text

    async def send(self, path: str, **fields: Any) -> httpx.Response:
        return await self.client.post(path, content=urlencode(fields), headers=FORM)

    async def do(self, path: str, **fields: Any) -> str:
        """A form that is taken; the page it leads to."""
        answer = await self.send(path, **fields)
        assert answer.status_code == 303, answer.text
        return await self.see(answer.headers["location"].partition("#")[0])

    async def menu(self) -> list[list[str]]:
        answer = await self.client.get(
            f"/v4/merchants/{self.merchant_id}/menu", headers={"Accept-Language": "en"}
        )
        categories = answer.json()["data"]["categories"]
        return [[c["name"], *[p["name"] for p in c["products"]]] for c in categories]

    async def things(self) -> dict[str, str]:
        """Ids by English names."""
        answer = await self.client.get(f"/v4/merchants/{self.merchant_id}/menu/written")
        categories = answer.json()["data"]["categories"]
        products = [p for c in categories for p in c["products"]]
        return {thing["name_en"]: thing["id"] for thing in (*categories, *products)}


@pytest.fixture
async def office(serve: Any, callers: Any, known: dict[str, Any], database: Database) -> Office:
    async with database.transaction() as tx:
        (merchant,) = await seed(tx, grill())
    client = await serve(ROUTES, psp_webhook_secret="s", database=database, **known)
    token = callers.token("merchant", *MAY, location_id=merchant.id)
    client.headers["Authorization"] = f"Bearer {token}"
    client.headers["Origin"] = str(client.base_url).rstrip("/")
    return Office(client, merchant.id)


def filled(text: str) -> dict[str, str]:
    """The fields of a sheet, as a browser would send them back."""
    (sheet,) = re.findall(r'<form class="sheet".*?</form>', text, re.DOTALL)
    fields = {
        name: value
        for tag in re.findall(r"<input[^>]*>", sheet)
        for name in re.findall(r' name="([^"]*)"', tag)
        for value in re.findall(r' value="([^"]*)"', tag) or [""]
    }
    fields |= dict(re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>([^<]*)<', sheet))
    for name, options in re.findall(r'<select[^>]* name="([^"]*)".*?>(.*?)</select>', sheet):
        (fields[name],) = re.findall(r'value="([^"]*)" selected', options) or [""]
    return fields


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    "page", ["menu", "menu/dishes/new", "hours", "reports", "payouts", "payouts/destination"]
)
async def test_every_page_is_said_in_both_languages(office: Office, locale: str, page: str) -> None:
    office.client.headers["Accept-Language"] = locale
    text = await office.see(f"/merchant/{page}")
    assert "console." not in text
    assert 'aria-current="page"' in text


async def test_a_menu_is_rearranged_by_buttons(office: Office) -> None:
    added = await office.do("/merchant/menu/categories", name_en="Sweets", name_ar="حلويات")
    assert 'role="status"' in added
    ids = await office.things()
    await office.do(f"/merchant/menu/categories/{ids['Drinks']}/up")
    assert [names[0] for names in await office.menu()] == ["Drinks", "Wraps"]
    dish = f"/merchant/menu/dishes/{ids['Water']}"
    await office.do(f"{dish}/move", category_id=ids["Wraps"], after_id=ids["Chicken shawarma"])
    assert await office.menu() == [["Wraps", "Chicken shawarma", "Water"]]
    await office.do(f"{dish}/up")
    assert await office.menu() == [["Wraps", "Water", "Chicken shawarma"]]
    await office.do(f"{dish}/up")
    await office.do(f"{dish}/down")
    assert await office.menu() == [["Wraps", "Chicken shawarma", "Water"]]
    assert (await office.send(f"{dish}/sideways")).status_code == 404
    renamed = {"name_en": "Rolls", "name_ar": "لفائف", "edition": 1}
    await office.do(f"/merchant/menu/categories/{ids['Wraps']}", **renamed)
    stale = await office.send(f"/merchant/menu/categories/{ids['Wraps']}", **renamed, more="x")
    assert stale.status_code == 409
    assert 'role="alert"' in stale.text


async def test_what_is_sold_out_or_retired_can_be_undone(office: Office) -> None:
    ids = await office.things()
    dish = f"/merchant/menu/dishes/{ids['Water']}"
    page = await office.do(f"{dish}/out_today")
    assert f'action="{dish}/available"' in page
    assert "Sold out until" in page
    page = await office.do(f"{dish}/available")
    assert "Sold out until" not in page
    page = await office.do(f"{dish}/retire")
    assert await office.menu() == [["Wraps", "Chicken shawarma"]]
    assert f'action="{dish}/restore"' in page
    await office.do(f"{dish}/restore")
    assert await office.menu() == [["Wraps", "Chicken shawarma"], ["Drinks", "Water"]]


async def test_a_dish_is_written_row_by_row_and_saved_once(office: Office) -> None:
    ids = await office.things()
    path = f"/merchant/menu/dishes/{ids['Chicken shawarma']}"
    sheet = filled(await office.see(path))
    assert (sheet["price"], sheet["g0.1.name_en"], sheet["g1.most"]) == ("12.00", "Large", "2")
    for how in ("add.0", "out.1.0"):
        again = await office.send(path, **sheet, how=how)
        assert again.status_code == 200
        sheet = filled(again.text)
    assert (sheet["g0.2.name_en"], sheet["g1.0.name_en"]) == ("", "Cheese")
    sheet |= {"g0.2.name_en": "Huge", "g0.2.name_ar": "ضخم", "g0.2.price": "٨٫٥٠"}
    wrong = await office.send(path, **{**sheet, "price": "twelve"}, how="save")
    assert wrong.status_code == 422
    assert "twelve" in wrong.text
    sheet["price"] = "13,50"
    await office.do(path, **sheet, how="save")
    stale = await office.send(path, **sheet, how="save")
    assert stale.status_code == 409
    assert "Huge" in stale.text, "what was typed is kept"
    kept = (await office.client.get(f"/v4/products/{ids['Chicken shawarma']}")).json()["data"]
    assert kept["price_minor"] == 1_350
    size, extras = kept["option_groups"]
    assert [o["price_delta_minor"] for o in size["options"]] == [0, 400, 850]
    assert [o["name_en"] for o in extras["options"]] == ["Cheese", "Pickles"]


async def test_a_new_dish_is_listed(office: Office) -> None:
    ids = await office.things()
    new = f"/merchant/menu/dishes/new?category={ids['Drinks']}"
    sheet = filled(await office.see(new)) | {"name_en": "Tea", "name_ar": "شاي", "price": "3"}
    page = await office.do("/merchant/menu/dishes/new", **sheet, how="save")
    assert "Tea" in page
    assert await office.menu() == [["Wraps", "Chicken shawarma"], ["Drinks", "Water", "Tea"]]


async def test_hours_are_written_row_by_row_and_saved_once(office: Office) -> None:
    week = filled(await office.see("/merchant/hours"))
    assert (week["d0.0.opens"], week["d0.0.closes"]) == ("00:00", "00:00")
    week |= {"d0.0.opens": "18:00", "d0.0.closes": "02:00"}
    for how in ("copy.d0", "add.d4", "add.x", "out.d6.0"):
        again = await office.send("/merchant/hours", **week, how=how)
        assert again.status_code == 200
        assert "Nothing is saved yet" in again.text
        week = filled(again.text)
    week |= {"d4.1.opens": "11:00", "d4.1.closes": "14:30", "x0.day": "2026-12-02"}
    await office.do("/merchant/hours", **week, how="save")
    profile = (await office.client.get(f"/v4/merchants/{office.merchant_id}/profile")).json()
    hours = profile["data"]["hours"]
    assert hours[0] == [[1080, 120]]
    assert hours[4] == [[1080, 120], [660, 870]]
    assert hours[6] == []
    assert profile["data"]["special_days"] == [{"day": "2026-12-02", "openings": []}]
    wrong = await office.send("/merchant/hours", **{**week, "d0.0.closes": "later"})
    assert wrong.status_code == 422
    assert (await office.send("/merchant/hours", **week)).status_code == 409
    words = {"description_en": "Since 1987.", "description_ar": "منذ 1987.", "phone": "12"}
    assert (await office.send("/merchant/hours/profile", **words, edition=2)).status_code == 400
    words["phone"] = "+97140000009"
    assert "Since 1987." in await office.do("/merchant/hours/profile", **words, edition=2)


async def test_reports_say_what_is_wrong_with_the_days(office: Office) -> None:
    for query in ("from_day=soon", "from_day=2026-11-20&to_day=2026-11-01"):
        answer = await office.client.get(f"/merchant/reports?{query}")
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text


async def test_nothing_is_withdrawn_where_nothing_is_set_up(office: Office) -> None:
    assert "No bank account yet" in await office.see("/merchant/payouts")
    shown = await office.client.get("/merchant/payouts?withdraw=all")
    assert shown.status_code >= 400
    assert 'role="alert"' in shown.text
    sent = await office.send("/merchant/payouts", amount_minor="100", key="k")
    assert sent.status_code >= 400


async def test_where_money_goes_is_agreed_to_before_it_counts(office: Office) -> None:
    page = "/merchant/payouts/destination"
    typed = {"token": "bank_ok_layali", "label": "Our bank ••42"}
    assert "Our bank ••42" in (await office.send(page, **typed)).text
    assert "No bank account yet" in await office.see("/merchant/payouts"), "not agreed to yet"
    assert "Our bank ••42" in await office.do(page, **typed, agreed="1")
    other = {"token": "acct_layali", "label": "Stripe ••07"}
    asked = (await office.send(page, **other)).text
    assert "Our bank ••42" in asked
    assert "nothing is paid there for 3 days" in asked
    back = (await office.send(page, **other, again="1")).text
    assert 'value="acct_layali"' in back
    assert 'name="agreed"' not in back
    assert "nothing is paid there before" in await office.do(page, **other, agreed="1")
    number = {"token": "bank_ok", "label": "AE07 0331 2345 6789"}
    refused = await office.send(page, **number, agreed="1")
    assert refused.status_code == 422
    assert 'role="alert"' in refused.text


@pytest.mark.parametrize("page", ["menu", "hours", "reports", "payouts", "payouts/destination"])
async def test_the_office_is_for_merchants(office: Office, callers: Any, page: str) -> None:
    admin = callers.token("admin", "menu:*", "merchant:*", "analytics:*", "payment:*")
    office.client.headers["Authorization"] = f"Bearer {admin}"
    assert (await office.client.get(f"/merchant/{page}")).status_code == 404


@pytest.mark.parametrize("locale", LOCALES)
def test_every_state_of_a_payout_has_a_word(locale: str) -> None:
    codes = [f"console.office.payout.{state.value}" for state in PayoutState]
    assert [code for code in codes if not catalogues[locale].has(code)] == []
