"""What a customer gets back of one order pays for the next; and a courier's tip comes later."""

from typing import Any

import pytest

from walk.conftest import Walk, position
from walk.small_city import COURIER, DOOR, KITCHEN, MERCHANT

pytestmark = pytest.mark.xdist_group("walk")


async def test_an_item_back_as_credit_pays_for_the_next_order(walk: Walk) -> None:
    await walk.on_duty(KITCHEN)
    path = await walk.place()
    await walk.carried(path)
    await walk.do("courier", f"{path}/deliver")
    await walk.becomes(path, payment="settled")
    points = await walk.until("points were earned", lambda: _points(walk))

    # One of the two shawarmas was not in the bag.
    asked = await walk.do(
        "customer",
        f"{path}/refunds",
        reason="missing_item",
        items=[{"position": 0, "quantity": 1}],
        paid_to="credit",
    )
    if asked["state"] == "requested":  # dearer than what is given back at once
        await walk.do("operator", f"/v4/refunds/{asked['id']}/approve")

    async def done() -> Any:
        (refund,) = (await walk.order(path))["refunds"]
        return refund if refund["state"] == "done" else None

    refund = await walk.until("the refund is done", done)
    order = await walk.order(path)
    assert order["status"] == "DELIVERED"
    assert refund["amount_minor"] < order["total_minor"]
    (mine,) = await walk.get("merchant", "/v4/refunds?reason=missing_item")
    assert mine["merchant_minor"] > 0

    # The courier is tipped afterwards, by card.
    tip = await walk.do("customer", f"{path}/tip", amount_minor=400, card_token="pm_card_visa")
    assert tip["state"] == "asked"

    async def paid() -> bool:
        return [tip["state"] for tip in (await walk.order(path))["tips"]] == ["paid"]

    await walk.until("the tip is paid", paid)

    # What came back pays a part of the next order, as do the points that are left.
    menu = await walk.get("customer", f"/v4/merchants/{MERCHANT}/menu")
    shawarma = menu["categories"][0]["products"][0]
    quote = await walk.do(
        "customer",
        "/v4/quotes",
        merchant_id=str(MERCHANT),
        lines=[{"product_id": shawarma["id"], "quantity": 2}],
        dropoff={**position(DOOR), "address": "12 Palm Street"},
        use_credit=True,
        use_points="all",
    )
    assert quote["credit_minor"] == refund["amount_minor"]
    assert 0 < quote["points_minor"] <= points
    total_minor = quote["breakdown"]["total_minor"]
    assert quote["due_minor"] == total_minor - quote["credit_minor"] - quote["points_minor"]
    placed = await walk.do(
        "customer",
        "/v4/orders",
        quote_id=quote["id"],
        payment_method="card",
        card_token="pm_card_visa",
    )
    again = f"/v4/orders/{placed['id']}"
    await walk.on_duty(KITCHEN)
    await walk.carried(again)
    await walk.do("courier", f"{again}/deliver")
    await walk.becomes(again, payment="settled")
    assert (await walk.get("operator", f"/v4/drivers/{COURIER}"))["availability"] == "AVAILABLE"
    await walk.do("courier", f"/v4/drivers/{COURIER}/availability/end-shift")
    out_of_balance = await walk.database.pool.fetch(
        """
        select reference_id from payments.entry
        where not pending group by reference_id, currency having sum(amount_minor) <> 0
        """
    )
    assert out_of_balance == []


async def _points(walk: Walk) -> int:
    found = (await walk.get("customer", "/v4/loyalty"))["points"]
    return found[0]["available_minor"] if found else 0
