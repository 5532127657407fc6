"""What is done through the graph is what REST does, and once."""

import asyncio
from typing import Any

from graph.conftest import Graph
from ordering.conftest import written
from tawsil.ordering import journey
from tawsil.ordering.model import Order

CREATE = """
mutation Create($input: CreateOrderInput!) {
  createOrder(input: $input) { id status handoverPin total { minor } items { quantity } }
}
"""
UPDATE = """
mutation Update($id: ID!, $status: OrderStatus!, $notes: String! = "") {
  updateOrderStatus(orderId: $id, status: $status, notes: $notes) { id status legalMoves }
}
"""
CANCEL = """
mutation Cancel($id: ID!, $reason: String! = "changed_my_mind") {
  cancelOrder(orderId: $id, reason: $reason) { id status endedBecause }
}
"""


async def quoted(graph: Graph) -> dict[str, Any]:
    async with graph.database.transaction() as tx:
        quote_id = await graph.street.quote(tx)
    return {"quoteId": str(quote_id), "paymentMethod": "CASH"}


async def counts(graph: Graph) -> list[int]:
    async with graph.database.transaction() as tx:
        return list(await written(tx))


async def test_an_order_is_placed_once_however_often_it_is_asked_for(graph: Graph) -> None:
    input_ = await quoted(graph)
    before = await counts(graph)
    first = await graph.ask("customer", CREATE, key="k1", input=input_)
    assert first.errors == []
    placed = first.data["createOrder"]
    assert placed["status"] == "PENDING"
    assert placed["handoverPin"].isdigit()
    assert placed["items"] == [{"quantity": 2}]
    after = await counts(graph)
    assert after[0] == before[0] + 1
    again = await graph.ask("customer", CREATE, key="k1", input=input_)
    assert again.data == first.data
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = await graph.ask("customer", CREATE, key="k1", input={**input_, "notes": "x"})
    assert other.problems == ["idempotency.reused"]
    assert other.codes == ["UNPROCESSABLE"]
    assert await counts(graph) == after


async def test_many_at_once_with_one_key_place_one_order(graph: Graph) -> None:
    input_ = await quoted(graph)
    before = await counts(graph)
    asked = (graph.ask("customer", CREATE, key="k2", input=input_) for _ in range(20))
    answers = await asyncio.gather(*asked)
    done = [a.data["createOrder"]["id"] for a in answers if not a.errors]
    assert len(set(done)) == 1
    assert {p for a in answers for p in a.problems} <= {"idempotency.in_flight"}
    assert (await counts(graph))[0] == before[0] + 1


async def test_what_cannot_be_ordered(graph: Graph) -> None:
    input_ = await quoted(graph)
    before = await counts(graph)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"paymentMethod": "CARD"}, "order.card_token_mismatch"),
        ({"cardToken": "tok_visa"}, "order.card_token_mismatch"),
        ({"cardToken": ""}, "request.invalid"),
        ({"notes": "x" * 501}, "request.invalid"),
        ({"quoteId": "no id"}, "request.invalid"),
    ]
    for change, problem in wrong:
        answer = await graph.ask("customer", CREATE, input={**input_, **change})
        assert answer.problems == [problem], change
        assert answer.data == {"createOrder": None}
        assert answer.codes in (["BAD_REQUEST"], ["UNPROCESSABLE"])
    for who in ("merchant", "courier", "support"):
        answer = await graph.ask(who, CREATE, input=input_)
        assert answer.codes == ["FORBIDDEN"], who
    for who in ("other customer", "customer elsewhere"):
        answer = await graph.ask(who, CREATE, input=input_)
        assert answer.codes == ["NOT_FOUND"], who
    unknown = await graph.ask("customer", CREATE, input={**input_, "customerId": "x"})
    assert unknown.status == 400
    assert await counts(graph) == before


async def status_of(graph: Graph) -> str:
    async with graph.database.transaction() as tx:
        (order,) = (await journey.store.get(tx, [graph.order.id])).values()
    assert isinstance(order, Order)
    return order.status


async def test_a_status_is_set_by_the_step_that_leads_there(graph: Graph) -> None:
    id_ = str(graph.order.id)
    illegal = await graph.ask("support", UPDATE, id=id_, status="DELIVERED")
    assert illegal.codes == ["CONFLICT"]
    assert illegal.problems == ["order.illegal_move"]
    assert illegal.errors[0]["extensions"]["detail"]["legal"] == ["CANCELLED", "PREPARING"]
    arabic = await graph.ask("support", UPDATE, locale="ar", id=id_, status="REFUNDED")
    assert arabic.problems == ["order.status_not_settable"]
    assert "لا يمكن ضبط الطلب" in arabic.errors[0]["message"]
    for who in (
        "other customer",
        "other merchant",
        "merchant of nothing",
        "other courier",
        "support elsewhere",
        "merchant elsewhere",
    ):
        answer = await graph.ask(who, UPDATE, id=id_, status="PREPARING")
        assert (answer.data, answer.codes) == ({"updateOrderStatus": None}, ["NOT_FOUND"]), who
    nobody = await graph.ask("nobody in particular", UPDATE, id=id_, status="PREPARING")
    assert nobody.codes == ["FORBIDDEN"]
    assert await status_of(graph) == "ACCEPTED"
    for status in ("PREPARING", "READY_FOR_PICKUP"):
        answer = await graph.ask("merchant", UPDATE, id=id_, status=status, notes="soon")
        assert answer.data["updateOrderStatus"]["status"] == status == await status_of(graph)


