"""Reading what was sent: JSON that means one thing only, in time, and of the declared shape.

Litestar reads a body leniently (`"2"` for a number, 1 for true, the last of two equal keys). Here a
value has the type that the route declares or the answer is a 400 that names the field. Query
parameters are text by nature and are still read as the declared type.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, Generic, NoReturn, cast

import msgspec
from litestar import Request
from litestar.connection.base import AuthT, StateT, UserT, empty_receive, empty_send
from litestar.exceptions import ValidationException
from litestar.types import Receive, Scope, Send
from msgspec import inspect

from tawsil.kernel.http.errors import Problem
from tawsil.kernel.http.parameters import TWICE
from tawsil.kernel.text import deceptive_field

MOST_BODY_BYTES: Final = 1_000_000
DEEPEST: Final = 32
PROGRESS_WITHIN_S: Final = 10.0
WHOLE_WITHIN_S: Final = 30.0
_INTEGERS: Final = range(-(2**63), 2**63)
_MOST_DIGITS: Final = 20
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"

_ESCAPES: Final = (b"\\u", b"\\b", b"\\f", b"\x7f")
_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_WHERE: Final = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_NAMED: Final = re.compile(r"(?:unknown|required) field `([^`]*)`")


class StrictRequest(Request[UserT, AuthT, StateT], Generic[UserT, AuthT, StateT]):
    """A request whose body must come in time and, as JSON, be exactly of the route's type."""

    def __init__(
        self, scope: Scope, receive: Receive = empty_receive, send: Send = empty_send
    ) -> None:
        super().__init__(scope, _in_time(receive), send)

    async def json(self) -> Any:
        """The body as the type of the route's `data`; without one, as what JSON has."""
        body = await self.body()
        _check_type(self.content_type, _JSON)
        field = self.route_handler.parsed_data_field
        return read_json(body, field.annotation if field else Any)

    async def form(self) -> Any:
        if await self.body():
            _check_type(self.content_type, _FORM)
        return await super().form()


def read_json(body: bytes, shape: Any) -> Any:
    """A value of the shape.

    Raises:
        ValidationException: it names the field.
        msgspec.DecodeError: it is no JSON.
    """
    try:
        value = _decoder(shape).decode(body)
    except msgspec.ValidationError as error:
        _refuse(error)
    if _nests(shape):
        _check_depth(body)
    _DECODER.decode(body.decode())
    if not body.isascii() or any(escape in body for escape in _ESCAPES):
        _check_text(body)
    return value


@lru_cache(maxsize=1_024)
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


@lru_cache(maxsize=1_024)
def _nests(shape: Any) -> bool:
    """Whether a value of this shape can be nested as deeply as somebody likes."""
    return _is_open(inspect.type_info(shape), within=())


def _is_open(part: inspect.Type, *, within: tuple[type, ...]) -> bool:
    cls = getattr(part, "cls", None)
    if isinstance(part, inspect.AnyType | inspect.RawType | inspect.CustomType) or cls in within:
        return True
    deeper = (*within, cls) if cls is not None else within
    return any(_is_open(inner, within=deeper) for inner in _parts(part))


def _parts(part: inspect.Type) -> Iterator[inspect.Type]:
    for name in part.__struct_fields__:
        value = getattr(part, name)
        for inner in cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,):
            if isinstance(inner, inspect.Type):
                yield inner
            elif isinstance(inner, inspect.Field):
                yield inner.type


def _refuse(error: msgspec.ValidationError) -> NoReturn:
    said = str(error)
    where, named = _WHERE.search(said), _NAMED.search(said)
    parts = (where and where.group(1), named and named.group(1))
    raise _invalid(_WHERE.sub("", said), field=".".join(part for part in parts if part)) from error


def _invalid(why: str, *, field: str) -> ValidationException:
    known = {"key": field} if field else {}
    return ValidationException(extra=[{"message": why, "source": "body", **known}])


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return
    depth = 0
    for bracket in _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEEPEST:
            raise _invalid(f"it is nested deeper than {DEEPEST} levels", field="")


def _check_text(body: bytes) -> None:
    if found := deceptive_field(msgspec.json.decode(body)):
        field, character = found
        raise _invalid(f"it holds {character}, a character that does not show", field=field)


def _once(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for n, name in enumerate(names) if name in names[:n])
        raise _invalid(TWICE, field=twice)


def _integer(digits: str) -> None:
    if len(digits) > _MOST_DIGITS or int(digits) not in _INTEGERS:
        raise _invalid(f"the number {digits[:_MOST_DIGITS]}… is out of range", field="")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_int=_integer)
"""Looks for what msgspec lets pass: a key given twice, integers that no column can hold."""


def _check_type(sent: tuple[str, dict[str, str]], expected: str) -> None:
    media_type, options = sent
    charset = options.get("charset", "utf-8").lower()
    if media_type != expected or charset not in {"utf-8", "utf8"}:
        raise Problem(415, "request.wrong_type", expected=expected)


def _in_time(receive: Callable[[], Any]) -> Any:
    """Each part of the body within seconds, and all of it within half a minute."""
    until_s: float | None = None

    async def receive_in_time() -> Any:
        nonlocal until_s
        now_s = asyncio.get_running_loop().time()
        until_s = until_s or now_s + WHOLE_WITHIN_S
        try:
            async with asyncio.timeout_at(min(until_s, now_s + PROGRESS_WITHIN_S)):
                return await receive()
        except TimeoutError as error:
            raise Problem(408, "request.too_slow", headers={"Connection": "close"}) from error

    return receive_in_time
