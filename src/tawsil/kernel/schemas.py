"""JSON Schemas of events: what is on file, and what a change would break for readers."""

from typing import Any

import msgspec

from tawsil.kernel.decisions import Event


def schema_of(cls: type[Event]) -> dict[str, Any]:
    """The event's JSON Schema with its definitions, as it would be read from a file."""
    (schema,), definitions = msgspec.json.schema_components([cls])
    return msgspec.json.decode(msgspec.json.encode({**schema, "$defs": definitions}))


def breaks(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Why readers of recorded events could not go on; empty when the change is compatible.

    Old events must still decode: a field may be added if it has a default, never removed or
    retyped.
    """
    old, new = _body(before), _body(now)
    known, found = old["properties"], new["properties"]
    gone = [f"{name} is gone" for name in known if name not in found]
    retyped = [
        f"{name} has another type"
        for name in known
        if name in found and not _accepts(found[name], known[name])
    ]
    demanded = [
        f"{name} is new and required" for name in new.get("required", []) if name not in known
    ]
    return gone + retyped + demanded


def _accepts(now: dict[str, Any], before: dict[str, Any]) -> bool:
    """Whether every value of the old type is one of the new: the same, or the old as an option."""
    options = now.get("anyOf", [now])
    return before == now or all(option in options for option in before.get("anyOf", [before]))


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    return schema["$defs"][reference.rsplit("/", 1)[-1]] if reference else schema
