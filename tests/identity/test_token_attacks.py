"""Tokens that are not ours, not meant for this, or not valid: none of them is accepted.

Over HTTP, with the real authenticator. Every attack has its name in the table.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from identity.forge import MALLORY, Forge, b64, part
from tawsil.identity.public import OidcProviders, Passwords, Tokens, authenticator
from tawsil.identity.routes import routes
from tawsil.kernel.clock import Ids, system_now
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http.app import create_app
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.sealing import open_sealer
from tawsil.kernel.settings import Settings

ELLIPTIC = ECKey.generate_key("P-256")
WITHIN_S = 1.0


def spare_bits(character: str) -> str:
    """Another character that ends the same bytes: base64 leaves bits over."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) ^ 1]


ATTACKS: dict[str, Callable[[Forge], str]] = {
    "alg none": lambda f: f.unsigned(alg="none"),
    "alg None": lambda f: f.unsigned(alg="None"),
    "alg none, signature kept": lambda f: f.unsigned(alg="none") + f.token.split(".")[2],
    "alg NONE": lambda f: f.unsigned(alg="NONE"),
    "alg nOnE": lambda f: f.unsigned(alg="nOnE"),
    "alg empty": lambda f: f.unsigned(alg=""),
    "alg null": lambda f: f.unsigned(alg=None),
    "alg missing": lambda f: f.raw_header(
        json.dumps({"kid": f.header["kid"], "typ": "at+jwt"}).encode()
    ),
    "alg with a space": lambda f: f.unsigned(alg="RS256 "),
    "no signature": lambda f: f.unsigned(),
    "HS256 with the public key": lambda f: f.hmac_with_public_key(f.rsa.as_pem(private=False)),
    "HS256 with the public key, DER": lambda f: f.hmac_with_public_key(f.rsa.as_der(private=False)),
    "HS256 with the public key, no newline": lambda f: f.hmac_with_public_key(
        f.rsa.as_pem(private=False).strip()
    ),
    "HS256 with the public key, JWK": lambda f: f.hmac_with_public_key(
        json.dumps(f.rsa.as_dict(private=False)).encode()
    ),
    "HS256 with the public key, compact JWK": lambda f: f.hmac_with_public_key(
        json.dumps(f.rsa.as_dict(private=False), separators=(",", ":")).encode()
    ),
    "HS256 with the published key set": lambda f: f.hmac_with_public_key(
        json.dumps({"keys": [f.rsa.as_dict(private=False)]}).encode()
    ),
    "HS256 with the modulus": lambda f: f.hmac_with_public_key(
        f.rsa.as_dict(private=False)["n"].encode()
    ),
    "HS256 with the key's id": lambda f: f.hmac_with_public_key(f.header["kid"].encode()),
    "HS256 with nothing": lambda f: f.hmac_with_public_key(b""),
    "ES256": lambda f: f.signed(algorithm="ES256", key=ELLIPTIC),
    "PS256": lambda f: f.signed(algorithm="PS256"),
    "RS512": lambda f: f.signed(algorithm="RS512"),
    "another's key": lambda f: f.signed(key=MALLORY),
    "jwk": lambda f: f.signed(header={"jwk": MALLORY.as_dict(private=False)}, key=MALLORY),
    "jwk, our signature": lambda f: f.signed(header={"jwk": {"kty": "RSA"}}),
    "jku": lambda f: f.signed(header={"jku": "https://mallory.example/jwks"}, key=MALLORY),
    "jku, our signature": lambda f: f.signed(header={"jku": "https://mallory.example/jwks"}),
    "x5u": lambda f: f.signed(header={"x5u": "https://mallory.example/x5u"}),
    "x5c": lambda f: f.signed(header={"x5c": ["MIIB"]}),
    "x5t": lambda f: f.signed(header={"x5t": "AAAA"}),
    "crit, unknown": lambda f: f.by_hand({**f.header, "crit": ["policy"], "policy": 1}),
    "crit, b64": lambda f: f.by_hand({**f.header, "crit": ["b64"], "b64": False}),
    "crit, empty": lambda f: f.by_hand({**f.header, "crit": []}),
    "cty": lambda f: f.signed(header={"cty": "JWT"}),
    "another's key under our kid": lambda f: f.signed(key=MALLORY),
    "unknown kid": lambda f: f.signed(header={"kid": "unknown"}, key=MALLORY),
    "unknown kid, our signature": lambda f: f.signed(header={"kid": "unknown"}),
    "kid is a path": lambda f: f.signed(header={"kid": "../../dev/null"}),
    "kid is a deep path": lambda f: f.signed(
        header={"kid": "../" * 12 + "etc/passwd"}, key=MALLORY
    ),
    "kid is SQL": lambda f: f.signed(header={"kid": "x' or '1'='1"}, key=MALLORY),
    "kid is SQL that answers": lambda f: f.signed(
        header={"kid": "x' union select private_pem from identity.signing_key --"}, key=MALLORY
    ),
    "kid is a command": lambda f: f.signed(header={"kid": "|/bin/sh -c id"}, key=MALLORY),
    "kid is NUL": lambda f: f.signed(header={"kid": "\x00"}, key=MALLORY),
    "kid is empty": lambda f: f.signed(header={"kid": ""}),
    "kid is a number": lambda f: f.by_hand({**f.header, "kid": 0}),
    "kid is a list": lambda f: f.by_hand({**f.header, "kid": [f.header["kid"]]}),
    "no kid": lambda f: f.by_hand({"alg": "RS256", "typ": f.header["typ"]}),
    "no typ": lambda f: f.by_hand({"alg": "RS256", "kid": f.header["kid"]}),
    "typ of an ID token": lambda f: f.signed(header={"typ": "JWT"}, aud="tawsil"),
    "typ in capitals": lambda f: f.signed(header={"typ": f.header["typ"].upper()}),
    "typ with its full name": lambda f: f.signed(header={"typ": "application/at+jwt"}),
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
    "aud empty": lambda f: f.signed(aud=""),
    "aud null": lambda f: f.signed(aud=None),
    "aud in capitals": lambda f: f.signed(aud=f.claims["aud"].upper()),
    "iss with a slash": lambda f: f.signed(iss="tawsil/"),
    "exp is endless": lambda f: f.signed(exp=10**400),
    "exp is a fraction": lambda f: f.signed(exp=f.claims["exp"] + 0.5),
    "exp is true": lambda f: f.signed(exp=True),
    "no nbf": lambda f: f.signed(nbf=...),
    "no iat": lambda f: f.signed(iat=...),
    "no jti": lambda f: f.signed(jti=...),
    "no sub": lambda f: f.signed(sub=...),
    "no tenant": lambda f: f.signed(tenant_id=...),
    "tenant is null": lambda f: f.signed(tenant_id=None),
    "no session": lambda f: f.signed(session_id=...),
    "claims said twice": lambda f: f.by_hand(
        f.header, json.dumps(f.claims)[:-1] + ', "sub": "' + f.claims["sub"] + '"}'
    ),
    "alg said twice": lambda f: f.raw_header(b'{"alg":"none",' + json.dumps(f.header).encode()[1:]),
    "claims are a list": lambda f: f.by_hand(f.header, "[]"),
    "claims are a word": lambda f: f.by_hand(f.header, '"sub"'),
    "claims are nothing": lambda f: f.by_hand(f.header, ""),
    "claims are no text": lambda f: f.by_hand(f.header, b"\xff\xfe"),
    "no roles": lambda f: f.signed(roles=[]),
    "a claim too many": lambda f: f.signed(scope="everything"),
    "sub is no id": lambda f: f.signed(sub="mona"),
    "tampered roles": lambda f: f.tampered(roles=["super_admin"], permissions=["*:*"]),
    "tampered tenant": lambda f: f.tampered(tenant_id=str(UUID(int=1))),
    "another token's signature": lambda f: f.tampered(jti=str(UUID(int=1))),
    "another token's claims": lambda f: ".".join(
        [f.token.split(".")[0], f.signed(jti=str(UUID(int=1))).split(".")[1], f.token.split(".")[2]]
    ),
    "tampered exp": lambda f: f.tampered(exp=f.claims["exp"] + 600),
    "empty header": lambda f: f.raw_header(b"{}"),
    "header is a list": lambda f: f.raw_header(b'["alg", "kid", "typ"]'),
    "header is a word": lambda f: f.raw_header(b'"alg"'),
    "header's alg is a list": lambda f: f.raw_header(b'{"alg":["RS256"],"kid":"x","typ":"at+jwt"}'),
    "header is binary": lambda f: f.raw_header(bytes(range(128, 256))),
    "two parts": lambda f: f.token.rpartition(".")[0],
    "four parts": lambda f: f.token + ".x",
    "trailing dot": lambda f: f.token + ".",
    "leading dot": lambda f: "." + f.token,
    "trailing data": lambda f: f.token + "AAAA",
    "trailing newline in a part": lambda f: f.token.replace(".", "\\n.", 1),
    "two tokens": lambda f: f"{f.token},{f.token}",
    "signature cut": lambda f: f.token[:-2],
    "signature of zeros": lambda f: f.token.rpartition(".")[0] + "." + b64(bytes(256)),
    "signature with other spare bits": lambda f: f.token[:-1] + spare_bits(f.token[-1]),
    "base64 that is not url-safe": lambda f: f.token.replace("-", "+").replace("_", "/"),
    "encrypted": lambda f: f.token + "." + f.token.split(".")[0] + ".",
    "the JSON form": lambda f: json.dumps(
        dict(zip(("protected", "payload", "signature"), f.token.split("."), strict=True))
    ),
    "padded": lambda f: f.token + "==",
    "not a token": lambda _: "hello",
    "dots": lambda _: "..",
    "very long": lambda f: f.token + "A" * 20_000,
}


