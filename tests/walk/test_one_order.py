"""One order, from cart to settled, over real HTTP and a real database. See docs/one-order.md."""

import asyncio
import json
from typing import Any

import pytest
from httpx_sse import aconnect_sse

from walk.conftest import Walk, position
from walk.small_city import COURIER, DOOR, KITCHEN, MERCHANT, PEOPLE

pytestmark = pytest.mark.xdist_group("walk")


async def test_one_order_from_cart_to_settled(walk: Walk) -> None:
    listening = asyncio.Event()
    heard = asyncio.create_task(_listen(walk, until="DELIVERED", listening=listening))
    await listening.wait()

    # The courier is on duty and seen near the kitchen.
    courier_home = f"/v4/drivers/{COURIER}"
    await walk.do("courier", f"{courier_home}/availability/start-shift")
    await walk.seen_at(KITCHEN)

    # The customer finds a kitchen, fills a cart and is shown every fee before ordering.
    (merchant,) = await walk.get("customer", "/v4/merchants?q=shawarma")
    assert merchant["id"] == str(MERCHANT)
    menu = await walk.get("customer", f"/v4/merchants/{MERCHANT}/menu")
    shawarma = menu["categories"][0]["products"][0]
    lines = [{"product_id": shawarma["id"], "quantity": 2}]
    cart = await walk.as_("customer", "PUT", "/v4/cart", merchant_id=str(MERCHANT), lines=lines)
    assert cart.status_code == 200
    quote = await walk.do(
        "customer",
        "/v4/quotes",
        merchant_id=str(MERCHANT),
        lines=lines,
        dropoff={**position(DOOR), "address": "12 Palm Street", "instructions": "Ring twice"},
        tip_minor=500,
    )

    # Placing it twice with the same key places it once.
    order_body = {"quote_id": quote["id"], "payment_method": "card", "card_token": "pm_card_visa"}
    first, again = [
        await walk.as_("customer", "POST", "/v4/orders", key="dinner", **order_body)
        for _ in range(2)
    ]
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["Idempotent-Replayed"] == "true"
    order = first.json()["data"]
    path = f"/v4/orders/{order['id']}"
    assert order["status"] == "PENDING"
    for field in ("total_minor", "taxes", "tax_included", "delivery_fee_parts"):
        assert order[field] == quote["breakdown"][field]

    # The merchant sees it once the money is safe, takes it, and cooks.
    await walk.until("the merchant sees the order", lambda: _seen_by_merchant(walk, order["id"]))
    accepted = await walk.do("merchant", f"{path}/accept", prep_time_minutes=1)
    assert accepted["status"] == "ACCEPTED"
    assert accepted["estimated_delivery_at"] > accepted["ready_at"]

    # A courier is found, sees what it pays, and accepts within thirty seconds.
    offer = await walk.until("an offer", walk.pending_offer)
    await walk.do("courier", f"{courier_home}/offers/{offer['id']}/accept")
    await walk.becomes(path, courier_id=str(COURIER))

    # Cooked, collected, carried: the courier's positions say where the food is.
    assert (await walk.do("merchant", f"{path}/steps/ready"))["status"] == "READY_FOR_PICKUP"
    assert (await walk.do("courier", f"{path}/steps/pick-up"))["status"] == "PICKED_UP"
    await walk.seen_at(DOOR)

    # The right PIN proves the handover; a wrong one changes nothing.
    pin = (await walk.get("customer", path))["handover_pin"]
    wrong = await walk.as_(
        "courier", "POST", f"{path}/deliver", pin=f"{(int(pin) + 1) % 10_000:04}"
    )
    assert wrong.status_code == 422
    assert "PIN" in wrong.json()["errors"][0]["message"]
    assert (await walk.do("courier", f"{path}/deliver", pin=pin))["status"] == "DELIVERED"

    # The money reaches everybody: what was quoted is what was charged is what was shared out.
    settled = await walk.becomes(path, payment="settled")
    assert settled["next_deadline"] is None
    shares = await walk.database.pool.fetchrow(
        'select merchant_minor, courier_minor from ordering."order" where number = $1',
        order["number"],
    )
    for who, share in (("merchant", "merchant_minor"), ("courier", "courier_minor")):
        account = await walk.get(who, "/v4/accounts/me")
        earned = [line for line in account["lines"] if line["reference_id"] == order["id"]]
        assert [line["amount_minor"] for line in earned] == [shares[share]]
        assert shares[share] > 0
    sums = await walk.database.pool.fetch(
        "select currency, sum(amount_minor) as total from payments.entry group by currency"
    )
    assert [(row["currency"], row["total"]) for row in sums] == [("AED", 0)]

    # Its whole story stands in the log, and the customer's page heard it live.
    story = [entry["type"] for entry in await walk.get("operator", f"{path}/timeline")]
    assert [kind for kind in story if kind.startswith("order.")] == [
        "order.placed.v1",
        "order.offered.v1",
        "order.accepted.v1",
        "order.courier_assigned.v1",
        "order.preparation_started.v1",
        "order.ready.v1",
        "order.picked_up.v1",
        "order.departed.v1",
        "order.delivered.v1",
        "order.settled.v1",
    ]
    assert {"payment.authorised.v1", "payment.captured.v1", "delivery.done.v1"} <= set(story)
    messages = await asyncio.wait_for(heard, 10)
    statuses = [m["status"] for name, m in messages if name == "order_status_updated"]
    assert statuses[0] == "PENDING"
    assert statuses[-1] == "DELIVERED"
    assert any(name == "delivery_eta_updated" for name, _ in messages)


async def _listen(walk: Walk, *, until: str, listening: asyncio.Event) -> list[tuple[str, Any]]:
    """What the customer's live stream says, up to a status."""
    token = (
        await walk.client.post(
            "/v4/auth/login",
            json={"email": PEOPLE["customer"].email, "password": "open sesame please"},
        )
    ).json()["data"]["access_token"]
    messages: list[tuple[str, Any]] = []
    async with aconnect_sse(
        walk.client, "GET", "/v4/live", headers={"Authorization": f"Bearer {token}"}
    ) as stream:
        listening.set()
        async for message in stream.aiter_sse():
            data = json.loads(message.data or "{}")
            messages.append((message.event, data))
            if data.get("status") == until:
                return messages
    return messages


async def _seen_by_merchant(walk: Walk, order_id: str) -> bool:
    orders = await walk.get("merchant", "/v4/orders?live=true")
    return any(o["id"] == order_id and o["payment"] == "safe" for o in orders)
