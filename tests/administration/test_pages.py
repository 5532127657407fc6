"""The pages of administration: each is there in both languages, and its forms do what they say."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec import Struct

from administration.conftest import THEIR_CITY, Office
from conftest import CITY
from tawsil.identity.public import PERMISSIONS, Role
from tawsil.kernel.i18n import LOCALES

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://127.0.0.1"}


class Browser(Struct):
    """Somebody who looks at pages and sends forms."""

    office: Office
    token: str

    async def see(self, path: str, *, locale: str = "en", status: int = 200) -> str:
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": locale}
        answer = await self.office.client.get(path, headers=headers)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:2000]}"
        return answer.text

    async def send(self, path: str, form: Mapping[str, Any], *, status: int = 303) -> str:
        """Where it leads to; or, if it is refused, what is said."""
        headers = {"Authorization": f"Bearer {self.token}", **FORM}
        body = urlencode(form, doseq=True)
        answer = await self.office.client.post(path, content=body, headers=headers)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[-3000:]}"
        return answer.headers["location"] if status == 303 else answer.text


@pytest.fixture
def browser(office: Office) -> Browser:
    role = Role.SUPER_ADMIN
    return Browser(office, office.callers.token(role.value, *PERMISSIONS[role]))


@pytest.mark.parametrize("locale", LOCALES)
async def test_every_page_is_there_in_both_languages(browser: Browser, locale: str):
    for path in (
        "",
        "/cities",
        f"/cities/{CITY}",
        f"/cities/{CITY}/fees",
        "/areas",
        "/users",
        "/users/new",
        "/merchants",
        "/couriers",
        "/couriers/new",
        "/promotions",
        "/promotions/new",
        "/flags",
        "/modules",
        "/plugins",
        "/health",
        "/tenants",
    ):
        text = await browser.see(f"/admin{path}", locale=locale)
        assert "console." not in text, path
        assert f'lang="{locale}"' in text
    await browser.see(f"/admin/cities/{THEIR_CITY}", status=404)


def fields_in(text: str) -> dict[str, Any]:
    """The fields of the form of fees as a browser would send them back."""
    found: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", text):
        name = re.search(r'name="([^"]+)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name and (("checkbox" not in tag) or " checked" in tag):
            found[name[1]] = value[1] if value else ""
    return found


async def test_fees_are_changed_once_one_has_seen_what_it_comes_to(browser: Browser):
    path = f"/admin/cities/{CITY}/fees"
    form = fields_in(await browser.see(path))
    rules = f"/v4/cities/{CITY}/rules"
    before = await browser.office.do("GET", rules)
    form["delivery_base_minor"] = "7.25"
    shown = await browser.send(path, {**form, "step": "preview"}, status=200)
    assert "10.25" in shown  # 7.25 and two kilometres more
    assert await browser.office.do("GET", rules) == before
    assert await browser.send(path, {**form, "step": "save"}) == f"{path}?done=fees_changed"
    after = await browser.office.do("GET", rules)
    assert after == {**before, "delivery_base_minor": 725}
    shown = await browser.see(f"{path}?done=fees_changed")
    assert "Saved. The next quote has it." in shown
    assert f'action="{path}/back"' in shown
    assert await browser.send(f"{path}/back", {}) == f"{path}?done=fees_back"
    assert await browser.office.do("GET", rules) == before
    assert "The fees are as they were before." in await browser.see(f"{path}?done=fees_back")
    assert f'action="{path}/back"' not in await browser.see(f"{path}?done=fees_changed")
    assert await browser.send(f"{path}/back", {}) == f"{path}?done=fees_kept"
    assert await browser.office.do("GET", rules) == before


async def test_what_is_no_number_is_marked_and_changes_nothing(browser: Browser):
    path = f"/admin/cities/{CITY}/fees"
    form = fields_in(await browser.see(path))
    for wrong in ("seven", "7.255", ""):
        typed = {**form, "delivery_base_minor": wrong, "step": "save"}
        shown = await browser.send(path, typed, status=200)
        assert 'aria-invalid="true"' in shown
    crossed = {**form, "service_fee_least_minor": "9", "service_fee_most_minor": "1"}
    assert "Swap them" in await browser.send(path, {**crossed, "step": "save"}, status=422)


async def test_bands_windows_taxes_and_papers_are_kept(browser: Browser):
    path = f"/admin/cities/{CITY}/fees"
    form = fields_in(await browser.see(path)) | {
        "band-0-km": "5",
        "band-0-fee": "6",
        "band-1-km": "10",
        "band-1-fee": "9.5",
        "window-0-from": "22:00",
        "window-0-until": "02:00",
        "window-0-day-4": "1",
        "window-0-percent": "10",
        "tax-1-name": "Sugar",
        "tax-1-name_ar": "سكر",
        "tax-1-percent": "1.5",
        "tax-1-on-zero": "1",
        "document-licence": "1",
        "step": "save",
    }
    await browser.send(path, form)
    rules = await browser.office.do("GET", f"/v4/cities/{CITY}/rules")
    assert rules["delivery_bands"] == [
        {"up_to_m": 5_000, "fee_minor": 600},
        {"up_to_m": 10_000, "fee_minor": 950},
    ]
    (window,) = rules["delivery_windows"]
    assert (window["days"], window["starts_min"], window["ends_min"]) == ([4], 1_320, 120)
    assert window["surcharge_bp"] == 1_000
    assert [(rate["name"], rate["rate_bp"]) for rate in rules["taxes"]["rates"]] == [
        ("VAT", 500),
        ("Sugar", 150),
    ]
    assert rules["courier_documents"] == ["licence"]
    again = fields_in(await browser.see(path)) | {"step": "save"}
    await browser.send(path, again)
    assert await browser.office.do("GET", f"/v4/cities/{CITY}/rules") == rules


async def test_a_flag_is_switched_and_put_back(browser: Browser):
    made = {"key": "photo_proof", "description": "A photo", "why": "to try"}
    path = "/admin/flags/photo_proof"
    assert await browser.send("/admin/flags", made) == f"{path}?done=flag_made"
    form = {
        "description": "A photo",
        "seen": "1",
        "state-everywhere": "on",
        "percent-everywhere": "5",
        f"state-{CITY}": "on",
        f"percent-{CITY}": "50",
        "why": "five first",
    }
    await browser.send(path, form)
    flag = await browser.office.do("GET", "/v4/flags/photo_proof")
    assert flag["everywhere"] == {"on": True, "percent": 5}
    assert flag["cities"] == [{"city_id": str(CITY), "on": True, "percent": 50}]
    assert f"{path}/back/1" in await browser.see(f"{path}?done=flag_switched")
    assert "meanwhile" in await browser.send(path, form, status=409)
    await browser.send(f"{path}/back/1", {})
    assert not (await browser.office.do("GET", "/v4/flags/photo_proof"))["everywhere"]["on"]


async def test_people_are_invited_and_kept_out_with_a_way_back(browser: Browser):
    form = {"email": "huda@example.com", "name": "هدى", "roles": ["delivery_partner"]}
    there = (await browser.send("/admin/users/new", form)).partition("?")[0]
    assert await browser.send(f"{there}/disable", {}) == f"{there}?done=user_disabled"
    shown = await browser.see(f"{there}?done=user_disabled")
    assert f'action="{there}/enable"' in shown
    await browser.send(f"{there}/enable", {})
    again = await browser.send("/admin/users/new", form, status=409)
    assert "huda@example.com" in again
    user_id = there.rpartition("/")[2]
    enrol = {"courier_id": user_id, "city_id": str(CITY), "vehicle": "car"}
    rides = (await browser.send("/admin/couriers/new", enrol)).partition("?")[0]
    paper = {"kind": "licence", "number": "AB 12345", "expires_on": "2029-01-01", "verified": "1"}
    await browser.send(f"{rides}/documents", paper)
    assert "…2345" in await browser.see(rides)
    await browser.send(f"{rides}/suspend", {"reason": "conduct"})
    assert f'action="{rides}/reinstate"' in await browser.see(f"{rides}?done=courier_suspended")
    assert "هدى" in await browser.see("/admin/couriers?suspended=true")


async def test_an_area_is_moved_and_back(browser: Browser):
    async def add(slug: str, parent_id: str = "") -> str:
        named = {"slug": slug, "name_en": slug, "name_ar": slug, "parent_id": parent_id}
        await browser.send("/admin/areas", named)
        areas = await browser.office.do("GET", "/v4/areas")
        return next(area["id"] for area in areas if area["slug"] == slug)

    one, other = await add("one"), await add("other")
    region = await add("north", one)
    move = {"parent_id": other, "from_id": one}
    after = await browser.send(f"/admin/areas/{region}/move", move)
    assert f'name="parent_id" value="{one}"' in await browser.see(after)
    await browser.send(f"/admin/areas/{region}/move", {"parent_id": one, "back": "1"})
    assert "one" in await browser.see("/admin/areas?done=area_back")


async def test_a_promotion_is_drafted_begun_and_ended(browser: Browser):
    form = {
        "name_en": "A fifth off",
        "name_ar": "خصم الخمس",
        "kind": "percent",
        "value": "20",
        "most": "15",
        "currency": "AED",
        "from": "2026-11-20T12:00",
        "budget": "1000",
        "rank": "100",
        "codes": "SUMMER20",
        "signals": ["device"],
        "cities": [str(CITY)],
    }
    there = (await browser.send("/admin/promotions/new", form)).partition("?")[0]
    path = f"/v4/promotions/{there.rpartition('/')[2]}"
    drafted = (await browser.office.do("GET", path))["promotion"]
    assert (drafted["terms"]["value"], drafted["terms"]["most_minor"]) == (2_000, 1_500)
    assert drafted["terms"]["from_at"] == "2026-11-20T08:00:00Z"  # by the city's clock
    assert drafted["budget_minor"] == 100_000
    await browser.send(there, {**form, "value": "10"})
    assert (await browser.office.do("GET", path))["promotion"]["terms"]["value"] == 1_000
    for step in ("activate", "pause", "end"):
        await browser.send(f"{there}/{step}", {})
        await browser.see(there)
    assert (await browser.office.do("GET", path))["promotion"]["status"] == "ended"
    assert "CSV" in await browser.see("/admin/promotions?status=ended")


async def test_a_module_that_is_off_hides_its_pages(browser: Browser, clock: Any):
    link = 'href="/admin/promotions"'
    assert link in await browser.see("/admin")
    away = await browser.send("/admin/modules/promotions", {"on": "false", "why": "not yet"})
    assert 'action="/admin/modules/promotions"' in await browser.see(away)
    clock.advance(timedelta(seconds=3))
    assert link not in await browser.see("/admin")
    assert link not in await browser.see("/refunds"), "on no other page either"
    kind = await browser.see("/admin/promotions", status=404)
    assert "This part is switched off" in kind

    studies = 'href="/experiments"'
    assert studies in await browser.see("/admin")
    await browser.send("/admin/modules/experiments", {"on": "false", "why": "not yet"})
    clock.advance(timedelta(seconds=3))
    assert studies not in await browser.see("/admin")


async def test_a_company_is_taken_in_by_whoever_runs_the_platform(browser: Browser):
    form = {"name": "Naseem", "slug": "naseem", "admin_name": "Huda", "email": "h@naseem.example"}
    await browser.send("/admin/tenants", form)
    assert "naseem" in await browser.see("/admin/tenants")
    assert "naseem" in await browser.send("/admin/tenants", form, status=409)
    clerk = Browser(browser.office, browser.office.callers.token("admin", *PERMISSIONS[Role.ADMIN]))
    await clerk.see("/admin/tenants", status=403)
    assert "/admin/tenants" not in await clerk.see("/admin")