@pytest.fixture
def forge(mona: dict[str, Any], rsa: RSAKey) -> Forge:
    return Forge(mona["access_token"], rsa)


async def shown(client: httpx.AsyncClient, token: str) -> int:
    """The answer to a token as bytes, as an attacker would send it."""
    headers = {b"Authorization": b"Bearer " + token.encode()}
    return (await client.get("/v4/users/profile", headers=headers)).status_code


async def test_the_forge_can_make_a_valid_token(client: httpx.AsyncClient, forge: Forge):
    assert await shown(client, forge.signed()) == 200
    assert await shown(client, forge.by_hand(forge.header)) == 200


async def test_every_forged_access_token_is_refused(client: httpx.AsyncClient, forge: Forge):
    assert await shown(client, forge.token) == 200
    answers = {name: await shown(client, attack(forge)) for name, attack in ATTACKS.items()}
    assert {name: answer for name, answer in answers.items() if answer != 401} == {}
    assert len(answers) > 100
    assert await shown(client, forge.token) == 200


async def test_every_forged_refresh_token_is_refused(
    client: httpx.AsyncClient, mona: dict[str, Any], rsa: RSAKey
):
    forge = Forge(mona["refresh_token"], rsa)
    same = {"refresh typ", "refresh aud"}  # of this token it is the right one
    answers = {
        name: (
            await client.post("/v4/auth/refresh", json={"refresh_token": attack(forge)})
        ).status_code
        for name, attack in ATTACKS.items()
        if name not in same
    }
    wrong = {name: answer for name, answer in answers.items() if answer not in {400, 401}}
    assert wrong == {}
    honest = await client.post("/v4/auth/refresh", json={"refresh_token": mona["refresh_token"]})
    assert honest.status_code == 200


