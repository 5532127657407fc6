"""Services prove who they are with a signature, and others verify their tokens by JWKS alone."""

import asyncio
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from identity.conftest import People, Person
from tawsil.identity.public import Role, Tokens, authenticator, disable_users
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http import Authenticator, Problem
from tawsil.kernel.settings import Settings

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEY = OKPKey.generate_key("Ed25519")
Key = RSAKey | ECKey | OKPKey | OctKey


@pytest.fixture
async def admin(person: People) -> Person:
    return await person(Role.ADMIN)


@pytest.fixture
def door(database: Database, settings: Settings, tokens: Tokens) -> Authenticator:
    """Another process than the one that answers."""
    return authenticator(database, settings, tokens=tokens)


async def registered(
    client: httpx.AsyncClient, who: Person, key: Key = KEY, **body: Any
) -> dict[str, Any]:
    asked = {
        "name": "Invoices",
        "permissions": ["order:read", "user:read"],
        "public_key": key.as_dict(private=False),
        **body,
    }
    answer = await client.post("/v4/service-accounts", json=asked, headers=who.headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


class Service:
    """What a service does for a token."""

    def __init__(self, client: httpx.AsyncClient, account_id: str, clock: VirtualClock) -> None:
        self.client = client
        self.id = account_id
        self.clock = clock
        self.made = 0

    def assertion(
        self,
        *,
        key: Key = KEY,
        alg: str = "Ed25519",
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        self.made += 1
        now_s = int(self.clock().timestamp())
        said = {
            "iss": self.id,
            "sub": self.id,
            "aud": "tawsil",
            "iat": now_s,
            "exp": now_s + 60,
            "jti": f"{self.made}",
            **claims,
        }
        kept = {name: value for name, value in said.items() if value is not ...}
        return jwt.encode({"alg": alg, **(header or {})}, kept, key, algorithms=[alg])

    async def ask(self, assertion: str | None = None, **form: str) -> httpx.Response:
        asked = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
            **form,
        }
        return await self.client.post("/v4/auth/token", data=asked)


@pytest.fixture
async def service(client: httpx.AsyncClient, admin: Person, clock: VirtualClock) -> Service:
    return Service(client, (await registered(client, admin))["id"], clock)


async def test_a_service_gets_a_token_that_anybody_verifies_by_jwks(
    client: httpx.AsyncClient, service: Service, admin: Person, door: Authenticator
):
    answer = await service.ask()
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json()["expires_in"] == 600
    published: Any = (await client.get("/.well-known/jwks.json")).json()
    claims = jwt.decode(
        answer.json()["access_token"], KeySet.import_key_set(published), algorithms=["RS256"]
    ).claims
    assert claims["sub"] == claims["session_id"] == service.id
    assert claims["roles"] == ["admin"]
    assert sorted(claims["permissions"]) == ["order:read", "user:read"]
    assert claims["tenant_id"] == str(admin.user.tenant_id)
    caller = await door(answer.json()["access_token"])
    assert caller.permissions == {"order:read", "user:read"}
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await client.get(f"/v4/users/{admin.user.id}", headers=bearer)).status_code == 200
    assert (await client.get("/v4/service-accounts", headers=bearer)).status_code == 403


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # it is what most clients say
@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (RSAKey.generate_key(2048), "RS256"),
        (RSAKey.generate_key(2048), "PS256"),
        (ECKey.generate_key("P-256"), "ES256"),
        (ECKey.generate_key("P-384"), "ES384"),
        (OKPKey.generate_key("Ed25519"), "EdDSA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_every_usual_kind_of_key_signs(
    client: httpx.AsyncClient, admin: Person, clock: VirtualClock, key: Key, alg: str
):
    service = Service(client, (await registered(client, admin, key))["id"], clock)
    for audience in ("tawsil", ["other", "http://127.0.0.1:8400/v4/auth/token"]):
        answer = await service.ask(service.assertion(key=key, alg=alg, aud=audience))
        assert answer.status_code == 200, answer.text


