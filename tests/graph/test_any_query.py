"""Whatever is asked, nothing breaks, and nobody sees what is another tenant's."""

from typing import Any, Final

import pytest
from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    IntValueNode,
    StringValueNode,
    Visitor,
    build_schema,
    parse,
    print_ast,
    visit,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import Mode
from hypothesis_graphql import strategies as generated

from graph.conftest import Graph
from tawsil.apps.graph.limits import MOST_COST, MOST_DEPTH, check
from tawsil.apps.graph.schema import SCHEMA
from tawsil.kernel.http import Problem

KNOWN: Final = build_schema(SCHEMA.as_str())
TIMES: Final = ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00", "0001-01-01T00:00:00+14:00", "")
SCALARS: Final = {
    "DateTime": st.sampled_from(TIMES).map(lambda at: StringValueNode(value=at)),
    "Long": st.integers(-(2**53), 2**53).map(lambda n: IntValueNode(value=str(n))),
}
SETTINGS: Final = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Likely(Visitor):
    """Pages of a likely size, and ids of what there is."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        street = graph.street
        self._ids = {
            "order": graph.order.id,
            "updateOrderStatus": graph.order.id,
            "cancelOrder": graph.order.id,
            "user": street.customer_id,
            "updateUser": street.customer_id,
            "merchant": street.merchant_id,
        }

    def enter_field(self, node: FieldNode, *_: Any) -> FieldNode:
        known = self._ids.get(node.name.value)
        arguments = tuple(self._likely(argument, known) for argument in node.arguments or ())
        return FieldNode(
            alias=node.alias,
            name=node.name,
            arguments=arguments,
            directives=node.directives,
            selection_set=node.selection_set,
        )

    @staticmethod
    def _likely(argument: ArgumentNode, known: Any) -> ArgumentNode:
        name, value = argument.name.value, argument.value
        if name == "first" and isinstance(value, IntValueNode):
            value = IntValueNode(value=str(1 + abs(int(value.value)) % 110))
        elif name in {"id", "orderId"} and known is not None:
            value = StringValueNode(value=str(known))
        return ArgumentNode(name=argument.name, value=value)


def likely(graph: Graph, query: str) -> str:
    document: DocumentNode = visit(parse(query), Likely(graph))
    return print_ast(document)


def allowed(query: str) -> bool:
    try:
        size = check(KNOWN, parse(query), {}, introspection=True)
    except Problem:
        return False
    assert size.depth <= MOST_DEPTH
    assert size.cost <= MOST_COST
    return True


async def unbroken(graph: Graph, who: str, query: str) -> Any:
    answer = await graph.ask(who, query)
    assert answer.status in {200, 400}, (query, answer)
    assert not {"INTERNAL_SERVER_ERROR", "UNAVAILABLE", "TIMEOUT"} & set(answer.codes), (
        query,
        answer.errors,
    )
    return answer


@SETTINGS
@given(data=st.data())
async def test_any_query_within_the_schema_is_answered(graph: Graph, data: st.DataObject) -> None:
    query = likely(graph, data.draw(generated.queries(KNOWN, custom_scalars=SCALARS)))
    for who in ("customer", "super admin", "super admin elsewhere", "nobody in particular"):
        answer = await unbroken(graph, who, query)
        if allowed(query) and answer.status == 400:
            assert set(answer.codes) == {"GRAPHQL_VALIDATION_FAILED"}, query
        if not allowed(query):
            assert answer.data is None, query
        if who == "super admin elsewhere":
            said = str(answer.data)
            assert str(graph.order.id) not in said
            assert "example.org" not in said


@SETTINGS
@given(data=st.data())
async def test_any_mutation_within_the_schema_is_answered(
    graph: Graph, data: st.DataObject
) -> None:
    mutation = data.draw(generated.mutations(KNOWN, custom_scalars=SCALARS))
    for who in ("customer", "admin", "super admin elsewhere"):
        await unbroken(graph, who, likely(graph, mutation))


@SETTINGS
@given(data=st.data())
async def test_what_the_schema_does_not_allow_is_refused(graph: Graph, data: st.DataObject) -> None:
    strategy = generated.queries(KNOWN, custom_scalars=SCALARS, mode=Mode.NEGATIVE)
    await unbroken(graph, "super admin", data.draw(strategy))


@SETTINGS
@given(text=st.text(max_size=200))
async def test_any_text_is_answered(graph: Graph, text: str) -> None:
    if text:
        assert (await unbroken(graph, "customer", text)).status == 400


@pytest.mark.parametrize(
    "body",
    [
        [],
        [{"query": "{ me { id } }"}],
        {},
        {"query": 1},
        {"query": ""},
        {"query": "{ me { id } }", "variables": []},
        {"query": "{ me { id } }", "operationName": 1},
        {"query": "{ me { id } }", "more": 1},
        {"query": "{" + " " * 100_001 + "me { id } }"},
    ],
)
async def test_a_body_is_one_request(graph: Graph, body: Any) -> None:
    headers = {"Authorization": f"Bearer {graph.tokens['customer']}"}
    answer = await graph.client.post("/graphql", json=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "request.invalid"


async def test_only_json_that_is_posted_by_somebody_is_read(graph: Graph) -> None:
    headers = {"Authorization": f"Bearer {graph.tokens['customer']}"}
    query = {"query": "{ me { id } }"}
    assert (await graph.client.post("/graphql", json=query)).status_code == 401
    assert (await graph.client.get("/graphql", params=query, headers=headers)).status_code == 405
    form = await graph.client.post("/graphql", data=query, headers=headers)
    assert form.status_code == 415
    plain = {**headers, "Content-Type": "text/plain"}
    text = await graph.client.post("/graphql", content='{"query": "{me{id}}"}', headers=plain)
    assert text.status_code == 415


async def test_the_answer_comes_as_what_is_accepted(graph: Graph) -> None:
    headers = {"Authorization": f"Bearer {graph.tokens['customer']}"}
    new, old = "application/graphql-response+json", "application/json"
    for accept, type_, status in (
        (new, new, 400),
        (old, old, 200),
        (f"{old}, {new}", new, 400),
        ("*/*", new, 400),
    ):
        answer = await graph.client.post(
            "/v4/graphql", json={"query": "{ nothing }"}, headers={**headers, "Accept": accept}
        )
        assert (answer.headers["content-type"], answer.status_code) == (type_, status)
        assert "data" not in answer.json()


async def test_one_of_several_operations_is_named(graph: Graph) -> None:
    query = "query A { me { id } } query B { me { name } }"
    headers = {"Authorization": f"Bearer {graph.tokens['customer']}"}

    async def ask(**more: Any) -> Any:
        body = {"query": query, **more}
        return (await graph.client.post("/graphql", json=body, headers=headers)).json()

    assert (await ask(operationName="B"))["data"] == {"me": {"name": "Layla Haddad"}}
    for wrong, code in (({}, "BAD_REQUEST"), ({"operationName": "C"}, "GRAPHQL_VALIDATION_FAILED")):
        answer = await ask(**wrong)
        assert answer["errors"][0]["extensions"]["code"] == code
        assert "data" not in answer


async def test_text_that_deceives_comes_in_by_no_way(graph: Graph) -> None:
    change = 'mutation { updateUser(id: "%s", input: {name: "%s"}) { name } }'
    id_ = graph.street.customer_id
    for text in ("Layla \\u202e", "Layla \\u{202e}", "\\u0000", "Lay\\u200bla"):
        answer = await graph.ask("customer", change % (id_, text))
        assert (answer.status, answer.problems) == (400, ["request.invalid"]), text
    by_variable = 'mutation($n: String!) { updateUser(id: "%s", input: {name: $n}) { name } }'
    answer = await graph.ask("customer", by_variable % id_, n="Layla \u202e")
    assert answer.status == 400
    assert (await graph.ask("customer", "{ me { name } }")).data == {"me": {"name": "Layla Haddad"}}
