"""The schema is on file, and only grows."""

from graphql import build_schema, find_breaking_changes, print_schema

from architecture.sources import ROOT
from graph.conftest import Graph
from tawsil.apps.graph.schema import SCHEMA

ON_FILE = ROOT / "schemas" / "graphql" / "schema.graphql"


def test_only_compatible_changes_pass() -> None:
    """Run `make schemas` to put a compatible change on file; another one breaks clients."""
    before, now = ON_FILE.read_text(), SCHEMA.as_str()
    broken = find_breaking_changes(build_schema(before), build_schema(now))
    assert [change.description for change in broken] == []
    assert before == now, "a compatible change: run `make schemas`"


def test_an_incompatible_change_is_seen() -> None:
    now = SCHEMA.as_str()
    without = now.replace("  handoverPin: String\n", "  pin: String\n")
    assert without != now
    (change,) = find_breaking_changes(build_schema(now), build_schema(without))
    assert "handoverPin" in change.description


async def test_it_is_published(graph: Graph) -> None:
    answer = await graph.client.get("/v4/graphql/schema.graphql")
    assert answer.status_code == 200
    assert answer.text == SCHEMA.as_str()
    contract = {
        "Query": {"user", "users", "order", "orders", "merchant", "merchants"},
        "Mutation": {"createOrder", "updateOrderStatus", "createUser", "updateUser"},
        "Subscription": {"orderStatusUpdated", "deliveryLocationUpdated", "newOrder"},
    }
    known = build_schema(answer.text).type_map
    types = {"User", "Order", "OrderItem", "Merchant", "Product", "Address", "DeliveryLocation"}
    assert types | {"OrderStatus", "OrderConnection", "PageInfo"} <= known.keys()
    for name, fields in contract.items():
        assert fields <= known[name].fields.keys(), name
    assert print_schema(build_schema(answer.text))
