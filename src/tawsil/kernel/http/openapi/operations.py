"""One route as an operation of the document."""

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from inspect import cleandoc
from types import NoneType
from typing import Annotated, Any, Final, Optional, cast, get_args, get_origin

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import BodyKwarg, ParameterKwarg
from litestar.response import Redirect, ServerSentEvent, Stream
from litestar.routes import HTTPRoute
from litestar.types import Empty
from litestar.typing import FieldDefinition
from msgspec import Struct

from tawsil.kernel.http.callers import Rule
from tawsil.kernel.http.envelope import Envelope
from tawsil.kernel.http.limits import UNLIMITED
from tawsil.kernel.http.openapi import answers
from tawsil.kernel.http.openapi.examples import Examples
from tawsil.kernel.http.openapi.refusals import refusals_of
from tawsil.kernel.http.openapi.schemas import Schema, Schemas, schema_of_parameter
from tawsil.kernel.http.origins import SAFE
from tawsil.kernel.http.parameters import parameters_of

NUMBERS: Final = ("ge", "gt", "le", "lt", "multiple_of")
LENGTHS: Final = ("min_length", "max_length", "pattern")
JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
CSV: Final = "text/csv"
STREAMED: Final[Mapping[str, Any]] = {
    EVENTS: {"event": "hello", "data": "{}"},
    CSV: "id,placed_at\r\n01920000-0000-7000-8000-0000000000aa,2026-11-20T12:00:00Z\r\n",
}
"""What streams look like, where their `opt` has no `example`."""
AN_EVENT: Final[Schema] = {
    "description": "One event: its name, its payload as JSON, the id to come back with.",
    "type": "object",
    "properties": {
        "event": {"type": "string"},
        "data": {"type": "string"},
        "id": {"type": "string"},
        "retry": {"type": "integer"},
    },
}


class Served(Struct, frozen=True, eq=False):
    """A handler at one of its addresses, answering one method."""

    path: str
    method: str
    handler: HTTPRouteHandler
    path_types: Mapping[str, Any]

    @property
    def rule(self) -> Rule:
        return self.handler.opt["rule"]

    @property
    def taken(self) -> Any:
        """The type of the body, or None. A handler that reads bytes says in `opt` what they are."""
        field = self.handler.parsed_fn_signature.parameters.get("data")
        return self.handler.opt.get("reads") if field is None else field.annotation

    @property
    def needs_body(self) -> bool:
        field = self.handler.parsed_fn_signature.parameters.get("data")
        return field is None or field.default is Empty

    @property
    def taken_as(self) -> str:
        """The media type of the body."""
        field = self.handler.parsed_fn_signature.parameters.get("data")
        definition = None if field is None else field.kwarg_definition
        said = definition.media_type if isinstance(definition, BodyKwarg) else JSON
        return said.value if isinstance(said, Enum) else said

    @property
    def answered_as(self) -> str:
        """The media type of the answer: JSON, unless the handler says another."""
        said = self.handler.media_type
        return JSON if isinstance(said, Enum) or not said else said.partition(";")[0]

    @property
    def answered(self) -> Any:
        """The type of a JSON answer, or None where there is none."""
        returned = self.handler.parsed_fn_signature.return_type.annotation
        if get_origin(returned) is Response:
            (returned,) = get_args(returned)
        bare = isinstance(returned, type) and issubclass(cast("type[Any]", returned), Response)
        return None if bare or returned in {NoneType, None} else cast("Any", returned)

    @property
    def own_answers(self) -> dict[int, tuple[Any, list[str]]]:
        """Types and media types of answers that are not in our envelope, by status."""
        told: dict[int, tuple[Any, list[str]]] = {
            status: (
                cast("Any", spec).data_container,
                list(dict.fromkeys([str(spec.media_type), JSON])),
            )
            for status, spec in (self.handler.responses or {}).items()
        }
        errors: Mapping[int, Any] = self.handler.opt.get("errors", {})
        return told | {status: (shape, [JSON]) for status, shape in errors.items()}

    @property
    def streamed(self) -> str | None:
        """The media type of an answer that is sent as it is made: events, or a file of rows."""
        returned = self.handler.parsed_fn_signature.return_type
        if returned.is_subclass_of(ServerSentEvent):
            return EVENTS
        return CSV if returned.is_subclass_of(Stream) else None

    @property
    def is_command(self) -> bool:
        return self.method == "post" and "commands" in self.handler.parsed_fn_signature.parameters

    @property
    def limited(self) -> bool:
        return self.handler.opt.get("limit") is not UNLIMITED

    @property
    def older(self) -> bool:
        return self.path.startswith("/v2/")


