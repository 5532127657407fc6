"""Verifying an address and choosing a password anew, by links that work once."""

import asyncio
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

import httpx
import pytest
from argon2 import PasswordHasher

from identity.conftest import Postbox, token_in
from tawsil.identity import public, service
from tawsil.identity.model.mails import MOST_PER_HOUR, Mail
from tawsil.identity.public import NewUser, Passwords
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By

LOGIN = {"email": "mona@example.org", "password": "correct horse"}
NEW_PASSWORD = "tea at the old harbour"
DAY = timedelta(days=1)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def verify(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/v4/auth/verify-email", json={"token": token})


async def reset(client: httpx.AsyncClient, token: str, password: str = NEW_PASSWORD) -> Any:
    body = {"token": token, "password": password}
    return await client.post("/v4/auth/password-reset/confirm", json=body)


async def ask_reset(client: httpx.AsyncClient, email: str = LOGIN["email"]) -> httpx.Response:
    return await client.post("/v4/auth/password-reset", json={"email": email})


async def profile(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/v4/users/profile", headers=bearer(token))


async def login(client: httpx.AsyncClient, password: str) -> httpx.Response:
    return await client.post("/v4/auth/login", json={**LOGIN, "password": password})


def codes(answer: httpx.Response) -> list[str]:
    return [error["code"] for error in answer.json()["errors"]]


async def event_types(database: Database) -> list[str]:
    rows = await database.pool.fetch("select type from kernel.event order by seq")
    return [row["type"] for row in rows]


async def test_an_address_is_verified_by_the_mail_that_registration_sends(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, database: Database
):
    assert mona["user"]["email_verified"] is False
    (message,) = await postbox.empty()
    assert message["To"] == "mona@example.org"
    assert message["Subject"] == "Confirm your e-mail address"
    answer = await verify(client, token_in(message))
    assert answer.status_code == 200
    assert answer.json()["data"] == {"email_verified": True}
    shown = (await profile(client, mona["access_token"])).json()["data"]
    assert shown == {**mona["user"], "email_verified": True}
    assert (await event_types(database))[-1] == "user.email_verified.v1"
    again = await verify(client, token_in(message))
    assert (again.status_code, codes(again)) == (422, ["identity.link_invalid"])


async def test_a_token_is_good_for_its_purpose_and_its_time_only(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, clock: VirtualClock
):
    verifying = await postbox.token()
    assert mona
    for wrong in (await reset(client, verifying), await reset(client, "x" * 43)):
        assert (wrong.status_code, codes(wrong)) == (422, ["identity.link_invalid"])
    await ask_reset(client)
    resetting = await postbox.token()
    assert (await verify(client, resetting)).status_code == 422
    clock.advance(timedelta(minutes=30))
    assert (await reset(client, resetting)).status_code == 422
    clock.advance(DAY - timedelta(minutes=30, seconds=1))
    assert (await verify(client, verifying)).status_code == 200


async def test_a_verification_is_over_after_a_day(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, clock: VirtualClock
):
    assert mona
    token = await postbox.token()
    clock.advance(DAY)
    assert (await verify(client, token)).status_code == 422


async def test_the_mail_is_sent_again_on_request_but_nobody_is_flooded(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, clock: VirtualClock
):
    async def resend() -> int:
        answer = await client.post(
            "/v4/auth/verify-email/resend", headers=bearer(mona["access_token"])
        )
        assert answer.status_code == 202
        return len(await postbox.empty())

    first = await postbox.token()
    assert [await resend() for _ in range(MOST_PER_HOUR)] == [1] * (MOST_PER_HOUR - 1) + [0]
    clock.advance(timedelta(minutes=5))
    assert (await verify(client, first)).status_code == 200
    clock.advance(timedelta(hours=1))
    fresh = await client.post("/v4/auth/refresh", json={"refresh_token": mona["refresh_token"]})
    mona["access_token"] = fresh.json()["data"]["access_token"]
    assert await resend() == 0  # there is nothing to verify any more


async def test_of_twenty_who_show_a_token_at_once_one_succeeds(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, database: Database
):
    assert mona
    verifying = await postbox.token()
    await ask_reset(client)
    resetting = await postbox.token()
    verified = await asyncio.gather(*[verify(client, verifying) for _ in range(20)])
    assert sorted(answer.status_code for answer in verified) == [200] + [422] * 19
    changed = await asyncio.gather(
        *[reset(client, resetting, f"{NEW_PASSWORD} {n:02}") for n in range(20)]
    )
    assert sorted(answer.status_code for answer in changed) == [200] + [422] * 19
    won = next(n for n, answer in enumerate(changed) if answer.status_code == 200)
    assert (await login(client, f"{NEW_PASSWORD} {won:02}")).status_code == 200
    assert (await login(client, f"{NEW_PASSWORD} {(won + 1) % 20:02}")).status_code == 401
    types = await event_types(database)
    assert types.count("user.email_verified.v1") == 1
    assert types.count("user.password_changed.v1") == 1


async def test_two_tokens_for_one_purpose_are_spent_together(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox
):
    assert mona
    await postbox.empty()
    await ask_reset(client)
    await ask_reset(client)
    one, other = [token_in(message) for message in await postbox.empty()]
    assert one != other
    answers = await asyncio.gather(reset(client, one), reset(client, other))
    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_a_reset_ends_every_session_and_says_so(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, clock: VirtualClock
):
    await postbox.empty()
    assert (await ask_reset(client, "MONA@example.org")).status_code == 202
    (message,) = await postbox.empty()
    assert message["Subject"] == "Choose a new password"
    answer = await reset(client, token_in(message))
    assert answer.status_code == 200
    clock.advance(timedelta(seconds=0.5))
    assert (await profile(client, mona["access_token"])).status_code == 401
    assert (await login(client, LOGIN["password"])).status_code == 401
    fresh = await login(client, NEW_PASSWORD)
    assert fresh.json()["data"]["user"]["email_verified"] is True  # the mail was read there
    (told,) = await postbox.empty()
    assert told["Subject"] == "Your password was changed"


@pytest.mark.parametrize("password", ["short", "mona@example.org", "mona mona", "aaaaaaaaaa"])
async def test_a_bad_password_does_not_spend_the_token(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, password: str
):
    assert mona
    await postbox.empty()
    await ask_reset(client)
    token = await postbox.token()
    refused = await reset(client, token, password)
    assert refused.status_code == 422
    assert codes(refused)[0] in {"identity.password_length", "identity.password_guessable"}
    assert (await reset(client, token)).status_code == 200


async def test_whoever_is_kept_out_gets_no_mail(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, database: Database, by: By
):
    await postbox.empty()
    await ask_reset(client)
    token = await postbox.token()
    async with database.transaction() as tx:
        await public.disable_users(tx, ids=[UUID(mona["user"]["id"])], by=by)
    await ask_reset(client)
    assert await postbox.empty() == []
    assert (await reset(client, token)).status_code == 422


async def test_no_token_stands_in_the_database_nor_in_a_job(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, database: Database, jobs: Any
):
    assert mona
    await ask_reset(client)
    payloads = [repr(job.payload) for job in jobs.waiting]
    tokens = [token_in(message) for message in await postbox.empty()]
    assert len(tokens) == 2
    proofs = await database.pool.fetch("select * from identity.mail_proof")
    events = await database.pool.fetch("select * from kernel.event")
    known = f"{payloads} {proofs} {events}"
    assert not any(token in known for token in tokens)
    assert "mona@" not in f"{payloads} {events}"


async def test_answers_do_not_say_whether_there_is_an_account(
    client: httpx.AsyncClient, mona: dict[str, Any]
):
    """Byte for byte, except for the id and the time of the request."""
    assert mona

    def bare(answer: httpx.Response) -> tuple[int, bytes, list[str]]:
        meta = answer.json()["meta"]
        body = answer.content
        for own in (meta["request_id"], meta["timestamp"]):
            body = body.replace(own.encode(), b"")
        return answer.status_code, body, sorted(answer.headers)

    known, unknown = "mona@example.org", "nobody@example.org"
    assert bare(await ask_reset(client, known)) == bare(await ask_reset(client, unknown))
    for _ in range(8):
        bodies = [
            bare(await client.post("/v4/auth/login", json={"email": email, "password": "guess"}))
            for email in (known, unknown)
        ]
        assert bodies[0] == bodies[1]
    assert bodies[0][0] == 429


async def test_neither_does_how_long_they_take(
    client: httpx.AsyncClient, database: Database, by: By, clock: VirtualClock, passwords: Passwords
):
    """The quickest answers, asked by turns: what else this machine does only adds to them."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=16_384, parallelism=1)
    password_hash = await passwords.hash(LOGIN["password"])
    async with database.transaction() as tx:
        mona = NewUser(
            id=tx.ids(),
            tenant_id=by.tenant_id,
            email=LOGIN["email"],
            name="Mona",
            password_hash=password_hash,
        )
        await public.create_users(tx, users=[mona])

    async def took(path: str, body: dict[str, str]) -> float:
        began = perf_counter()
        assert (await client.post(path, json=body)).status_code in {401, 202}
        return perf_counter() - began

    for path, rest in (("login", {"password": "a guess"}), ("password-reset", {})):
        times: dict[str, list[float]] = {"mona@example.org": [], "nobody@example.org": []}
        for n in range(16):
            for email, taken in times.items():
                taken.append(await took(f"/v4/auth/{path}", {"email": email, **rest}))
            if n % 4 == 3:
                clock.advance(timedelta(days=1))
        quickest, other = sorted(min(taken) for taken in times.values())
        assert other < quickest * 1.5 + 0.003, (path, times)


async def test_changing_my_password_keeps_this_session_and_ends_the_others(
    client: httpx.AsyncClient, mona: dict[str, Any], postbox: Postbox, clock: VirtualClock
):
    other = (await login(client, LOGIN["password"])).json()["data"]
    await postbox.empty()

    async def change(current: str, new: str = NEW_PASSWORD) -> httpx.Response:
        return await client.put(
            "/v4/users/profile/password",
            json={"current_password": current, "new_password": new},
            headers=bearer(mona["access_token"]),
        )

    wrong = await change("not hers")
    assert (wrong.status_code, codes(wrong)) == (403, ["identity.password_wrong"])
    weak = await change(LOGIN["password"], "mona mona")
    assert (weak.status_code, codes(weak)) == (422, ["identity.password_guessable"])
    assert (await change(LOGIN["password"])).status_code == 204
    clock.advance(timedelta(seconds=0.5))
    assert (await profile(client, other["access_token"])).status_code == 401
    assert (await profile(client, mona["access_token"])).status_code == 200
    assert (await login(client, NEW_PASSWORD)).status_code == 200
    (told,) = await postbox.empty()
    assert told["Subject"] == "Your password was changed"


async def test_of_two_changes_from_one_password_the_second_is_refused(
    client: httpx.AsyncClient, mona: dict[str, Any]
):
    def change(n: int) -> Any:
        return client.put(
            "/v4/users/profile/password",
            json={
                "current_password": LOGIN["password"],
                "new_password": f"{NEW_PASSWORD} {n}",
            },
            headers=bearer(mona["access_token"]),
        )

    answers = await asyncio.gather(*[change(n) for n in range(4)])
    assert sorted(answer.status_code for answer in answers) == [204, 403, 403, 403]


async def test_an_invitation_lets_somebody_without_a_password_choose_one(
    client: httpx.AsyncClient, postbox: Postbox, database: Database, by: By, clock: VirtualClock
):
    new = NewUser(
        id=database.ids(),
        tenant_id=by.tenant_id,
        email=LOGIN["email"],
        name="منى",
        password_hash=None,
        locale="ar",
        email_verified=False,
    )
    async with database.transaction() as tx:
        command = service.users.Register(by=by, user=new, mail=Mail.INVITATION)
        await service.users.register(tx, [command])
    assert (await login(client, "")).status_code == 401
    (message,) = await postbox.empty()
    assert message["Subject"] == "حسابك جاهز"
    clock.advance(timedelta(days=6))
    assert (await reset(client, token_in(message))).status_code == 200
    assert (await login(client, NEW_PASSWORD)).json()["data"]["user"]["email_verified"] is True
