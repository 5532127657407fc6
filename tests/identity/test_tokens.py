"""Tokens that are not ours, not meant for this, or not valid: all of them are a 401."""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tawsil.identity import service
from tawsil.identity.events import RevokedBecause
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By

CLAIMS = {
    "sub", "iss", "aud", "exp", "iat", "nbf", "jti", "roles", "permissions", "location_id",
    "tenant_id", "session_id", "device_id",
}  # fmt: skip


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(token: str, n: int) -> dict[str, Any]:
    segment = token.split(".")[n]
    return json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))


class Forge:
    """Makes variations of a valid token, signed with the real key unless told otherwise."""

    def __init__(self, token: str, rsa: RSAKey) -> None:
        self.token = token
        self.rsa = rsa
        self.header = part(token, 0)
        self.claims = part(token, 1)

    def signed(
        self,
        *,
        header: dict[str, Any] | None = None,
        key: RSAKey | None = None,
        algorithm: str = "RS256",
        **claims: Any,
    ) -> str:
        changed = {**self.claims, **claims}
        return jwt.encode(
            {**self.header, "alg": algorithm, **(header or {})},
            {name: value for name, value in changed.items() if value is not ...},
            key or self.rsa,
            algorithms=[algorithm],
            default_type=None,
        )

    def unsigned(self, **header: Any) -> str:
        head = b64(json.dumps({**self.header, **header}).encode())
        return f"{head}.{self.token.split('.')[1]}."

    def hmac_with_public_key(self, secret: bytes) -> str:
        head = b64(json.dumps({**self.header, "alg": "HS256"}).encode())
        signed = f"{head}.{self.token.split('.')[1]}"
        return f"{signed}.{b64(hmac.digest(secret, signed.encode(), sha256))}"

    def tampered(self, **claims: Any) -> str:
        head, _, signature = self.token.split(".")
        return f"{head}.{b64(json.dumps({**self.claims, **claims}).encode())}.{signature}"

    def raw_header(self, header: bytes) -> str:
        return ".".join([b64(header), *self.token.split(".")[1:]])


MALLORY = RSAKey.generate_key(2048)

ATTACKS: dict[str, Callable[[Forge], str]] = {
    "alg none": lambda f: f.unsigned(alg="none"),
    "alg None": lambda f: f.unsigned(alg="None"),
    "alg none, signature kept": lambda f: f.unsigned(alg="none") + f.token.split(".")[2],
    "no signature": lambda f: f.unsigned(),
    "HS256 with the public key": lambda f: f.hmac_with_public_key(f.rsa.as_pem(private=False)),
    "HS256 with the public key, DER": lambda f: f.hmac_with_public_key(f.rsa.as_der(private=False)),
    "PS256": lambda f: f.signed(algorithm="PS256"),
    "RS512": lambda f: f.signed(algorithm="RS512"),
    "another's key": lambda f: f.signed(key=MALLORY),
    "jwk": lambda f: f.signed(header={"jwk": MALLORY.as_dict(private=False)}, key=MALLORY),
    "jwk, our signature": lambda f: f.signed(header={"jwk": {"kty": "RSA"}}),
    "jku": lambda f: f.signed(header={"jku": "https://mallory.example/jwks"}, key=MALLORY),
    "jku, our signature": lambda f: f.signed(header={"jku": "https://mallory.example/jwks"}),
    "x5u": lambda f: f.signed(header={"x5u": "https://mallory.example/x5u"}),
    "unknown kid": lambda f: f.signed(header={"kid": "unknown"}, key=MALLORY),
    "unknown kid, our signature": lambda f: f.signed(header={"kid": "unknown"}),
    "kid is a path": lambda f: f.signed(header={"kid": "../../dev/null"}),
    "wrong typ": lambda f: f.signed(header={"typ": "JWT"}),
    "refresh typ": lambda f: f.signed(header={"typ": "rt+jwt"}),
    "wrong aud": lambda f: f.signed(aud="another-api"),
    "refresh aud": lambda f: f.signed(aud="tawsil-refresh"),
    "several aud": lambda f: f.signed(aud=["tawsil", "another-api"]),
    "no aud": lambda f: f.signed(aud=...),
    "wrong iss": lambda f: f.signed(iss="https://mallory.example"),
    "no iss": lambda f: f.signed(iss=...),
    "expired": lambda f: f.signed(exp=f.claims["iat"]),
    "expired before the epoch": lambda f: f.signed(exp=-1),
    "no exp": lambda f: f.signed(exp=...),
    "exp is NaN": lambda f: f.signed(exp=float("nan")),
    "exp is text": lambda f: f.signed(exp="9999999999"),
    "nbf in the future": lambda f: f.signed(nbf=f.claims["nbf"] + 60),
    "iat in the future": lambda f: f.signed(iat=f.claims["iat"] + 60),
    "no roles": lambda f: f.signed(roles=[]),
    "a claim too many": lambda f: f.signed(scope="everything"),
    "sub is no id": lambda f: f.signed(sub="mona"),
    "tampered roles": lambda f: f.tampered(roles=["super_admin"], permissions=["*:*"]),
    "tampered exp": lambda f: f.tampered(exp=f.claims["exp"] + 600),
    "empty header": lambda f: f.raw_header(b"{}"),
    "header is a list": lambda f: f.raw_header(b'["alg", "kid", "typ"]'),
    "header is a word": lambda f: f.raw_header(b'"alg"'),
    "header's alg is a list": lambda f: f.raw_header(b'{"alg":["RS256"],"kid":"x","typ":"at+jwt"}'),
    "header is binary": lambda f: f.raw_header(bytes(range(128, 256))),
    "two parts": lambda f: f.token.rpartition(".")[0],
    "four parts": lambda f: f.token + ".x",
    "padded": lambda f: f.token + "==",
    "not a token": lambda _: "hello",
    "dots": lambda _: "..",
    "very long": lambda f: f.token + "A" * 20_000,
}


@pytest.fixture
def forge(mona: dict[str, Any], rsa: RSAKey) -> Forge:
    return Forge(mona["access_token"], rsa)


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


async def test_the_forge_can_make_a_valid_token(client: httpx.AsyncClient, forge: Forge):
    assert await status(client, forge.signed()) == 200


async def test_every_forged_access_token_is_refused(client: httpx.AsyncClient, forge: Forge):
    assert await status(client, forge.token) == 200
    answers = {name: await status(client, attack(forge)) for name, attack in ATTACKS.items()}
    assert {name: answer for name, answer in answers.items() if answer != 401} == {}


async def test_every_forged_refresh_token_is_refused(
    client: httpx.AsyncClient, mona: dict[str, Any], rsa: RSAKey
):
    forge = Forge(mona["refresh_token"], rsa)
    unfit = {"refresh typ", "refresh aud", "very long"}  # no forgeries of this one; too long: 400
    for name in set(ATTACKS) - unfit:
        forged = {"refresh_token": ATTACKS[name](forge)}
        answer = await client.post("/v4/auth/refresh", json=forged)
        assert answer.status_code == 401, name
    honest = await client.post("/v4/auth/refresh", json={"refresh_token": mona["refresh_token"]})
    assert honest.status_code == 200


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
