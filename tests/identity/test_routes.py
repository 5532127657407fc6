import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tawsil.identity import public
from tawsil.identity.public import NewUser, Passwords, Role, Tokens
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By

LOGIN = {"email": "mona@example.org", "password": "correct horse"}
REGISTER = {**LOGIN, "name": "Mona"}
CITY = "01900000-0000-7000-8000-000000000002"
CACHED = timedelta(seconds=0.5)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def profile(client: httpx.AsyncClient, access_token: str) -> httpx.Response:
    return await client.get("/v4/users/profile", headers=bearer(access_token))


async def refresh(client: httpx.AsyncClient, refresh_token: str) -> httpx.Response:
    return await client.post("/v4/auth/refresh", json={"refresh_token": refresh_token})


async def test_registering_signs_a_customer_in(client: httpx.AsyncClient, mona: dict[str, Any]):
    assert mona["token_type"] == "Bearer"
    assert mona["expires_in"] == 600
    assert mona["user"]["roles"] == ["customer"]
    answer = await profile(client, mona["access_token"])
    assert answer.status_code == 200
    assert answer.json()["data"] == mona["user"]


async def test_nobody_chooses_their_role(client: httpx.AsyncClient):
    for field in ("role", "roles", "permissions", "location_id", "id"):
        for value in ("admin", ["admin"]):
            answer = await client.post("/v4/auth/register", json={**REGISTER, field: value})
            assert answer.status_code == 400
    login = await client.post("/v4/auth/login", json=LOGIN)
    assert login.status_code == 401


@pytest.mark.parametrize("email", ["mona@example.org", "MONA@Example.org"])
async def test_a_taken_address_says_no_more_than_that(
    client: httpx.AsyncClient, mona: dict[str, Any], email: str
):
    answer = await client.post(
        "/v4/auth/register", json={**REGISTER, "email": email, "password": "another one"}
    )
    assert answer.status_code == 409
    assert [error["code"] for error in answer.json()["errors"]] == ["identity.email_taken"]
    assert answer.json()["data"] is None
    assert mona["user"]["id"] not in answer.text
    assert "Mona" not in answer.text


