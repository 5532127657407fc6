"""One's own account, and where mailed links lead."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pyotp
import pytest
from litestar import Litestar

from consoles.front import EMAIL, PASSWORD, browsing
from identity.conftest import Postbox
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.jobs import HeldJobs

NEW_PASSWORD = "tea at the old harbour"


@pytest.fixture
async def client(front: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(front) as client:
        yield client


@pytest.fixture
def postbox(database: Database, jobs: HeldJobs) -> Postbox:
    return Postbox(database, jobs)


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    body = {"email": EMAIL, "password": password, "next": "/account"}
    return await client.post("/sign-in", data=body)


def hidden(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" (?:autocomplete="[a-z]+" )?value="([^"]*)"', page.text)
    assert found, f"{name} stands in no form"
    return unescape(found[1])


async def test_a_forgotten_password_is_chosen_anew(
    client: httpx.AsyncClient, postbox: Postbox
) -> None:
    pages = [
        await client.post("/forgot-password", data={"email": email})
        for email in (EMAIL, "nobody@example.com")
    ]
    assert [page.status_code for page in pages] == [200, 200]
    for page in pages:
        assert "a link is on its way" in page.text
    token = await postbox.token()
    opened = await client.get("/reset-password", params={"token": token})
    assert hidden(opened, "token") == token
    again = await client.get("/reset-password", params={"token": token})
    assert hidden(again, "token") == token  # looking spends nothing

    async def choose(password: str, repeated: str) -> httpx.Response:
        body = {"token": token, "password": password, "again": repeated}
        return await client.post("/reset-password", data=body)

    differ = await choose(NEW_PASSWORD, "something else")
    assert (differ.status_code, "not the same" in differ.text) == (422, True)
    assert hidden(differ, "token") == token
    weak = await choose("reemreem", "reemreem")
    assert (weak.status_code, "too easy to guess" in weak.text) == (422, True)
    assert NEW_PASSWORD not in differ.text
    done = await choose(NEW_PASSWORD, NEW_PASSWORD)
    assert (done.status_code, "has been changed" in done.text) == (200, True)
    late = await choose(NEW_PASSWORD, NEW_PASSWORD)
    assert (late.status_code, "too old" in late.text) == (422, True)
    assert 'href="/forgot-password"' in late.text
    assert (await sign_in(client)).status_code == 401
    assert (await sign_in(client, NEW_PASSWORD)).url.path == "/account"


@pytest.mark.parametrize("path", ["/reset-password", "/verify-email"])
@pytest.mark.parametrize("token", ["", "<script>alert(1)</script>", "x" * 5_000])
async def test_links_that_are_none_lead_to_a_page_that_says_so(
    client: httpx.AsyncClient, path: str, token: str
) -> None:
    opened = await client.get(path, params={"token": token} if token else {})
    assert opened.status_code == 200
    assert "<script>alert" not in opened.text
    body = {"token": token, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    sent = await client.post(path, data=body)
    assert sent.status_code in {400, 422}
    assert "too old" in sent.text


async def test_what_is_no_address_is_asked_for_again(client: httpx.AsyncClient) -> None:
    page = await client.post("/forgot-password", data={"email": "nobody"})
    assert page.status_code == 400
    assert "This is not an e-mail address" in page.text


async def test_an_address_is_confirmed_by_a_press(
    client: httpx.AsyncClient, postbox: Postbox
) -> None:
    account = await sign_in(client)
    assert "Not confirmed yet" in account.text
    sent = await client.post("/account/verify-email")
    assert "a link is on its way" in sent.text
    token = await postbox.token()
    opened = await client.get("/verify-email", params={"token": token})
    assert hidden(opened, "token") == token
    done = await client.post("/verify-email", data={"token": token})
    assert (done.status_code, "is confirmed" in done.text) == (200, True)
    assert "Not confirmed yet" not in (await client.get("/account")).text


async def test_a_profile_is_changed_and_its_language_is_the_pages(
    client: httpx.AsyncClient,
) -> None:
    await sign_in(client)
    body = {"name": " ريم ", "phone": "+961 3 123 456", "locale": "ar"}
    page = await client.post("/account/profile", data=body)
    assert 'dir="rtl"' in page.text
    assert "حُفظت البيانات" in page.text
    assert 'value="ريم"' in page.text
    assert 'value="+9613123456"' in page.text
    wrong = await client.post("/account/profile", data={**body, "phone": "call me"})
    assert wrong.status_code == 400
    assert "في النموذج ما لا يمكن قراءته" in wrong.text


async def test_a_password_is_changed_by_who_knows_it(client: httpx.AsyncClient) -> None:
    await sign_in(client)

    async def change(current: str, new: str, again: str) -> httpx.Response:
        body = {"current_password": current, "new_password": new, "again": again}
        return await client.post("/account/password", data=body)

    differ = await change(PASSWORD, NEW_PASSWORD, "another")
    assert (differ.status_code, "not the same" in differ.text) == (422, True)
    wrong = await change("not hers", NEW_PASSWORD, NEW_PASSWORD)
    assert (wrong.status_code, "The current password is not right" in wrong.text) == (403, True)
    done = await change(PASSWORD, NEW_PASSWORD, NEW_PASSWORD)
    assert "Your password has been changed" in done.text
    assert (await sign_in(client, NEW_PASSWORD)).url.path == "/account"


async def test_two_steps_from_the_first_code_to_the_last(
    client: httpx.AsyncClient, clock: VirtualClock
) -> None:
    await sign_in(client)
    enrolling = await client.post("/account/totp")
    secret = hidden(enrolling, "secret")
    totp = pyotp.TOTP(secret)
    form = {"secret": secret, "otpauth_uri": hidden(enrolling, "otpauth_uri")}
    wrong = await client.post("/account/totp/confirm", data={**form, "code": "000000"})
    assert (wrong.status_code, hidden(wrong, "secret")) == (401, secret)
    on = await client.post("/account/totp/confirm", data={**form, "code": totp.at(clock())})
    codes = re.findall(r"<code>([A-Z2-7-]{19})</code>", on.text)
    assert len(codes) == 10
    assert codes[0] not in (await client.get("/account")).text

    client.cookies.clear()
    second = await sign_in(client)
    assert second.url.path == "/sign-in"
    kept = hidden(second, "kept")
    assert PASSWORD not in second.text
    refused = await client.post("/sign-in/code", data={"kept": kept, "code": "123456"})
    assert (refused.status_code, "This code is not right" in refused.text) == (401, True)
    clock.advance(timedelta(seconds=30))
    body = {"kept": kept, "code": totp.at(clock()), "next": "/account"}
    assert (await client.post("/sign-in/code", data=body)).url.path == "/account"

    off = {"password": PASSWORD, "code": codes[0]}
    gone = await client.post("/account/totp/disable", data=off)
    assert "Two-step sign-in is off" in gone.text


async def test_what_was_kept_for_the_second_step_does_not_last(
    client: httpx.AsyncClient, clock: VirtualClock
) -> None:
    await sign_in(client)
    enrolling = await client.post("/account/totp")
    totp = pyotp.TOTP(hidden(enrolling, "secret"))
    await client.post("/account/totp/confirm", data={"code": totp.at(clock())})
    kept = hidden(await sign_in(client), "kept")
    clock.advance(timedelta(minutes=5))
    for stale in (kept, "", "AAAA", kept[:-8] + "AAAAAAA="):
        body = {"kept": stale, "code": totp.at(clock())}
        page = await client.post("/sign-in/code", data=body)
        assert (page.status_code, 'name="password"' in page.text) == (401, True)


async def test_a_session_elsewhere_is_ended_from_here(
    client: httpx.AsyncClient, front: Litestar, clock: VirtualClock
) -> None:
    chrome = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/142.0 Mobile Safari/537.36"
    async with browsing(front) as phone:
        phone.headers["User-Agent"] = chrome
        await sign_in(phone)
        page = await sign_in(client)
        assert "Chrome · Android" in page.text
        (action,) = re.findall(r'action="(/account/sessions/[^"]+)"', page.text)
        ended = await client.post(action)
        assert "Signed out there" in ended.text
        assert "Chrome · Android" not in ended.text
        clock.advance(timedelta(seconds=1))
        answer = await phone.get("/account")
        assert "Your session has paused" in answer.text
    everywhere = await client.post("/account/sign-out-all")
    assert everywhere.url.path == "/sign-in"
    clock.advance(timedelta(seconds=1))
    assert (await client.get("/account")).url.path != "/account"


async def test_a_device_that_has_signed_in_before_is_not_delayed(
    client: httpx.AsyncClient, front: Litestar
) -> None:
    await sign_in(client)
    assert "tawsil_device" in client.cookies
    async with browsing(front) as stranger:
        guesses = [(await sign_in(stranger, "a guess")).status_code for _ in range(6)]
    assert guesses == [401] * 5 + [429]
    assert (await sign_in(client)).url.path == "/account"


async def test_other_sites_forms_change_nothing(client: httpx.AsyncClient) -> None:
    await sign_in(client)
    for path in ("/account/password", "/account/totp", "/account/sign-out-all", "/reset-password"):
        answer: Any = await client.post(path, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403, path
