"""The OpenAPI document: every route, what it takes, and everything it may answer.

It is written from the routes themselves: their rules, their signatures, the structs they take and
answer, and the refusals that their functions lead to.
"""

from asyncio import Lock, to_thread
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Litestar
from msgspec import Struct

from tawsil.kernel.http.envelope import EnvelopeMeta, ErrorItem
from tawsil.kernel.http.openapi import answers
from tawsil.kernel.http.openapi.examples import Examples
from tawsil.kernel.http.openapi.operations import Served, operation, operation_ids, served
from tawsil.kernel.http.openapi.schemas import Schema, Schemas

SECURITY: Final[Mapping[str, Schema]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token of a sign-in, for ten minutes.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "tawsil_access",
        "description": "The same token, as our own pages send it.",
    },
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Api-Key",
        "description": "The key of an integration, with the scopes it was given.",
    },
}


class About(Struct, frozen=True, kw_only=True):
    """What a document says of the whole: its title, what tags are for, what fields usually hold."""

    title: str = "Tawsil"
    description: str = ""
    version: str = "4"
    tags: Mapping[str, str] = {}
    words: Mapping[str, Any] = {}


class Document:
    """The document of an application, written when it is first asked for."""

    def __init__(self, app: Litestar, about: About) -> None:
        self._app = app
        self._about = about
        self._writing = Lock()
        self._encoded: bytes | None = None

    async def encoded(self) -> bytes:
        """As JSON. Writing it takes about a second, in a thread."""
        async with self._writing:
            if self._encoded is None:
                self._encoded = await to_thread(self._write)
            return self._encoded

    def _write(self) -> bytes:
        return msgspec.json.encode(document(self._app.routes, self._about))


def document(routes: Sequence[Any], about: About) -> dict[str, Any]:
    """The document of some routes."""
    operations = served(routes)
    schemas = _schemas(operations)
    components = {**schemas.components, answers.ERRORS: answers.ERROR_ENVELOPE}
    examples = Examples(components, about.words)
    paths: dict[str, Schema] = {}
    named = operation_ids(operations)
    for one in operations:
        written = operation(one, named=named[one], schemas=schemas, examples=examples)
        paths.setdefault(one.path, {})[one.method] = written
    codes = {c for methods in paths.values() for o in methods.values() for c in answers.codes_of(o)}
    used = {tag for methods in paths.values() for o in methods.values() for tag in o["tags"]}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": about.version,
            "description": about.description,
        },
        "servers": [{"url": "/"}],
        "security": [{name: []} for name in SECURITY],
        "tags": [{"name": tag, "description": about.tags.get(tag, tag)} for tag in sorted(used)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "examples": {code: answers.example(code, about.words) for code in sorted(codes)},
            "headers": answers.HEADERS,
            "parameters": answers.PARAMETERS,
            "securitySchemes": SECURITY,
        },
    }


def _schemas(operations: Sequence[Served]) -> Schemas:
    return Schemas(
        taken=list(dict.fromkeys(one.taken for one in operations if one.taken is not None)),
        answered=[
            EnvelopeMeta,
            ErrorItem,
            *dict.fromkeys(one.answered for one in operations if one.answered is not None),
            *dict.fromkeys(t for one in operations for t, _ in one.own_answers.values()),
        ],
    )


__all__ = ["About", "Document", "document"]
