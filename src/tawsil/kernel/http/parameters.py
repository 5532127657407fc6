"""What a route takes by its address and its query, and reading a query that means one thing only.

Litestar takes the last of two equal names, and reads the word `null` as nothing. Neither is what
the document says, so both are refused. The name of a list may stand there several times.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from litestar.di import Provide
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg
from litestar.typing import FieldDefinition
from msgspec import Struct

RESERVED: Final = frozenset(
    {"data", "body", "request", "socket", "state", "headers", "cookies", "query", "scope"}
)
NOTHING: Final = "null"
TWICE: Final = "this field is given twice"


class _Query(Struct, frozen=True):
    """Names that may stand once, and those of which `null` would be read as nothing."""

    once: frozenset[str]
    never_null: frozenset[str]


def parameters_of(handler: BaseRouteHandler) -> dict[str, FieldDefinition]:
    """The parameters of a handler and of all that it is given, by the name that callers use."""
    found: dict[str, FieldDefinition] = {}
    _collect(handler.parsed_fn_signature.parameters, handler.resolve_dependencies(), found)
    return found


def check_query(handler: BaseRouteHandler, query: bytes) -> None:
    """Refuse what could be read in two ways.

    Raises:
        ValidationException: it names the parameter.
    """
    expected = _expected(handler)
    seen: set[str] = set()
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in seen and name in expected.once:
            raise _invalid(TWICE, name)
        if name in expected.never_null and value.lower() == NOTHING:
            raise _invalid("leave it out instead of `null`", name)
        seen.add(name)


@cache
def _expected(handler: BaseRouteHandler) -> _Query:
    fields = parameters_of(handler)
    return _Query(
        once=frozenset(n for n, field in fields.items() if not field.is_non_string_sequence),
        never_null=frozenset(n for n, field in fields.items() if _takes_null(field.annotation)),
    )


def _takes_null(annotation: Any) -> bool:
    try:
        return msgspec.convert(NOTHING, annotation, strict=False) is None
    except msgspec.ValidationError:
        return False


def _invalid(why: str, name: str) -> ValidationException:
    return ValidationException(extra=[{"message": why, "key": name, "source": "query"}])


def _collect(
    signature: Mapping[str, FieldDefinition],
    provided: Mapping[str, Provide],
    into: dict[str, FieldDefinition],
) -> None:
    for name, field in signature.items():
        if name in RESERVED:
            continue
        if name in provided:
            _collect(provided[name].parsed_fn_signature.parameters, provided, into)
        elif not field.is_di_field:
            definition = field.kwarg_definition
            named = definition.name if isinstance(definition, ParameterKwarg) else None
            into[named or name] = field
