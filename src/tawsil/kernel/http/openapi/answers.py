"""What every route may answer besides what it is for, told from its rule, parameters and body."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from tawsil.kernel.http.openapi.examples import BEGAN_AT
from tawsil.kernel.http.openapi.refusals import Codes
from tawsil.kernel.http.openapi.schemas import Schema
from tawsil.kernel.i18n import text

ERRORS: Final = "ErrorEnvelope"
REQUEST_ID: Final = "01920000-0000-7000-8000-0000000000aa"
META: Final[Mapping[str, Any]] = {
    "timestamp": BEGAN_AT.isoformat().replace("+00:00", "Z"),
    "request_id": REQUEST_ID,
    "version": "v4",
}
ERROR_ENVELOPE: Final[Schema] = {
    "title": "ErrorEnvelope",
    "description": (
        "What was wrong. Programs go by `code`, which never changes; people read `message`, which "
        "is in the language of the request; `detail` holds what fills the sentence."
    ),
    "type": "object",
    "properties": {
        "success": {"type": "boolean", "const": False},
        "data": {"type": "null"},
        "meta": {"$ref": "#/components/schemas/EnvelopeMeta"},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/components/schemas/ErrorItem"},
        },
    },
    "required": ["success", "data", "meta", "errors"],
}
PARAMETERS: Final[Mapping[str, Schema]] = {
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "description": "The language of sentences for people: English or Arabic.",
        "schema": {"type": "string", "default": "en", "examples": ["ar", "en;q=0.8, ar"]},
    },
    "RequestId": {
        "name": "X-Request-ID",
        "in": "header",
        "description": (
            "A UUID of your own, to find the request again in your logs and ours; what is not a "
            "UUID is replaced by one."
        ),
        "schema": {"type": "string", "examples": ["01920000-0000-7000-8000-0000000000aa"]},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": (
            "Your name for this request, of at most 255 characters. Sent again within 24 hours, "
            "it gets the first answer, byte for byte, and nothing is done twice. A UUID will do."
        ),
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The id of the last event you heard: what you missed since comes first.",
        "schema": {"type": "string", "pattern": "^[0-9]{0,18}$", "examples": ["1042"]},
    },
}
HEADERS: Final[Mapping[str, Schema]] = {
    "X-Request-ID": {
        "description": "The request's id: yours, if you sent a UUID, or a new one.",
        "schema": {"type": "string", "format": "uuid"},
    },
    "Idempotent-Replayed": {
        "description": "The answer of an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Retry-After": {
        "description": "After how many seconds to try again.",
        "schema": {"type": "string", "pattern": "^[0-9]+$", "examples": ["1"]},
    },
    "Allow": {
        "description": "The methods that the address answers to.",
        "schema": {"type": "string", "examples": ["GET, OPTIONS"]},
    },
    "Location": {
        "description": "Where to go on.",
        "schema": {"type": "string", "examples": ["https://accounts.example.org/authorize"]},
    },
    "WWW-Authenticate": {
        "description": "How to sign in.",
        "schema": {"type": "string", "examples": ['Bearer realm="tawsil"']},
    },
    "RateLimit-Policy": {
        "description": "The limit that counts here: its name, how many (q), in how many seconds.",
        "schema": {"type": "string", "examples": ['"default";q=100;w=60']},
    },
    "RateLimit": {
        "description": "How many more are let through now (r), and when the next is free (t, s).",
        "schema": {"type": "string", "examples": ['"default";r=99;t=60']},
    },
}
ON_EVERY: Final = ("X-Request-ID",)
ON_LIMITED: Final = ("RateLimit-Policy", "RateLimit")
ON_STATUS: Final[Mapping[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    405: ("Allow",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
SHOWN: Final[Mapping[str, Any]] = {
    "expected": "application/json",
    "why": "Object missing required field `quote_id`",
    "retry_after_s": 1,
    "request_id": REQUEST_ID,
    "module": "promotions",
}
"""What fills the sentences of the codes that any route may answer with."""


def refers(kind: str, name: str) -> Schema:
    return {"$ref": f"#/components/{kind}/{name}"}


def headers(*names: str) -> Schema:
    return {name: refers("headers", name) for name in (*ON_EVERY, *names)}


def refused(status: int, codes: set[str], *, limited: bool) -> Schema:
    """The answer of one status: every code with its sentence and an example."""
    said = {code: text(code, locale="en") for code in sorted(codes)}
    return {
        "description": "\n".join(
            [HTTPStatus(status).phrase, "", *(f"- `{code}`: {one}" for code, one in said.items())]
        ),
        "headers": headers(*ON_STATUS.get(status, ()), *(ON_LIMITED if limited else ())),
        "content": {
            "application/json": {
                "schema": refers("schemas", ERRORS),
                "examples": {code: refers("examples", code) for code in said},
            }
        },
    }


def example(code: str, words: Mapping[str, Any]) -> Schema:
    """What an answer with this code looks like."""
    filled = text(code, params={**words, **SHOWN}, locale="en")
    detail = {name: value for name, value in SHOWN.items() if _fills(code, name)}
    item: Schema = {"code": code, "message": filled}
    if detail:
        item["detail"] = detail
    value = {"success": False, "data": None, "meta": META, "errors": [item]}
    return {"summary": text(code, locale="en"), "value": value}


def _fills(code: str, name: str) -> bool:
    return f"{{{name}}}" in text(code, locale="en")


def common(
    *,
    signed_in: bool,
    permission: str | None,
    named: bool,
    of_module: bool,
    read: bool,
    body: bool,
    command: bool,
    limited: bool,
    changes: bool,
) -> Codes:
    """The errors that come before a handler has anything to say.

    `named`: its address names something, which may not be there; `of_module`: the caller's
    company may do without it; `read`: it takes parameters, which may not be readable; `changes`:
    what another site's page may not make a browser send; `command`: through the batches, where an
    Idempotency-Key counts.
    """
    codes: Codes = {503: {"request.unavailable"}}
    if read or body:
        codes[400] = {"request.invalid"}
    if signed_in:
        codes[401] = {"request.unauthenticated", "request.token_invalid"}
    if permission is not None:
        codes[403] = {"request.forbidden"}
    if changes:
        codes.setdefault(403, set()).add("request.foreign_origin")
    if named:
        codes[404] = {"request.not_found"}
    if of_module:
        codes.setdefault(404, set()).add("request.module_off")
    if body:
        codes[413] = {"request.too_large"}
        codes[415] = {"request.wrong_type"}
    if limited:
        codes[429] = {"request.too_many"}
    if command:
        codes.setdefault(400, set()).add("idempotency.key_invalid")
        codes[409] = {"idempotency.in_flight"}
        codes[422] = {"idempotency.reused"}
        codes[503].add("request.overloaded")
    return codes


def merged(*several: Codes) -> Codes:
    together: Codes = {}
    for codes in several:
        for status, found in codes.items():
            together.setdefault(status, set()).update(found)
    return dict(sorted(together.items()))


def codes_of(operation: Schema) -> Iterator[str]:
    """Every code that an operation's answers name."""
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            yield from content.get("examples", {})
