"""Lists of orders: page by page, within reach, and many for the statements of one."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from graph.conftest import Graph
from tawsil.apps.graph import schema
from tawsil.catalog import public as catalog
from tawsil.kernel.db import Database, Tx

EVERYTHING = """
query All($n: Int!) {
  orders(first: $n) {
    totalCount
    nodes {
      id status address { text } deliveryLocation { latitude }
      items { name quantity }
      merchant { name open }
      courier { name }
      customer { name }
    }
  }
}
"""
PAGE = """
query Page($n: Int!, $after: String, $status: [OrderStatus!], $sort: String, $to: DateTime) {
  orders(first: $n, after: $after, status: $status, sort: $sort, placedTo: $to) {
    totalCount pageInfo { hasNextPage endCursor } edges { cursor node { id } }
  }
}
"""


async def more_orders(graph: Graph, count: int) -> list[UUID]:
    placed: list[UUID] = []
    async with graph.database.transaction() as tx:
        for n in range(count):
            make = graph.street.carried if n % 2 else graph.street.offered
            placed.append((await make(tx)).id)
    return placed


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Every statement that goes to the database, by its words."""
    seen: Counter[str] = Counter()

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        async def run(tx: Tx, sql: str, *args: object) -> Any:
            seen[" ".join(sql.split())] += 1
            return await method(tx, sql, *args)

        return run

    for name in ("rows", "row", "value", "execute"):
        monkeypatch.setattr(Tx, name, counted(getattr(Tx, name)))
    return seen


async def test_fifty_orders_cost_as_many_statements_as_one(
    graph: Graph, statements: Counter[str]
) -> None:
    await more_orders(graph, 49)
    needed: list[int] = []
    for n in (1, 50):
        statements.clear()
        answer = await graph.ask("support", EVERYTHING, n=n)
        assert answer.errors == []
        assert len(answer.data["orders"]["nodes"]) == n
        assert answer.data["orders"]["totalCount"] == 50
        assert all(o["items"] and o["merchant"] for o in answer.data["orders"]["nodes"])
        needed.append(statements.total())
        assert max(statements.values()) == 1, statements.most_common(3)
    assert needed[1] <= needed[0] + 1  # the courier, whom the newest order may not have
    assert needed[1] <= 10, needed


