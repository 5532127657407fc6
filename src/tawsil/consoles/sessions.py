"""Signing in through the platform's own API, in this process, with the browser's tokens in cookies.

The pages are a client of `/v4/auth` like any other, so that its limits, its answers and its audit
hold for them too.
"""

import asyncio
from typing import Any, Final, cast

import httpx
import msgspec
from litestar.datastructures import Cookie
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.pages import cookie
from tawsil.kernel.http.callers import ACCESS_COOKIE
from tawsil.kernel.i18n import current_locale

REFRESH_COOKIE: Final = "tawsil_refresh"
UNTIL_COOKIE: Final = "tawsil_session_until"
"""When the access token expires, in Unix seconds: for the page's own script, and no secret."""
REFRESH_PATH: Final = "/session"
OURSELVES: Final = "http://localhost"  # nothing is looked up: the application is asked in place
REFRESH_KEPT_S: Final = 31 * 86_400


class Tokens(Struct, frozen=True):
    access_token: str
    refresh_token: str
    expires_in: int


class _Answer(Struct, frozen=True):
    data: Tokens


class Refused(Struct, frozen=True):
    """Why not, as the API says it."""

    status: int
    code: str
    message: str


class _Error(Struct, frozen=True):
    code: str
    message: str


class _ErrorAnswer(Struct, frozen=True):
    errors: list[_Error]


async def sign_in(request: Asked, *, email: str, password: str) -> Tokens | Refused:
    return await _tokens(request, "/v4/auth/login", {"email": email, "password": password})


async def refresh(request: Asked, *, refresh_token: str) -> Tokens | Refused:
    return await _tokens(request, "/v4/auth/refresh", {"refresh_token": refresh_token})


async def sign_out(request: Asked) -> None:
    """End the session; one that has ended already stays so."""
    token = request.cookies.get(ACCESS_COOKIE)
    if token:
        await _post(request, "/v4/auth/logout", headers={"Authorization": f"Bearer {token}"})


def cookies_of(request: Asked, tokens: Tokens, *, now_s: int) -> list[Cookie]:
    return [
        cookie(request, ACCESS_COOKIE, tokens.access_token, max_age=tokens.expires_in),
        cookie(
            request,
            REFRESH_COOKIE,
            tokens.refresh_token,
            max_age=REFRESH_KEPT_S,
            path=REFRESH_PATH,
        ),
        cookie(
            request,
            UNTIL_COOKIE,
            str(now_s + tokens.expires_in),
            max_age=REFRESH_KEPT_S,
            hidden=False,
        ),
    ]


def no_cookies(request: Asked) -> list[Cookie]:
    """What makes a browser forget the session."""
    return [
        cookie(request, ACCESS_COOKIE, "", max_age=0),
        cookie(request, REFRESH_COOKIE, "", max_age=0, path=REFRESH_PATH),
        cookie(request, UNTIL_COOKIE, "", max_age=0, hidden=False),
    ]


async def _tokens(request: Asked, path: str, body: dict[str, str]) -> Tokens | Refused:
    response = await _post(request, path, json=body)
    if response.status_code == 200:
        return msgspec.json.decode(response.content, type=_Answer).data
    error = msgspec.json.decode(response.content, type=_ErrorAnswer).errors[0]
    return Refused(status=response.status_code, code=error.code, message=error.message)


async def _post(request: Asked, path: str, **sent: Any) -> httpx.Response:
    """Ask our own API on the browser's behalf.

    In a task of its own, because what a request binds (its id, its language) is bound to the task.
    """
    return await asyncio.create_task(_ask(request, path, **sent))


async def _ask(
    request: Asked, path: str, *, headers: dict[str, str] | None = None, **sent: Any
) -> httpx.Response:
    client = request.client
    transport = httpx.ASGITransport(
        app=cast("Any", request.app),
        client=(client.host, client.port) if client else ("127.0.0.1", 0),
    )
    forwarded = {
        "Accept-Language": current_locale.get(),
        "User-Agent": request.headers.get("user-agent", ""),
        **(headers or {}),
    }
    exact = {
        name.encode(): value.encode("latin-1") for name, value in forwarded.items()
    }  # as it came
    async with httpx.AsyncClient(transport=transport, base_url=OURSELVES) as inner:
        return await inner.post(path, headers=exact, **sent)
