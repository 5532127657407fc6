"""Tenants and cities come and change; a city that is named is one's own."""

from typing import Any
from uuid import UUID

import pytest

from administration.conftest import THEIR_CITY, Office
from conftest import CITY
from tawsil.identity.public import Role
from tawsil.kernel.jobs import HeldJobs

NEW = {
    "slug": "naseem",
    "name": "Naseem",
    "admin": {"email": "huda@naseem.example", "name": "Huda", "locale": "ar"},
}
DOHA = {
    "slug": "doha",
    "name_en": "Doha",
    "name_ar": "الدوحة",
    "currency": "QAR",
    "timezone": "Asia/Qatar",
    "centre": {"latitude": 25.29, "longitude": 51.53},
}
PLATFORM = {"role": Role.SUPER_ADMIN}


async def test_a_company_comes_with_an_administrator_who_is_invited(office: Office, jobs: HeldJobs):
    made = await office.do("POST", "/v4/tenants", NEW, **PLATFORM)
    (mail,) = jobs.waiting
    assert mail.name == "identity.mail"
    listed = await office.do("GET", "/v4/tenants", **PLATFORM)
    assert {one["slug"]: one["cities"] for one in listed} == {
        "bahar-co": 1,
        "marsa-co": 1,
        "naseem": 0,
    }
    (huda,) = await office.do("GET", "/v4/users", tenant_id=UUID(made["id"]))
    assert (huda["email"], huda["roles"]) == ("huda@naseem.example", ["admin"])
    assert await office.code("POST", "/v4/tenants", NEW, **PLATFORM) == "tenant.slug_taken"


async def test_a_company_is_renamed_suspended_and_let_in_again(office: Office):
    tenant_id = (await office.do("POST", "/v4/tenants", NEW, **PLATFORM))["id"]
    path = f"/v4/tenants/{tenant_id}"
    assert (await office.do("PUT", path, {"name": "Nasma"}, **PLATFORM))["name"] == "Nasma"
    assert (await office.do("POST", f"{path}/suspend", **PLATFORM))["suspended_at"]
    assert not (await office.do("POST", f"{path}/reinstate", **PLATFORM))["suspended_at"]
    own = (await office.do("GET", "/v4/tenants", **PLATFORM))[1]
    assert own["slug"] == "marsa-co"
    assert await office.code("POST", f"/v4/tenants/{own['id']}/suspend", **PLATFORM) == "tenant.own"


async def test_who_runs_one_company_knows_of_no_other(office: Office):
    assert await office.code("GET", "/v4/tenants") == "request.forbidden"
    assert await office.code("POST", "/v4/tenants", NEW) == "request.forbidden"


async def test_a_city_is_opened_and_changed(office: Office):
    city = await office.do("POST", "/v4/cities", DOHA)
    path = f"/v4/cities/{city['id']}"
    changed = {name: DOHA[name] for name in ("name_ar", "timezone", "centre")}
    after = await office.do("PUT", path, {**changed, "name_en": "Ad-Dawhah"})
    assert (after["name_en"], after["currency"]) == ("Ad-Dawhah", "QAR")
    audit = await office.do("GET", f"/v4/admin/audit-logs?stream=city&stream_id={city['id']}")
    assert [entry["type"] for entry in audit] == ["city.changed.v1", "city.opened.v1"]
    assert audit[0]["data"]["fields"] == ["name_en"]
    assert await office.code("POST", "/v4/cities", DOHA) == "city.slug_taken"
    nowhere = {**DOHA, "slug": "x", "timezone": "Asia/Nowhere"}
    assert await office.code("POST", "/v4/cities", nowhere) == "city.timezone_unknown"
    unplaced = {**DOHA, "slug": "y", "municipality_id": str(CITY)}
    assert await office.code("POST", "/v4/cities", unplaced) == "area.unknown"


def experiment(city_id: object) -> dict[str, Any]:
    return {
        "city_id": str(city_id),
        "name": "Both",
        "arms": ["a@1", "b@1"],
        "metrics": [{"name": "click_to_door_s"}],
        "block_min": 60,
        "starts_at": "2026-12-01T00:00:00Z",
        "ends_at": "2026-12-08T00:00:00Z",
    }


def user(city_id: object) -> dict[str, Any]:
    return {
        "email": "new@example.com",
        "name": "New",
        "roles": ["support_staff"],
        "city_id": str(city_id),
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v4/users", user),
        ("POST", "/v4/experiments", experiment),
        ("PUT", "/v4/users/profile", lambda city_id: {"name": "Me", "city_id": str(city_id)}),
        (
            "POST",
            "/v4/auth/register",
            lambda city_id: {
                "email": "me@example.com",
                "password": "correct horse battery",
                "name": "Me",
                "city_id": str(city_id),
            },
        ),
        (
            "PUT",
            "/v4/flags",
            lambda city_id: {
                "key": "x",
                "everywhere": {"on": False},
                "cities": [{"city_id": str(city_id), "on": True}],
                "why": "to see",
            },
        ),
    ],
)
async def test_a_city_that_is_named_is_ones_own(office: Office, method: str, path: str, body: Any):
    assert await office.code(method, path, body(THEIR_CITY)) == "request.city_unknown"
    own = await office.ask(method, path, body(CITY))
    if path not in {"/v4/users/profile", "/v4/auth/register"}:  # nobody's, and another tenant's
        assert own.is_success, own.text


async def test_what_an_order_would_cost_under_other_rules(office: Office):
    path = f"/v4/cities/{CITY}/rules"
    rules = await office.do("GET", path)
    sample = {"subtotal_minor": 8_000, "distance_m": 1_000}
    body = {"rules": {**rules, "delivery_base_minor": 700}, "sample": sample}
    told = await office.do("POST", f"{path}/preview", body)
    before, after = (told[side]["breakdown"] for side in ("before", "after"))
    assert (before["delivery_fee_minor"], after["delivery_fee_minor"]) == (500, 700)
    assert after["total_minor"] - before["total_minor"] == 210  # and the tax on it
    assert await office.do("GET", path) == rules
    body["rules"]["service_fee_least_minor"] = 10
    body["rules"]["service_fee_most_minor"] = 5
    assert await office.code("POST", f"{path}/preview", body) == "city.fees_crossed"


async def test_how_the_system_is(office: Office):
    health = await office.do("GET", "/v4/system/health")
    assert health["verdict"] == "well"
    assert [one["circuit"] for one in health["providers"]] == ["closed"] * len(health["providers"])
    assert health["versions"]["migration"].startswith("00")
    assert await office.code("GET", "/v4/system/health", role=Role.SUPPORT_STAFF) == (
        "request.forbidden"
    )
