"""What asks for too much is refused before anything is run."""

from typing import Any

import pytest

from graph.conftest import Graph
from tawsil.apps.graph.limits import MOST_ALIASES, MOST_COST, MOST_DEPTH, MOST_FIELDS, MOST_TOKENS
from tawsil.kernel.db import Database


@pytest.fixture
def nothing_runs(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(_: Database) -> Any:
        raise AssertionError("something was read")

    assert graph.database is not None
    monkeypatch.setattr(Database, "transaction", opened)


def menu_of_menus(levels: int) -> str:
    """Merchants of products of merchants of products …"""
    inner = "id"
    for _ in range(levels):
        inner = f"products(first: 1) {{ nodes {{ merchant {{ {inner} }} }} }}"
    return f'{{ merchant(id: "x") {{ {inner} }} }}'


BOMBS: dict[str, tuple[str, str]] = {
    "deep": ("graph.too_deep", menu_of_menus(3)),
    "deep in fragments": (
        "graph.too_deep",
        """
        query { merchant(id: "x") { ...A } }
        fragment A on Merchant { products(first: 1) { nodes { ...B } } }
        fragment B on Product { merchant { ...C } }
        fragment C on Merchant { products(first: 1) { nodes { ...D } } }
        fragment D on Product { merchant { products(first: 1) { nodes { id } } } }
        """,
    ),
    "deep in inline fragments": (
        "graph.too_deep",
        'query { merchant(id: "x") ' + "{ ... " * 60 + "{ id }" + "}" * 61,
    ),
    "wide pages": (
        "graph.too_costly",
        "{ merchants(first: 100) { nodes { products(first: 100) { nodes { id } } } } }",
    ),
    "wide pages by variable": (
        "graph.too_costly",
        """
        query($n: Int! = 100) {
          merchants(first: $n) { nodes { products(first: $n) { nodes { id } } } }
        }
        """,
    ),
    "doubling fragments": (
        "graph.too_costly",
        'query { merchant(id: "x") { ...A0 } }'
        + "".join(f" fragment A{n} on Merchant {{ ...A{n + 1} ...A{n + 1} }}" for n in range(20))
        + " fragment A20 on Merchant { products(first: 1) { nodes { id } } }",
    ),
    "aliases": (
        "graph.too_many_aliases",
        "{" + " ".join(f"a{n}: me {{ id }}" for n in range(MOST_ALIASES + 1)) + "}",
    ),
    "the same field again": (
        "graph.too_many_fields",
        "{ me {" + " id" * (MOST_FIELDS + 1) + "} }",
    ),
    "a page too large": ("graph.page_size", "{ merchants(first: 101) { totalCount } }"),
    "a page of none": ("graph.page_size", "{ merchants(first: 0) { totalCount } }"),
    "a page of less": ("graph.page_size", "{ merchants(first: -1) { totalCount } }"),
    "two mutations": (
        "graph.one_mutation",
        """
        mutation {
          a: cancelOrder(orderId: "x", reason: "x") { id }
          b: cancelOrder(orderId: "y", reason: "x") { id }
        }
        """,
    ),
    "mutations in a fragment": (
        "graph.one_mutation",
        """
        mutation { ...M }
        fragment M on Mutation { cancelOrder(orderId: "x", reason: "x") { id } }
        """,
    ),
}


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_does_not_go_off(graph: Graph, bomb: str) -> None:
    problem, query = BOMBS[bomb]
    for who in ("customer", "super admin"):
        answer = await graph.ask(who, query)
        assert answer.status == 400
        assert answer.data is None
        assert answer.problems == [problem]
        arabic = await graph.ask(who, query, locale="ar")
        assert arabic.errors[0]["message"] != answer.errors[0]["message"]
        assert not arabic.errors[0]["message"].isascii()
        assert "{" not in arabic.errors[0]["message"] + answer.errors[0]["message"]


WRONG: dict[str, str] = {
    "too long": "{" + " me { id }" * MOST_TOKENS + "}",
    "too many tokens in comments": "# x\n" * (MOST_TOKENS + 1) + "{ me { id } }",
    "not GraphQL": "select * from users",
    "unclosed": "{ me { id }",
    "deeper than can be parsed": "{ me " * 300,
    "values deeper than can be read": "{ merchants(q: "
    + "[" * 400
    + "]" * 400
    + ") { totalCount } }",
    "circular fragments": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "a fragment in itself": "{ me { ...A } } fragment A on User { id ...A }",
    "unknown field": "{ me { password } }",
    "unknown fragment": "{ ...Nothing }",
    "unknown type": "{ ... on Nothing { id } }",
    "unknown argument": "{ me(id: 1) { id } }",
    "a wrong literal": '{ merchants(first: "many") { totalCount } }',
    "an unknown variable": "{ merchants(first: $n) { totalCount } }",
    "no selection": "{ me }",
    "an unknown directive": "{ me @fast { id } }",
    "introspection in circles": (
        "{ __schema { types { fields { type {"
        " fields { type { fields { type { name } } } } } } } } }"
    ),
    "a subscription": 'subscription { newOrder(merchantId: "x") { id } }',
    "no operation": "fragment A on User { id }",
}


@pytest.mark.usefixtures("nothing_runs")
@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_no_request_is_refused(graph: Graph, wrong: str) -> None:
    answer = await graph.ask("super admin", WRONG[wrong])
    assert answer.status == 400
    assert answer.data is None
    assert answer.errors
    assert set(answer.codes) <= {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_REQUEST"}


async def test_what_a_request_costs_is_told(graph: Graph) -> None:
    for query, cost in (
        ("{ me { id name email } }", 1),
        ("{ merchants(first: 10) { nodes { id name } } }", 11),
        ("{ merchants { edges { node { id } } pageInfo { endCursor } } }", 21),
        (
            "{ merchants(first: 9) { nodes { products(first: 100) { nodes { id } } } } }",
            1 + 9 * (1 + 1 + 100),
        ),
        ('{ order(id: "x") { total { minor } items { product { id } } } }', 1 + 10 * 2),
        ("{ __schema { types { name fields { name } } } }", 0),
    ):
        answer = await graph.ask("customer", query)
        assert answer.extensions["cost"] == {"requested": cost, "limit": MOST_COST}, query
        assert cost <= MOST_COST


async def test_as_deep_as_allowed_is_answered(graph: Graph) -> None:
    query = (
        "query($id: ID!) { merchant(id: $id) { products(first: 1) { nodes { merchant {"
        " products(first: 1) { nodes { price { minor } } } } } } } }"
    )
    assert query.count("{") == MOST_DEPTH
    answer = await graph.ask("customer", query, id=str(graph.street.merchant_id))
    assert answer.errors == []


async def test_wrong_variables_are_the_askers_to_mend(graph: Graph) -> None:
    query = "query Q($n: Int!) { merchants(first: $n) { totalCount } }"
    for wrong in ("five", None, 2**40, 1.5, [], {}, True):
        answer = await graph.ask("customer", query, n=wrong)
        assert answer.status == 400, wrong
        assert answer.codes in (["GRAPHQL_VALIDATION_FAILED"], ["BAD_REQUEST"])


async def test_introspection_is_answered_unless_it_is_closed(graph: Graph) -> None:
    query = '{ __schema { queryType { name } } __type(name: "Order") { kind } }'
    answer = await graph.ask("customer", query)
    assert answer.data == {
        "__schema": {"queryType": {"name": "Query"}},
        "__type": {"kind": "OBJECT"},
    }
    graph.settings.graphql_introspection = False
    answer = await graph.ask("super admin", query)
    assert answer.problems == ["graph.introspection_closed"]
    assert (await graph.ask("customer", "{ __typename }")).data == {"__typename": "Query"}
