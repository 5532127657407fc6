"""Recorded events and live messages are published as they are."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tawsil.apps import wiring
from tawsil.apps.asyncapi import asyncapi, published, routes
from tawsil.apps.live import TRANSLATIONS
from tawsil.apps.messages import MESSAGES
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.kernel.http.live import LiveMessage
from tawsil.kernel.places import Place
from tawsil.payments.events import HOUSE, AccountKind, AccountRef

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVENTS = sorted(wiring.REGISTRY.by_name.items())
OWNED = sorted(set(AccountKind) - HOUSE)
KNOWN: dict[Any, st.SearchStrategy[Any]] = {
    AccountRef: st.builds(AccountRef, kind=st.sampled_from(OWNED), owner_id=st.uuids()),
    Place: st.builds(Place, latitude=st.floats(-80, 80), longitude=st.floats(-170, 170)),
    datetime: st.integers(0, 10**7).map(lambda s: NOON + timedelta(seconds=s)),
    float: st.floats(0, 1e6),
}
for kind, strategy in KNOWN.items():
    st.register_type_strategy(kind, strategy)


def made_up(cls: type[Any]) -> st.SearchStrategy[Any]:
    """Any instance of a struct, fields with defaults included; tuples of at least one."""
    return st.builds(
        cls,
        **{
            field.name: _of(field.type)
            for field in msgspec.structs.fields(cls)
            if field.encode_name != "type"
        },
    )


def _of(kind: Any) -> st.SearchStrategy[Any]:
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.VarTupleType):
        (item, _) = kind.__args__
        return st.lists(_of(item), min_size=1, max_size=2).map(tuple)
    if isinstance(info, msgspec.inspect.StructType) and kind not in KNOWN:
        return made_up(kind)
    if isinstance(info, msgspec.inspect.IntType) and (info.ge, info.le) != (None, None):
        return st.integers(info.ge, info.le)
    return st.from_type(kind)


def recorded(event: Event) -> Recorded[Any]:
    return Recorded(
        seq=1,
        id=UUID(int=1),
        stream="thing",
        stream_id=UUID(int=2),
        version=1,
        event=event,
        actor_id=None,
        actor_role="system",
        tenant_id=UUID(int=3),
        city_id=None,
        correlation_id=UUID(int=4),
        causation_id=None,
        at=NOON,
    )


@pytest.mark.parametrize("cls", sorted(TRANSLATIONS, key=lambda c: c.__name__))
def test_live_messages_say_what_is_published(cls: type[Event]) -> None:
    @settings(max_examples=5, deadline=None, database=None)
    @given(event=made_up(cls))
    def check(event: Event) -> None:
        for message in TRANSLATIONS[cls](recorded(event)):
            assert isinstance(message, LiveMessage)
            encoded = msgspec.json.encode(message.data)
            msgspec.json.decode(encoded, type=MESSAGES[message.event], strict=True)

    check()


@pytest.mark.parametrize(("name", "cls"), EVENTS)
def test_events_are_as_their_schema_says(name: str, cls: type[Event]) -> None:
    validate = jsonschema_rs.Draft202012Validator(published(cls, name), validate_formats=True)

    @settings(max_examples=3, deadline=None, database=None)
    @given(event=made_up(cls))
    def check(event: Event) -> None:
        written = json.loads(msgspec.json.encode(event))
        assert [e.message for e in validate.iter_errors(written)] == []
        assert not validate.is_valid({**written, "type": "another.v1"})

    check()


@pytest.fixture
async def client(serve: Any) -> httpx.AsyncClient:
    return await serve(routes, registry=wiring.REGISTRY)


async def test_every_type_is_listed_and_leads_to_its_schema(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v4/events/schemas")).json()["data"]
    assert [one["type"] for one in listed] == [name for name, _ in EVENTS]
    assert all(one["description"] for one in listed)
    for one in listed:
        answer = await client.get(one["schema_url"])
        assert answer.status_code == 200
        schema = answer.json()
        jsonschema_rs.meta.validate(schema)
        assert schema["$id"] == one["schema_url"]
        assert schema["properties"]["type"]["enum"] == [one["type"]]
    assert (await client.get("/v4/events/schemas/nothing.v1")).status_code == 404


def references(part: Any) -> Iterator[str]:
    match part:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            yield from (found for one in part.values() for found in references(one))
        case list():
            yield from (found for one in part for found in references(one))
        case _:
            pass


async def test_asyncapi_holds_every_event_and_every_message(client: httpx.AsyncClient) -> None:
    document = (await client.get("/v4/events/asyncapi.json")).json()
    assert document == json.loads(msgspec.json.encode(asyncapi(wiring.REGISTRY)))
    assert document["asyncapi"] == "3.0.0"
    messages = document["components"]["messages"]
    assert set(messages) == {*wiring.REGISTRY.by_name, *MESSAGES}
    carried = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert carried == set(messages)
    for reference in references(document):
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    for message in messages.values():
        schema = {**message["payload"], "components": document["components"]}
        validate = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
        for example in message["examples"]:
            assert [e.message for e in validate.iter_errors(example["payload"])] == [], message
    heard = {operation["channel"]["$ref"] for operation in document["operations"].values()}
    assert heard == {f"#/channels/{name}" for name in document["channels"]}
