"""Every route has a rule, every event type a schema on file that only grows."""

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import pytest
from litestar import Router
from litestar.handlers import BaseRouteHandler
from msgspec import Meta, Struct

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


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Part(Struct, frozen=True):
    n: int
    size: Size = Size.SMALL


class Sample(Event, frozen=True, tag="sample.v1"):
    order_id: int
    part: Part
    parts: tuple[Part, ...]
    maybe: Part | None = None
    grams: Annotated[int, Meta(ge=0, le=1_000)] = 0


class Wider(Event, frozen=True, tag="sample.v1"):
    order_id: int | None
    part: Part
    parts: tuple[Part, ...]
    maybe: Part | None = None
    grams: Annotated[int, Meta(ge=-5)] = 0
    note: str | None = None
    tags: tuple[str, ...] = ()


def test_a_compatible_change_passes() -> None:
    before = schema_of(Sample)
    assert breaks(before, before) == []
    assert breaks(before, schema_of(Wider)) == []
    assert breaks(json.loads(json.dumps(schema_of(Wider))), schema_of(Wider)) == []


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("Sample properties order_id", None, "order_id is gone"),
        ("Sample properties order_id", {"type": "string"}, "order_id has another type"),
        ("Sample properties order_id minimum", 1, "order_id is narrower"),
        ("Sample properties order_id anyOf", [{"type": "string"}], "order_id has another type"),
        ("Sample required 5", "note", "note is new and required"),
        ("Sample required 5", "grams", "grams is required now"),
        ("Sample properties grams minimum", 1, "grams is narrower"),
        ("Sample properties grams maximum", 9, "grams is narrower"),
        ("Sample properties part", {"type": "integer"}, "part has another type"),
        ("Sample properties parts items", {"type": "integer"}, "parts[] has another type"),
        ("Sample properties maybe", {"$ref": "#/$defs/Part"}, "maybe has another type"),
        ("Sample properties maybe anyOf 1", {"type": "string"}, "maybe has another type"),
        ("Part properties n", None, "part.n is gone"),
        ("Part properties n type", "string", "part.n has another type"),
        ("Part required 1", "m", "part.m is new and required"),
        ("Part additionalProperties", False, "part takes nothing more"),
        ("Size enum", ["small"], "part.size may not be large any more"),
    ],
)
def test_an_incompatible_change_is_seen(path: str, value: Any, why: str) -> None:
    """At the top of an event, and in every part of it."""
    now = json.loads(json.dumps(schema_of(Sample)))
    *steps, last = path.split()
    part: Any = now["$defs"]
    for step in steps:
        part = part[int(step) if step.isdigit() else step]
    if value is None:
        del part[last]
    elif last.isdigit() and int(last) >= len(part):
        part.append(value)
    else:
        part[int(last) if last.isdigit() else last] = value
    assert breaks(schema_of(Sample), now)[0] == why
