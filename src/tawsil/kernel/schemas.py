"""JSON Schemas of events: what is on file, and what a change would break for readers."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tawsil.kernel.decisions import Event

Schema = dict[str, Any]
AT_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
AT_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
IN_FORM: Final = ("pattern", "format", "multipleOf")


def schema_of(cls: type[Event]) -> Schema:
    """The event's JSON Schema with its definitions, as it would be read from a file."""
    (schema,), definitions = msgspec.json.schema_components([cls])
    return msgspec.json.decode(msgspec.json.encode({**schema, "$defs": definitions}))


def breaks(before: Schema, now: Schema) -> list[str]:
    """Why readers of recorded events could not go on; empty when the change is compatible.

    Old events must still decode, down to the last part of them: a field may be added if it has a
    default, never removed, retyped or narrowed; a value may be added to an enumeration, never
    taken away.
    """
    return list(_Change(before, now).of(before, now, ""))


class _Change:
    """Two schemas with their definitions; each pair of named parts is compared once."""

    def __init__(self, before: Schema, now: Schema) -> None:
        self._before = before.get("$defs", {})
        self._now = now.get("$defs", {})
        self._compared: set[tuple[str, str]] = set()

    def of(self, before: Schema, now: Schema, where: str) -> Iterator[str]:
        """What no longer fits, and where."""
        pair = before.get("$ref", ""), now.get("$ref", "")
        if all(pair):
            if pair in self._compared:
                return
            self._compared.add(pair)
        before, now = _resolved(before, self._before), _resolved(now, self._now)
        if "anyOf" in before or "anyOf" in now:
            yield from self._options(before, now, where)
        elif "enum" in before and "enum" in now:
            gone = [value for value in before["enum"] if value not in now["enum"]]
            yield from (f"{where or 'it'} may not be {value} any more" for value in gone)
        elif _kind(before) != _kind(now):
            yield f"{where or 'it'} has another type"
        else:
            yield from _narrowed(before, now, where)
            yield from self._parts(before, now, where)
            yield from self._fields(before, now, where)

    def _options(self, before: Schema, now: Schema, where: str) -> Iterator[str]:
        """Every option of old must be one of the new."""
        options = now.get("anyOf", [now])
        for option in before.get("anyOf", [before]):
            if not any(self._accepts(new, option) for new in options):
                yield f"{where} has another type"
                return

    def _accepts(self, now: Schema, before: Schema) -> bool:
        compared = set(self._compared)
        fits = not list(self.of(before, now, "it"))
        if not fits:
            self._compared = compared
        return fits

    def _parts(self, before: Schema, now: Schema, where: str) -> Iterator[str]:
        """Items of arrays, and values of objects whose keys are data."""
        for name in ("items", "additionalProperties"):
            old, new = before.get(name, True), now.get(name, True)
            if new is False and old is not False:
                yield f"{where or 'it'} takes nothing more"
            elif not isinstance(new, bool):
                yield from self.of({} if isinstance(old, bool) else old, new, f"{where}[]")
        old, new = before.get("prefixItems", []), now.get("prefixItems", [])
        for n, (one, other) in enumerate(zip(old, new, strict=False)):
            yield from self.of(one, other, f"{where}[{n}]")

    def _fields(self, before: Schema, now: Schema, where: str) -> Iterator[str]:
        known, found = before.get("properties", {}), now.get("properties", {})
        path = f"{where}." if where else ""
        yield from (f"{path}{name} is gone" for name in known if name not in found)
        for name in known:
            if name in found:
                yield from self.of(known[name], found[name], f"{path}{name}")
        demanded = set(before.get("required", []))
        for name in now.get("required", []):
            if name not in known:
                yield f"{path}{name} is new and required"
            elif name not in demanded:
                yield f"{path}{name} is required now"


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    reference = schema.get("$ref", "")
    return definitions[reference.rpartition("/")[2]] if reference else schema


def _kind(schema: Schema) -> Any:
    """Its type; what has none takes anything, as long as it had none before."""
    return schema.get("type", "enum" if "enum" in schema else None)


def _narrowed(before: Schema, now: Schema, where: str) -> Iterator[str]:
    stricter = (
        any(now.get(name, float("-inf")) > before.get(name, float("-inf")) for name in AT_LEAST)
        or any(now.get(name, float("inf")) < before.get(name, float("inf")) for name in AT_MOST)
        or any(name in now and now[name] != before.get(name) for name in IN_FORM)
    )
    if stricter:
        yield f"{where or 'it'} is narrower"
