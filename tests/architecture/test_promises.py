"""Every route has a rule, every event type a schema on file that only grows."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest
from litestar import Router
from litestar.handlers import BaseRouteHandler

from architecture.sources import ROOT
from tawsil.apps import wiring
from tawsil.kernel.decisions import Event
from tawsil.kernel.http import Rule
from tawsil.kernel.schemas import breaks, schema_of

SCHEMAS = ROOT / "schemas" / "events"


def _leaves(routes: Iterable[Any]) -> Iterator[BaseRouteHandler]:
    for route in routes:
        if isinstance(route, Router):
            yield from _leaves(route.route_handler_method_map.values())
        elif isinstance(route, dict):
            yield from _leaves(route.values())
        else:
            yield route


def test_every_route_has_a_rule():
    routes = list(_leaves(wiring.ROUTES))
    assert len(routes) > 60
    unruled = [str(h) for h in routes if not isinstance(h.opt.get("rule"), Rule)]
    assert [h for h in unruled if not h.endswith("options_handler")] == []


def test_every_event_type_has_a_schema_on_file():
    on_file = {path.stem for path in SCHEMAS.glob("*.json")}
    assert on_file == set(wiring.REGISTRY.by_name)


@pytest.mark.parametrize("name", sorted(wiring.REGISTRY.by_name))
def test_only_compatible_changes_of_an_event_pass(name: str):
    """Run `make schemas` to put a compatible change on file; another change is a new version."""
    before: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    now = schema_of(wiring.REGISTRY.by_name[name])
    assert breaks(before, now) == []
    assert before == now, "a compatible change: run `make schemas`"


class Sample(Event, frozen=True, tag="sample.v1"):
    order_id: int


class Wider(Event, frozen=True, tag="sample.v1"):
    order_id: int
    note: str | None = None
    tags: tuple[str, ...] = ()


class Narrower(Event, frozen=True, tag="sample.v1"):
    note: str


def test_an_incompatible_change_is_seen():
    before = schema_of(Sample)
    assert breaks(before, schema_of(Wider)) == []
    assert breaks(json.loads(json.dumps(schema_of(Wider))), schema_of(Wider)) == []
    assert breaks(before, schema_of(Narrower)) == [
        "order_id is gone",
        "note is new and required",
    ]
    retyped = msgspec.json.decode(msgspec.json.encode(before).replace(b'"integer"', b'"string"'))
    assert breaks(before, retyped) == ["order_id has another type"]
