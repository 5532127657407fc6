"""Bodies: exactly of the declared type, read once, in time, and never larger than we take."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from socket import socket
from typing import Annotated, Any, Self
from uuid import UUID

import httpx
import msgspec
import pytest
from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server
from hypothesis import given
from hypothesis import strategies as st
from litestar import Request, get, post
from litestar.exceptions import ValidationException
from litestar.params import FromQuery, JSONBody
from msgspec import Meta, Struct

from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC
from tawsil.kernel.http import bodies as bodies_module
from tawsil.kernel.http.app import create_app
from tawsil.kernel.http.bodies import DEEPEST, MOST_BODY_BYTES, read_json
from tawsil.kernel.text import deceptive

JSON = {"Content-Type": "application/json"}
heard: list[Any] = []


class Colour(StrEnum):
    RED = "red"


class Line(Struct, forbid_unknown_fields=True):
    quantity: Annotated[int, Meta(ge=1)]
    gift: bool = False


class Order(Struct, forbid_unknown_fields=True):
    lines: Annotated[list[Line], Meta(max_length=3)] = []
    share: float = 0.0
    at: datetime | None = None
    id: UUID | None = None
    colour: Colour | None = None
    words: str = ""
    more: Any = None


@post("/orders", opt={"rule": PUBLIC}, status_code=200, sync_to_thread=False)
def order(data: JSONBody[Order]) -> Order:
    heard.append(data)
    return data


@post("/maybe", opt={"rule": PUBLIC}, status_code=200, sync_to_thread=False)
def maybe(data: JSONBody[Line | None] = None) -> dict[str, Any]:
    heard.append(data)
    return {"given": data is not None}


@post("/form", opt={"rule": PUBLIC}, status_code=200)
async def form(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}


@get("/query", opt={"rule": PUBLIC}, sync_to_thread=False)
def query(n: FromQuery[int], yes: FromQuery[bool] = False) -> dict[str, Any]:  # noqa: FBT002 - as routes have it
    return {"n": n, "yes": yes}


ROUTES = [order, maybe, form, query]


@pytest.fixture
async def client(serve: Any) -> httpx.AsyncClient:
    heard.clear()
    return await serve(ROUTES)


async def sent(client: httpx.AsyncClient, body: bytes | str, path: str = "/orders") -> Any:
    return await client.post(path, content=body, headers=JSON)


LENIENT = {
    '{"lines": [{"quantity": "2"}]}': "lines[0].quantity",
    '{"lines": [{"quantity": 2.0}]}': "lines[0].quantity",
    '{"lines": [{"quantity": 2e0}]}': "lines[0].quantity",
    '{"lines": [{"quantity": true}]}': "lines[0].quantity",
    '{"lines": [{"quantity": 2, "gift": 1}]}': "lines[0].gift",
    '{"lines": [{"quantity": 2, "gift": "true"}]}': "lines[0].gift",
    '{"lines": [{"quantity": 2}, {"quantity": 0}]}': "lines[1].quantity",
    '{"lines": [{}]}': "lines[0].quantity",
    '{"lines": {"quantity": 2}}': "lines",
    '{"lines": [{"quantity": 2, "price": 0}]}': "lines[0].price",
    '{"price": 0}': "price",
    '{"share": "0.5"}': "share",
    '{"share": null}': "share",
    '{"at": 1700000000}': "at",
    '{"at": "yesterday"}': "at",
    '{"id": "not one"}': "id",
    '{"id": 7}': "id",
    '{"colour": "RED"}': "colour",
    '{"words": 7}': "words",
    '{"words": null}': "words",
}


@pytest.mark.parametrize("body", LENIENT)
async def test_a_value_has_the_declared_type_or_the_field_is_named(
    client: httpx.AsyncClient, body: str
) -> None:
    answer = await sent(client, body)
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["errors"]
    assert (error["code"], error["field"]) == ("request.invalid", LENIENT[body])
    assert heard == []


TWICE = {
    '{"share": 0, "share": 1}': "share",
    '{"share": 0, "sh\\u0061re": 1}': "share",
    '{"lines": [{"quantity": 1, "quantity": 1}]}': "quantity",
    '{"more": {"a": 1, "b": {"a": 1, "a": 2}}}': "a",
}


@pytest.mark.parametrize("body", TWICE)
async def test_a_key_given_twice_is_named(client: httpx.AsyncClient, body: str) -> None:
    answer = await sent(client, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == TWICE[body]


AMBIGUOUS = {
    "NaN": b'{"share": NaN}',
    "Infinity": b'{"more": [Infinity]}',
    "minus infinity": b'{"more": -Infinity}',
    "beyond a double": b'{"more": 1e400}',
    "beyond int64": b'{"more": 9223372036854775808}',
    "below int64": b'{"lines": [{"quantity": -9223372036854775809}]}',
    "thousands of digits": b'{"more": %s}' % (b"9" * 50_000),
    "invalid UTF-8": b'{"words": "\xff"}',
    "a surrogate as UTF-8": b'{"words": "\xed\xa0\x80"}',
    "half a surrogate": b'{"words": "\\ud800"}',
    "the other half": b'{"words": "\\udc00 x"}',
    "UTF-16": '{"words": "x"}'.encode("utf-16"),
    "a mark before it": b'\xef\xbb\xbf{"words": "x"}',
    "a control character": b'{"words": "\x01"}',
    "single quotes": b"{'words': 'x'}",
    "a comma too many": b'{"words": "x",}',
    "something after it": b'{"words": "x"} {}',
    "a comment": b'{"words": "x" /* y */}',
    "nothing but spaces": b"   ",
    "too many lines": b'{"lines": [%s]}' % b",".join([b'{"quantity": 1}'] * 4),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
async def test_what_could_mean_something_else_is_a_400(
    client: httpx.AsyncClient, case: str
) -> None:
    answer = await sent(client, AMBIGUOUS[case])
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["code"] == "request.invalid"
    assert len(answer.content) < 2_000, "what was sent is not sent back at length"
    assert heard == []


def nested(depth: int, opening: str, closing: str) -> str:
    return f'{{"more": {opening * (depth - 1)}1{closing * (depth - 1)}}}'


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
async def test_nesting_ends_somewhere(
    client: httpx.AsyncClient, opening: str, closing: str
) -> None:
    assert (await sent(client, nested(DEEPEST, opening, closing))).status_code == 200
    for depth in (DEEPEST + 1, 500, 100_000):
        assert (await sent(client, nested(depth, opening, closing))).status_code == 400, depth
    wide = json.dumps({"more": [["]]]}}}" * 10, "[" * 99, '\\"['] for _ in range(1_000)]})
    assert (await sent(client, wide)).status_code == 200, "brackets in strings are no nesting"


class Tree(Struct):
    below: list["Tree"] = []


def test_what_cannot_nest_is_not_looked_through() -> None:
    for shape in (Line, list[Line], Line | None, dict[str, Line], tuple[Line, Line]):
        assert not bodies_module._nests(shape), shape
    for shape in (Order, Any, list[Any], dict[str, Any], msgspec.Raw, Tree, Tree | None):
        assert bodies_module._nests(shape), shape
    tree = b'{"below": [' * (DEEPEST // 2) + b"]}" * (DEEPEST // 2)
    assert read_json(tree, Tree)
    with pytest.raises(ValidationException):
        read_json(b'{"below": [%s]}' % tree, Tree)


texts = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda t: not deceptive(t))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(values)
def test_whatever_json_can_say_is_read_as_it_is(value: Any) -> None:
    body = json.dumps({"more": value}).encode()
    read = read_json(body, Order)
    assert msgspec.json.encode(read.more) == msgspec.json.encode(value)


# ── what kind of thing it is ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/json; charset=utf-16",
        "",
    ],
)
async def test_what_does_not_say_that_it_is_json_is_a_415(
    client: httpx.AsyncClient, content_type: str
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await client.post("/orders", content=b'{"words": "x"}', headers=headers)
    assert answer.status_code == 415
    assert answer.json()["errors"][0]["code"] == "request.wrong_type"
    assert heard == []


async def test_json_may_name_its_charset_and_an_optional_body_may_be_missing(
    client: httpx.AsyncClient,
) -> None:
    headers = {"Content-Type": 'application/json; charset="UTF-8"'}
    assert (await client.post("/orders", content=b"{}", headers=headers)).status_code == 200
    assert (await client.post("/maybe")).json() == {"given": False}
    assert (await client.post("/maybe", json=None)).json() == {"given": False}
    assert (await client.post("/maybe", json={"quantity": 1})).json() == {"given": True}
    assert (await client.post("/orders")).status_code == 400


async def test_a_form_is_a_form_and_takes_no_files(client: httpx.AsyncClient) -> None:
    assert (await client.post("/form", data={"a": "1"})).json() == {"a": "1"}
    files = {"a": ("evil.html", b"<script>", "image/png")}
    assert (await client.post("/form", files=files)).status_code == 415
    assert (await client.post("/form", json={"a": "1"})).status_code == 415


async def test_a_query_is_text_by_nature(client: httpx.AsyncClient) -> None:
    answer = await client.get("/query?n=2&yes=true")
    assert answer.json() == {"n": 2, "yes": True}
    assert (await client.get("/query?n=two")).status_code == 400


# ── over the wire ──────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def port(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A real server that waits for half a second only, and a second and a half in all."""
    heard.clear()
    monkeypatch.setattr(bodies_module, "PROGRESS_WITHIN_S", 0.5)
    monkeypatch.setattr(bodies_module, "WHOLE_WITHIN_S", 1.5)
    app = create_app(routes=ROUTES, database=database, authenticate=_nobody)
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(
        app,
        port=port,
        interface=Interfaces.ASGI,
        log_level=LogLevels.critical,
        http1_settings=HTTP1Settings(header_read_timeout=500),
    )
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(20):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield port
    finally:
        server.stop()
        await serving