async def test_a_forged_refresh_token_that_is_signed_by_us_is_not_one_we_know(
    client: httpx.AsyncClient, mona: dict[str, Any], rsa: RSAKey
):
    """Even who has the key cannot make one: the database knows each by its hash."""
    forge = Forge(mona["refresh_token"], rsa)
    for forged in (
        forge.signed(jti=str(UUID(int=1))),
        forge.signed(exp=forge.claims["exp"] + 1),
        forge.signed(session_id=str(UUID(int=1))),
    ):
        answer = await client.post("/v4/auth/refresh", json={"refresh_token": forged})
        assert answer.status_code == 401


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
async def test_no_mangled_token_passes(
    client: httpx.AsyncClient, mona: dict[str, Any], data: st.DataObject
):
    """A change anywhere, of any kind, to either token: only what it was is accepted."""
    token: str = mona["access_token"]
    at = data.draw(st.integers(0, len(token) - 1), label="at")
    printable = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
    mangled = data.draw(
        st.one_of(
            printable.map(lambda c: token[:at] + c + token[at + 1 :]),
            printable.map(lambda c: token[:at] + c + token[at:]),
            st.just(token[:at] + token[at + 1 :]),
            st.just(token[:at]),
            st.integers(1, 40).map(lambda n: token[:at] + token[at + n :]),
            st.integers(1, 40).map(lambda n: token[:at] + token[at : at + n] * 2 + token[at + n :]),
            st.just(token.swapcase()),
            st.permutations(token.split(".")).map(".".join),
        ).filter(lambda mangled: mangled not in {token, ""}),
        label="mangled",
    )
    assert await shown(client, mangled) == 401


