"""While couriers are short, quotes say so: longer, dearer, not so far; and then as before."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import Accepted, By
from tawsil.pricing import public as pricing
from tawsil.pricing.model import conditions as model
from tawsil.pricing.model.conditions import CALM, Conditions, Pressure, Terms
from tawsil.pricing.routes import routes

TENANT = UUID("01900000-0000-7000-8000-000000000001")
CITY = UUID("01900000-0000-7000-8000-000000000002")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TERMS = st.builds(
    Terms,
    extra_wait_s=st.integers(0, 7_200),
    surge_bp=st.integers(0, 30_000),
    reach_m=st.none() | st.integers(500, 100_000),
)
USUAL = Conditions(id=CITY, tenant_id=TENANT, since_at=NOON)


@given(TERMS, st.lists(st.tuples(st.sampled_from(list(Pressure)), TERMS), max_size=5))
def test_what_is_held_stays_until_let_go(terms: Terms, felt: list[tuple[Pressure, Terms]]) -> None:
    now = model.hold(USUAL, terms=terms, until=None, reason="rain", now=NOON)
    assert isinstance(now, Accepted)
    for pressure, other in felt:
        moved = model.feel(now.state, pressure=pressure, terms=other, now=NOON)
        assert isinstance(moved, Accepted)
        assert moved.state.terms == terms
        assert not moved.events
    free = model.let_go(now.state, now=NOON)
    assert isinstance(free, Accepted)
    assert free.state.terms == CALM
    assert free.state.deadline is None


@pytest.fixture
async def client(serve: Any, standing_town: Any) -> Any:
    del standing_town
    return await serve(routes)


@pytest.fixture
def operator(callers: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {callers.token('admin', 'zone:update')}"}


@pytest.fixture
def customer(callers: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {callers.token('customer', 'order:create')}"}


@pytest.fixture
def body(standing_town: Any) -> dict[str, Any]:
    return {
        "merchant_id": str(standing_town.grill.id),
        "lines": [{"product_id": str(standing_town.pizza.id), "quantity": 1}],
        "dropoff": {"latitude": 24.121, "longitude": 53.101, "address": "Corniche 12"},
    }


async def test_a_surcharge_shows_in_the_quote_and_goes_with_the_terms(
    client: Any, operator: dict[str, str], customer: dict[str, str], body: dict[str, Any]
) -> None:
    before = (await client.post("/v4/quotes", json=body, headers=customer)).json()["data"]
    held = {"terms": {"extra_wait_s": 900, "surge_bp": 5_000}, "reason": "half the fleet is off"}
    answer = await client.put(f"/v4/cities/{CITY}/conditions", json=held, headers=operator)
    assert answer.status_code == 200, answer.text
    during = (await client.post("/v4/quotes", json=body, headers=customer)).json()["data"]
    fee = before["breakdown"]["delivery_fee_minor"]
    assert during["surge_minor"] == fee // 2
    assert during["breakdown"]["delivery_fee_minor"] == fee + fee // 2
    assert during["extra_wait_s"] == 900
    seen = (await client.get(f"/v4/cities/{CITY}/conditions", headers=customer)).json()["data"]
    assert (seen["held"], seen["terms"]["surge_bp"]) == (True, 5_000)
    freed = await client.delete(f"/v4/cities/{CITY}/conditions", headers=operator)
    assert freed.json()["data"]["held"] is False
    after = (await client.post("/v4/quotes", json=body, headers=customer)).json()["data"]
    assert after["breakdown"] == before["breakdown"]


async def test_far_addresses_are_refused_while_paused(
    client: Any, operator: dict[str, str], customer: dict[str, str], body: dict[str, Any]
) -> None:
    far = {**body, "dropoff": {"latitude": 24.14, "longitude": 53.1, "address": "Far 1"}}
    assert (await client.post("/v4/quotes", json=far, headers=customer)).status_code == 201
    held = {"terms": {"reach_m": 1_000}, "reason": "flooded"}
    await client.put(f"/v4/cities/{CITY}/conditions", json=held, headers=operator)
    answer = await client.post("/v4/quotes", json=far, headers=customer)
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["code"] == "quote.too_far_for_now"
    assert (await client.post("/v4/quotes", json=body, headers=customer)).status_code == 201


async def test_customers_may_look_but_not_hold(client: Any, customer: dict[str, str]) -> None:
    seen = await client.get(f"/v4/cities/{CITY}/conditions", headers=customer)
    assert seen.json()["data"]["pressure"] == "calm"
    held = {"terms": {"surge_bp": 100}, "reason": "mine"}
    answer = await client.put(f"/v4/cities/{CITY}/conditions", json=held, headers=customer)
    assert answer.status_code == 403


async def test_a_time_that_is_over_is_no_end(client: Any, operator: dict[str, str]) -> None:
    held = {"terms": {"surge_bp": 100}, "reason": "rain", "until": "2020-01-01T00:00:00Z"}
    answer = await client.put(f"/v4/cities/{CITY}/conditions", json=held, headers=operator)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "conditions.until_in_the_past"


async def test_what_is_held_until_an_instant_is_let_go_by_the_clock(
    database: Database, clock: VirtualClock, by: By
) -> None:
    until = clock() + timedelta(minutes=30)
    async with database.transaction() as tx:
        hold = pricing.HoldConditions(
            by=by, city_id=CITY, terms=Terms(surge_bp=1_000), until=until, reason="rain"
        )
        await pricing.hold_conditions(tx, [hold])
    clock.set(until)
    await Deadlines({"conditions": pricing.on_due_conditions}).fire(database)
    async with database.transaction() as tx:
        now = (await pricing.conditions(tx, city_ids=[CITY]))[CITY]
        assert await tx.value("select count(*) from kernel.deadline") == 0
    assert (now.held, now.terms) == (False, CALM)
