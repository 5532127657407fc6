"""An example of a schema: what the types say, what a word usually is, or what its form allows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID, uuid5

from tawsil.kernel.http.openapi.schemas import ROOT, Schema

BEGAN_AT: Final = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NAMESPACE: Final = UUID("01920000-0000-7000-8000-00000000000e")
BY_UNIT: Final[Mapping[str, Any]] = {
    "_minor": 2500,
    "_s": 240,
    "_m": 850,
    "_bp": 500,
    "_pct": 12.5,
    "_minutes": 15,
}
WORDS: Final[Mapping[str, Any]] = {"page": 1, "limit": 20, "total": 1, "total_pages": 1}


class Examples:
    """Examples out of components. Times in one example follow one another, a minute apart.

    `words` says what a field of that name usually holds, wherever its type does not say it.
    """

    def __init__(self, components: Mapping[str, Schema], words: Mapping[str, Any]) -> None:
        self._components = components
        self._words = {**WORDS, **words}
        self._times = 0

    def of(self, schema: Schema, *, name: str = "") -> Any:
        """One value that the schema allows."""
        self._times = 0
        return self._value(schema, name, ())

    def _value(self, schema: Schema, name: str, within: tuple[str, ...]) -> Any:
        if given := schema.get("examples"):
            return given[0]
        if "$ref" in schema:
            reference = schema["$ref"].removeprefix(ROOT)
            return self._value(self._components[reference], name, (*within, reference))
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self._option(options, name, within)
        if allowed := schema.get("enum") or [schema[k] for k in ("const",) if k in schema]:
            word = self._words.get(name)
            return word if word in allowed else allowed[0]
        return self._of_type(schema, name, within)

    def _of_type(self, schema: Schema, name: str, within: tuple[str, ...]) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(schema, name, within)
            case "array":
                return self._array(schema, name, within)
            case "string":
                return self._string(schema, name)
            case "integer" | "number":
                return self._number(schema, name)
            case kind:
                return self._words.get(name, schema.get("default", kind == "boolean" or None))

    def _option(self, options: list[Schema], name: str, within: tuple[str, ...]) -> Any:
        """The first that is neither null nor a part of itself."""
        for option in options:
            named = option.get("$ref", "").removeprefix(ROOT)
            if option.get("type") != "null" and named not in within:
                return self._value(option, name, within)
        return None

    def _object(self, schema: Schema, name: str, within: tuple[str, ...]) -> Any:
        word = self._words.get(name)
        if isinstance(word, dict):
            return cast("Schema", word)
        if "properties" in schema:
            return {
                field: self._value(one, field, within)
                for field, one in schema["properties"].items()
            }
        values: Schema = schema.get("additionalProperties") or {}
        return {name: self._value(values, "", within)} if values else {}

    def _array(self, schema: Schema, name: str, within: tuple[str, ...]) -> Any:
        if pair := schema.get("prefixItems"):
            return [self._value(one, name, within) for one in pair]
        items = schema.get("items", {})
        if schema.get("maxItems") == 0 or items.get("$ref", "").removeprefix(ROOT) in within:
            return []
        word = self._words.get(name)
        if isinstance(word, list):
            return cast("list[Any]", word)
        fewest = max(1, schema.get("minItems", 1))
        return [self._value(items, name.removesuffix("s"), within) for _ in range(fewest)]

    def _string(self, schema: Schema, name: str) -> Any:
        match schema.get("format"):
            case "uuid":
                return str(uuid5(NAMESPACE, name))
            case "date-time":
                self._times += 1
                at = BEGAN_AT + timedelta(minutes=self._times)
                return at.isoformat().replace("+00:00", "Z")
            case "date":
                return BEGAN_AT.date().isoformat()
            case _:
                word = self._words.get(name)
                word = word if isinstance(word, str) else schema.get("default")
                return word or name.replace("_", " ")[: schema.get("maxLength", 100)]

    def _number(self, schema: Schema, name: str) -> Any:
        word = self._words.get(name)
        if not isinstance(word, int | float):
            unit = max((u for u in BY_UNIT if name.endswith(u)), key=len, default="")
            word = BY_UNIT.get(unit, schema.get("default") or 3)
        least = schema.get("minimum", schema.get("exclusiveMinimum"))
        most = schema.get("maximum", schema.get("exclusiveMaximum"))
        if least is not None and word < least:
            word = least
        if most is not None and word > most:
            word = most
        return int(word) if schema["type"] == "integer" else word