async def test_one_of_two_who_register_at_once_is_refused(client: httpx.AsyncClient):
    answers = await asyncio.gather(
        *[client.post("/v4/auth/register", json=REGISTER) for _ in range(4)]
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_what_cannot_be_read_is_a_400(client: httpx.AsyncClient):
    wrong = {
        "email": ["no-at-sign", "nul\x00@example.org", "a@b" * 200, "", None],
        "name": ["", "nul\x00", "x" * 201],
        "phone": ["call me", "+0123456789", 961],
        "locale": ["tlh", ""],
        "device_id": ["a\nb", ""],
        "tenant_id": ["not-an-id", 7],
        "password": ["x" * 1001, None, ["list"]],
    }
    for field, values in wrong.items():
        for value in values:
            answer = await client.post("/v4/auth/register", json={**REGISTER, field: value})
            assert answer.status_code == 400, (field, value)


async def test_a_lone_surrogate_is_a_400(client: httpx.AsyncClient):
    body = b'{"email": "a@b.org", "name": "A", "password": "\\ud800\\ud800\\ud800 long enough"}'
    answer = await client.post(
        "/v4/auth/register", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400


async def test_a_password_of_the_wrong_length_is_a_422(client: httpx.AsyncClient):
    for password in ("short", "x" * 129):
        answer = await client.post("/v4/auth/register", json={**REGISTER, "password": password})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["message"] == "Choose a password of 8 to 128 characters."


async def test_login_finds_the_address_in_any_case(client: httpx.AsyncClient, mona: dict[str, Any]):
    answer = await client.post(
        "/v4/auth/login", json={**LOGIN, "email": "Mona@EXAMPLE.org", "device_id": "pixel"}
    )
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["data"]["user"] == mona["user"]


async def test_every_failed_login_looks_the_same(
    client: httpx.AsyncClient,
    mona: dict[str, Any],
    database: Database,
    passwords: Passwords,
    by: By,
):
    out = NewUser(
        id=database.ids(),
        tenant_id=by.tenant_id,
        email="out@example.org",
        name="Out",
        password_hash=await passwords.hash(LOGIN["password"]),
    )
    async with database.transaction() as tx:
        await public.create_users(tx, users=[out])
        await public.disable_users(tx, ids=[out.id], by=by)
    bodies = []
    for wrong in (
        {"password": "not hers at all"},
        {"email": "nobody@example.org"},
        {"email": "out@example.org"},
        {"tenant_id": mona["user"]["id"]},
    ):
        answer = await client.post("/v4/auth/login", json={**LOGIN, **wrong})
        assert answer.status_code == 401
        bodies.append(answer.json()["errors"])
    assert all(body == bodies[0] for body in bodies)


async def test_no_transaction_is_open_while_a_password_is_hashed(
    client: httpx.AsyncClient, mona: dict[str, Any], hasher: Any
):
    assert mona
    await client.post("/v4/auth/login", json=LOGIN)
    await client.post("/v4/auth/login", json={**LOGIN, "email": "nobody@example.org"})
    register, nobodys, known, unknown = hasher.connections_in_use
    assert (register, nobodys, known, unknown) == (0, 0, 0, 0)


async def test_refresh_gives_new_tokens_that_work(client: httpx.AsyncClient, mona: dict[str, Any]):
    answer = await refresh(client, mona["refresh_token"])
    assert answer.status_code == 200
    fresh = answer.json()["data"]
    assert fresh["refresh_token"] != mona["refresh_token"]
    assert fresh["user"] == mona["user"]
    assert (await profile(client, fresh["access_token"])).status_code == 200
    assert (await refresh(client, fresh["refresh_token"])).status_code == 200


async def test_reuse_ends_old_and_new_within_a_second(
    client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock
):
    fresh = (await refresh(client, mona["refresh_token"])).json()["data"]
    other = (await client.post("/v4/auth/login", json=LOGIN)).json()["data"]
    for token in (mona["access_token"], fresh["access_token"], other["access_token"]):
        assert (await profile(client, token)).status_code == 200
    reused = await refresh(client, mona["refresh_token"])
    assert reused.status_code == 401
    assert reused.json()["errors"][0]["code"] == "identity.session_ended"
    clock.advance(CACHED)
    for token in (mona["access_token"], fresh["access_token"]):
        assert (await profile(client, token)).status_code == 401
    assert (await refresh(client, fresh["refresh_token"])).status_code == 401
    assert (await profile(client, other["access_token"])).status_code == 200


async def test_of_two_who_refresh_at_once_the_second_ends_the_session(
    client: httpx.AsyncClient, mona: dict[str, Any], database: Database
):
    answers = await asyncio.gather(*[refresh(client, mona["refresh_token"]) for _ in range(2)])
    assert sorted(answer.status_code for answer in answers) == [200, 401]
    assert await database.pool.fetchval("select count(revoked_at) from identity.session") == 1


async def test_logout_ends_the_session(
    client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock
):
    answer = await client.post("/v4/auth/logout", headers=bearer(mona["access_token"]))
    assert answer.status_code == 204
    clock.advance(CACHED)
    assert (await profile(client, mona["access_token"])).status_code == 401
    assert (await refresh(client, mona["refresh_token"])).status_code == 401


async def test_a_session_outlives_its_access_token_until_its_refresh_token_expires(
    client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock
):
    clock.advance(timedelta(seconds=599))
    assert (await profile(client, mona["access_token"])).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert (await profile(client, mona["access_token"])).status_code == 401
    fresh = (await refresh(client, mona["refresh_token"])).json()["data"]
    clock.advance(timedelta(days=31))
    assert (await refresh(client, fresh["refresh_token"])).status_code == 401


async def test_no_token_is_stored(
    client: httpx.AsyncClient, mona: dict[str, Any], database: Database
):
    headers = {"Idempotency-Key": "once"}
    body = {"refresh_token": mona["refresh_token"]}
    await client.post("/v4/auth/refresh", json=body, headers=headers)
    await client.post("/v4/auth/login", json=LOGIN, headers=headers)
    assert await database.pool.fetchval("select count(*) from kernel.idempotency") == 0
    rows = await database.pool.fetch("select * from identity.refresh_token")
    assert len(rows) == 3
    assert all(len(row["token_hash"]) == 32 for row in rows)


async def test_changing_my_profile(client: httpx.AsyncClient, mona: dict[str, Any]):
    wanted = {"name": "منى حدّاد", "phone": "+9613123456", "locale": "ar"}
    answer = await client.put(
        "/v4/users/profile", json=wanted, headers=bearer(mona["access_token"])
    )
    assert answer.status_code == 200
    assert answer.json()["data"] == {**mona["user"], **wanted}
    for city, known in (({"city_id": CITY}, CITY), ({}, CITY), ({"city_id": None}, None)):
        answer = await client.put(
            "/v4/users/profile", json={**wanted, **city}, headers=bearer(mona["access_token"])
        )
        assert answer.json()["data"]["city_id"] == known
    for field in ("email", "roles", "location_id"):
        refused = await client.put(
            "/v4/users/profile",
            json={**wanted, field: "x"},
            headers=bearer(mona["access_token"]),
        )
        assert refused.status_code == 400


@pytest.mark.parametrize(
    ("role", "same_tenant", "status"),
    [
        (Role.SUPER_ADMIN, True, 200),
        (Role.ADMIN, True, 200),
        (Role.SUPPORT_STAFF, True, 200),
        (Role.ADMIN, False, 404),
        (Role.SUPER_ADMIN, False, 404),
        (Role.MUNICIPAL_MANAGER, True, 404),
        (Role.MERCHANT, True, 403),
        (Role.DELIVERY_PARTNER, True, 403),
        (Role.CUSTOMER, True, 403),
    ],
)
async def test_who_may_see_a_user(
    client: httpx.AsyncClient,
    mona: dict[str, Any],
    database: Database,
    passwords: Passwords,
    by: By,
    role: Role,
    *,
    same_tenant: bool,
    status: int,
):
    tenant_id = by.tenant_id if same_tenant else database.ids()
    staff = NewUser(
        id=database.ids(),
        tenant_id=tenant_id,
        email="staff@example.org",
        name="Staff",
        password_hash=await passwords.hash("staff password"),
        roles=(role,),
        location_id=database.ids(),
    )
    async with database.transaction() as tx:
        await public.create_users(tx, users=[staff])
    login = await client.post(
        "/v4/auth/login",
        json={
            "email": "staff@example.org",
            "password": "staff password",
            "tenant_id": str(tenant_id),
        },
    )
    headers = bearer(login.json()["data"]["access_token"])
    answer = await client.get(f"/v4/users/{mona['user']['id']}", headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["data"] == mona["user"]
    if status != 403:
        own = await client.get(f"/v4/users/{staff.id}", headers=headers)
        assert own.status_code == 200
        unknown = await client.get(f"/v4/users/{UUID(int=1)}", headers=headers)
        assert unknown.status_code == 404


async def test_keys_are_published_without_their_private_half(
    client: httpx.AsyncClient, tokens: Tokens
):
    answer = await client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "kid", "use", "alg", "n", "e"}
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert key["kid"] == (await tokens.keys.signing())[0]
