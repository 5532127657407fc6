"""Streams are found by whom they concern, and end when their listener may not listen any more."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database
from tawsil.kernel.events import Registry
from tawsil.kernel.http import Caller, Problem, live
from tawsil.kernel.http.live import Hub, SignedOutError
from tawsil.kernel.http.streams import Audience, Ending, LiveMessage, Stream, Streams, Telling
from tawsil.kernel.reach import Reach

few = st.integers(1, 3).map(lambda n: UUID(int=n))
some = st.frozensets(few, max_size=2)


@st.composite
def listeners(draw: st.DrawFn) -> tuple[Caller, Reach]:
    tenant_id = draw(few)
    caller = Caller(
        user_id=draw(few),
        tenant_id=tenant_id,
        session_id=UUID(int=9),
        roles=("x",),
        permissions=frozenset(),
        location_id=draw(st.none() | few),
    )
    return caller, Reach(tenant_id=tenant_id, everything=draw(st.booleans()), city_ids=draw(some))


audiences = st.builds(
    Audience,
    tenant_id=few,
    city_id=st.none() | few,
    user_ids=some,
    location_ids=some,
    operators=st.booleans(),
)


@given(st.lists(listeners(), max_size=8), st.lists(audiences, max_size=5), st.data())
async def test_the_index_finds_exactly_those_an_audience_includes(
    people: list[tuple[Caller, Reach]], heard: list[Audience], data: st.DataObject
) -> None:
    streams = Streams()
    opened = [Stream(caller, reach, most=9) for caller, reach in people]
    for stream in opened:
        streams.add(stream)
    for stream in list(opened):
        match data.draw(st.sampled_from(["stay", "leave", "move"])):
            case "leave":
                streams.remove(stream)
                opened.remove(stream)
            case "move":
                streams.move(
                    stream, reach=Reach(tenant_id=stream.caller.tenant_id, city_ids=data.draw(some))
                )
            case _:
                pass
    assert set(streams) == set(opened)
    for audience in heard:
        expected = {s for s in opened if audience.includes(s.caller, s.reach)}
        assert set(streams.concerned(audience)) == expected
    for stream in opened:
        streams.remove(stream)
    assert not streams._by, "nothing is left behind"


async def test_what_was_told_before_an_ending_is_read_and_nothing_after() -> None:
    caller, reach = a_caller(), Reach(tenant_id=UUID(int=1))
    stream = Stream(caller, reach, most=3)
    for n in range(5):
        stream.tell(n)
    assert stream.ending is Ending.SLOW
    assert await stream.read() == [0, 1, 2]
    assert await stream.read() == []
    waiting = asyncio.create_task((again := Stream(caller, reach, most=3)).read())
    await asyncio.sleep(0)
    again.tell(7)
    again.end(Ending.RESTART)
    again.tell(8)
    assert await waiting == [7]
    assert await again.read() == []


def a_caller(**fields: Any) -> Caller:
    known = {"user_id": UUID(int=5), "tenant_id": UUID(int=1), "session_id": UUID(int=6)}
    given = {"roles": ("customer",), "permissions": frozenset[str]()}
    return Caller(**{**known, **given, **fields})


def test_a_message_is_encoded_once_for_each_wire() -> None:
    message = LiveMessage(
        event="told", data={"words": "سلام\n"}, audience=Audience(tenant_id=UUID(int=1)), id=3
    )
    telling = Telling(message)
    assert telling.sent == 'id: 3\nevent: told\ndata: {"words":"سلام\\n"}\n\n'.encode()
    assert telling.sent is telling.sent
    assert telling.framed == '{"id":3,"event":"told","data":{"words":"سلام\\n"}}'


@pytest.fixture
async def hub(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    monkeypatch.setattr(live, "CHECKED_WITHIN_S", 0.05)
    monkeypatch.setattr(live, "BREATH_S", 0.01)
    cities = frozenset({UUID(int=70)})

    async def below(**_: Any) -> frozenset[UUID]:
        return cities_of[0]

    cities_of = [cities]
    hub = Hub(database, registry=Registry([]), translations={}, cities_below=below)
    hub.__dict__["cities_of"] = cities_of
    async with hub.running():
        yield hub


async def test_a_stream_ends_soon_after_its_session(hub: Hub) -> None:
    valid = True

    async def may_still() -> None:
        if not valid:
            raise Problem(401, "request.token_invalid")

    messages = hub.messages(a_caller(), after=None, may_still=may_still)
    assert isinstance(await anext(messages), int)
    ending = asyncio.create_task(anext(messages))
    await asyncio.sleep(0.2)
    assert not ending.done(), "while the session lives, so does the stream"
    valid = False
    with pytest.raises(SignedOutError):
        await asyncio.wait_for(ending, 2)
    assert not hub._streams


async def test_an_outage_of_the_database_ends_no_stream(hub: Hub) -> None:
    async def may_still() -> None:
        raise OSError

    stream = await hub.open(a_caller(), may_still=may_still)
    await asyncio.sleep(0.2)
    assert stream.ending is None
    assert stream.checks > 1
    hub.leave(stream)


async def test_what_a_manager_hears_follows_their_area(hub: Hub, ids: Ids) -> None:
    async def may_still() -> None:
        return None

    manager = a_caller(
        roles=("district_manager",),
        permissions=frozenset({"order:read:district"}),
        location_id=ids(),
    )
    stream = await hub.open(manager, may_still=may_still)
    here, there = (Audience(tenant_id=UUID(int=1), city_id=UUID(int=n)) for n in (70, 71))
    assert stream in hub._streams.concerned(here)
    hub.__dict__["cities_of"][0] = frozenset({UUID(int=71)})
    async with asyncio.timeout(5):
        while stream not in hub._streams.concerned(there):
            await asyncio.sleep(0.01)
    assert stream not in hub._streams.concerned(here)
    hub.leave(stream)
