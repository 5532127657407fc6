"""JSON Schemas of the types that routes take and answer, under names that read well.

msgspec writes them; what it leaves unsaid is added: that a time is one, that an answer always has
its fields, what an event is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Any, Final, Union, cast, get_args, get_origin

import msgspec
from msgspec import inspect

from tawsil.kernel.decisions import Event
from tawsil.kernel.http.envelope import Envelope
from tawsil.kernel.places import Place
from tawsil.kernel.text import ANY_TEXT

Schema = dict[str, Any]
ROOT: Final = "#/components/schemas/"
AN_ERROR: Final[Schema] = {"$ref": ROOT + "ErrorItem"}
AN_EVENT: Final[Schema] = {
    "title": "Event",
    "description": "A recorded fact. Its fields are those of its `type`: see /v4/events/schemas.",
    "type": "object",
    "properties": {"type": {"type": "string", "examples": ["order.placed.v1"]}},
    "required": ["type"],
}


class Schemas:
    """The schemas of some types, and of everything they are made of.

    A type that only answers are made of has all of its fields; one that a request may hold leaves
    out what has a default, and so does what was recorded when there were fewer fields.
    """

    def __init__(
        self,
        *,
        taken: Sequence[Any] = (),
        answered: Sequence[Any] = (),
        recorded: Sequence[Any] = (),
    ) -> None:
        types = [*taken, *answered, *recorded]
        classes = _classes(types)
        named = dict.fromkeys([*types, *classes])
        written, components = msgspec.json.schema_components(list(named), ref_template="{name}")
        by_type = dict(zip(named, written, strict=True))
        self._names = _names(classes)
        known = {by_type[cls]["$ref"]: self._names[cls] for cls in classes}
        self._by_type = {type_: _renamed(schema, known) for type_, schema in by_type.items()}
        self.components: dict[str, Schema] = {}
        asked, older = set(_classes(taken)), set(_classes(recorded))
        for cls, info in classes.items():
            schema = _renamed(components[by_type[cls]["$ref"]], known)
            schema["title"] = self._names[cls]
            finished = _finished(schema, info, partial=cls in asked | older)
            self.components[self._names[cls]] = (
                _everywhere(finished, _in_clear) if cls in asked else finished
            )

    def of(self, type_: Any) -> Schema:
        """The type's schema: a reference, if it has a name."""
        return self._by_type[type_]


def schema_of_parameter(type_: Any) -> Schema:
    """A parameter's schema, whole: it stands in an address, and is left out rather than null."""
    (schema,), components = msgspec.json.schema_components([type_], ref_template=ROOT + "{name}")
    schema = _with_times(_inlined(schema, components), inspect.type_info(type_))
    options = [option for option in schema.pop("anyOf", []) if option.get("type") != "null"]
    if len(options) > 1:
        return schema | {"anyOf": options}
    return {**schema, **(options[0] if options else {})}


