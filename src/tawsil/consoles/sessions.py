"""Signing in through the platform's own API, in this process, with the browser's tokens in cookies.

The pages are a client of `/v4/auth` like any other, so that its limits, its answers and its audit
hold for them too.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec
from litestar.datastructures import Cookie
from msgspec import Struct

from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import OURSELVES, Refused, ask, refusal_of
from tawsil.consoles.pages import cookie
from tawsil.identity.public import BROWSER_COOKIE
from tawsil.kernel.http.envelope import request_context
from tawsil.kernel.http.origins import ACCESS_COOKIE, cookie_name, cookie_of
from tawsil.kernel.sealing import Sealer, UnsealingError

REFRESH_COOKIE: Final = "tawsil_refresh"
UNTIL_COOKIE: Final = "tawsil_session_until"
"""When the access token expires, in Unix seconds: for the page's own script, and no secret."""
REFRESH_PATH: Final = "/session"
REFRESH_KEPT_S: Final = 31 * 86_400


DEVICE_COOKIE: Final = "tawsil_device"
"""That this device has signed in before: whoever guesses elsewhere does not delay it."""
DEVICE_KEPT_S: Final = 180 * 86_400
CODE_REQUIRED: Final = "identity.second_factor_required"
CODE_WITHIN_S: Final = 300
_DEVICE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_BROWSER: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_ABOUT: Final = "console.sign_in"


class Tokens(Struct, frozen=True):
    access_token: str
    refresh_token: str
    expires_in: int
    device_token: str | None = None


class FirstStep(Struct, frozen=True):
    """What was right at the first step of signing in, until the second."""

    email: str
    password: str
    until_s: int


class _Answer(Struct, frozen=True):
    data: Tokens


async def sign_in(
    request: Asked, *, email: str, password: str, code: str | None = None
) -> Tokens | Refused:
    body = {"email": email, "password": password}
    device = cookie_of(request, DEVICE_COOKIE)
    if device and _DEVICE.fullmatch(device):
        body["device_token"] = device
    if code is not None:
        body["code"] = code
    return await _tokens(request, "/v4/auth/login", body)


async def register(request: Asked, **typed: str | None) -> Tokens | Refused:
    """A new customer, signed in."""
    body = {name: value for name, value in typed.items() if value is not None}
    return await _tokens(request, "/v4/auth/register", body)


def keep(request: Asked, *, email: str, password: str) -> str:
    """What the first step has shown, sealed: for the form of the second to bring back."""
    until_s = int(request_context.get().at.timestamp()) + CODE_WITHIN_S
    first = msgspec.json.encode(FirstStep(email, password, until_s))
    sealer: Sealer = request.app.state.sealer
    return urlsafe_b64encode(sealer.seal(first, about=_ABOUT)).decode()


def kept(request: Asked, text: str) -> FirstStep | None:
    """What was kept, unless it took too long or is none of ours."""
    sealer: Sealer = request.app.state.sealer
    try:
        opened = sealer.unseal(urlsafe_b64decode(text), about=_ABOUT)
    except (ValueError, UnsealingError):
        return None
    first = msgspec.json.decode(opened, type=FirstStep)
    return first if request_context.get().at.timestamp() < first.until_s else None


async def refresh(request: Asked, *, refresh_token: str) -> Tokens | Refused:
    return await _tokens(request, "/v4/auth/refresh", {"refresh_token": refresh_token})


async def exchange(request: Asked, *, code: str) -> Tokens | Refused:
    """The code of another provider's sign-in, in the browser that began it."""
    browser = cookie_of(request, BROWSER_COOKIE) or ""
    known = f"{BROWSER_COOKIE}={browser}" if _BROWSER.fullmatch(browser) else ""
    headers = {"Cookie": known, "Origin": OURSELVES}
    return await _tokens(request, "/v4/auth/oidc/exchange", {"code": code}, headers=headers)


async def sign_out(request: Asked) -> None:
    """End the session; one that has ended already stays so."""
    token = cookie_of(request, ACCESS_COOKIE)
    if token:
        await ask(request, "POST", "/v4/auth/logout", headers={"Authorization": f"Bearer {token}"})


def cookies_of(request: Asked, tokens: Tokens, *, now_s: int) -> list[Cookie]:
    device = cookie_name(request, DEVICE_COOKIE)
    known = (
        [cookie(request, device, tokens.device_token, max_age=DEVICE_KEPT_S)]
        if tokens.device_token
        else []
    )
    return [
        *known,
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


async def _tokens(
    request: Asked, path: str, body: dict[str, str], *, headers: dict[str, str] | None = None
) -> Tokens | Refused:
    response = await ask(request, "POST", path, headers=headers, json=body)
    if response.is_success:
        return msgspec.json.decode(response.content, type=_Answer).data
    return refusal_of(response)
