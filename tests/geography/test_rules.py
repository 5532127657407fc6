"""What a city decides: what makes sense of it, and who may say so."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from geography.conftest import CITY
from tawsil.geography import model, public
from tawsil.geography.public import City, CityRules, Tenant, Window, Zone
from tawsil.geography.routes import routes
from tawsil.geography.rules import DAY_MIN, WEEK_MIN, flaw
from tawsil.geography.rules_routes import EXAMPLE
from tawsil.identity import public as identity
from tawsil.identity.public import Role
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Accepted

windows = st.builds(
    Window,
    days=st.sets(st.integers(0, 6), min_size=1).map(tuple),
    starts_min=st.integers(0, DAY_MIN - 1),
    ends_min=st.integers(0, DAY_MIN),
)


@given(windows, windows)
def test_windows_overlap_when_they_share_a_minute_of_the_week(one: Window, other: Window) -> None:
    def minutes(window: Window) -> set[int]:
        return {
            (day * DAY_MIN + window.starts_min + n) % WEEK_MIN
            for day in window.days
            for n in range(window.length_min)
        }

    found = flaw(CityRules(delivery_windows=(one, other)), zone_ids=())
    assert (found is not None) is bool(minutes(one) & minutes(other))


def test_the_defaults_hold() -> None:
    assert flaw(CityRules(), zone_ids=()) is None


@pytest.fixture
async def client(
    serve: Any, database: Database, tenant: Tenant, city: City, zones: list[Zone]
) -> Any:
    async with database.transaction() as tx:
        await public.create_tenant(tx, tenant=tenant)
        await public.create_city(tx, city=city)
        await public.create_zones(tx, zones=zones)
    return await serve(routes)


@pytest.fixture
def admin(callers: Any) -> dict[str, str]:
    token = callers.token(Role.ADMIN.value, *identity.PERMISSIONS[Role.ADMIN])
    return {"Authorization": f"Bearer {token}"}


ADDRESS = f"/v4/cities/{CITY}/rules"


async def test_operations_sets_the_rules_and_sees_them(
    client: Any, admin: dict[str, str], zones: list[Zone], database: Database
) -> None:
    rules = {**EXAMPLE, "delivery_zones": [{"zone_id": str(zones[0].id), "surcharge_minor": 200}]}
    changed = await client.put(ADDRESS, json=rules, headers=admin)
    assert changed.status_code == 200, changed.text
    shown = (await client.get(ADDRESS, headers=admin)).json()["data"]
    assert shown == changed.json()["data"]
    assert shown["delivery_zones"][0]["surcharge_minor"] == 200
    assert shown["detour_factor"] == CityRules().detour_factor, "left out: as by default"
    async with database.transaction() as tx:
        city = await public.city(tx, city_id=CITY)
        assert city is not None
        assert city.version == 1
        recorded = await tx.rows(
            "select data -> 'fields' as fields from kernel.event where type = $1",
            "city.rules_changed.v1",
        )
    assert len(recorded) == 1
    assert '"taxes"' in recorded[0]["fields"]


def rate(name: str, *applies_to: str) -> dict[str, Any]:
    return {"name": name, "name_ar": "ضريبة", "rate_bp": 500, "applies_to": applies_to}


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({"taxes": {"rates": [rate("A", "zero"), rate("A", "service")]}}, "city.rate_twice"),
        ({"taxes": {"rates": [rate("A", "service"), rate("B", "service")]}}, "city.taxed_twice"),
        (
            {"delivery_bands": [{"up_to_m": 10_000, "fee_minor": 1}] * 2},
            "city.bands_not_ascending",
        ),
        (
            {
                "delivery_bands": [
                    {"up_to_m": 2_000, "fee_minor": 5},
                    {"up_to_m": 10_000, "fee_minor": 4},
                ]
            },
            "city.band_cheaper",
        ),
        ({"delivery_bands": [{"up_to_m": 9_999, "fee_minor": 1}]}, "city.bands_too_short"),
        ({"delivery_zones": [{"zone_id": str(CITY)}]}, "city.zone_unknown"),
        (
            {
                "delivery_windows": [
                    {"days": [6], "starts_min": 1_320, "ends_min": 60},
                    {"days": [0], "starts_min": 59, "ends_min": 120},
                ]
            },
            "city.windows_overlap",
        ),
        (
            {"service_fee_least_minor": 2, "service_fee_most_minor": 1},
            "city.fees_crossed",
        ),
        ({"delivery_base_minor": -1}, "request.invalid"),
        ({"tax_bp": 500}, "request.invalid"),
        ({"taxes": {"rates": [rate("A", "exempt")]}}, "request.invalid"),
    ],
)
async def test_rules_that_make_no_sense_are_refused_and_nothing_changes(
    client: Any, admin: dict[str, str], rules: dict[str, Any], code: str
) -> None:
    before = (await client.get(ADDRESS, headers=admin)).json()["data"]
    refused = await client.put(ADDRESS, json=rules, headers=admin)
    assert refused.status_code in {400, 422}
    assert refused.json()["errors"][0]["code"] == code
    assert (await client.get(ADDRESS, headers=admin)).json()["data"] == before


async def test_a_zone_has_one_fee(client: Any, admin: dict[str, str], zones: list[Zone]) -> None:
    twice = {"delivery_zones": [{"zone_id": str(zones[0].id)}] * 2}
    refused = await client.put(ADDRESS, json=twice, headers={**admin, "Accept-Language": "ar"})
    (error,) = refused.json()["errors"]
    assert error["code"] == "city.zone_twice"
    assert "رسمان" in error["message"]


async def test_the_rules_are_for_those_who_run_the_tenant(client: Any, callers: Any) -> None:
    for role in (Role.MERCHANT, Role.CUSTOMER, Role.DELIVERY_PARTNER):
        token = callers.token(role.value, *identity.PERMISSIONS[role])
        headers = {"Authorization": f"Bearer {token}"}
        assert (await client.put(ADDRESS, json=EXAMPLE, headers=headers)).status_code == 403
        assert (await client.get(ADDRESS, headers=headers)).status_code == 403


def test_what_changes_nothing_says_nothing(city: City) -> None:
    same = model.change_rules(city, to=replace(city.rules), zone_ids=())
    assert isinstance(same, Accepted)
    assert (same.state, same.events) == (city, ())
