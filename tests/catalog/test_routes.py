from typing import Any

import pytest

from tawsil.catalog.public import Merchant
from tawsil.catalog.routes import routes


@pytest.fixture
async def client(serve: Any, listed: list[Merchant]) -> Any:
    del listed
    return await serve(routes)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def owner(callers: Any, listed: list[Merchant]) -> dict[str, str]:
    permissions = ("merchant:update:own", "menu:*:own")
    return bearer(callers.token("merchant", *permissions, location_id=listed[0].id))


async def test_merchants_are_listed_nearest_first(client: Any) -> None:
    answer = (await client.get("/v4/merchants?latitude=24.12&longitude=53.1&limit=1")).json()
    (nearest,) = answer["data"]
    assert nearest["name"] == "Layali Grill"
    assert 100 < nearest["distance_m"] < 200
    assert nearest["open"]
    assert answer["meta"]["pagination"]["total"] == 2
    second = (await client.get("/v4/merchants?latitude=24.12&longitude=53.1&limit=1&page=2")).json()
    assert second["data"][0]["closed_because"] == "merchant.closed"
    assert second["data"][0]["opens_at"] == "2026-11-20T14:00:00Z"
    for odd in ("%00", "%ff", "%25_\\\\", "'"):
        assert (await client.get(f"/v4/merchants?q={odd}")).status_code == 200
    only_open = (await client.get("/v4/merchants?open_now=true&q=مخبز")).json()
    assert only_open["data"] == []


@pytest.mark.parametrize(
    "query", ["latitude=24", "latitude=91&longitude=0", "latitude=nan&longitude=0", "limit=0"]
)
async def test_what_makes_no_sense_is_refused(client: Any, query: str) -> None:
    assert (await client.get(f"/v4/merchants?{query}")).status_code == 400


async def test_a_menu_is_named_in_the_language_asked_for(
    client: Any, listed: list[Merchant]
) -> None:
    answer = await client.get(
        f"/v4/merchants/{listed[0].id}/menu", headers={"Accept-Language": "ar"}
    )
    product = answer.json()["data"]["categories"][0]["products"][0]
    assert (product["name"], product["name_en"]) == ("شاورما دجاج", "Chicken shawarma")
    assert [g["name"] for g in product["option_groups"]] == ["الحجم", "إضافات"]


async def test_what_does_not_exist_is_not_found(client: Any, listed: list[Merchant]) -> None:
    nobody = listed[0].tenant_id
    for path in (f"/v4/merchants/{nobody}", f"/v4/merchants/{nobody}/menu"):
        assert (await client.get(path)).status_code == 404


async def test_an_owner_pauses_and_resumes(
    client: Any, listed: list[Merchant], owner: dict[str, str]
) -> None:
    path = f"/v4/merchants/{listed[0].id}"
    paused = await client.post(f"{path}/pause", json={"minutes": 30}, headers=owner)
    assert paused.json()["data"]["paused_until"] == "2026-11-20T12:30:00Z"
    shown = (await client.get(path)).json()["data"]
    assert (shown["open"], shown["opens_at"]) == (False, "2026-11-20T12:30:00Z")
    for_good = await client.post(f"{path}/pause", json={}, headers=owner)
    assert for_good.json()["data"]["paused_until"] is None
    assert for_good.json()["data"]["taking"] == "paused"
    resumed = await client.post(f"{path}/resume", headers=owner)
    assert resumed.json()["data"]["taking"] == "orders"
    again = await client.post(f"{path}/resume", headers=owner)
    assert again.status_code == 409
    assert again.json()["errors"][0]["detail"]["legal"] == ["pause"]


async def test_an_owner_is_busy_and_slower(
    client: Any, listed: list[Merchant], owner: dict[str, str]
) -> None:
    path = f"/v4/merchants/{listed[0].id}"
    await client.put(f"{path}/prep-time", json={"minutes": 12}, headers=owner)
    await client.post(f"{path}/busy", json={"extra_minutes": 8}, headers=owner)
    shown = (await client.get(path)).json()["data"]
    assert (shown["busy"], shown["prep_time_s"]) == (True, 20 * 60)


async def test_only_its_own_people_and_admins_change_a_merchant(
    client: Any, listed: list[Merchant], owner: dict[str, str], callers: Any
) -> None:
    other = f"/v4/merchants/{listed[1].id}/pause"
    assert (await client.post(other, json={}, headers=owner)).status_code == 404
    assert (await client.post(other, json={})).status_code == 401
    customer = bearer(callers.token("customer", "merchant:read"))
    assert (await client.post(other, json={}, headers=customer)).status_code == 403
    admin = bearer(callers.token("admin", "merchant:*"))
    assert (await client.post(other, json={}, headers=admin)).status_code == 200
    stranger = bearer(callers.token("admin", "merchant:*", tenant_id=listed[0].id))
    assert (await client.post(other, json={}, headers=stranger)).status_code == 404


async def test_a_product_is_out_today(
    client: Any, listed: list[Merchant], owner: dict[str, str], callers: Any
) -> None:
    menu_path = f"/v4/merchants/{listed[0].id}/menu"
    menu = (await client.get(menu_path)).json()["data"]
    path = f"/v4/products/{menu['categories'][1]['products'][0]['id']}/availability"
    out = await client.put(path, json={"availability": "out_today"}, headers=owner)
    assert out.json()["data"]["unavailable_until"] == "2026-11-21T01:00:00Z"
    shown = (await client.get(menu_path)).json()["data"]["categories"][1]["products"][0]
    assert not shown["available"]
    neighbour = bearer(callers.token("merchant", "menu:*:own", location_id=listed[1].id))
    refused = await client.put(path, json={"availability": "available"}, headers=neighbour)
    assert refused.status_code == 404
    wrong = await client.put(path, json={"availability": "perhaps"}, headers=owner)
    assert wrong.status_code == 400
