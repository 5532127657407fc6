"""Who sees and does what with whose order, over HTTP."""

import asyncio
from typing import Any

import httpx
import pytest
from msgspec import Struct

from ordering.conftest import Street
from tawsil.apps import wiring
from tawsil.kernel.db import Database
from tawsil.kernel.i18n import LOCALES
from tawsil.ordering import journey, routes
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting

CUSTOMER = ("order:create", "order:read:own", "order:cancel:own", "order:update:own")
ASSIGNED = ("order:read:assigned", "order:update:assigned")


class Scene(Struct):
    """One carried order, and tokens of those on it and of strangers."""

    client: httpx.AsyncClient
    street: Street
    order: Order
    tokens: dict[str, str]

    async def ask(
        self, who: str, method: str, path: str = "", *, locale: str = "en", **sent: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Accept-Language": locale}
        address = (
            path if path.startswith("/") else f"/v4/orders/{self.order.id}{path and '/'}{path}"
        )
        return await self.client.request(method, address, headers=headers, **sent)


@pytest.fixture
async def scene(serve: Any, database: Database, street: Street, callers: Any, ids: Any) -> Scene:
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.carried(tx)
    other = {"tenant_id": ids()}
    tokens = {
        "customer": callers.token("customer", *CUSTOMER, user_id=street.customer_id),
        "merchant": callers.token("merchant", *ASSIGNED, location_id=street.merchant_id),
        "courier": callers.token("delivery_partner", *ASSIGNED, user_id=street.courier_id),
        "support": callers.token("support_staff", "order:read", "order:update", "order:cancel"),
        "other customer": callers.token("customer", *CUSTOMER),
        "other merchant": callers.token("merchant", *ASSIGNED, location_id=ids()),
        "merchant of nothing": callers.token("merchant", *ASSIGNED),
        "other courier": callers.token("delivery_partner", *ASSIGNED),
        "other tenant's support": callers.token("support_staff", "order:*", **other),
        "the same customer elsewhere": callers.token(
            "customer", *CUSTOMER, user_id=street.customer_id, **other
        ),
        "the same merchant elsewhere": callers.token(
            "merchant", *ASSIGNED, location_id=street.merchant_id, **other
        ),
    }
    client = await serve(routes.routes, registry=wiring.REGISTRY)
    return Scene(client, street, order, tokens)


ON_IT = ("customer", "merchant", "courier", "support")
STEPS: tuple[tuple[str, str, Any], ...] = (
    ("POST", "accept", {}),
    ("POST", "ready-time", {"delta_minutes": 5}),
    ("POST", "steps/prepare", None),
    ("POST", "steps/pick-up", None),
    ("POST", "deliver", {}),
    ("POST", "cancel", {"reason": "x"}),
    ("POST", "undeliverable", {"reason": "damaged"}),
    ("POST", "dispute", {"reason": "x"}),
    ("PUT", "status", {"status": "PREPARING"}),
)


async def test_only_those_on_an_order_see_it_and_the_rest_cannot_tell_that_it_is(
    scene: Scene, ids: Any
) -> None:
    nowhere = (await scene.ask("support", "GET", f"/v4/orders/{ids()}")).json()["errors"]
    for who in scene.tokens:
        for path in ("", "timeline"):
            answer = await scene.ask(who, "GET", path)
            if who in ON_IT:
                assert answer.status_code == 200, (who, path)
            else:
                assert answer.status_code == 404, (who, path)
                assert answer.json()["errors"] == nowhere
        listed = await scene.ask(who, "GET", "/v4/orders")
        seen = [one["id"] for one in listed.json()["data"] or []]
        assert seen == ([str(scene.order.id)] if who in ON_IT else []), who
        if who in ON_IT:
            continue
        for method, path, body in STEPS:
            answer = await scene.ask(who, method, path, json=body)
            assert answer.status_code == 404, (who, path, answer.text)
            assert answer.json()["errors"] == nowhere, (who, path)
    after = (await scene.ask("support", "GET")).json()["data"]
    assert after["status"] == "ACCEPTED"


async def test_each_sees_what_it_needs_and_no_more(scene: Scene) -> None:
    seen = {who: (await scene.ask(who, "GET")).json()["data"] for who in ON_IT}
    assert seen["customer"]["handover_pin"] == scene.order.handover_pin
    assert [seen[who]["handover_pin"] for who in ("merchant", "courier", "support")] == [None] * 3
    assert seen["courier"]["destination"]["address"] == "Corniche 12"
    assert seen["merchant"]["destination"] is None
    for path in ("", "timeline", "/v4/orders"):
        said = (await scene.ask("merchant", "GET", path)).text
        assert "Corniche 12" not in said
        assert "Ring twice" not in said
    types = {e["type"] for e in (await scene.ask("support", "GET", "timeline")).json()["data"]}
    assert {"order.placed.v1", "payment.authorised.v1"} & types
    mine = {e["stream"] for e in (await scene.ask("customer", "GET", "timeline")).json()["data"]}
    assert mine == {"order"}


async def test_the_kitchen_alone_moves_its_ready_time(scene: Scene) -> None:
    for who, status in (("customer", 403), ("courier", 403), ("merchant", 200), ("support", 200)):
        answer = await scene.ask(who, "POST", "ready-time", json={"delta_minutes": 5})
        assert answer.status_code == status, (who, answer.text)


async def test_the_cart(scene: Scene) -> None:
    line = {"product_id": str(scene.street.product_id), "quantity": 2, "option_ids": []}
    cart = {"merchant_id": str(scene.street.merchant_id), "lines": [line]}
    assert (await scene.ask("customer", "GET", "/v4/cart")).json()["data"] is None
    put = await scene.ask("customer", "PUT", "/v4/cart", json=cart)
    assert put.json()["data"] == cart
    assert (await scene.ask("customer", "GET", "/v4/cart")).json()["data"] == cart
    assert (await scene.ask("other customer", "GET", "/v4/cart")).json()["data"] is None
    assert (await scene.ask("merchant", "GET", "/v4/cart")).status_code == 403
    assert (await scene.ask("customer", "DELETE", "/v4/cart")).status_code == 204
    assert (await scene.ask("customer", "GET", "/v4/cart")).json()["data"] is None
    wrong = ({"quantity": 0}, {"quantity": -1}, {"quantity": 2**63}, {"price_minor": 0})
    for lines in ([], [line] * 51, *([{**line, **fields}] for fields in wrong)):
        answer = await scene.ask("customer", "PUT", "/v4/cart", json={**cart, "lines": lines})
        assert answer.status_code == 400, answer.text


async def test_a_card_needs_its_token_and_nothing_else_may_have_one(
    scene: Scene, database: Database
) -> None:
    async with database.transaction() as tx:
        quote_id = str(await scene.street.quote(tx))
    for method, token in (("card", None), ("cash", "tok_visa")):
        body = {"quote_id": quote_id, "payment_method": method, "card_token": token}
        answer = await scene.ask("customer", "POST", "/v4/orders", json=body)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "order.card_token_mismatch"
    foreign = {"quote_id": quote_id, "payment_method": "cash"}
    answer = await scene.ask("other customer", "POST", "/v4/orders", json=foreign)
    assert answer.status_code == 404
    assert (await scene.ask("courier", "POST", "/v4/orders", json=foreign)).status_code == 403
    body = {"quote_id": quote_id, "payment_method": "card", "card_token": "tok_visa"}
    answer = await scene.ask("customer", "POST", "/v4/orders", json=body)
    assert answer.status_code == 201
    assert "tok_visa" not in answer.text
    again = await scene.ask("customer", "POST", "/v4/orders", json=body)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "quote.taken")


