"""Codes of an authenticator app, and recovery codes: each is good once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.conftest import Postbox
from tawsil.identity.model.second_factors import STEP_S, SecondFactor, read_code, recovery_hash
from tawsil.identity.public import PERMISSIONS, Role
from tawsil.identity.routes import routes
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import Refusal

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
LOGIN = {"email": "mona@example.org", "password": "correct horse"}


@given(st.integers(min_value=-200, max_value=200))
def test_a_code_is_good_for_its_step_and_the_one_on_either_side(off_s: int):
    code = pyotp.TOTP(SECRET).at(AT + timedelta(seconds=off_s))
    shown = read_code(f"{code[:3]} {code[3:]}", secret=SECRET, begun_at=AT, at=AT)
    assert (shown.step is not None) == (-STEP_S <= off_s < 2 * STEP_S)


@given(st.lists(st.integers(min_value=-1, max_value=1), min_size=1, max_size=8))
def test_no_step_is_accepted_twice_nor_one_before_it(steps: list[int]):
    factor = SecondFactor(
        user_id=UUID(int=1),
        tenant_id=UUID(int=2),
        sealed_secret=b"",
        begun_at=AT,
    )
    newest: int | None = None
    for step in steps:
        code = pyotp.TOTP(SECRET).at(AT, counter_offset=step)
        shown = read_code(code, secret=SECRET, begun_at=AT, at=AT)
        accepted = factor.accept(shown, at=AT)
        assert isinstance(accepted, Refusal) == (newest is not None and step <= newest)
        if isinstance(accepted, SecondFactor):
            factor, newest = accepted, step


def test_a_recovery_code_is_read_however_it_is_written():
    assert recovery_hash("ABCD-EFGH-IJKL-MNOP") == recovery_hash("abcdefghijklmnop")


class App:
    """Mona's authenticator app, which has just been enrolled and confirmed."""

    def __init__(
        self, client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock
    ) -> None:
        self.client = client
        self.headers = {"Authorization": f"Bearer {mona['access_token']}"}
        self.clock = clock
        self.totp = pyotp.TOTP(SECRET)
        self.recovery_codes: list[str] = []

    def code(self) -> str:
        """A fresh one."""
        self.clock.advance(timedelta(seconds=STEP_S))
        return self.totp.at(self.clock())

    async def begin(self) -> dict[str, str]:
        answer = await self.client.post("/v4/users/profile/totp", headers=self.headers)
        assert answer.status_code == 201, answer.text
        enrolment = answer.json()["data"]
        self.totp = pyotp.TOTP(enrolment["secret"])
        return enrolment

    async def confirm(self, code: str) -> httpx.Response:
        answer = await self.client.post(
            "/v4/users/profile/totp/confirm", headers=self.headers, json={"code": code}
        )
        if answer.status_code == 200:
            self.recovery_codes = answer.json()["data"]["recovery_codes"]
        return answer

    async def disable(self, password: str, code: str) -> httpx.Response:
        return await self.client.post(
            "/v4/users/profile/totp/disable",
            headers=self.headers,
            json={"password": password, "code": code},
        )

    async def shown(self) -> dict[str, Any]:
        answer = await self.client.get("/v4/users/profile/totp", headers=self.headers)
        return answer.json()["data"]

    async def login(self, **more: str) -> httpx.Response:
        return await self.client.post("/v4/auth/login", json={**LOGIN, **more})


@pytest.fixture
async def app(client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock) -> App:
    app = App(client, mona, clock)
    await app.begin()
    assert (await app.confirm(app.code())).status_code == 200
    return app


def code_of(answer: httpx.Response) -> str:
    return answer.json()["errors"][0]["code"]


async def test_nothing_changes_until_a_code_was_confirmed(
    client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock, postbox: Postbox
):
    app = App(client, mona, clock)
    early = await app.confirm("123456")
    assert (early.status_code, code_of(early)) == (409, "identity.second_factor_not_begun")
    enrolment = await app.begin()
    uri = urlsplit(enrolment["otpauth_uri"])
    assert (uri.scheme, uri.netloc, uri.path) == ("otpauth", "totp", "/Tawsil:mona%40example.org")
    assert parse_qs(uri.query)["secret"] == [enrolment["secret"]]
    assert (await app.login()).status_code == 200
    old = app.code()
    await app.begin()  # begun again: the secret before is worth nothing
    wrong = await app.confirm(old)
    assert (wrong.status_code, code_of(wrong)) == (401, "identity.second_factor_wrong")
    await postbox.empty()
    assert (await app.confirm(app.code())).status_code == 200
    (told,) = await postbox.empty()
    assert told["Subject"] == "Two-step sign-in is on"
    assert len(set(app.recovery_codes)) == 10
    shown = await app.shown()
    assert (shown["enabled"], shown["recovery_codes_left"]) == (True, 10)
    again = await client.post("/v4/users/profile/totp", headers=app.headers)
    assert (again.status_code, code_of(again)) == (409, "identity.second_factor_on")