def served(routes: Sequence[Any]) -> list[Served]:
    """Every documented operation, in the order of addresses and methods."""
    found = [
        Served(
            path=route.path_format,
            method=method.lower(),
            handler=handler,
            path_types={p.name: p.type for p in route.path_components if not isinstance(p, str)},
        )
        for route in routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.resolve_include_in_schema()
        for method in handler.http_methods
        if method not in {"OPTIONS", "HEAD"}
    ]
    return sorted(found, key=lambda one: (one.older, one.path, one.method))


def operation(one: Served, *, named: str, schemas: Schemas, examples: Examples) -> Schema:
    """The operation, with its parameters, body and every answer."""
    handler, rule = one.handler, one.rule
    described = cleandoc(handler.fn.__doc__ or "")
    if one.older:
        described = (
            f"For older clients: the same as {one.path.replace('/v2/', '/v4/')}.\n\n{described}"
        )
    if rule.permission is not None:
        described = f"{described}\n\nNeeds the permission `{rule.permission}`.".strip()
    parameters = _parameters(one)
    written: Schema = {
        "operationId": named,
        "tags": list(handler.tags or ["Other"]),
        "summary": handler.summary or "",
        "description": described or f"{handler.summary}.",
        "parameters": [
            *parameters,
            *(_header(name, said) for name, said in handler.opt.get("headers", {}).items()),
            *([answers.refers("parameters", "IdempotencyKey")] if one.is_command else []),
            *([answers.refers("parameters", "LastEventId")] if one.streamed == EVENTS else []),
            answers.refers("parameters", "AcceptLanguage"),
            answers.refers("parameters", "RequestId"),
        ],
        "responses": {
            str(handler.status_code): _success(one, schemas, examples, paged=_paged(parameters)),
            **_errors(one, schemas, examples, read=bool(parameters)),
        },
    }
    if rule.public:
        written["security"] = []
    if one.older:
        written["deprecated"] = True
    if one.taken is not None:
        schema = schemas.of(one.taken)
        written["requestBody"] = {
            "required": one.needs_body,
            "content": {one.taken_as: {"schema": schema, "example": examples.of(schema)}},
        }
    return written


def operation_ids(operations: Sequence[Served]) -> dict[Served, str]:
    """A name for each: the handler's. Of several the one with the shortest address has it alone."""
    names: dict[str, Served] = {}
    for one in sorted(operations, key=lambda one: len(one.path)):
        name = _operation_id(one)
        if name in names:
            name += _camel(re.split(r"\W+", one.path)[2:])
        assert name not in names, name
        names[name] = one
    return {one: name for name, one in names.items()}


def _operation_id(one: Served) -> str:
    """The handler's name, with the thing it is about if that is not in it: `cancelOrder`."""
    verb, *nouns = one.handler.fn.__name__.split("_")
    if not nouns and (things := re.findall(r"/([^/{]+)s/\{", one.path)):
        nouns = things[-1].split("-")
    return verb + _camel(nouns) + ("V2" if one.older else "")


def _camel(words: Sequence[str]) -> str:
    return "".join(word.capitalize() for part in words for word in part.split("_"))


def _parameters(one: Served) -> list[Schema]:
    fields = parameters_of(one.handler)
    query = [
        _parameter(name, f, "query") for name, f in fields.items() if name not in one.path_types
    ]
    return [*(_path_parameter(name, one, fields) for name in one.path_types), *query]


def _header(name: str, said: str) -> Schema:
    """A header that the handler reads by itself and tells of in its `opt`."""
    return {"name": name, "in": "header", "description": said, "schema": {"type": "string"}}


