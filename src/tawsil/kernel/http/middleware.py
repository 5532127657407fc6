"""Around every request: its id, its language, the log line, the metrics, the security headers."""

import re
from collections.abc import Callable
from datetime import datetime
from secrets import token_urlsafe
from time import perf_counter
from typing import Any, Final, cast
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from tawsil.kernel import metrics
from tawsil.kernel.clock import Ids
from tawsil.kernel.decisions import refuse
from tawsil.kernel.http.envelope import RequestContext, request_context
from tawsil.kernel.http.errors import refusal_envelope
from tawsil.kernel.i18n import LOCALES, best_locale, current_locale

log = structlog.get_logger(__name__)

LOCALE_COOKIE: Final = "tawsil_locale"
_QUIET: Final = frozenset({"/health", "/ready", "/metrics"})
_HOST: Final = re.compile(r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?")


def _security_headers(nonce: str) -> list[tuple[bytes, bytes]]:
    policy = (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' "
        f"'nonce-{nonce}'; img-src 'self' data: https:; connect-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return [
        (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"strict-origin-when-cross-origin"),
        (b"permissions-policy", b"geolocation=(self), camera=(self), microphone=()"),
    ]


class RequestMiddleware:
    """The outermost layer. An `X-Request-ID` that is a UUID is kept; any other is replaced."""

    def __init__(self, app: ASGIApp, *, now: Callable[[], datetime], ids: Ids) -> None:
        self._app = app
        self._now = now
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        request_id = _uuid(headers.get(b"x-request-id")) or self._ids()
        request_context.set(RequestContext(request_id=request_id, at=self._now()))
        current_locale.set(_locale(headers))
        nonce = token_urlsafe(16)
        known: dict[str, Any] = cast("dict[str, Any]", scope)
        known.setdefault("state", {})["csp_nonce"] = nonce
        client = known.get("client")
        clear_contextvars()
        bind_contextvars(
            request_id=str(request_id),
            ip_address=client[0] if client else None,
            user_agent=headers.get(b"user-agent"),
            endpoint=scope["path"],
        )
        began, status = perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", str(request_id).encode()),
                    *_security_headers(nonce),
                    *known["state"].get("limit_headers", ()),
                ]
            await send(message)

        host = headers.get(b"host")
        app = self._app if host is None or _possible(host) else _no_such_host
        try:
            await app(scope, receive, answer)
        finally:
            if scope["type"] == "http":
                _report(scope, status=status, duration_s=perf_counter() - began)


def _possible(host: str) -> bool:
    """Whether an address can be made of this Host: one that cannot is a 400 (RFC 9112, 3.2)."""
    try:
        urlsplit(f"//{host}").port  # noqa: B018 - raises for a port or an IPv6 that cannot be
    except ValueError:
        return False
    return _HOST.fullmatch(host) is not None


async def _no_such_host(scope: Scope, _: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1_008, "reason": None})
        return
    refusal = refuse("request.invalid", status=400, why="its Host is not the name of a host")
    body = msgspec.json.encode(refusal_envelope(refusal))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _report(scope: Any, *, status: int, duration_s: float) -> None:
    path, method = scope.get("path_template") or "unknown", scope["method"]
    metrics.http_requests.labels(method, path, str(status)).inc()
    metrics.http_request_duration_s.labels(method, path).observe(duration_s)
    if path in _QUIET:
        return
    caller = scope.get("user")
    log.info(
        "request",
        action=method,
        resource=path,
        duration_ms=round(duration_s * 1000, 2),
        status_code=status,
        user_id=str(caller.user_id) if caller else None,
        session_id=str(caller.session_id) if caller else None,
    )


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _locale(headers: dict[bytes, str]) -> str:
    for cookie in headers.get(b"cookie", "").split(";"):
        name, _, value = cookie.strip().partition("=")
        if name == LOCALE_COOKIE and value in LOCALES:
            return value
    return best_locale(headers.get(b"accept-language"))
