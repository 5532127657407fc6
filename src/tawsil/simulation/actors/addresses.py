"""An address for everybody, so that limits hold for invented people as for anybody else.

Where this machine talks to itself, each actor speaks from a loopback address of its own. Linux lets
a program bind any of them; elsewhere, and over a network, all speak from one.
"""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from itertools import count, repeat
from typing import Final
from urllib.parse import urlsplit

_FIRST: Final = IPv4Address("127.64.0.1")
_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "0.0.0.0"})  # noqa: S104 - nothing is bound to it here


def own_addresses(base_url: str) -> Iterator[str | None]:
    """One address after the other; None where only one can be had."""
    if urlsplit(base_url).hostname not in _THIS_MACHINE or not can_have_own():
        return repeat(None)
    return (str(_FIRST + n) for n in count())


def can_have_own() -> bool:
    """Whether this machine lets a program speak from any loopback address."""
    with socket.socket() as probe:
        try:
            probe.bind((str(_FIRST), 0))
        except OSError:
            return False
    return True
