"""Who is at the other end of a connection, also behind proxies that are trusted to say so.

Anybody may write `X-Forwarded-For`. What counts is read from its right end, where our own proxies
wrote: each of them added the address that it saw. The first one that is not a trusted proxy is the
client; whatever stands left of it, the client wrote itself. `Forwarded` and `X-Real-IP` are not
read at all.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, Final, cast

from litestar.types import ASGIApp, Receive, Scope, Send

Network = IPv4Network | IPv6Network

NOBODY: Final = "unknown"
_SCHEMES: Final = {"http": "http", "https": "https"}
_SOCKET_SCHEMES: Final = {"http": "ws", "https": "wss"}
_IPV6_SUBSCRIBER: Final = 64  # bits: what one customer of a network is given at the least


class Networks:
    """Networks that are treated in another way; whether an address is in one is remembered."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self._known = lru_cache(maxsize=8_192)(self._look)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: object) -> bool:
        return bool(self._networks) and isinstance(address, str) and self._known(address)

    def _look(self, text: str) -> bool:
        address = read_address(text)
        return address is not None and any(address in network for network in self._networks)


def networks(text: str) -> list[Network]:
    """The networks named in a setting, with commas or spaces between.

    Raises:
        ValueError: it says which one is none.
    """
    return [ip_network(part) for part in text.replace(",", " ").split()]


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """The address, without the port that some proxies leave on it; None when it is none."""
    text = text.strip()
    if text.startswith("["):
        text, _, _ = text[1:].partition("]")
    elif text.count(":") == 1:
        text, _, _ = text.partition(":")
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def client_address(peer: str, forwarded_for: Sequence[str], *, trusted: Networks) -> str:
    """The client's address: the peer's, unless that is a proxy of ours that says who was there.

    What cannot be read makes the whole header worthless: then it is the peer's.
    """
    if not forwarded_for or peer not in trusted:
        return peer
    seen = peer
    for entry in reversed(",".join(forwarded_for).split(",")):
        address = read_address(entry)
        if address is None:
            return peer
        seen = str(address)
        if seen not in trusted:
            break
    return seen


@lru_cache(maxsize=65_536)
def subscriber(address: str) -> str:
    """What counts as one: an IPv4 address, or the network that an IPv6 customer chooses from."""
    read = read_address(address)
    if not isinstance(read, IPv6Address):
        return address
    return str(ip_network((read, _IPV6_SUBSCRIBER), strict=False))


def address_of(scope: Any) -> str:
    """The address at the other end, as the outermost layer found it."""
    client = scope.get("client")
    return client[0] if client else NOBODY


class BehindProxies:
    """Puts the client's address, scheme and host in the place of the trusted proxy's."""

    def __init__(self, app: ASGIApp, *, trusted: Networks) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and address_of(scope) in self._trusted:
            self._see_through(cast("Any", scope))
        await self._app(scope, receive, send)

    def _see_through(self, scope: Any) -> None:
        peer = address_of(scope)
        said = _Said(scope["headers"])
        client = client_address(peer, said.all(b"x-forwarded-for"), trusted=self._trusted)
        if client != peer:
            scope["client"] = (client, 0)
        schemes = _SCHEMES if scope["type"] == "http" else _SOCKET_SCHEMES
        scope["scheme"] = schemes.get(said.last(b"x-forwarded-proto").lower(), scope["scheme"])
        if host := said.last(b"x-forwarded-host"):
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [*others, (b"host", host.encode("latin-1"))]


class _Said:
    """What a proxy added to the headers: of a list, the last part is the nearest proxy's."""

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._headers = list(headers)

    def all(self, name: bytes) -> list[str]:
        return [value.decode("latin-1") for known, value in self._headers if known == name]

    def last(self, name: bytes) -> str:
        values = self.all(name)
        return values[-1].rpartition(",")[2].strip() if values else ""
