from typing import Any

import pytest

from tawsil.pricing.routes import routes


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def client(serve: Any, standing_town: Any) -> Any:
    del standing_town
    return await serve(routes)


@pytest.fixture
def customer(callers: Any) -> dict[str, str]:
    return bearer(callers.token("customer", "order:create"))


@pytest.fixture
def body(standing_town: Any) -> dict[str, Any]:
    return {
        "merchant_id": str(standing_town.grill.id),
        "lines": [{"product_id": str(standing_town.pizza.id), "quantity": 1}],
        "dropoff": {"latitude": 24.121, "longitude": 53.101, "address": "Corniche 12"},
        "tip_minor": 250,
    }


async def test_a_customer_asks_and_looks_again(
    client: Any, customer: dict[str, str], body: dict[str, Any]
) -> None:
    answer = await client.post("/v4/quotes", json=body, headers=customer)
    assert answer.status_code == 201
    quote = answer.json()["data"]
    breakdown = quote["breakdown"]
    total = breakdown.pop("total_minor")
    assert breakdown.pop("delivery_tax_minor") == 25, "5 % of 5.00, and of the tax"
    assert total == sum(part for name, part in breakdown.items() if name.endswith("_minor"))
    assert breakdown["small_order_fee_minor"] == 300
    assert quote["lines"][0]["name_ar"] == "بيتزا"
    shown = await client.get(f"/v4/quotes/{quote['id']}", headers=customer)
    assert shown.json()["data"] == answer.json()["data"]
    assert "shares" not in shown.json()["data"], "who earns what is nothing to the customer"


async def test_the_same_key_answers_the_same_quote(
    client: Any, customer: dict[str, str], body: dict[str, Any]
) -> None:
    headers = {**customer, "Idempotency-Key": "one"}
    first = await client.post("/v4/quotes", json=body, headers=headers)
    second = await client.post("/v4/quotes", json=body, headers=headers)
    assert second.content == first.content
    assert second.headers["Idempotent-Replayed"] == "true"


async def test_somebody_elses_quote_is_not_found(
    client: Any, customer: dict[str, str], body: dict[str, Any], callers: Any
) -> None:
    quote = (await client.post("/v4/quotes", json=body, headers=customer)).json()["data"]
    other = bearer(callers.token("customer", "order:create"))
    path = f"/v4/quotes/{quote['id']}"
    assert (await client.get(path, headers=other)).status_code == 404
    assert (await client.get(path)).status_code == 401
    courier = bearer(callers.token("delivery_partner", "courier:read:own"))
    assert (await client.post("/v4/quotes", json=body, headers=courier)).status_code == 403


async def test_a_refusal_is_a_sentence_in_the_callers_language(
    client: Any, customer: dict[str, str], body: dict[str, Any]
) -> None:
    body["dropoff"]["latitude"] = 25.0
    headers = {**customer, "Accept-Language": "ar"}
    answer = await client.post("/v4/quotes", json=body, headers=headers)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["code"] == "quote.too_far"
    assert error["detail"]["limit_m"] == 5_000
    assert "5.0 كم" in error["message"]


@pytest.mark.parametrize(
    "change",
    [
        {"lines": []},
        {"tip_minor": -1},
        {"merchant_id": "me"},
        {"discount_minor": 1},
        {"dropoff": {"latitude": 91, "longitude": 0, "address": "x"}},
        {"dropoff": {"latitude": 24, "longitude": 53, "address": ""}},
        {"dropoff": {"latitude": 24, "longitude": 53, "address": "a\0b"}},
    ],
)
async def test_what_makes_no_sense_is_refused(
    client: Any, customer: dict[str, str], body: dict[str, Any], change: dict[str, Any]
) -> None:
    answer = await client.post("/v4/quotes", json={**body, **change}, headers=customer)
    assert answer.status_code == 400


async def test_a_tip_is_an_amount_or_a_part_of_the_subtotal(
    client: Any, customer: dict[str, str], body: dict[str, Any]
) -> None:
    by_part = {**body, "tip_minor": 0, "tip_bp": 1_250}
    quote = (await client.post("/v4/quotes", json=by_part, headers=customer)).json()["data"]
    assert quote["breakdown"]["tip_minor"] == 313  # 12.5 % of 25.00
    assert quote["suggested_tips"][1] == {"tip_bp": 1_000, "tip_minor": 250}
    both = await client.post("/v4/quotes", json={**body, "tip_bp": 500}, headers=customer)
    assert both.status_code == 422
    assert both.json()["errors"][0]["code"] == "quote.tip_twice"


async def test_an_estimate_says_what_a_quote_will(
    client: Any, customer: dict[str, str], body: dict[str, Any]
) -> None:
    quote = (await client.post("/v4/quotes", json=body, headers=customer)).json()["data"]
    asked = f"merchant_ids={body['merchant_id']}&latitude=24.121&longitude=53.101"
    nobody = "01900000-0000-7000-8000-00000000dead"
    answer = await client.get(f"/v4/delivery-estimates?{asked}&merchant_ids={nobody}")
    (estimate,) = answer.json()["data"]
    assert estimate["delivers"]
    assert estimate["delivery_fee_minor"] == quote["breakdown"]["delivery_fee_minor"]
    assert estimate["distance_m"] == quote["distance_m"]
    assert estimate["usual_s"] > quote["prep_time_s"]
    assert estimate["latest_s"] >= estimate["usual_s"] + 300


async def test_an_estimate_says_why_nothing_goes_there(client: Any, body: dict[str, Any]) -> None:
    asked = f"merchant_ids={body['merchant_id']}&latitude=25&longitude=53.101"
    for locale, word in (("en", "5.0 km"), ("ar", "5.0")):
        headers = {"Accept-Language": locale}
        answer = await client.get(f"/v4/delivery-estimates?{asked}", headers=headers)
        (estimate,) = answer.json()["data"]
        assert (estimate["delivers"], estimate["refused"]) == (False, "quote.too_far")
        assert word in estimate["because"]
    assert (await client.get("/v4/delivery-estimates?latitude=1&longitude=1")).status_code == 400