async def test_a_service_may_ask_for_less_and_never_for_more(service: Service):
    answer = await service.ask(scope="order:read:own")
    assert answer.json()["scope"] == "order:read:own"
    for scope in ("order:update", "*:*", "order:*", "nonsense", "a:b:c:d", ":"):
        answer = await service.ask(scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope"), scope


def signed_by_hand(service: Service, header: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    head = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=")
    text = head + b"." + service.assertion().split(".")[1].encode()
    return (text + b"." + urlsafe_b64encode(sign(text)).rstrip(b"=")).decode()


STRANGER = OKPKey.generate_key("Ed25519")
RSA = RSAKey.generate_key(2048)
REFUSED: dict[str, Callable[[Service], str]] = {
    "another's key": lambda s: s.assertion(key=STRANGER),
    "another's key, embedded": lambda s: s.assertion(
        key=STRANGER, header={"jwk": STRANGER.as_dict(private=False)}
    ),
    "another kind of key": lambda s: s.assertion(key=RSA, alg="RS256"),
    "HS256 with the public key": lambda s: signed_by_hand(
        s, {"alg": "HS256"}, lambda text: hmac.digest(KEY.as_pem(private=False), text, "sha256")
    ),
    "alg none": lambda s: s.assertion(key=OctKey.import_key("x" * 14), alg="none"),
    "crit": lambda s: signed_by_hand(
        s, {"alg": "Ed25519", "crit": ["policy"], "policy": 1}, KEY.private_key.sign
    ),
    "wrong aud": lambda s: s.assertion(aud="https://other.example"),
    "no aud": lambda s: s.assertion(aud=...),
    "iss of another": lambda s: s.assertion(iss=str(UUID(int=1))),
    "sub of another": lambda s: s.assertion(sub=str(UUID(int=1))),
    "expired": lambda s: s.assertion(exp=int(s.clock().timestamp())),
    "no exp": lambda s: s.assertion(exp=...),
    "too long": lambda s: s.assertion(exp=int(s.clock().timestamp()) + 306),
    "not yet": lambda s: s.assertion(nbf=int(s.clock().timestamp()) + 60),
    "made in the future": lambda s: s.assertion(iat=int(s.clock().timestamp()) + 60),
    "no jti": lambda s: s.assertion(jti=...),
    "empty jti": lambda s: s.assertion(jti=""),
    "cut": lambda s: s.assertion()[:-4],
    "no token": lambda _: "nonsense",
}


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # forging on purpose
@pytest.mark.parametrize("name", REFUSED)
async def test_every_other_assertion_is_refused_alike(service: Service, name: str):
    answer = await service.ask(REFUSED[name](service))
    assert answer.status_code == 401, answer.text
    assert answer.json() == {
        "error": "invalid_client",
        "error_description": "the assertion does not prove who you are",
    }


async def test_an_assertion_is_good_for_one_token(service: Service):
    assertion = service.assertion()
    answers = await asyncio.gather(*[service.ask(assertion) for _ in range(5)])
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]


async def test_what_is_signed_by_hand_is_accepted_when_it_is_right(service: Service):
    right = signed_by_hand(service, {"alg": "Ed25519"}, KEY.private_key.sign)
    assert (await service.ask(right)).status_code == 200


async def test_a_removed_service_is_out_within_a_second(
    client: httpx.AsyncClient,
    service: Service,
    admin: Person,
    door: Authenticator,
    clock: VirtualClock,
):
    token = (await service.ask()).json()["access_token"]
    await door(token)
    address = f"/v4/service-accounts/{service.id}"
    assert (await client.delete(address, headers=admin.headers)).status_code == 204
    clock.advance(timedelta(seconds=0.5))
    with pytest.raises(Problem):
        await door(token)
    assert (await service.ask()).status_code == 401
    assert (await client.delete(address, headers=admin.headers)).status_code == 404
    listed = await client.get("/v4/service-accounts", headers=admin.headers)
    assert listed.json()["data"] == []


async def test_services_belong_to_a_tenant(
    client: httpx.AsyncClient, database: Database, service: Service, person: People
):
    stranger = await person(Role.SUPER_ADMIN, tenant_id=database.ids())
    listed = await client.get("/v4/service-accounts", headers=stranger.headers)
    assert listed.json()["data"] == []
    address = f"/v4/service-accounts/{service.id}"
    assert (await client.delete(address, headers=stranger.headers)).status_code == 404


WRONG_ACCOUNTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "more than its maker": ({"permissions": ["plugin:update"]}, 403, "identity.beyond_you"),
    "everything": ({"permissions": ["*:*"]}, 422, "identity.service_resource"),
    "a role": ({"roles": ["super_admin"]}, 400, "request.invalid"),
    "a private key": ({"public_key": KEY.as_dict(private=True)}, 400, "request.invalid"),
    "a shared secret": ({"public_key": {"kty": "oct", "k": "AAAA"}}, 400, "request.invalid"),
    "a short key": (
        {"public_key": {"kty": "RSA", "n": "AQAB" * 40, "e": "AQAB"}},
        422,
        "identity.public_key_unfit",
    ),
    "no point on the curve": (
        {"public_key": {"kty": "EC", "crv": "P-256", "x": "AQAB", "y": "AQAB"}},
        422,
        "identity.public_key_unfit",
    ),
}


