"""Every route, for every role, about everybody's things: answered as the policy says.

What is expected follows from `identity.permissions`, from the rule beside the route and from the
table in `declared.py`, never from what the application does.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
import pytest
from litestar import Router
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from msgspec import Struct

from authorisation.asgi import Answer, ask, knock
from authorisation.declared import CONSTANTS, OWNERS, PARAMETERS, ROWS, Expected, Row
from authorisation.world import Street, Whose, World
from tawsil.apps import wiring
from tawsil.identity.public import PERMISSIONS, Role
from tawsil.kernel.http import Rule

AREAS: Final = frozenset({"country", "region", "district", "municipality"})
WHOLE: Final = frozenset({"all"})
PARAMETER: Final = re.compile(r"\{(\w+):\w+\}")


def met(expected: Expected, answer: Answer, route: "Route") -> bool:
    """Whether it is so; what a state or a rule of the trade refuses was allowed to be asked."""
    row = route.row
    match expected:
        case Expected.ALLOWED:
            return (
                answer.status < 400
                or answer.status in {409, 422}
                or answer.code in row.trade
                or (route.page and (answer.status == 400 or route.rule.public))
            )
        case Expected.HIDDEN if answer.status == 422:
            return answer.code.endswith("unknown")  # as of what is not there, in a body
        case Expected.HIDDEN if route.page and answer.status == 400:
            return True  # an empty form, refused before anything was looked up
        case Expected.UNAUTHENTICATED if route.method == "WS":
            return answer.status == 403
        case Expected.UNAUTHENTICATED if route.page:  # is shown the door
            return answer.status in {303, 401}
        case _:
            return answer.status == expected.value


class Route(Struct, frozen=True):
    method: str
    path: str
    rule: Rule

    @property
    def name(self) -> str:
        return f"{self.method} " + PARAMETER.sub(r"{\1}", self.path)

    @property
    def page(self) -> bool:
        """For people: its forms may lack fields here."""
        return not self.path.startswith(("/v2/", "/v4/"))

    @property
    def row(self) -> Row:
        return ROWS.get(self.name.replace(" /v2/", " /v4/"), Row())

    @property
    def parameters(self) -> list[str]:
        return PARAMETER.findall(self.path)


def leaves(routes: Iterable[Any]) -> Iterator[BaseRouteHandler]:
    for route in routes:
        if isinstance(route, Router):
            yield from leaves(route.route_handler_method_map.values())
        elif isinstance(route, dict):
            yield from leaves(route.values())
        else:
            yield route


def _routes() -> list[Route]:
    return [
        Route(method, path, handler.opt["rule"])
        for handler in leaves(wiring.ROUTES)
        if not str(handler).endswith("options_handler")
        for path in sorted(handler.paths)
        for method in (
            sorted(handler.http_methods) if isinstance(handler, HTTPRouteHandler) else ["WS"]
        )
    ]


ROUTES: Final = _routes()


def scopes(role: Role, permission: str) -> frozenset[str]:
    """What the policy grants a role of a permission; `all` where it names no scope."""
    resource, action = permission.split(":")
    return frozenset(
        scope[0] if scope else "all"
        for granted in PERMISSIONS[role]
        for of, does, *scope in [granted.split(":")]
        if of in {resource, "*"} and does in {action, "*"}
    )


def granted(route: Route, role: Role) -> frozenset[str]:
    """In which scopes a role may do what a route does."""
    asked = route.row.asks or ((route.rule.permission,) if route.rule.permission else ())
    return frozenset().union(*(scopes(role, one) for one in asked)) if asked else WHOLE


def expected(route: Route, role: Role | None, whose: Whose, things: list[str]) -> Expected:
    if route.rule.public:
        return Expected.ALLOWED
    if role is None:
        return Expected.UNAUTHENTICATED
    passed = route.rule.permission is None or scopes(role, route.rule.permission)
    if not passed or not granted(route, role):
        return Expected.FORBIDDEN
    return _of_whom_it_lets_in(route.row, role, granted(route, role), whose, things)


def _of_whom_it_lets_in(
    row: Row, role: Role, scoped: frozenset[str], whose: Whose, things: list[str]
) -> Expected:
    from_above = "all" in scoped or (row.areas and scoped & AREAS)
    if row.narrow is not None and not from_above:
        return row.narrow
    if not things or row.unchecked:
        return Expected.ALLOWED
    if whose is Whose.FOREIGN:
        return Expected.HIDDEN
    owners = row.owners or frozenset.intersection(*(OWNERS[thing] for thing in things))
    mine = role in owners and whose is Whose.OWN
    if mine and row.only is not None and role not in row.only and "all" not in scoped:
        return Expected.FORBIDDEN
    reached = (
        mine
        if row.personal or not (scoped & (AREAS | WHOLE) or row.shared)
        else "all" in scoped or row.shared or (row.areas and whose is Whose.OWN)
    )
    return Expected.ALLOWED if reached else Expected.HIDDEN


class Asked(Struct, frozen=True):
    """A request about somebody's things."""

    path: str
    body: Any
    things: list[str]


