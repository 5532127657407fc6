"""The sandbox for Stripe, as the documentation says of the API: asked by the SDK and past it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from litestar.testing import AsyncTestClient

from tawsil.kernel.clock import VirtualClock
from tawsil.simulation.stripe import balances, forms
from tawsil.simulation.stripe.server import Settings, create_app

KEY = "sk_test_key"
PAID = {
    "amount": "1000",
    "currency": "qar",
    "payment_method": "pm_card_visa",
    "confirm": "true",
}


def sandbox(clock: VirtualClock, state: Path | None = None, seed: int = 1) -> Any:
    settings = Settings(api_key=KEY, state=state, search_lag_s=0)
    app = create_app(settings, now=clock, rng=Random(seed))
    return AsyncTestClient(app, base_url="http://sandbox.local")


@pytest.fixture
async def client(clock: VirtualClock) -> AsyncIterator[Any]:
    async with sandbox(clock) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        yield client


async def keyed(client: Any, path: str, key: str, body: dict[str, str]) -> httpx.Response:
    return await client.post(f"/v1/{path}", data=body, headers={"Idempotency-Key": key})


async def test_a_key_replays_status_body_and_errors_for_a_day(
    client: Any, clock: VirtualClock
) -> None:
    for body in (PAID, {**PAID, "payment_method": "pm_card_chargeDeclined"}):
        key = body["payment_method"]
        first = await keyed(client, "payment_intents", key, body)
        again = await keyed(client, "payment_intents", key, body)
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert again.headers["Idempotent-Replayed"] == "true"
        other = await keyed(client, "payment_intents", key, {**body, "amount": "999"})
        assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    clock.advance(timedelta(hours=24, seconds=1))
    anew = await keyed(client, "payment_intents", "pm_card_visa", PAID)
    assert "Idempotent-Replayed" not in anew.headers


async def test_what_fails_before_anything_is_done_leaves_the_key_free(client: Any) -> None:
    wrong = {**PAID, "amount": "ten"}
    refused = await keyed(client, "payment_intents", "k", wrong)
    assert refused.json()["error"]["code"] == "parameter_invalid_integer"
    assert refused.json()["error"]["param"] == "amount"
    assert (await keyed(client, "payment_intents", "k", PAID)).status_code == 200


async def test_errors_have_stripes_shape(client: Any) -> None:
    declined = await client.post(
        "/v1/payment_intents", data={**PAID, "payment_method": "pm_card_chargeDeclinedLostCard"}
    )
    error = declined.json()["error"]
    assert declined.status_code == 402
    assert (error["type"], error["code"], error["decline_code"]) == (
        "card_error",
        "card_declined",
        "lost_card",
    )
    assert error["payment_intent"]["status"] == "requires_payment_method"
    missing = await client.get("/v1/payment_intents/pi_x")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "resource_missing")
    unknown = await client.post(
        "/v1/payment_intents", data={**PAID, "payment_method_types[]": "card"}
    )
    assert unknown.json()["error"]["code"] == "parameter_unknown"
    assert unknown.headers["Request-Id"].startswith("req_")
    stranger = await client.get("/v1/balance", headers={"Authorization": "Bearer sk_other"})
    assert stranger.status_code == 401


async def test_lists_go_on_after_the_last_seen_and_expand(client: Any) -> None:
    made = [(await client.post("/v1/payment_intents", data=PAID)).json()["id"] for _ in range(5)]
    seen: list[str] = []
    more = True
    while more:
        after = {"starting_after": seen[-1]} if seen else {}
        params = {"limit": 2, "expand[]": "data.latest_charge.balance_transaction", **after}
        page = (await client.get("/v1/payment_intents", params=params)).json()
        seen += [one["id"] for one in page["data"]]
        more = page["has_more"]
        fees = [one["latest_charge"]["balance_transaction"]["fee"] for one in page["data"]]
        assert set(fees) == {59}
    assert seen == made[::-1]


async def test_money_goes_through_connect_to_a_bank_and_back_when_it_fails(
    client: Any, clock: VirtualClock
) -> None:
    await client.post("/v1/payment_intents", data={**PAID, "amount": "10000"})
    for number, status in (("000123456789", "paid"), ("000111111116", "failed")):
        account = (await client.post("/v1/accounts", data={"type": "express"})).json()["id"]
        to = {"amount": "500", "currency": "qar", "destination": account}
        early = await client.post("/v1/transfers", data=to)
        assert early.json()["error"]["code"] == "insufficient_capabilities_for_transfer"
        bank = {"external_account[account_number]": number, "external_account[country]": "QA"}
        await client.post(f"/v1/accounts/{account}/external_accounts", data=bank)
        transfer = (await client.post("/v1/transfers", data=to)).json()
        on_behalf = {"Stripe-Account": account}
        pay = {"amount": "400", "currency": "qar"}
        payout = (await client.post("/v1/payouts", data=pay, headers=on_behalf)).json()
        assert payout["status"] == "pending"
        clock.advance(timedelta(seconds=31))
        path = f"/v1/payouts/{payout['id']}"
        assert (await client.get(path, headers=on_behalf)).json()["status"] == status
        assert (await client.get(path)).status_code == 404  # it is the account's, not ours
        (left,) = (await client.get("/v1/balance", headers=on_behalf)).json()["available"]
        assert left["amount"] == (100 if status == "paid" else 500)
        back = await client.post(
            f"/v1/transfers/{transfer['id']}/reversals", data={"amount": "100"}
        )
        assert back.status_code == 200
    too_much = await client.post("/v1/transfers", data={**to, "amount": "999999"})
    assert too_much.json()["error"]["code"] == "balance_insufficient"


async def test_the_journal_brings_everything_back(clock: VirtualClock, tmp_path: Path) -> None:
    state = tmp_path / "stripe.jsonl"
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "once"}
    async with sandbox(clock, state) as client:
        made = await client.post("/v1/payment_intents", data=PAID, headers=headers)
    state.write_bytes(state.read_bytes() + b'{"thing": {"torn')
    async with sandbox(clock, state, seed=2) as client:
        again = await client.post("/v1/payment_intents", data=PAID, headers=headers)
        balance = (await client.get("/v1/balance", headers=headers)).json()["available"]
    assert again.json() == made.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [one["amount"] for one in balance] == [1_000 - 59]


def test_forms_nest() -> None:
    text = "a=1&metadata[reference]=x&expand[]=one&expand[]=two&items[0][id]=7&items[1][id]=8"
    assert forms.parse(text) == {
        "a": "1",
        "metadata": {"reference": "x"},
        "expand": ["one", "two"],
        "items": [{"id": "7"}, {"id": "8"}],
    }


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [(1_234, "qar", "12.34"), (-5, "qar", "-0.05"), (1_234, "kwd", "1.234"), (70, "jpy", "70")],
)
def test_reports_write_major_units(minor: int, currency: str, shown: str) -> None:
    assert balances.major(minor, currency) == shown
