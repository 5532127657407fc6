"""Signing in through the pages, with the real routes of identity behind them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar

from consoles.front import EMAIL, PASSWORD, browsing
from tawsil.kernel.clock import VirtualClock


@pytest.fixture
async def client(front: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(front) as client:
        yield client


async def sign_in(client: Any, *, password: str = PASSWORD, after: str = "/city") -> Any:
    return await client.post(
        "/sign-in",
        data={"email": EMAIL, "password": password, "next": after},
        follow_redirects=False,
    )


def cookies(answer: Any) -> dict[str, str]:
    return {c.split("=")[0]: c for c in answer.headers.get_list("set-cookie")}


async def test_the_right_password_leads_into_the_city(client: Any) -> None:
    answer = await sign_in(client, after="/city?stage=late")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/city?stage=late"
    set_ = cookies(answer)
    for name, path in (("tawsil_access", "/"), ("tawsil_refresh", "/session")):
        assert "HttpOnly" in set_[name]
        assert "samesite=strict" in set_[name].lower()
        assert f"Path={path}" in set_[name].split("; ")
        assert "Secure" not in set_[name]
    assert "Max-Age=600" in set_["tawsil_access"]
    assert "HttpOnly" not in set_["tawsil_session_until"]
    assert (await client.get("/city")).status_code == 200


async def test_over_https_the_cookies_are_secure(client: Any) -> None:
    answer = await client.post(
        "https://tawsil.test/sign-in",
        data={"email": EMAIL, "password": PASSWORD},
        headers={"Origin": "https://tawsil.test"},
        follow_redirects=False,
    )
    assert answer.status_code == 303
    assert all("Secure" in cookie for cookie in cookies(answer).values())
    assert {"__Host-tawsil_access", "__Secure-tawsil_refresh"} <= set(cookies(answer))
    assert "Path=/;" in cookies(answer)["__Host-tawsil_access"]
    assert "Domain" not in cookies(answer)["__Host-tawsil_access"]


async def test_what_a_browser_sends_reaches_the_api_as_it_came(client: Any) -> None:
    headers = {"User-Agent": b"\xff\xe9", "Cookie": b"tawsil_access=\xe9; tawsil_refresh=\xe9"}
    for path in ("/sign-in", "/sign-out", "/session/refresh"):
        answer = await client.post(path, headers=headers, data={"email": EMAIL, "password": "no"})
        assert answer.status_code in {200, 401}, path


async def test_a_wrong_password_gets_the_page_again_with_one_sentence(client: Any) -> None:
    page = await sign_in(client, password="not this one")
    assert page.status_code == 401
    assert "The e-mail or the password is not right" in page.text
    assert f'value="{EMAIL}"' in page.text
    assert "not this one" not in page.text
    assert "set-cookie" not in page.headers


async def test_what_cannot_be_an_address_is_as_wrong(client: Any) -> None:
    page = await client.post("/sign-in", data={"email": "nobody", "password": "x"})
    assert page.status_code == 401
    empty = await client.post("/sign-in", data={})
    assert empty.status_code == 401


async def test_a_form_takes_the_session_up_again(client: Any) -> None:
    await sign_in(client)
    client.cookies.delete("tawsil_access")
    paused = await client.get("/city?stage=late")
    assert "Your session has paused" in paused.text
    assert 'value="/city?stage=late"' in paused.text
    on = await client.post(
        "/session/refresh", data={"next": "/city?stage=late"}, follow_redirects=False
    )
    assert (on.status_code, on.headers["location"]) == (303, "/city?stage=late")
    assert (await client.get("/city")).status_code == 200


async def test_a_script_takes_the_session_up_and_a_spent_token_ends_it(client: Any) -> None:
    await sign_in(client)
    spent = client.cookies["tawsil_refresh"]
    fresh = await client.post("/session/refresh", headers={"Accept": "application/json"})
    assert fresh.json() == {"expires_in": 600}
    client.cookies.delete("tawsil_refresh")
    client.cookies.set("tawsil_refresh", spent, path="/session")
    ended = await client.post("/session/refresh", headers={"Accept": "application/json"})
    assert ended.status_code == 401
    assert "Max-Age=0" in cookies(ended)["tawsil_access"]


async def test_without_a_refresh_token_one_signs_in(client: Any) -> None:
    assert (await client.post("/session/refresh", data={}, follow_redirects=False)).headers[
        "location"
    ] == "/sign-in"


async def test_signing_out_ends_the_session(client: Any, clock: VirtualClock) -> None:
    await sign_in(client)
    kept = client.cookies["tawsil_access"]
    out = await client.post("/sign-out", follow_redirects=False)
    assert out.headers["location"] == "/sign-in"
    assert all("Max-Age=0" in cookie for cookie in cookies(out).values())
    client.cookies.clear()
    clock.advance(timedelta(seconds=1))
    answer = await client.get("/city/snapshot", headers={"Authorization": f"Bearer {kept}"})
    assert answer.status_code == 401
