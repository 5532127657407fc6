"""Payouts over HTTP: one's own, and for who runs them."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from conftest import CITY, Callers, Serve
from payments.payout_world import (
    COURIER,
    EASY,
    GRILL,
    MERCHANT,
    RIDER,
    Counter,
    found,
    open_counter,
)
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments.public import AccountKind
from tawsil.payments.routes import payout_desk, payouts

TO = {"provider": "direct", "token": "bank_ok", "label": "Bank ••42"}


class Desk:
    """The routes, and somebody of each role."""

    def __init__(self, client: httpx.AsyncClient, callers: Callers) -> None:
        self._client = client
        own = ("payment:read:own", "payment:withdraw:own")
        self.tokens = {
            "merchant": callers.token("merchant", *own, location_id=MERCHANT),
            "courier": callers.token("delivery_partner", *own, user_id=COURIER),
            "stranger": callers.token("merchant", *own, location_id=UUID(int=77)),
            "admin": callers.token("admin", "payment:*"),
            "other admin": callers.token("admin", "payment:*"),
        }

    async def ask(self, who: str, method: str, path: str, key: str = "", **body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[who]}"}
        if key:
            headers["Idempotency-Key"] = key
        json = body if method != "GET" else None
        return await self._client.request(method, f"/v4{path}", headers=headers, json=json)


@pytest.fixture
async def counter(database: Database, clock: VirtualClock, jobs: HeldJobs) -> Counter:
    await found(database)
    opened = open_counter(database, clock, jobs)
    await opened.plan(AccountKind.MERCHANT, EASY)
    return opened


@pytest.fixture
async def desk(counter: Counter, serve: Serve, callers: Callers) -> Desk:  # noqa: ARG001 - the city is there first
    client = await serve([*payouts.routes, *payout_desk.routes])
    return Desk(client, callers)


async def test_a_merchant_says_where_to_and_withdraws(desk: Desk, counter: Counter):
    assert (await desk.ask("merchant", "GET", "/payouts/account")).status_code == 404
    answer = await desk.ask("merchant", "PUT", "/payouts/account/destination", **TO)
    assert answer.status_code == 200
    assert "bank_ok" not in answer.text
    await counter.work()
    await counter.earn(GRILL, 100_000)

    shown = (await desk.ask("merchant", "GET", "/payouts/account")).json()["data"]
    assert shown["payable_minor"] == 100_000
    assert shown["account"]["next_payout_at"] == "2026-11-21T03:00:00Z"
    assert shown["account"]["destination"]["verified"]

    quote = await desk.ask("merchant", "GET", "/payouts/instant/quote?amount_minor=50000")
    quoted = quote.json()["data"]
    assert (quoted["fee_minor"], quoted["arrives_minor"]) == (500, 49_500)
    made = [
        await desk.ask("merchant", "POST", "/payouts/instant", key="once", amount_minor=50_000)
        for _ in range(2)
    ]
    assert [one.status_code for one in made] == [201, 201]
    assert made[0].content == made[1].content
    assert await counter.balance(GRILL) == 50_000

    payout = made[0].json()["data"]
    assert (payout["amount_minor"], payout["destination"]) == (49_500, "Bank ••42")
    listed = (await desk.ask("merchant", "GET", "/payouts?cause=instant")).json()
    assert [one["id"] for one in listed["data"]] == [payout["id"]]
    assert (await desk.ask("merchant", "GET", "/payouts?state=failed")).json()["data"] == []
    path = f"/payouts/{payout['id']}"
    assert (await desk.ask("merchant", "GET", path)).json()["data"] == payout
    assert (await desk.ask("stranger", "GET", path)).status_code == 404
    assert (await desk.ask("stranger", "GET", "/payouts")).json()["data"] == []
    assert payout["id"] in (await desk.ask("merchant", "GET", "/payouts.csv")).text
    assert payout["id"] not in (await desk.ask("stranger", "GET", "/payouts.csv")).text


async def test_a_refusal_says_what_to_do(desk: Desk):
    answer = await desk.ask("courier", "POST", "/payouts/instant", amount_minor=1)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (
        409,
        "payout.destination_missing",
    )
    number = {**TO, "token": "bank_1234567890"}
    answer = await desk.ask("courier", "PUT", "/payouts/account/destination", **number)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "payout.token_invalid")
    assert "1234567890" not in answer.text


async def test_a_run_is_approved_by_another(desk: Desk, counter: Counter):
    await counter.bank_with(GRILL)
    await counter.earn(GRILL, 5_000)
    asked = {"city_id": str(CITY), "owner_kind": "merchant"}
    plan = {"hold_days": 0, "minimum_minor": 1, "approve_above_minor": 100}
    assert (await desk.ask("admin", "PUT", "/payout-plans", **asked, plan=plan)).status_code == 200
    plans = (await desk.ask("admin", "GET", f"/payout-plans?city_id={CITY}")).json()["data"]
    assert (plans["merchant"]["approve_above_minor"], plans["courier"]["hold_days"]) == (100, 1)
    assert (await desk.ask("merchant", "POST", "/payout-runs", **asked)).status_code == 403

    started = await desk.ask("admin", "POST", "/payout-runs", **asked)
    assert started.status_code == 201
    run = started.json()["data"]
    assert (run["state"], run["total_minor"]) == ("awaiting_approval", 5_000)
    path = f"/payout-runs/{run['id']}"
    refused = await desk.ask("admin", "POST", f"{path}/approve")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "payout.four_eyes")
    assert (await desk.ask("other admin", "POST", f"{path}/approve")).status_code == 200
    assert (await desk.ask("admin", "GET", path)).json()["data"]["state"] == "approved"
    await counter.after(hours=1)
    (payout,) = (await desk.ask("admin", "GET", f"/payouts?run_id={run['id']}")).json()["data"]
    assert payout["state"] == "paid"
    retry = await desk.ask("admin", "POST", f"/payouts/{payout['id']}/retry")
    assert (retry.status_code, retry.json()["errors"][0]["code"]) == (409, "payout.not_over")


async def test_staff_block_and_unblock(desk: Desk, counter: Counter):
    await counter.bank_with(RIDER)
    found = await desk.ask("admin", "GET", "/payout-accounts?owner_kind=courier")
    (account,) = found.json()["data"]
    path = f"/payout-accounts/{account['id']}"
    blocked = (await desk.ask("admin", "POST", f"{path}/block")).json()["data"]
    assert (blocked["blocked_because"], blocked["next_payout_at"]) == ("operator", None)
    refused = await desk.ask("courier", "GET", "/payouts/instant/quote")
    assert refused.json()["errors"][0]["code"] == "payout.blocked"
    changed = {**TO, "token": "bank_at_once"}
    await desk.ask("courier", "PUT", "/payouts/account/destination", **changed)
    listed = await desk.ask("admin", "GET", "/payout-accounts?blocked=true")
    assert len(listed.json()["data"]) == 1  # who is blocked by people cannot lift it so
    unblocked = (await desk.ask("admin", "POST", f"{path}/unblock")).json()["data"]
    assert unblocked["blocked_because"] is None
    weekly = {"every": "week", "weekday": 0}
    own = (await desk.ask("admin", "PUT", f"{path}/plan", plan=weekly)).json()["data"]
    assert (own["own_plan"], own["next_payout_at"]) == (True, "2026-11-23T03:00:00Z")