async def test_putting_a_status_takes_the_same_steps(scene: Scene) -> None:
    """For older clients: every status in turn, and an illegal one names the legal ones."""
    expected = {
        Status.PENDING: (409, "order.status_not_settable"),
        Status.REFUNDED: (409, "order.status_not_settable"),
        Status.DELIVERED: (409, "order.illegal_move"),
        Status.RETURNED: (409, "order.illegal_move"),
        Status.DISPUTED: (409, "order.illegal_move"),
        Status.ACCEPTED: (409, "order.illegal_move"),
        Status.IN_TRANSIT: (409, "order.illegal_move"),
        Status.UNDELIVERABLE: (422, "order.unknown_reason"),
    }
    for status, outcome in expected.items():
        answer = await scene.ask("support", "PUT", "status", json={"status": status})
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"]) == outcome, status
        if answer.status_code == 409:
            assert error["detail"]["legal"] == ["CANCELLED", "PREPARING"]
            assert "CANCELLED, PREPARING" in error["message"]
    unseen = await scene.ask("other merchant", "PUT", "status", json={"status": "PENDING"})
    assert unseen.status_code == 404
    for who, status in (("merchant", Status.PREPARING), ("merchant", Status.READY_FOR_PICKUP)):
        answer = await scene.ask(who, "PUT", "status", json={"status": status})
        assert answer.json()["data"]["status"] == status
    answer = await scene.ask("customer", "PUT", "status", json={"status": "CANCELLED"})
    assert answer.json()["errors"][0]["code"] == "order.kitchen_has_begun"
    answer = await scene.ask(
        "merchant", "PUT", "status", json={"status": "CANCELLED", "notes": "sold_out"}
    )
    assert answer.json()["data"]["status"] == "CANCELLED"
    assert answer.json()["data"]["ended_because"] == "other"
    seen = (await scene.ask("support", "GET")).json()["data"]
    assert seen["remarks"] == ["merchant: sold_out"]
    for body in ({"status": "EATEN"}, {"status": None}, {}, {"status": "PREPARING", "x": 1}):
        answer = await scene.ask("merchant", "PUT", "status", json=body)
        assert answer.status_code == 400


@pytest.mark.parametrize("locale", LOCALES)
async def test_a_refusal_reads_well_in_each_language(scene: Scene, locale: str) -> None:
    answer = await scene.ask("customer", "POST", "steps/pick-up", locale=locale)
    message = answer.json()["errors"][0]["message"]
    assert answer.status_code == 403
    assert "{" not in message
    assert any("\u0600" <= letter <= "\u06ff" for letter in message) == (locale == "ar")


async def test_what_was_sent_does_not_come_back_whole(scene: Scene) -> None:
    said = {"status": "X" * 5_000}
    for answer in (
        await scene.ask("support", "GET", "/v4/orders", params=said),
        await scene.ask("support", "PUT", "status", json=said),
    ):
        assert answer.status_code == 400
        assert len(answer.content) < 2_000


async def test_of_many_who_accept_at_once_one_does(scene: Scene, database: Database) -> None:
    async with database.transaction() as tx:
        order = await scene.street.offered(tx)
    answers = await asyncio.gather(
        *[
            scene.ask("merchant", "POST", f"/v4/orders/{order.id}/accept", json={})
            for _ in range(12)
        ]
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 11
    async with database.transaction() as tx:
        cancelled, accepted = await journey.cancel(
            tx,
            [
                journey.CancelOrder(
                    by=scene.street.by,
                    order_id=order.id,
                    acting=Acting(Party.SYSTEM),
                    reason="sold_out",
                )
            ]
            * 2,
        )
    assert isinstance(cancelled, Order)
    assert not isinstance(accepted, Order)
