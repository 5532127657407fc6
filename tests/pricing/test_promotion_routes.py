"""Promotions over HTTP, by those who run them, those who have one of their own, and customers."""

from typing import Any
from uuid import UUID

import pytest

from conftest import TENANT, Callers
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.pricing.routes import routes

TERMS = {
    "name_en": "A fifth off",
    "name_ar": "خصم الخُمس",
    "kind": "percent",
    "value": 2_000,
    "from_at": "2026-11-01T00:00:00Z",
}
DRAFT: dict[str, Any] = {"currency": "AED", "terms": TERMS, "budget_minor": 5_000}


class Web:
    """Somebody's way in."""

    def __init__(self, client: Any, token: str) -> None:
        self._client, self._token = client, token

    async def ask(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"}
        response = await self._client.request(method, path, json=body, headers=headers)
        assert response.status_code == status, response.text
        return response.json() if "json" in response.headers["content-type"] else response.text


@pytest.fixture
async def client(serve: Any) -> Any:
    return await serve(routes)


@pytest.fixture
def operator(client: Any, callers: Callers) -> Web:
    return Web(client, callers.token("admin", "promotion:*"))


@pytest.fixture
def customer(client: Any, callers: Callers) -> Web:
    return Web(client, callers.token("customer", "order:create"))


def wanting(town: Any, **more: Any) -> dict[str, Any]:
    return {
        "merchant_id": str(town.grill.id),
        "lines": [{"product_id": str(town.pizza.id), "quantity": 2}],
        "dropoff": {"latitude": 24.13, "longitude": 53.1, "address": "Corniche 12"},
        **more,
    }


async def test_the_life_of_a_promotion(operator: Web, customer: Web, standing_town: Any) -> None:
    body = {**DRAFT, "codes": ["Summer-20"]}
    drafted = (await operator.ask("POST", "/v4/promotions", body, status=201))["data"]
    path = f"/v4/promotions/{drafted['id']}"
    assert (drafted["status"], drafted["legal_moves"]) == ("draft", ["active", "ended"])
    asked = wanting(standing_town, codes=["summer 20"])
    refused = await customer.ask("POST", "/v4/quotes", asked, status=409)
    assert refused["errors"][0]["code"] == "promotion.not_active"

    changed = {"terms": {**TERMS, "value": 1_000}, "budget_minor": 6_000}
    await operator.ask("PUT", path, changed)
    await operator.ask("POST", f"{path}/activate")
    quote = (await customer.ask("POST", "/v4/quotes", asked, status=201))["data"]
    (discount,) = quote["discounts"]
    assert (discount["code"], discount["amount_minor"]) == ("SUMMER20", 500)
    assert "merchant_minor" not in str(quote), "who bears it is not the customer's affair"
    assert quote["breakdown"]["discount_minor"] == 500

    too_late = await operator.ask("PUT", path, changed, status=409)
    assert too_late["errors"][0]["code"] == "promotion.not_a_draft"
    raised = await operator.ask("POST", f"{path}/budget", {"by_minor": 1_000})
    assert raised["data"]["remaining_minor"] == 7_000
    await operator.ask("POST", f"{path}/codes", {"count": 3})
    codes = await operator.ask("GET", f"{path}/codes.csv")
    assert codes.splitlines()[0] == "code,single_use,used"
    assert len(codes.splitlines()) == 5
    await operator.ask("POST", f"{path}/pause")
    await operator.ask("POST", f"{path}/end")
    illegal = await operator.ask("POST", f"{path}/activate", status=409)
    assert illegal["errors"][0]["code"] == "promotion.illegal_move"
    shown = (await operator.ask("GET", path))["data"]
    assert (shown["promotion"]["status"], shown["spent"], shown["reserved"]) == ("ended", 0, 0)


async def test_lists_and_files(operator: Web) -> None:
    for name in ("Beta", "Alpha"):
        body = {**DRAFT, "terms": {**TERMS, "name_en": name}}
        await operator.ask("POST", "/v4/promotions", body, status=201)
    found = await operator.ask("GET", "/v4/promotions?sort=name&status=draft")
    assert [one["terms"]["name_en"] for one in found["data"]] == ["Alpha", "Beta"]
    found = await operator.ask("GET", "/v4/promotions?q=alp")
    assert [one["terms"]["name_en"] for one in found["data"]] == ["Alpha"]
    file = await operator.ask("GET", "/v4/promotions.csv?sort=name")
    assert [row.split(",")[1] for row in file.splitlines()] == ["terms_name_en", "Alpha", "Beta"]


async def test_a_merchants_own(
    client: Any, callers: Callers, operator: Web, customer: Web, standing_town: Any, ids: Ids
) -> None:
    own = "promotion:*:own"
    grill = Web(client, callers.token("merchant", own, location_id=standing_town.grill.id))
    rival = Web(client, callers.token("merchant", own, location_id=ids()))
    nobody = Web(client, callers.token("merchant", own))
    body = {**DRAFT, "terms": {**TERMS, "automatic": True}}
    await nobody.ask("POST", "/v4/promotions", body, status=403)
    await rival.ask("POST", "/v4/promotions", body, status=404)
    ours = (await operator.ask("POST", "/v4/promotions", body, status=201))["data"]
    drafted = (await grill.ask("POST", "/v4/promotions", body, status=201))["data"]
    assert drafted["terms"]["merchants"] == [
        {"merchant_id": str(standing_town.grill.id), "merchant_bp": 10_000}
    ]
    await grill.ask("POST", f"/v4/promotions/{drafted['id']}/activate")
    await rival.ask("GET", f"/v4/promotions/{drafted['id']}", status=404)
    await grill.ask("POST", f"/v4/promotions/{ours['id']}/end", status=404)
    listed = await grill.ask("GET", "/v4/promotions")
    assert [one["id"] for one in listed["data"]] == [drafted["id"]]

    mine = f"/v4/promotions/mine?merchant_id={standing_town.grill.id}"
    (usable,) = (await customer.ask("GET", mine))["data"]
    assert usable["id"] == drafted["id"]
    assert "merchants" not in usable
    await customer.ask("GET", f"/v4/promotions/mine?merchant_id={UUID(int=5)}", status=404)


async def test_terms_that_do_not_go_together(operator: Web) -> None:
    for terms, field in (
        ({**TERMS, "value": 0}, "percent"),
        ({**TERMS, "kind": "fixed", "value": 0}, "amount"),
        ({**TERMS, "until_at": "2026-10-01T00:00:00Z"}, "until_at"),
    ):
        answer = await operator.ask("POST", "/v4/promotions", {**DRAFT, "terms": terms}, status=422)
        assert answer["errors"][0]["code"] == "promotion.terms_invalid"
        assert field in answer["errors"][0]["message"]


async def test_reviews_are_for_operations(
    client: Any, callers: Callers, operator: Web, database: Database, standing_town: Any
) -> None:
    body = {**DRAFT, "terms": {**TERMS, "automatic": True}}
    promotion = (await operator.ask("POST", "/v4/promotions", body, status=201))["data"]
    customer = Web(client, callers.token("customer", "order:create"))
    quote = (await customer.ask("POST", "/v4/quotes", wanting(standing_town), status=201))["data"]
    await database.pool.execute(
        """
        insert into pricing.review (id, tenant_id, promotion_id, customer_id, quote_id, signals,
            refused, at, verdict)
        values ($1, $2, $3, $1, $4, '{device}', true, now(), 'open')
        """,
        UUID(int=9),
        TENANT,
        UUID(promotion["id"]),
        UUID(quote["id"]),
    )
    (listed,) = (await operator.ask("GET", "/v4/promotion-reviews?verdict=open"))["data"]
    assert (listed["signals"], listed["refused"]) == (["device"], True)
    path = f"/v4/promotion-reviews/{listed['id']}"
    judged = await operator.ask("PUT", path, {"verdict": "cleared"})
    assert judged["data"]["verdict"] == "cleared"
    assert (await operator.ask("GET", "/v4/promotion-reviews?verdict=open"))["data"] == []
    merchant = Web(
        client,
        callers.token("merchant", "promotion:*:own", location_id=standing_town.grill.id),
    )
    assert (await merchant.ask("GET", "/v4/promotion-reviews"))["data"] == []
    await merchant.ask("PUT", path, {"verdict": "upheld"}, status=403)