async def test_signing_in_asks_for_a_code_after_the_right_password_only(app: App):
    missing = await app.login()
    assert (missing.status_code, code_of(missing)) == (401, "identity.second_factor_required")
    for wrong in ({"password": "a guess"}, {"password": "a guess", "code": app.code()}):
        answer = await app.login(**wrong)
        assert (answer.status_code, code_of(answer)) == (401, "identity.login_failed")
    code = app.code()
    assert (await app.login(code=code)).status_code == 200
    again = await app.login(code=code)
    assert (again.status_code, code_of(again)) == (401, "identity.second_factor_wrong")


async def test_of_twenty_who_show_one_code_at_once_one_comes_in(app: App):
    for code in (app.code(), app.recovery_codes[0]):
        answers = await asyncio.gather(*[app.login(code=code) for _ in range(20)])
        assert [answer.status_code for answer in answers].count(200) == 1
        assert {answer.status_code for answer in answers} <= {200, 401, 429}
        app.clock.advance(timedelta(hours=1))


async def test_codes_cannot_be_guessed(app: App):
    def wrong() -> str:
        return f"{(int(app.totp.at(app.clock())) + 500_000) % 1_000_000:06}"

    answers = [(await app.login(code=wrong())).status_code for _ in range(7)]
    assert answers == [401] * 5 + [429] * 2
    assert (await app.login(code=app.totp.at(app.clock()))).status_code == 429


async def test_a_recovery_code_signs_in_once(app: App):
    code = app.recovery_codes[3]
    assert (await app.login(code=code.lower())).status_code == 200
    assert (await app.login(code=code)).status_code == 401
    assert (await app.shown())["recovery_codes_left"] == 9


async def test_turning_it_off_asks_for_both(app: App, postbox: Postbox, database: Database):
    await postbox.empty()
    for password, code, status in (
        ("a guess", app.code(), 403),
        (LOGIN["password"], "000000", 401),
    ):
        assert (await app.disable(password, code)).status_code == status
    assert (await app.login()).status_code == 401
    assert (await app.disable(LOGIN["password"], app.code())).status_code == 204
    (told,) = await postbox.empty()
    assert told["Subject"] == "Two-step sign-in is off"
    assert (await app.login()).status_code == 200
    assert (await app.shown())["recovery_codes_left"] == 0
    off = await app.disable(LOGIN["password"], app.code())
    assert (off.status_code, code_of(off)) == (409, "identity.second_factor_off")
    rows = await database.pool.fetch("select type from kernel.event order by seq")
    types = [row["type"] for row in rows if "second_factor" in row["type"]]
    assert types == ["user.second_factor_enabled.v1", "user.second_factor_disabled.v1"]


async def test_neither_secret_nor_codes_stand_in_the_database(app: App, database: Database):
    rows = [
        *await database.pool.fetch("select * from identity.second_factor"),
        *await database.pool.fetch("select * from identity.recovery_code"),
    ]
    known = b"".join(bytes(v) for row in rows for v in row.values() if isinstance(v, bytes))
    assert len(rows) == 11
    assert app.totp.secret.encode() not in known
    assert not any(code.replace("-", "").encode() in known for code in app.recovery_codes)


async def test_an_administrator_turns_off_what_was_lost(
    app: App, serve: Any, callers: Any, mona: dict[str, Any], postbox: Postbox
):
    await postbox.empty()
    client = await serve(routes)
    path = f"/v4/users/{mona['user']['id']}/totp/disable"
    for role, status in (("support_staff", 403), ("admin", 200), ("admin", 409)):
        token = callers.token(role, *PERMISSIONS[Role(role)])
        answer = await client.post(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status
    (told,) = await postbox.empty()
    assert told["Subject"] == "Two-step sign-in is off"
    app.clock.advance(timedelta(seconds=0.5))
    ended = await app.client.get("/v4/users/profile", headers=app.headers)
    assert ended.status_code == 401
    assert (await app.login()).status_code == 200