async def _nobody(_: str) -> Any:
    raise AssertionError("nobody signs in here")


class Raw:
    """A connection that sends what it likes, as slowly as it likes."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def end(self) -> None:
        """Until the server closes."""
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                while await self.reader.read(65_536):
                    pass


POST = b"POST /orders HTTP/1.1\r\nHost: tawsil.test\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


async def test_a_body_that_stops_coming_is_not_waited_for(port: int) -> None:
    async with Raw(port) as raw:
        await raw.say(POST + b"Content-Length: 100\r\n\r\n" + b'{"words": "')
        head = await raw.head()
        assert head.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in head.lower()
        await raw.end()
    assert heard == []


async def test_a_body_that_drips_is_not_waited_for_either(port: int) -> None:
    async with Raw(port) as raw:
        await raw.say(CHUNKED)
        answered = asyncio.create_task(raw.head())
        drops = 0
        while not answered.done() and drops < 30:
            with suppress(ConnectionError):
                await raw.say(b"1\r\n \r\n")
            drops += 1
            await asyncio.sleep(0.2)
        assert (await answered).startswith(b"HTTP/1.1 408")
        assert 5 <= drops <= 15, "it had a second and a half"
    assert heard == []


async def test_headers_that_do_not_come_end_the_connection(port: int) -> None:
    async with Raw(port) as raw:
        await raw.say(b"POST /orders HTTP/1.1\r\nHost: tawsil.test\r\nX-Slow: ")
        began = asyncio.get_running_loop().time()
        await raw.end()
        assert asyncio.get_running_loop().time() - began < 3


async def test_a_large_body_is_refused_by_its_announcement(port: int) -> None:
    async with Raw(port) as raw:
        await raw.say(POST + b"Content-Length: 10000000\r\n\r\n")
        assert (await raw.head()).startswith(b"HTTP/1.1 413"), "before any of it is read"


async def test_a_large_body_without_a_length_is_refused_while_it_comes(port: int) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    async with Raw(port) as raw:
        await raw.say(CHUNKED)
        answered = asyncio.create_task(raw.head())
        said = 0
        while not answered.done() and said < 10 * MOST_BODY_BYTES:
            try:
                async with asyncio.timeout(1):
                    await raw.say(chunk)
            except (ConnectionError, TimeoutError):
                break
            said += 65_536
            await asyncio.sleep(0.001)  # to hear the answer before the door is shut
        assert (await answered).startswith(b"HTTP/1.1 413")
        assert said < 10 * MOST_BODY_BYTES, "nobody read ten megabytes"
    assert heard == []


async def test_a_large_body_where_none_is_expected_is_not_read(port: int) -> None:
    async with Raw(port) as raw:
        await raw.say(b"GET /query?n=1 HTTP/1.1\r\nHost: t\r\nContent-Length: 10000000\r\n\r\n")
        assert (await raw.head()).startswith(b"HTTP/1.1 200")


async def test_after_all_that_the_server_serves(port: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        answer = await client.post("/orders", json={"words": "x" * 900_000})
        assert answer.status_code == 200
        server = answer.headers.get("server", "")
        assert not any(character.isdigit() for character in server), "no version is told"