def _inlined(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    def inline(part: Schema) -> Schema:
        if "$ref" in part:
            return _inlined(components[part["$ref"].removeprefix(ROOT)], components)
        return {name: one for name, one in part.items() if name not in {"title", "description"}}

    return _everywhere(schema, inline)


def _everywhere(part: Any, change: Callable[[Schema], Schema]) -> Any:
    """A schema after a change to each of its parts, the inner ones first."""
    if isinstance(part, list):
        return [_everywhere(one, change) for one in cast("list[Any]", part)]
    if isinstance(part, dict):
        inner = cast("Schema", part)
        return change({name: _everywhere(one, change) for name, one in inner.items()})
    return part


def _classes(types: Sequence[Any]) -> dict[Any, inspect.Type]:
    """Every struct and enumeration that the types are made of."""
    found: dict[Any, inspect.Type] = {}

    def collect(info: inspect.Type) -> None:
        if isinstance(info, inspect.StructType | inspect.EnumType):
            if info.cls in found:
                return
            found[info.cls] = info
        for part in _parts(info):
            collect(part)

    for info in inspect.multi_type_info(types):
        collect(info)
    return found


def _parts(info: inspect.Type) -> Iterator[inspect.Type]:
    match info:
        case inspect.StructType():
            yield from (field.type for field in info.fields)
        case inspect.Metadata():
            yield info.type
        case inspect.CollectionType():
            yield info.item_type
        case inspect.TupleType():
            yield from info.item_types
        case inspect.DictType():
            yield from (info.key_type, info.value_type)
        case inspect.UnionType():
            yield from info.types
        case _:
            pass


def _names(classes: Mapping[Any, Any]) -> dict[Any, str]:
    """A name for each; where several would have the same, their contexts tell them apart."""
    several: dict[str, list[Any]] = {}
    for cls in classes:
        several.setdefault(_name(cls), []).append(cls)
    names: dict[Any, str] = {}
    for name, sharing in several.items():
        for cls in sharing:
            context = "" if len(sharing) == 1 else cls.__module__.split(".")[1].capitalize()
            names[cls] = context + name
    if len(set(names.values())) < len(names):
        repeated = sorted(n for n in names.values() if list(names.values()).count(n) > 1)
        raise ValueError(f"one context has several schemas of one name: {repeated}")
    return names


def _name(type_: Any) -> str:
    """`Envelope[list[OrderView]]` is an `OrderListEnvelope`."""
    origin, arguments = get_origin(type_), get_args(type_)
    if type_ is NoneType:
        return "Nothing"
    if origin is None:
        return str(type_.__name__).lstrip("_")
    if origin in {Union, UnionType}:
        return "Maybe" + "Or".join(_noun(one) for one in arguments if one is not NoneType)
    nouns = "".join(_noun(one) for one in arguments)
    return nouns + ("List" if origin in {list, tuple} else origin.__name__.capitalize())


def _noun(type_: Any) -> str:
    return _name(type_).removesuffix("View")


def _renamed(schema: Schema, known: Mapping[str, str]) -> Schema:
    """With references to the names that are ours."""

    def rename(part: Schema) -> Schema:
        if part.get("items") is False:
            del part["items"]  # `maxItems` says it too, where generators of clients understand it
        if isinstance(part.get("$ref"), str):
            return {**part, "$ref": ROOT + known[part["$ref"]]}
        if "mapping" in part and "propertyName" in part:
            mapping = {tag: ROOT + known[name] for tag, name in part["mapping"].items()}
            return {**part, "mapping": mapping}
        return _typed(part) if isinstance(part.get("enum"), list) else part

    return _everywhere(schema, rename)


def _finished(schema: Schema, info: inspect.Type, *, partial: bool) -> Schema:
    if "description" in schema:
        schema["description"] = cleandoc(schema["description"])
    if not isinstance(info, inspect.StructType):
        return schema
    if info.cls is Event:
        return AN_EVENT
    if info.array_like:
        return schema
    properties = schema["properties"]
    if info.cls is Place:
        for name, most in (("latitude", 90), ("longitude", 180)):
            properties[name] = {"type": "number", "minimum": -most, "maximum": most}
    for field in info.fields:
        named = properties[field.encode_name]
        properties[field.encode_name] = _with_times(named, field.type)
    if not partial and not (get_origin(info.cls) or info.cls).__struct_config__.omit_defaults:
        schema["required"] = list(properties)
    if get_origin(info.cls) is Envelope:
        properties["success"] = {"type": "boolean", "const": True}
        properties["errors"] = {"type": "array", "maxItems": 0, "items": AN_ERROR}
    return schema


def _in_clear(part: Schema) -> Schema:
    """A string that may be sent shows all that it holds, whatever else it must be."""
    free = part.get("type") == "string" and not part.keys() & {"pattern", "format", "enum"}
    return {**part, "pattern": ANY_TEXT} if free else part


def _typed(part: Schema) -> Schema:
    """An enumeration with the type of its values, which generators of clients go by."""
    values: Sequence[Any] = part["enum"]
    if all(isinstance(value, bool) for value in values):
        return {"type": "boolean", "const": values[0]} if len(values) == 1 else {"type": "boolean"}
    kind = "string" if all(isinstance(value, str) for value in values) else "integer"
    return {**part, "type": kind}


def _with_times(schema: Schema, info: inspect.Type) -> Schema:
    """With a format wherever the type has a time; msgspec says it only where an offset is due."""
    match info:
        case inspect.DateTimeType():
            return {**schema, "format": "date-time"}
        case inspect.Metadata():
            return _with_times(schema, info.type)
        case inspect.UnionType() if any(isinstance(t, inspect.DateTimeType) for t in info.types):
            return {**schema, "anyOf": [_as_time(option) for option in schema["anyOf"]]}
        case inspect.CollectionType() if "items" in schema:
            return {**schema, "items": _with_times(schema["items"], info.item_type)}
        case inspect.DictType() if "additionalProperties" in schema:
            value = _with_times(schema["additionalProperties"], info.value_type)
            return {**schema, "additionalProperties": value}
        case _:
            return schema


def _as_time(option: Schema) -> Schema:
    return option | {"format": "date-time"} if option.get("type") == "string" else option