def _asked(route: Route, street: Street, example: Any) -> Asked:
    things: list[str] = []

    def named(parameter: str) -> str:
        if parameter in CONSTANTS:
            return CONSTANTS[parameter]
        things.append(PARAMETERS[parameter])
        return street.things[PARAMETERS[parameter]]

    def filled(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: filled(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [filled(one, key) for one in value]
        if isinstance(value, str) and value.startswith("{"):
            things.append(value[1:-1])
            return street.things[value[1:-1]]
        return named(key) if key.endswith("_id") and key in PARAMETERS else value

    path = PARAMETER.sub(lambda found: named(found[1]), route.path)
    query = PARAMETER.sub(lambda found: named(found[1]), route.row.query)
    query = f"?{query}" if query else ""
    body = filled({**example, **(route.row.body or {})}) if example else None
    return Asked(path + query, body, things)


async def _cell(world: World, route: Route, asked: Asked, token: str | None) -> Answer:
    if route.method == "WS":
        return await knock(world.app, asked.path, token=token)
    return await ask(world.app, route.method, asked.path, token=token, json=asked.body)


def test_every_parameter_is_in_the_table():
    unknown = {
        f"{name} of {route.name}"
        for route in ROUTES
        for name in route.parameters
        if name not in PARAMETERS and name not in CONSTANTS
    }
    assert unknown == set()
    assert set(PARAMETERS.values()) <= set(OWNERS)


def test_no_row_is_of_a_route_that_is_not_there():
    assert set(ROWS) <= {route.name for route in ROUTES}


def told(world: World, whose: Whose, asked: Asked, answer: Answer) -> list[str]:
    """Which of a street's things an answer names that the request did not."""
    request = asked.path.encode() + msgspec.json.encode(asked.body)
    return [
        thing
        for thing, id_ in world.streets[whose].things.items()
        if len(id_) == 36 and id_.encode() in answer.body and id_.encode() not in request
    ]


def leaks(world: World, route: Route, role: Role, asked: Asked, answer: Answer) -> list[str]:
    """What an answer tells that is beyond the caller; what is public is nobody's secret."""
    if route.rule.public:
        return []
    beyond = [Whose.FOREIGN]
    if "all" not in granted(route, role) and not route.row.shared:
        beyond.append(Whose.OTHERS)
    return [f"{whose} {thing}" for whose in beyond for thing in told(world, whose, asked, answer)]


def missed(world: World, route: Route, role: Role, answer: Answer) -> bool:
    """Whether a list lacks what it should have of the caller's own."""
    thing = route.row.lists
    if thing is None or answer.status != 200:
        return False
    from_above = granted(route, role) & (AREAS | WHOLE)
    owns = from_above or role in OWNERS[thing]
    return bool(owns) and world.streets[Whose.OWN].things[thing].encode() not in answer.body


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
async def test_each_role_is_answered_as_the_policy_says(
    route: Route,
    world: World,
    examples: dict[str, Any],
    record_property: Any,
):
    wrong: list[str] = []
    cells = 0
    for whose, street in world.streets.items():
        asked = _asked(route, street, examples.get(route.name))
        for role in (None, *Role):
            answer = await _cell(world, route, asked, f"{Whose.OWN} {role}" if role else None)
            cells += 1
            cell = f"{role or 'anonymous'}, {whose}"
            want = expected(route, role, whose, asked.things)
            if not met(want, answer, route):
                said = answer.code or answer.body[:200]
                wrong.append(f"{cell}: {want.value}, answered {answer.status} {said}")
            elif role and (told_of := leaks(world, route, role, asked, answer)):
                wrong.append(f"{cell}: told of {told_of}")
            elif role and missed(world, route, role, answer):
                wrong.append(f"{cell}: did not find its own {route.row.lists}")
        if not asked.things:
            break
    record_property("cells", cells)
    assert not wrong, "\n" + "\n".join(wrong)


async def test_an_answer_that_tells_too_much_is_seen(world: World):
    """The other tenant's administrator reads what ours must never be told."""
    route = next(route for route in ROUTES if route.name == "GET /v4/orders")
    asked = Asked("/v4/orders", None, [])
    answer = await _cell(world, route, asked, f"{Whose.FOREIGN} {Role.ADMIN}")
    assert f"{Whose.FOREIGN} order" in leaks(world, route, Role.ADMIN, asked, answer)
    assert missed(world, route, Role.ADMIN, answer)
