"""What is heard rather than asked: events and live messages, as AsyncAPI 3.0 and schemas."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from inspect import cleandoc
from typing import Any, Final

import msgspec
from litestar import get
from litestar.datastructures import State
from litestar.params import FromPath
from msgspec import Struct

from tawsil import __version__
from tawsil.apps.messages import MESSAGES
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Registry
from tawsil.kernel.http import PUBLIC, Envelope, envelope, not_found
from tawsil.kernel.http.openapi.examples import Examples
from tawsil.kernel.http.openapi.schemas import ROOT, Schema, Schemas

HEARD: Final = "/v4/events/schemas"
DESCRIPTION: Final = """\
**Live messages** come over `/v4/live` (server-sent events; `event` is the message's name, `data`
its payload) and `/v4/live/ws` (JSON `{id, event, data}`). Everybody hears what concerns them: their
own orders, the orders of their merchant, their own offers; operations hear their tenant. Come back
with the last id that you heard, and what you missed is told first. A stream that we end says why:
`goodbye` with `restart`, `slow` or `signed_out`, or close code 1001, 4008 or 4401; after the last,
refresh the token first.

**Events** are the recorded facts that everything else follows from, by what they are about. Every
type has a version and only grows: a field may be added, none is removed or changed. They are read
from `GET /v4/admin/audit-logs`, where `data` is the payload described here.
"""


class EventTypeView(Struct, frozen=True):
    """A type of recorded event; `schema_url` leads to its JSON Schema."""

    type: str
    version: int
    description: str
    schema_url: str


@get(
    HEARD,
    opt={"rule": PUBLIC},
    tags=["Events"],
    summary="Every type of recorded event",
    sync_to_thread=False,
)
def list_event_schemas(state: State) -> Envelope[list[EventTypeView]]:
    """By name. A type's fields only grow; what would break a reader is a new version."""
    registry: Registry = state.registry
    return envelope(
        [
            EventTypeView(
                type=name,
                version=int(name.rpartition(".v")[2]),
                description=said(cls),
                schema_url=f"{HEARD}/{name}",
            )
            for name, cls in sorted(registry.by_name.items())
        ]
    )


@get(
    HEARD + "/{event_type:str}",
    opt={"rule": PUBLIC},
    tags=["Events"],
    summary="The JSON Schema of one type of event",
    sync_to_thread=False,
)
def show_event_schema(event_type: FromPath[str], state: State) -> dict[str, Any]:
    """JSON Schema 2020-12, not in an envelope, so that tools can read it where it stands."""
    registry: Registry = state.registry
    if event_type not in registry.by_name:
        raise not_found()
    return published(registry.by_name[event_type], event_type)


@get(
    "/v4/events/asyncapi.json",
    opt={"rule": PUBLIC},
    tags=["Events"],
    summary="What is heard live, and every event, as AsyncAPI",
    sync_to_thread=False,
)
def show_asyncapi(state: State) -> dict[str, Any]:
    """AsyncAPI 3.0, not in an envelope."""
    return asyncapi(state.registry)


@cache
def published(cls: type[Event], name: str) -> Schema:
    """An event's JSON Schema, whole, as others may keep it."""
    schemas = Schemas(recorded=[cls])
    own = schemas.of(cls)["$ref"].removeprefix(ROOT)
    others = {key: one for key, one in schemas.components.items() if key != own}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{HEARD}/{name}",
        **schemas.components[own],
        **({"$defs": others} if others else {}),
    }
    text = msgspec.json.encode(schema).replace(f'"{ROOT}'.encode(), b'"#/$defs/')
    return msgspec.json.decode(text)


@cache
def asyncapi(registry: Registry) -> dict[str, Any]:
    """The whole document."""
    events, heard = registry.by_name, dict.fromkeys(MESSAGES.values())
    schemas = Schemas(recorded=list(events.values()), answered=list(heard))
    examples = Examples(schemas.components, {})

    def message(name: str, cls: type[Any]) -> Schema:
        schema = schemas.of(cls)
        return {
            "name": name,
            "title": cls.__name__,
            "summary": said(cls).partition("\n")[0],
            "contentType": "application/json",
            "payload": schema,
            "examples": [{"name": name, "payload": examples.of(schema)}],
        }

    by_subject: dict[str, list[str]] = defaultdict(list)
    for name in sorted(events):
        by_subject[name.partition(".")[0]].append(name)
    known: Mapping[str, type[Any]] = {**events, **MESSAGES}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Tawsil", "version": __version__, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "live": _channel("/v4/live", "Server-sent events", list(MESSAGES)),
            "liveSocket": _channel("/v4/live/ws", "The same over a WebSocket", list(MESSAGES)),
            **{
                f"{subject}Events": _channel(f"events.{subject}", f"All about one {subject}", names)
                for subject, names in by_subject.items()
            },
        },
        "operations": {
            f"hear{_capital(channel)}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{channel}"},
                "summary": f"Tawsil tells of it on {channel}",
            }
            for channel in ("live", "liveSocket", *(f"{subject}Events" for subject in by_subject))
        },
        "components": {
            "messages": {name: message(name, cls) for name, cls in sorted(known.items())},
            "schemas": dict(sorted(schemas.components.items())),
        },
    }


def _channel(address: str, title: str, names: list[str]) -> Schema:
    return {
        "address": address,
        "title": title,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
    }


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def said(cls: type[Any]) -> str:
    """A class's own words; else its name in words."""
    own = cls.__dict__.get("__doc__")
    return cleandoc(own) if own else _words(cls.__name__)


def _words(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


routes: Final = [list_event_schemas, show_event_schema, show_asyncapi]
