"""Who is there: behind proxies of ours, behind those of others, and behind nothing but a claim."""

from ipaddress import IPv4Address
from typing import Any, cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Request, get

from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC
from tawsil.kernel.http.addresses import (
    Networks,
    client_address,
    networks,
    read_address,
    subscriber,
)
from tawsil.kernel.http.app import create_app

PROXY = "10.0.0.1"
OURS = Networks(networks("10.0.0.0/8, fd00::/8"))

CASES: dict[str, tuple[str, list[str], str]] = {
    "nobody speaks for them": ("203.0.113.9", [], "203.0.113.9"),
    "a claim without a proxy": ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
    "one proxy": (PROXY, ["198.51.100.1"], "198.51.100.1"),
    "left of the client stands a claim": (PROXY, ["1.2.3.4, 198.51.100.1"], "198.51.100.1"),
    "two proxies": (PROXY, ["198.51.100.1, 10.2.3.4"], "198.51.100.1"),
    "several headers, one list": (
        PROXY,
        ["1.2.3.4", "198.51.100.1", "10.9.9.9"],
        "198.51.100.1",
    ),
    "only proxies": (PROXY, ["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
    "IPv6": ("fd00::1", ["2001:db8::5"], "2001:db8::5"),
    "a port is left on it": (PROXY, ["198.51.100.1:4711"], "198.51.100.1"),
    "IPv6 with a port": (PROXY, ["[2001:db8::5]:4711"], "2001:db8::5"),
    "IPv4 in IPv6": (PROXY, ["::ffff:198.51.100.1"], "198.51.100.1"),
    "empty": (PROXY, [""], PROXY),
    "no address": (PROXY, ["unknown"], PROXY),
    "no address behind a proxy": (PROXY, ["198.51.100.1, _hidden, 10.2.3.4"], PROXY),
    "half an address": (PROXY, ["198.51.100"], PROXY),
    "injected": (PROXY, ["198.51.100.1\r\nX: y"], PROXY),
    "a proxy by its IPv4 in IPv6": ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_nearest_address_that_is_no_proxy_of_ours_is_the_client(case: str) -> None:
    peer, said, expected = CASES[case]
    assert client_address(peer, said, trusted=OURS) == expected


@given(st.lists(st.text(max_size=40), max_size=5), st.ip_addresses(v=4))
def test_whatever_a_client_writes_is_left_of_what_the_proxy_adds(
    written: list[str], real: IPv4Address
) -> None:
    if str(real) in OURS:
        return
    assert client_address(PROXY, [*written, str(real)], trusted=OURS) == str(real)


@given(st.lists(st.text(max_size=40), max_size=5))
def test_nobody_is_believed_where_no_proxy_is_trusted(written: list[str]) -> None:
    assert client_address(PROXY, written, trusted=Networks([])) == PROXY


def test_an_ipv6_customer_is_one_whatever_address_it_takes() -> None:
    assert subscriber("2001:db8:1:2::5") == subscriber("2001:db8:1:2:ffff::1")
    assert subscriber("2001:db8:1:2::5") != subscriber("2001:db8:1:3::5")
    assert subscriber("203.0.113.9") == "203.0.113.9"
    assert read_address("not one") is None


@get("/who", opt={"rule": PUBLIC}, sync_to_thread=False)
def who(request: Request[Any, Any, Any]) -> dict[str, Any]:
    client = request.client
    return {
        "address": client.host if client else None,
        "scheme": request.url.scheme,
        "host": request.headers.get("host"),
    }


async def _asked(database: Database, *, peer: str, headers: list[tuple[str, str]]) -> Any:
    app = create_app(routes=[who], database=database, authenticate=cast("Any", None), proxies=OURS)
    transport = httpx.ASGITransport(cast("Any", app), client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://tawsil.test") as client:
        return (await client.get("/who", headers=headers)).json()


async def test_scheme_and_host_are_a_trusted_proxys_word(database: Database) -> None:
    said = [
        ("X-Forwarded-For", "198.51.100.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "eats.example"),
        ("Forwarded", "for=192.0.2.77;host=evil.example"),
        ("X-Real-IP", "192.0.2.78"),
    ]
    seen = await _asked(database, peer=PROXY, headers=said)
    assert seen == {"address": "198.51.100.1", "scheme": "https", "host": "eats.example"}
    seen = await _asked(database, peer="203.0.113.9", headers=said)
    assert seen == {"address": "203.0.113.9", "scheme": "http", "host": "tawsil.test"}


async def test_a_scheme_that_is_none_changes_nothing(database: Database) -> None:
    seen = await _asked(database, peer=PROXY, headers=[("X-Forwarded-Proto", "gopher")])
    assert seen == {"address": PROXY, "scheme": "http", "host": "tawsil.test"}
