"""Where I am signed in, and signing out there."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx

from identity.conftest import People
from tawsil.identity import public
from tawsil.identity.public import Role
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By

LOGIN = {"email": "mona@example.org", "password": "correct horse"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def listed(client: httpx.AsyncClient, token: str) -> list[dict[str, Any]]:
    answer = await client.get("/v4/auth/sessions", headers=bearer(token))
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def sign_in(client: httpx.AsyncClient, **headers: str) -> dict[str, Any]:
    body = {**LOGIN, "device_id": "pixel"}
    answer = await client.post("/v4/auth/login", json=body, headers=headers)
    return answer.json()["data"]


async def test_sessions_say_where_and_when_they_are_used(
    client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock
):
    began = clock()
    clock.advance(timedelta(minutes=5))
    await sign_in(client, **{"User-Agent": "Mona's phone"})
    clock.advance(timedelta(minutes=1))
    fresh = await client.post("/v4/auth/refresh", json={"refresh_token": mona["refresh_token"]})
    here, there = await listed(client, fresh.json()["data"]["access_token"])
    assert (here["current"], there["current"]) == (True, False)
    assert (there["device_id"], there["user_agent"]) == ("pixel", "Mona's phone")
    assert here["ip_address"] == "127.0.0.1"
    assert here["started_at"] == began.isoformat().replace("+00:00", "Z")
    assert here["last_used_at"] == clock().isoformat().replace("+00:00", "Z")


async def test_a_session_elsewhere_is_ended_within_a_second(
    client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock
):
    other = await sign_in(client)
    _, there = sorted(await listed(client, mona["access_token"]), key=lambda s: not s["current"])
    path = f"/v4/auth/sessions/{there['id']}"
    headers = bearer(mona["access_token"])
    assert (await client.delete(path, headers=headers)).status_code == 204
    assert (await client.delete(path, headers=headers)).status_code == 204
    clock.advance(timedelta(seconds=0.5))
    profile = await client.get("/v4/users/profile", headers=bearer(other["access_token"]))
    assert profile.status_code == 401
    assert len(await listed(client, mona["access_token"])) == 1


async def test_nobody_ends_the_sessions_of_others(client: httpx.AsyncClient, mona: dict[str, Any]):
    eve = await client.post(
        "/v4/auth/register",
        json={"email": "eve@example.org", "password": "an evil plan", "name": "Eve"},
    )
    headers = bearer(eve.json()["data"]["access_token"])
    (hers,) = await listed(client, mona["access_token"])
    for id_ in (hers["id"], UUID(int=1)):
        answer = await client.delete(f"/v4/auth/sessions/{id_}", headers=headers)
        assert answer.status_code == 404
    assert len(await listed(client, mona["access_token"])) == 1


async def test_signing_out_everywhere_ends_this_session_too(
    client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock
):
    other = await sign_in(client)
    answer = await client.post("/v4/auth/logout-all", headers=bearer(other["access_token"]))
    assert answer.status_code == 204
    clock.advance(timedelta(seconds=0.5))
    for session in (mona, other):
        profile = await client.get("/v4/users/profile", headers=bearer(session["access_token"]))
        assert profile.status_code == 401
        body = {"refresh_token": session["refresh_token"]}
        assert (await client.post("/v4/auth/refresh", json=body)).status_code == 401


async def test_nobody_of_a_suspended_company_comes_in(
    client: httpx.AsyncClient,
    mona: dict[str, Any],
    database: Database,
    clock: VirtualClock,
    by: By,
):
    async with database.transaction() as tx:
        await public.shut_tenant(tx, tenant_id=by.tenant_id)
    clock.advance(timedelta(seconds=0.5))
    seen = await client.get("/v4/users/profile", headers=bearer(mona["access_token"]))
    assert seen.status_code == 401
    newcomer = {"email": "new@example.org", "password": "correct horse", "name": "New"}
    refresh = {"refresh_token": mona["refresh_token"]}
    for path, body in (("login", LOGIN), ("register", newcomer), ("refresh", refresh)):
        answer = await client.post(f"/v4/auth/{path}", json=body)
        assert answer.json()["errors"][0]["code"] == "identity.tenant_suspended", path
    async with database.transaction() as tx:
        await public.open_tenant_again(tx, tenant_id=by.tenant_id)
    clock.advance(timedelta(seconds=0.5))
    assert await listed(client, mona["access_token"])
    assert (await client.post("/v4/auth/refresh", json=refresh)).status_code == 200


async def test_an_administrator_signs_somebody_out(
    client: httpx.AsyncClient, mona: dict[str, Any], person: People, clock: VirtualClock
):
    admin, path = await person(Role.ADMIN), f"/v4/users/{mona['user']['id']}/sessions"
    there = (await client.get(path, headers=admin.headers)).json()["data"]
    assert [session["current"] for session in there] == [False]
    for who, status in ((await person(Role.SUPPORT_STAFF), 403), (admin, 200)):
        answer = await client.post(f"{path}/end", headers=who.headers)
        assert answer.status_code == status
    clock.advance(timedelta(seconds=0.5))
    seen = await client.get("/v4/users/profile", headers=bearer(mona["access_token"]))
    assert seen.status_code == 401
    assert (await client.get(path, headers=admin.headers)).json()["data"] == []
    assert (await sign_in(client))["access_token"]
