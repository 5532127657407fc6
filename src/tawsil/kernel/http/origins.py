"""Where a request comes from, and what that lets it do.

A browser adds its cookies to requests that other sites' pages make it send. So whatever changes
something on the strength of cookies, and every WebSocket that is opened with them, must come from a
page of ours: the browser says so in `Sec-Fetch-Site` or `Origin`, which no page can forge. Who
sends a token in a header has shown it itself, and needs no cookie.
"""

from collections.abc import Collection
from typing import Any, Final

from litestar.config.cors import CORSConfig
from litestar.connection import ASGIConnection

from tawsil.kernel.http.errors import Problem

ACCESS_COOKIE: Final = "tawsil_access"
API_KEY_HEADER: Final = "x-api-key"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ENCRYPTED: Final = frozenset({"https", "wss"})
_HEADERS: Final = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-API-Key",
    "X-Request-ID",
]
_EXPOSED: Final = [
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
]

Connection = ASGIConnection[Any, Any, Any, Any]


def shared_with(origins: Collection[str]) -> CORSConfig | None:
    """Pages of these origins may read our answers; never with the cookies of ours."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=sorted(origins),
        allow_methods=["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"],
        allow_headers=_HEADERS,
        allow_credentials=False,
        expose_headers=_EXPOSED,
    )


def check_origin(
    connection: Connection, *, shared_with: Collection[str], own_pages: bool = False
) -> None:
    """Refuse what another site's page made a browser send.

    A program that is no browser names no origin; where only our own pages have business
    (`own_pages`), it must.

    Raises:
        Problem: 403.
    """
    scope: Any = connection.scope
    if scope["type"] == "http" and scope["method"] in SAFE:
        return
    if shown_token(connection) is not None and not own_pages:
        return
    headers = connection.headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site == "same-origin" or (site is None and _is_ours(connection, origin)):
        return
    if not own_pages and "cookie" not in headers:
        told_nothing = site is None and origin is None
        if told_nothing or origin in shared_with or "*" in shared_with:
            return
    raise Problem(403, "request.foreign_origin")


def shown_token(connection: Connection) -> str | None:
    """The token or API key that the caller put into a header, which no browser does by itself."""
    shown = dict(connection.scope["headers"])
    scheme, _, token = shown.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return shown.get(API_KEY_HEADER.encode(), b"").decode("latin-1") or None


def cookie_name(connection: Connection, name: str, *, path: str = "/") -> str:
    """A cookie's name: where it is encrypted, one that no other host and no plain page can set."""
    if connection.scope["scheme"] not in _ENCRYPTED:
        return name
    return f"__Host-{name}" if path == "/" else f"__Secure-{name}"


def cookie_of(connection: Connection, name: str, *, path: str = "/") -> str | None:
    return connection.cookies.get(cookie_name(connection, name, path=path))


def _is_ours(connection: Connection, origin: str | None) -> bool:
    _, _, host = (origin or "").partition("://")
    return bool(host) and host == connection.headers.get("host")
