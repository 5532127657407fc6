"""Around every request: its id, its language, the log line, the metrics, the security headers."""

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import lru_cache
from secrets import token_urlsafe
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tawsil.kernel import metrics
from tawsil.kernel.clock import Ids
from tawsil.kernel.decisions import refuse
from tawsil.kernel.http.envelope import RequestContext, request_context
from tawsil.kernel.http.errors import refusal_envelope
from tawsil.kernel.i18n import LOCALES, best_locale, current_locale
from tawsil.kernel.logs import About, Done, current_request, log_request

LOCALE_COOKIE: Final = "tawsil_locale"
_NONCE: Final = "csp_nonce"
_FRAMED: Final = "csp_frames"
_QUIET: Final = frozenset({"/health", "/ready", "/metrics"})
_HOST: Final = re.compile(r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")
_MOST_REMEMBERED: Final = 1_024


def _security_headers(
    allowed: str = "", *, elsewhere: str = "", frames: str = ""
) -> tuple[tuple[bytes, bytes], ...]:
    policy = (
        f"default-src 'self'; script-src 'self'{allowed}; style-src 'self'{allowed}; "
        f"img-src 'self' data: https:; connect-src 'self'{elsewhere}; object-src 'none'; "
        f"{frames}base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return (
        (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"strict-origin-when-cross-origin"),
        (b"permissions-policy", b"geolocation=(self), camera=(self), microphone=()"),
    )


def csp_nonce(scope: Any) -> str:
    """What an inline script or style of this answer must carry; without asking, none is allowed."""
    return scope["state"].setdefault(_NONCE, token_urlsafe(16))


def allow_frames_of(scope: Any, origin: str) -> None:
    """Let this one answer, a page, show a frame of somebody else's: a card is typed into theirs."""
    assert origin.count("/") == 2, f"{origin} is no origin"
    scope["state"][_FRAMED] = origin


class RequestMiddleware:
    """The outermost layer. An `X-Request-ID` that is a UUID is kept; any other is replaced.

    Pages fetch nothing but from us and from the origins in `connects_to`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        now: Callable[[], datetime],
        ids: Ids,
        connects_to: Collection[str] = (),
    ) -> None:
        self._app = app
        self._now = now
        self._ids = ids
        self._elsewhere = "".join(f" {origin}" for origin in connects_to)
        self._no_inline = _security_headers(elsewhere=self._elsewhere)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        known: Any = scope
        headers: dict[bytes, bytes] = dict(known["headers"])
        request_id = _uuid(headers.get(b"x-request-id")) or self._ids()
        request_context.set(RequestContext(request_id=request_id, at=self._now()))
        current_locale.set(_locale(headers.get(b"cookie"), headers.get(b"accept-language")))
        state: dict[str, Any] = known.setdefault("state", {})
        client, agent = known.get("client"), headers.get(b"user-agent")
        about = About(
            request_id,
            client[0] if client else None,
            agent.decode("latin-1") if agent is not None else None,
            known["path"],
        )
        current_request.set(about)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                nonce: str | None = state.get(_NONCE)
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", str(request_id).encode()),
                    *(self._allowing(nonce, state) if nonce else self._no_inline),
                    *known["state"].get("limit_headers", ()),
                ]
                if not any(name.lower() == b"cache-control" for name, _ in message["headers"]):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        host = headers.get(b"host")
        app = self._app if host is None or _possible(host) else _no_such_host
        try:
            await app(scope, receive, answer)
        finally:
            if known["type"] == "http":
                _report(known, about, status=status, duration_s=perf_counter() - began)

    def _allowing(self, nonce: str, state: Mapping[str, Any]) -> tuple[tuple[bytes, bytes], ...]:
        framed: str | None = state.get(_FRAMED)
        frames = f"frame-src {framed}; " if framed else ""
        return _security_headers(f" 'nonce-{nonce}'", elsewhere=self._elsewhere, frames=frames)


@lru_cache(_MOST_REMEMBERED)
def _possible(host: bytes) -> bool:
    """Whether an address can be made of this Host: one that cannot is a 400 (RFC 9112, 3.2)."""
    text = host.decode("latin-1")
    try:
        urlsplit(f"//{text}").port  # noqa: B018 - raises for a port or an IPv6 that cannot be
    except ValueError:
        return False
    return _HOST.fullmatch(text) is not None


async def _no_such_host(scope: Scope, _: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1_008, "reason": None})
        return
    refusal = refuse("request.invalid", status=400, why="its Host is not the name of a host")
    body = msgspec.json.encode(refusal_envelope(refusal))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _report(scope: Any, about: About, *, status: int, duration_s: float) -> None:
    path, method = scope.get("path_template") or "unknown", scope["method"]
    metrics.answered(method, path, status, duration_s=duration_s)
    if path in _QUIET:
        return
    caller = scope.get("caller")
    log_request(
        about,
        Done(method, path, round(duration_s * 1000, 2), status),
        user_id=caller.user_id if caller else None,
        session_id=caller.session_id if caller else None,
    )


def _uuid(text: bytes | None) -> UUID | None:
    if text is None:
        return None
    try:
        return UUID(text.decode("latin-1"))
    except ValueError:
        return None


@lru_cache(_MOST_REMEMBERED)
def _best_locale(accepted: bytes) -> str:
    return best_locale(accepted.decode("latin-1"))


def _locale(cookies: bytes | None, accepted: bytes | None) -> str:
    for cookie in cookies.decode("latin-1").split(";") if cookies else ():
        name, _, value = cookie.strip().partition("=")
        if name == LOCALE_COOKIE and value in LOCALES:
            return value
    return _best_locale(accepted or b"")
