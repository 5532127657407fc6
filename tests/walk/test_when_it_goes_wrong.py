"""A declined card, a refused order, a cancelled one, an undeliverable one, over real HTTP.

Each ends in the right state, with the money right and a sentence that somebody can act on. What
takes half an hour, because nobody answers, is told under virtual time, in tests/simulation.
"""

from typing import Any

import pytest

from walk.conftest import Walk
from walk.small_city import COURIER, DOOR, KITCHEN

pytestmark = pytest.mark.xdist_group("walk")


async def test_a_declined_card_ends_the_order_before_the_merchant_hears_of_it(walk: Walk) -> None:
    path = await walk.place(card="pm_card_visa_chargeDeclinedInsufficientFunds")
    order = await walk.becomes(path, status="CANCELLED")
    assert order["ended_because"] == "payment_insufficient_funds"
    assert order["payment"] == "failed"
    assert order["next_deadline"] is None
    assert (await walk.as_("merchant", "POST", f"{path}/accept")).status_code == 409
    assert await _entries(walk, order) == []


async def test_a_refused_order_gives_the_money_back(walk: Walk) -> None:
    path = await walk.place()
    await walk.becomes(path, payment="safe")
    refused = await walk.do("merchant", f"{path}/cancel", reason="sold_out")
    assert (refused["status"], refused["ended_because"]) == ("CANCELLED", "sold_out")
    await _payment_becomes(walk, path, "voided")
    again = await walk.as_("merchant", "POST", f"{path}/accept")
    assert again.status_code == 409
    assert "CANCELLED" in again.json()["errors"][0]["message"]


async def test_a_customer_may_cancel_until_the_kitchen_has_begun(walk: Walk) -> None:
    path = await walk.place()
    await walk.becomes(path, payment="safe")
    await walk.do("merchant", f"{path}/accept", prep_time_minutes=30)
    await walk.do("merchant", f"{path}/steps/prepare")
    late = await walk.as_("customer", "POST", f"{path}/cancel", reason="changed_my_mind")
    assert late.status_code == 409
    assert "Support can help" in late.json()["errors"][0]["message"]
    cancelled = await walk.do("operator", f"{path}/cancel", reason="customer_asked_support")
    assert cancelled["status"] == "CANCELLED"
    await _payment_becomes(walk, path, "voided")
    story = [e["type"] for e in await walk.get("operator", f"{path}/timeline")]
    assert "delivery.withdrawn.v1" in story


async def test_an_undeliverable_order_goes_back_and_is_charged_to_whoever_was_absent(
    walk: Walk,
) -> None:
    await walk.on_duty(KITCHEN)
    path = await walk.place()
    await walk.carried(path)
    await walk.seen_at(DOOR)
    unknown = await walk.as_("courier", "POST", f"{path}/undeliverable", reason="bored")
    assert unknown.status_code == 422
    assert "customer_absent" in unknown.json()["errors"][0]["message"]
    failed = await walk.do("courier", f"{path}/undeliverable", reason="customer_absent")
    assert failed["status"] == "UNDELIVERABLE"
    assert failed["next_deadline"] == "return"
    returned = await walk.do("merchant", f"{path}/steps/return")
    assert returned["status"] == "RETURNED"
    order = await walk.becomes(path, payment="settled")
    assert sum(entry["amount_minor"] for entry in await _entries(walk, order)) == 0
    courier = await walk.get("operator", f"/v4/drivers/{COURIER}")
    assert courier["availability"] == "AVAILABLE"


async def test_food_that_we_spoiled_costs_the_customer_nothing_and_pays_the_rest(
    walk: Walk,
) -> None:
    await walk.on_duty(KITCHEN)
    path = await walk.place()
    await walk.carried(path)
    await walk.do("courier", f"{path}/undeliverable", reason="damaged")
    await walk.do("courier", f"{path}/steps/return")
    await _payment_becomes(walk, path, "voided")
    entries = await _entries(walk, await walk.order(path))
    by_kind = {entry["kind"]: entry["amount_minor"] for entry in entries}
    assert by_kind["merchant"] > 0
    assert by_kind["courier"] > 0
    assert by_kind["platform"] == -(by_kind["merchant"] + by_kind["courier"])


async def test_a_refund_gives_everything_back_and_nobody_else_earns_less(walk: Walk) -> None:
    await walk.on_duty(KITCHEN)
    path = await walk.place()
    await walk.carried(path)
    await walk.do("courier", f"{path}/deliver")
    await walk.becomes(path, payment="settled")
    before = {e["kind"]: e["amount_minor"] for e in await _entries(walk, await walk.order(path))}
    refunded = await walk.do("operator", f"{path}/refund", reason="cold_food")
    assert refunded["status"] == "REFUNDED"
    await _payment_becomes(walk, path, "refunded")
    after = await _entries(walk, await walk.order(path))
    assert sum(entry["amount_minor"] for entry in after) == 0
    for kind in ("merchant", "courier"):
        assert sum(e["amount_minor"] for e in after if e["kind"] == kind) == before[kind]
    assert sum(e["amount_minor"] for e in after if e["kind"] == "tax") == 0
    (refund,) = await walk.get("customer", f"{path}/refunds")
    assert (refund["state"], refund["scope"]) == ("done", "whole")


async def _payment_becomes(walk: Walk, path: str, state: str) -> None:
    reference = path.rsplit("/", 1)[-1]

    async def look() -> bool:
        return (await walk.get("operator", f"/v4/payments/{reference}"))["state"] == state

    await walk.until(f"the payment becomes {state}", look)


async def _entries(walk: Walk, order: Any) -> list[Any]:
    rows = await walk.database.pool.fetch(
        """
        select a.kind, e.amount_minor from payments.entry e
        join payments.account a on a.id = e.account_id where e.reference_id = $1
        """,
        order["id"],
    )
    return [dict(row) for row in rows]
