"""Asking the platform's own API, in this process, on the browser's behalf.

The pages change things as a client of `/v4` like any other, so that its rules, its limits, its
answers and its audit hold for them too.
"""

import asyncio
from typing import Any, Final, TypeVar, cast

import httpx
import msgspec
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.kernel.http import Problem
from tawsil.kernel.http.origins import ACCESS_COOKIE, cookie_of
from tawsil.kernel.i18n import current_locale

T = TypeVar("T")

OURSELVES: Final = "http://localhost"  # nothing is looked up: the application is asked in place


class Refused(Struct, frozen=True):
    """Why not, as the API says it."""

    status: int
    code: str
    message: str
    retry_after_s: str | None = None


class _Error(Struct, frozen=True):
    code: str
    message: str
    retry_after_s: str | None = None


class _ErrorAnswer(Struct, frozen=True):
    errors: list[_Error]


def refusal_of(response: httpx.Response) -> Refused:
    error = msgspec.json.decode(response.content, type=_ErrorAnswer).errors[0]
    return Refused(
        status=response.status_code,
        code=error.code,
        message=error.message,
        retry_after_s=response.headers.get("Retry-After"),
    )


def answered(answer: httpx.Response, type_: type[T]) -> T:
    """What the API answered.

    Raises:
        Problem: it refused.
    """
    if not answer.is_success:
        refused = refusal_of(answer)
        raise Problem(refused.status, refused.code)
    data = msgspec.json.decode(answer.content, type=dict[str, msgspec.Raw])["data"]
    return msgspec.json.decode(data, type=type_)


async def ask(
    request: Asked,
    method: str,
    path: str,
    *,
    headers: dict[str, str] | None = None,
    json: Any = None,
) -> httpx.Response:
    """In a task of its own, because what a request binds (its id, its language) is bound to it."""
    return await asyncio.create_task(_ask(request, method, path, headers=headers or {}, json=json))


async def ask_as_caller(
    request: Asked, method: str, path: str, *, json: Any = None, key: str | None = None
) -> httpx.Response:
    """With the session that this request came with; what has a `key` is done once."""
    token = cookie_of(request, ACCESS_COOKIE)
    given = request.headers.get("authorization") or (f"Bearer {token}" if token else "")
    headers = {"Authorization": given} | ({"Idempotency-Key": key} if key else {})
    return await ask(request, method, path, headers=headers, json=json)


async def _ask(
    request: Asked, method: str, path: str, *, headers: dict[str, str], json: Any
) -> httpx.Response:
    client = request.client
    transport = httpx.ASGITransport(
        app=cast("Any", request.app),
        client=(client.host, client.port) if client else ("127.0.0.1", 0),
    )
    forwarded = {
        "Accept-Language": current_locale.get(),
        "User-Agent": request.headers.get("user-agent", ""),
        **headers,
    }
    exact = {
        name.encode(): value.encode("latin-1") for name, value in forwarded.items()
    }  # as it came
    body = None if json is None else msgspec.json.encode(json)
    if body is not None:
        exact[b"Content-Type"] = b"application/json"
    async with httpx.AsyncClient(transport=transport, base_url=OURSELVES) as inner:
        return await inner.request(method, path, headers=exact, content=body)