def _path_parameter(name: str, one: Served, fields: Mapping[str, FieldDefinition]) -> Schema:
    if name in fields:
        return _parameter(name, fields[name], "path")
    schema = schema_of_parameter(one.path_types[name])
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _parameter(name: str, field: FieldDefinition, where: str) -> Schema:
    definition = field.kwarg_definition
    given = definition if isinstance(definition, ParameterKwarg) else None
    schema = schema_of_parameter(_constrained(field.annotation, given))
    if field.default not in {Empty, None}:
        schema["default"] = msgspec.to_builtins(field.default)
    written: Schema = {"name": name, "in": where, "schema": schema}
    if where == "path" or (field.default is Empty and not field.is_optional):
        written["required"] = True
    if given is not None and given.description:
        written["description"] = given.description
    return written


def _constrained(annotation: Any, given: ParameterKwarg | None) -> Any:
    """The annotation with the limits that Litestar checks, where msgspec writes them."""
    if given is None:
        return annotation
    limits = {
        name: getattr(given, name)
        for name in (*NUMBERS, *LENGTHS)
        if getattr(given, name) is not None
    }
    if not limits:
        return annotation
    parts = get_args(annotation)
    if type(None) in parts:
        (inner,) = (part for part in parts if part is not type(None))
        return Optional[Annotated[inner, msgspec.Meta(**limits)]]  # noqa: UP045 - made at run time
    return Annotated[annotation, msgspec.Meta(**limits)]


def _errors(one: Served, schemas: Schemas, examples: Examples, *, read: bool) -> Schema:
    codes = answers.merged(
        answers.common(
            signed_in=not one.rule.public,
            permission=one.rule.permission,
            named=bool(one.path_types),
            of_module="module" in one.handler.opt,
            read=read,
            body=one.taken is not None,
            command=one.is_command,
            limited=one.limited,
            changes=one.method.upper() not in SAFE,
        ),
        *(refusals_of(function) for function in _involved(one)),
    )
    written = {
        str(status): answers.refused(status, found, limited=one.limited)
        for status, found in codes.items()
    }
    return {**written, **_of_their_own(one, schemas, examples)}


def _of_their_own(one: Served, schemas: Schemas, examples: Examples) -> Schema:
    """Answers in a shape that a standard asks for, as the handler tells by status."""
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "headers": answers.headers(*(answers.ON_LIMITED if one.limited else ())),
            "content": {
                kind: {"schema": schemas.of(shape), "example": examples.of(schemas.of(shape))}
                for kind in kinds
            },
        }
        for status, (shape, kinds) in one.own_answers.items()
    }


def _paged(parameters: Sequence[Schema]) -> bool:
    return {"page", "limit"} <= {parameter["name"] for parameter in parameters}


def _involved(one: Served) -> list[Any]:
    """The handler and those that provide what it depends on."""
    signature = one.handler.parsed_fn_signature.parameters
    provided = one.handler.resolve_dependencies()
    return [one.handler.fn, *(p.dependency for name, p in provided.items() if name in signature)]


def _success(one: Served, schemas: Schemas, examples: Examples, *, paged: bool) -> Schema:
    names = ("Idempotent-Replayed",) if one.is_command else ()
    if one.handler.parsed_fn_signature.return_type.is_subclass_of(Redirect):
        names = ("Location",)
    written: Schema = {
        "description": one.handler.response_description or one.handler.summary or "",
        "headers": answers.headers(*names, *(answers.ON_LIMITED if one.limited else ())),
    }
    if one.streamed is not None:
        shown = one.handler.opt.get("example", STREAMED[one.streamed])
        form = AN_EVENT if one.streamed == EVENTS else {"type": "string"}
        written["content"] = {one.streamed: {"schema": form, "example": shown}}
    elif one.answered is not None:
        schema = schemas.of(one.answered)
        example = examples.of(schema)
        if get_origin(one.answered) is Envelope:
            example["meta"] = _meta(paged=paged)
        if "example" in one.handler.opt:
            example = one.handler.opt["example"]
        written["content"] = {one.answered_as: {"schema": schema, "example": example}}
    return written


def _meta(*, paged: bool) -> Schema:
    if not paged:
        return dict(answers.META)
    return {**answers.META, "pagination": {"page": 1, "limit": 20, "total": 1, "total_pages": 1}}