@asynccontextmanager
async def process(
    database: Database, settings: Settings, passwords: Passwords, by: By
) -> AsyncIterator[httpx.AsyncClient]:
    """One of several processes on one database, by the clock on the wall."""
    tokens = Tokens(database, settings=settings)
    app = create_app(
        routes=routes,
        database=database,
        authenticate=authenticator(database, settings, tokens=tokens),
        state={
            "settings": settings,
            "tokens": tokens,
            "passwords": passwords,
            "sealer": open_sealer(settings),
            "oidc": OidcProviders((), now=database.now),
            "default_tenant_id": by.tenant_id,
        },
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://tawsil.test") as client:
        yield client


async def test_a_reused_refresh_token_ends_its_family_everywhere_within_a_second(
    database: Database, settings: Settings, passwords: Passwords, by: By
):
    timed = Database(database.pool, now=system_now, ids=Ids(system_now), jobs=HeldJobs())
    async with AsyncExitStack() as stack:
        one, other = [
            await stack.enter_async_context(process(timed, settings, passwords, by))
            for _ in range(2)
        ]
        body = {"email": "m@example.org", "password": "correct horse", "name": "Mona"}
        registered = (await one.post("/v4/auth/register", json=body)).json()["data"]
        stolen = registered["refresh_token"]
        current = (await other.post("/v4/auth/refresh", json={"refresh_token": stolen})).json()[
            "data"
        ]
        family = [registered["access_token"], current["access_token"]]
        for client in (one, other):
            assert [await shown(client, token) for token in family] == [200, 200]
        reused_at = perf_counter()
        reused = await one.post("/v4/auth/refresh", json={"refresh_token": stolen})
        assert reused.status_code == 401
        ended_after_s: dict[str, float] = {}
        while len(ended_after_s) < 2 and perf_counter() - reused_at < 5 * WITHIN_S:
            for name, client in (("one", one), ("other", other)):
                if {await shown(client, token) for token in family} == {401}:
                    ended_after_s.setdefault(name, perf_counter() - reused_at)
            await asyncio.sleep(0.02)
        assert set(ended_after_s) == {"one", "other"}
        assert max(ended_after_s.values()) < WITHIN_S, ended_after_s
        newest = await other.post(
            "/v4/auth/refresh", json={"refresh_token": current["refresh_token"]}
        )
        assert newest.status_code == 401, "the honest one is out too"
        assert part(current["refresh_token"], 1)["session_id"] == part(stolen, 1)["session_id"]
