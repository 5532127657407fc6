"""What tokens say, and when they are refused. Forged ones: see test_token_attacks.py."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from joserfc.jwk import RSAKey

from identity.forge import Forge, part
from tawsil.identity import service
from tawsil.identity.events import RevokedBecause
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By

CLAIMS = {
    "sub", "iss", "aud", "exp", "iat", "nbf", "jti", "roles", "permissions", "location_id",
    "tenant_id", "session_id", "device_id",
}  # fmt: skip


async def status(client: httpx.AsyncClient, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return (await client.get("/v4/users/profile", headers=headers)).status_code


async def test_an_access_token_has_exactly_these_claims(mona: dict[str, Any], rsa: RSAKey):
    token = mona["access_token"]
    assert part(token, 0) == {"alg": "RS256", "kid": rsa.thumbprint(), "typ": "at+jwt"}
    claims = part(token, 1)
    assert set(claims) == CLAIMS
    assert claims["exp"] - claims["iat"] == 600
    assert claims["roles"] == ["customer"]
    assert claims["sub"] == mona["user"]["id"]
    refresh = mona["refresh_token"]
    assert part(refresh, 0) == {"alg": "RS256", "kid": rsa.thumbprint(), "typ": "rt+jwt"}
    assert part(refresh, 1)["exp"] - part(refresh, 1)["iat"] == 31 * 86_400
    assert part(refresh, 1)["aud"] != claims["aud"]


async def test_neither_token_passes_for_the_other(
    client: httpx.AsyncClient, mona: dict[str, Any], rsa: RSAKey
):
    assert await status(client, mona["refresh_token"]) == 401
    answer = await client.post("/v4/auth/refresh", json={"refresh_token": mona["access_token"]})
    assert answer.status_code == 401
    relabelled = Forge(mona["refresh_token"], rsa).signed(header={"typ": "at+jwt"}, aud="tawsil")
    assert await status(client, relabelled) == 401


async def test_a_token_is_refused_with_a_challenge(client: httpx.AsyncClient):
    answer = await client.get("/v4/users/profile", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    assert "Bearer" in answer.headers["www-authenticate"]
    assert answer.json()["errors"][0]["code"] == "request.token_invalid"


async def test_a_known_token_expires_all_the_same(
    client: httpx.AsyncClient, mona: dict[str, Any], clock: VirtualClock
):
    assert await status(client, mona["access_token"]) == 200
    clock.advance(timedelta(seconds=600))
    assert await status(client, mona["access_token"]) == 401


async def test_a_revocation_that_commits_late_is_seen_all_the_same(
    client: httpx.AsyncClient, mona: dict[str, Any], database: Database, clock: VirtualClock
):
    session_id = UUID(part(mona["access_token"], 1)["session_id"])
    by = By(tenant_id=database.ids(), correlation_id=database.ids())
    revoke = service.sessions.Revoke(
        by=by, session_id=session_id, because=RevokedBecause.LOGGED_OUT
    )
    assert await status(client, mona["access_token"]) == 200
    clock.advance(timedelta(seconds=1))
    async with database.transaction() as tx:
        await service.sessions.revoke(tx, [revoke])
        clock.advance(timedelta(seconds=20))
        assert await status(client, mona["access_token"]) == 200
    clock.advance(timedelta(seconds=0.5))
    assert await status(client, mona["access_token"]) == 401