async def test_a_refusal_is_kept_for_its_key_too(graph: Graph) -> None:
    id_ = str(graph.order.id)
    first = await graph.ask("support", UPDATE, key="k3", id=id_, status="DELIVERED")
    await graph.ask("merchant", UPDATE, id=id_, status="PREPARING")
    again = await graph.ask("support", UPDATE, key="k3", id=id_, status="DELIVERED")
    assert again.errors == first.errors
    assert again.headers["idempotent-replayed"] == "true"


async def test_calling_off(graph: Graph) -> None:
    id_ = str(graph.order.id)
    for who, code in (
        ("courier", "FORBIDDEN"),
        ("other customer", "NOT_FOUND"),
        ("super admin elsewhere", "NOT_FOUND"),
        ("nobody in particular", "FORBIDDEN"),
    ):
        answer = await graph.ask(who, CANCEL, id=id_)
        assert answer.codes == [code], (who, answer.errors)
    sentence = await graph.ask("customer", CANCEL, id=id_, reason="I changed my mind.")
    assert sentence.problems == ["request.invalid"]
    answer = await graph.ask("customer", CANCEL, id=id_)
    assert answer.data["cancelOrder"]["status"] == "CANCELLED"
    assert answer.data["cancelOrder"]["endedBecause"] == "changed_my_mind"


NEW_USER = """
mutation New($input: CreateUserInput!) { createUser(input: $input) { id email roles locale } }
"""
CHANGE_USER = """
mutation Change($id: ID!, $input: UpdateUserInput!) {
  updateUser(id: $id, input: $input) { id name roles phone }
}
"""


async def test_users_are_made_by_those_who_may_and_with_what_they_may_grant(graph: Graph) -> None:
    new = {"email": "rami@example.org", "name": "Rami Aoun", "roles": ["SUPPORT_STAFF"]}
    for who in ("customer", "merchant", "courier", "support", "manager", "nobody in particular"):
        answer = await graph.ask(who, NEW_USER, input=new)
        assert (answer.data, answer.codes) == ({"createUser": None}, ["FORBIDDEN"]), who
    greedy = await graph.ask("admin", NEW_USER, input={**new, "roles": ["SUPER_ADMIN"]})
    assert greedy.codes == ["FORBIDDEN"]
    for wrong in ({"email": "nobody"}, {"name": ""}, {"roles": []}, {"locale": "fr"}):
        answer = await graph.ask("admin", NEW_USER, input={**new, **wrong})
        assert answer.problems == ["request.invalid"], wrong
    for unknown in ({"passwordHash": "x"}, {"tenantId": "x"}, {"roles": ["EMPEROR"]}):
        assert (await graph.ask("admin", NEW_USER, input={**new, **unknown})).status == 400
    made = await graph.ask("admin", NEW_USER, key="u1", input=new)
    assert made.errors == []
    assert made.data["createUser"]["roles"] == ["SUPPORT_STAFF"]
    again = await graph.ask("admin", NEW_USER, key="u1", input=new)
    assert again.data == made.data
    twice = await graph.ask("admin", NEW_USER, input=new)
    assert twice.problems == ["identity.email_taken"]


async def test_users_are_changed_by_those_who_may_and_by_themselves(graph: Graph) -> None:
    id_ = str(graph.street.customer_id)
    mine = {"name": "Layla H.", "phone": "+9613123456"}
    for who in ("merchant", "courier", "support", "manager", "other customer"):
        answer = await graph.ask(who, CHANGE_USER, id=id_, input=mine)
        assert (answer.data, answer.codes) == ({"updateUser": None}, ["FORBIDDEN"]), who
    elsewhere = await graph.ask("super admin elsewhere", CHANGE_USER, id=id_, input=mine)
    assert elsewhere.codes == ["NOT_FOUND"]
    myself = await graph.ask("customer", CHANGE_USER, id=id_, input=mine)
    assert myself.data["updateUser"] == {**mine, "id": id_, "roles": ["CUSTOMER"]}
    for more in ({"roles": ["ADMIN"]}, {"locationId": str(graph.street.merchant_id)}):
        answer = await graph.ask("customer", CHANGE_USER, id=id_, input={**mine, **more})
        assert answer.codes == ["FORBIDDEN"], more
    answer = await graph.ask("admin", CHANGE_USER, id=id_, input={"name": "Layla"})
    assert answer.data["updateUser"] == {
        "id": id_,
        "name": "Layla",
        "phone": None,
        "roles": ["CUSTOMER"],
    }
