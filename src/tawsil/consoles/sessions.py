"""Signing in through the platform's own API, in this process, with the browser's tokens in cookies.

The pages are a client of `/v4/auth` like any other, so that its limits, its answers and its audit
hold for them too.
"""

from typing import Final

import msgspec
from litestar.datastructures import Cookie
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import Refused, ask, refusal_of
from tawsil.consoles.pages import cookie
from tawsil.kernel.http.origins import ACCESS_COOKIE, cookie_name, cookie_of

REFRESH_COOKIE: Final = "tawsil_refresh"
UNTIL_COOKIE: Final = "tawsil_session_until"
"""When the access token expires, in Unix seconds: for the page's own script, and no secret."""
REFRESH_PATH: Final = "/session"
REFRESH_KEPT_S: Final = 31 * 86_400


class Tokens(Struct, frozen=True):
    access_token: str
    refresh_token: str
    expires_in: int


class _Answer(Struct, frozen=True):
    data: Tokens


async def sign_in(request: Asked, *, email: str, password: str) -> Tokens | Refused:
    return await _tokens(request, "/v4/auth/login", {"email": email, "password": password})


async def refresh(request: Asked, *, refresh_token: str) -> Tokens | Refused:
    return await _tokens(request, "/v4/auth/refresh", {"refresh_token": refresh_token})


async def sign_out(request: Asked) -> None:
    """End the session; one that has ended already stays so."""
    token = cookie_of(request, ACCESS_COOKIE)
    if token:
        await ask(request, "POST", "/v4/auth/logout", headers={"Authorization": f"Bearer {token}"})


def cookies_of(request: Asked, tokens: Tokens, *, now_s: int) -> list[Cookie]:
    return [
        cookie(request, _access(request), tokens.access_token, max_age=tokens.expires_in),
        cookie(
            request,
            _refresh(request),
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
        cookie(request, _access(request), "", max_age=0),
        cookie(request, _refresh(request), "", max_age=0, path=REFRESH_PATH),
        cookie(request, UNTIL_COOKIE, "", max_age=0, hidden=False),
    ]


def refresh_token_of(request: Asked) -> str | None:
    return cookie_of(request, REFRESH_COOKIE, path=REFRESH_PATH)


def _access(request: Asked) -> str:
    return cookie_name(request, ACCESS_COOKIE)


def _refresh(request: Asked) -> str:
    return cookie_name(request, REFRESH_COOKIE, path=REFRESH_PATH)


async def _tokens(request: Asked, path: str, body: dict[str, str]) -> Tokens | Refused:
    response = await ask(request, "POST", path, json=body)
    if response.status_code == 200:
        return msgspec.json.decode(response.content, type=_Answer).data
    return refusal_of(response)