async def test_one_request_reads_in_one_transaction(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = 0
    transaction = Database.transaction

    def counted(database: Database) -> Any:
        nonlocal opened
        opened += 1
        return transaction(database)

    monkeypatch.setattr(Database, "transaction", counted)
    answer = await graph.ask("support", EVERYTHING, n=5)
    assert answer.errors == []
    assert opened == 1


async def test_pages_follow_one_another_without_a_gap(graph: Graph) -> None:
    ids = [graph.order.id, *await more_orders(graph, 10)]
    seen: list[str] = []
    after: str | None = None
    while True:
        answer = await graph.ask("customer", PAGE, n=4, after=after)
        orders = answer.data["orders"]
        assert orders["totalCount"] == (11 if after is None else None)
        seen += [edge["node"]["id"] for edge in orders["edges"]]
        assert orders["pageInfo"]["endCursor"] == orders["edges"][-1]["cursor"]
        if not orders["pageInfo"]["hasNextPage"]:
            break
        after = orders["pageInfo"]["endCursor"]
    assert sorted(seen) == sorted(str(id_) for id_ in ids)
    assert len(set(seen)) == 11
    middle = await graph.ask("customer", PAGE, n=4)
    second = middle.data["orders"]["edges"][1]["cursor"]
    rest = await graph.ask("customer", PAGE, n=1, after=second)
    assert rest.data["orders"]["edges"][0]["node"]["id"] == seen[2]


async def test_filters_and_order(graph: Graph) -> None:
    await more_orders(graph, 3)
    accepted = await graph.ask("support", PAGE, n=10, status=["ACCEPTED"])
    assert accepted.data["orders"]["totalCount"] == 2
    none = await graph.ask("support", PAGE, n=10, status=[])
    assert none.data["orders"]["totalCount"] == 0
    up = (await graph.ask("support", PAGE, n=10, sort="number")).data["orders"]["edges"]
    down = (await graph.ask("support", PAGE, n=10, sort="-number")).data["orders"]["edges"]
    assert [e["node"]["id"] for e in up] == [e["node"]["id"] for e in reversed(down)]
    for wrong, problem in (
        ({"sort": "password"}, "request.sort_unknown"),
        ({"after": "x"}, "request.cursor_invalid"),
        ({"after": down[0]["cursor"], "sort": "number"}, "request.cursor_invalid"),
        ({"to": "2026-11-20T12:00:00"}, "request.invalid"),
    ):
        answer = await graph.ask("support", PAGE, n=10, **wrong)
        assert answer.problems == [problem], wrong
    assert (await graph.ask("support", PAGE, n=10, to="yesterday")).status == 400


SEEN = {
    "customer": 2,
    "merchant": 2,
    "courier": 1,
    "support": 2,
    "admin": 2,
    "other customer": 0,
    "other merchant": 0,
    "merchant of nothing": 0,
    "other courier": 0,
    "support elsewhere": 0,
    "super admin elsewhere": 0,
    "customer elsewhere": 0,
    "merchant elsewhere": 0,
    "manager": 2,
    "manager of elsewhere": 0,
    "manager of nothing": 0,
}


async def test_everybody_lists_what_they_reach(graph: Graph) -> None:
    await more_orders(graph, 1)
    for who, count in SEEN.items():
        answer = await graph.ask(who, PAGE, n=10)
        assert answer.errors == [], who
        assert answer.data["orders"]["totalCount"] == count, who
    nobody = await graph.ask("nobody in particular", PAGE, n=10)
    assert (nobody.data, nobody.codes) == ({"orders": None}, ["FORBIDDEN"])


async def test_a_failure_tells_nothing_of_what_is_inside(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret is 4711")

    monkeypatch.setattr(catalog, "merchants", broken)
    query = "query($id: ID!) { me { id } merchant(id: $id) { name } }"
    answer = await graph.ask("customer", query, id=str(graph.order.id))
    assert answer.status == 200
    assert answer.data["me"] is not None
    assert answer.data["merchant"] is None
    assert answer.codes == ["INTERNAL_SERVER_ERROR"]
    assert "4711" not in str(answer.errors)
    assert answer.extensions["requestId"] in answer.errors[0]["message"]


async def test_what_breaks_a_statement_leaves_the_rest_to_be_read(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(tx: Tx, **_: Any) -> Any:
        return await tx.value("select 1 / 0")

    monkeypatch.setattr(catalog, "search", broken)
    query = "query($id: ID!) { merchants { totalCount } order(id: $id) { id } }"
    answer = await graph.ask("customer", query, id=str(graph.order.id))
    assert answer.data == {"merchants": None, "order": {"id": str(graph.order.id)}}
    assert answer.codes == ["INTERNAL_SERVER_ERROR"]


async def test_times_that_no_column_holds_are_the_askers_to_mend(graph: Graph) -> None:
    answer = await graph.ask("customer", PAGE, n=1, to="0001-01-01T00:00:00+14:00")
    assert answer.problems == ["request.invalid"]
    assert answer.codes == ["BAD_REQUEST"]


async def test_what_takes_too_long_is_given_up(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: Any, **__: Any) -> Any:
        await asyncio.sleep(30)

    monkeypatch.setattr(schema, "WITHIN_S", 0.05)
    monkeypatch.setattr(catalog, "merchants", slow)
    answer = await graph.ask(
        "customer", "query($id: ID!) { merchant(id: $id) { name } }", id=str(graph.order.id)
    )
    assert (answer.codes, answer.problems) == (["TIMEOUT"], ["graph.too_slow"])
    monkeypatch.undo()
    assert (await graph.ask("customer", PAGE, n=1)).errors == []