@pytest.mark.parametrize("name", WRONG_ACCOUNTS)
async def test_what_may_not_be_registered(client: httpx.AsyncClient, admin: Person, name: str):
    wrong, status, code = WRONG_ACCOUNTS[name]
    body = {
        "name": "x",
        "permissions": ["order:read"],
        "public_key": KEY.as_dict(private=False),
        **wrong,
    }
    answer = await client.post("/v4/service-accounts", json=body, headers=admin.headers)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


async def test_only_who_configures_the_system_registers_services(
    client: httpx.AsyncClient, database: Database, person: People, service: Service
):
    body = {
        "name": "x",
        "permissions": ["order:read:assigned"],
        "public_key": KEY.as_dict(private=False),
    }
    merchant = await person(Role.MERCHANT, location_id=database.ids())
    answer = await client.post("/v4/service-accounts", json=body, headers=merchant.headers)
    assert answer.status_code == 403
    assert (await service.ask()).status_code == 200


async def api_key(client: httpx.AsyncClient, who: Person, *permissions: str) -> dict[str, Any]:
    body = {"name": "Integration", "permissions": list(permissions)}
    answer = await client.post("/v4/api-keys", json=body, headers=who.headers)
    return answer.json()["data"]


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


async def test_an_api_key_is_a_client_secret_too(
    client: httpx.AsyncClient,
    admin: Person,
    database: Database,
    by: By,
    door: Authenticator,
    clock: VirtualClock,
):
    made = await api_key(client, admin, "user:read")
    key_id, secret = made["key"]["id"], made["secret"]
    grant = {"grant_type": "client_credentials"}
    in_form = await client.post(
        "/v4/auth/token", data={**grant, "client_id": key_id, "client_secret": secret}
    )
    in_header = await client.post("/v4/auth/token", data=grant, headers=basic(key_id, secret))
    for answer in (in_form, in_header):
        assert answer.status_code == 200, answer.text
        caller = await door(answer.json()["access_token"])
        assert (caller.user_id, caller.permissions) == (UUID(key_id), {"user:read"})
    async with database.transaction() as tx:
        await disable_users(tx, ids=[admin.user.id], by=by)
    clock.advance(timedelta(seconds=0.5))
    with pytest.raises(Problem):
        await door(in_form.json()["access_token"])


async def test_every_other_secret_is_refused(client: httpx.AsyncClient, admin: Person):
    made = await api_key(client, admin, "user:read")
    grant = {"grant_type": "client_credentials"}
    wrong = [
        basic(str(UUID(int=1)), made["secret"]),
        basic(made["key"]["id"], made["secret"][:-1]),
        basic(made["key"]["id"], ""),
        {"Authorization": "Basic !!!"},
        {},
    ]
    for headers in wrong:
        answer = await client.post("/v4/auth/token", data=grant, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert ("www-authenticate" in answer.headers) == bool(headers)


async def test_requests_that_are_none_are_answered_as_the_standard_says(
    client: httpx.AsyncClient, service: Service
):
    async def error(**sent: Any) -> tuple[int, str]:
        answer = await client.post("/v4/auth/token", **sent)
        return answer.status_code, answer.json()["error"]

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert await error(data={"grant_type": "password"}) == (400, "unsupported_grant_type")
    assert await error(data={}) == (400, "invalid_request")
    assert await error(json={"grant_type": "client_credentials"}) == (400, "invalid_request")
    twice = "grant_type=client_credentials&grant_type=client_credentials"
    assert await error(content=twice, headers=form) == (400, "invalid_request")
    both = {"client_secret": "x"}
    assert (await service.ask(**both)).json()["error"] == "invalid_request"
    assert (await service.ask(client_assertion_type="x")).json()["error"] == "invalid_request"
    assert (await service.ask(client_id=str(UUID(int=1)))).json()["error"] == "invalid_client"
