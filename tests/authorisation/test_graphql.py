"""Every field of GraphQL, for every role, about everybody's things: as REST answers."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest
from msgspec import Struct

from authorisation.asgi import Answer, ask
from authorisation.declared import ROWS, Expected
from authorisation.test_matrix import Asked, Route, expected, leaks, missed
from authorisation.world import Whose, World
from tawsil.apps.graph.schema import SCHEMA
from tawsil.identity.public import Role
from tawsil.kernel.http import SIGNED_IN, Rule, allow


class Field(Struct, frozen=True, kw_only=True):
    """How a field is asked, under which rule, and about what; `like`: the route with its row."""

    query: str
    rule: Rule
    thing: str | None = None
    like: str = ""
    themselves: frozenset[Role] = frozenset()
    """Of whom the thing is the caller, who may without the rule."""
    creates: bool = False
    """What it makes is read anew, and so is kept."""


ORDER_READ, USER_READ = allow("order:read"), allow("user:read")
FIELDS: Final[Mapping[str, Field]] = {
    "Query.me": Field(query="{ me { id } }", rule=SIGNED_IN),
    "Query.user": Field(query='{ user(id: "%s") { id } }', rule=USER_READ, thing="user"),
    "Query.users": Field(
        query="{ users { edges { node { id } } } }", rule=USER_READ, like="GET /v4/users"
    ),
    "Query.order": Field(query='{ order(id: "%s") { id } }', rule=ORDER_READ, thing="order"),
    "Query.orders": Field(
        query="{ orders { edges { node { id } } } }", rule=ORDER_READ, like="GET /v4/orders"
    ),
    "Query.merchant": Field(
        query='{ merchant(id: "%s") { id } }', rule=SIGNED_IN, thing="merchant"
    ),
    "Query.merchants": Field(query="{ merchants { edges { node { id } } } }", rule=SIGNED_IN),
    "Mutation.createOrder": Field(
        query='mutation { createOrder(input: {quoteId: "%s", paymentMethod: CASH}) { id } }',
        rule=allow("order:create"),
        thing="quote",
        like="POST /v4/orders",
        creates=True,
    ),
    "Mutation.updateOrderStatus": Field(
        query='mutation { updateOrderStatus(orderId: "%s", status: PREPARING) { id } }',
        rule=allow("order:update"),
        thing="order",
        like="PUT /v4/orders/{order_id}/status",
    ),
    "Mutation.cancelOrder": Field(
        query='mutation { cancelOrder(orderId: "%s", reason: "late") { id } }',
        rule=ORDER_READ,
        thing="order",
        like="POST /v4/orders/{order_id}/cancel",
    ),
    "Mutation.createUser": Field(
        query='mutation { createUser(input: {email: "a@b.example", name: "A", roles: [CUSTOMER]})'
        " { id } }",
        rule=allow("user:create"),
        creates=True,
    ),
    "Mutation.updateUser": Field(
        query='mutation { updateUser(id: "%s", input: {name: "A"}) { id } }',
        rule=allow("user:update"),
        thing="user",
        themselves=frozenset({Role.CUSTOMER}),
    ),
}
CLASSES: Final = {"FORBIDDEN": Expected.FORBIDDEN, "NOT_FOUND": Expected.HIDDEN}
REFUSED_BY_STATE: Final = {"CONFLICT", "UNPROCESSABLE"}


def outcome(answer: Answer) -> Expected | str:
    """What the answer comes to, in the words of the matrix."""
    if answer.status == 401:
        return Expected.UNAUTHENTICATED
    told = msgspec.json.decode(answer.body)
    if not told.get("errors"):
        return Expected.ALLOWED
    kind = told["errors"][0]["extensions"]["code"]
    return CLASSES.get(kind, Expected.ALLOWED if kind in REFUSED_BY_STATE else kind)


def test_every_field_is_in_the_table():
    fields = {
        f"{type_.name}.{name}"
        for type_ in (SCHEMA._schema.query_type, SCHEMA._schema.mutation_type)
        if type_ is not None
        for name in type_.fields
    }
    assert fields == set(FIELDS)
    assert {field.like for field in FIELDS.values()} <= {"", *ROWS, *PLAIN}


PLAIN: Final = {"PUT /v4/orders/{order_id}/status"}
"""Routes that need no row."""


@pytest.mark.parametrize("name", FIELDS)
async def test_each_role_is_answered_as_the_policy_says(
    name: str, world: World, record_property: Any
):
    field = FIELDS[name]
    method, _, path = (field.like or "POST /v4/graphql").partition(" ")
    route = _Like(method=method, path=path, rule=field.rule)
    things = [field.thing] if field.thing else []
    wrong: list[str] = []
    cells = 0
    world.database.keeps = field.creates
    for whose, street in world.streets.items():
        query = field.query % street.things[field.thing] if field.thing else field.query
        for role in (None, *Role):
            token = f"{Whose.OWN} {role}" if role else None
            answer = await ask(world.app, "POST", "/graphql", token=token, json={"query": query})
            cells += 1
            cell = f"{role or 'anonymous'}, {whose}"
            want = expected(route, role, whose, things)
            if role in field.themselves and whose is Whose.OWN:
                want = Expected.ALLOWED
            if outcome(answer) is not want:
                wrong.append(f"{cell}: {want.value}, answered {answer.body[:300]}")
            elif role and leaks(world, route, role, Asked("", query, []), answer):
                wrong.append(f"{cell}: told of what is another's: {answer.body[:300]}")
            elif role and want is Expected.ALLOWED and missed(world, route, role, answer):
                wrong.append(f"{cell}: did not find its own")
        if not field.thing:
            break
    record_property("cells", cells)
    assert not wrong, "\n" + "\n".join(wrong)


class _Like(Route, frozen=True):
    """A route of REST whose row says what the rule of a field does not."""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"
