"""Signing in with another provider: a real one on this machine, which may also be crooked."""

import asyncio
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from joserfc.jwk import RSAKey

from identity.conftest import People
from identity.crooked import AuthorizationCodeGrant, Crooked, running
from tawsil.identity import store
from tawsil.identity.public import Role, disable_users, oidc_providers
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.settings import Settings, SettingsError, load_settings

pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config")  # the provider's own
OTHER_TENANT = UUID(int=77)
SECRET = "client-secret-of-ours"


@pytest.fixture(scope="module")
def crooked() -> Iterator[tuple[Crooked, str]]:
    app = Crooked()
    with pytest.MonkeyPatch.context() as patched, running(app) as issuer:
        patched.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider's: it speaks http here
        methods = ["client_secret_basic", "client_secret_post", "none"]
        patched.setattr(AuthorizationCodeGrant, "TOKEN_ENDPOINT_AUTH_METHODS", methods)
        yield app, issuer


@pytest.fixture
def provider(crooked: tuple[Crooked, str]) -> Crooked:
    app, _ = crooked
    app.straighten()
    return app


@pytest.fixture
def issuer(crooked: tuple[Crooked, str]) -> str:
    return crooked[1]


@pytest.fixture
def clock() -> VirtualClock:
    """The provider's is the system's."""
    return VirtualClock(datetime.now(UTC))


@pytest.fixture
def settings(issuer: str) -> Settings:
    def about(name: str, **more: Any) -> dict[str, Any]:
        return {
            "name": name,
            "issuer": issuer,
            "client_id": "tawsil",
            "client_secret": SECRET,
            "allow_sign_up": True,
            **more,
        }

    return load_settings(
        public_url="http://tawsil.test",
        secret_keys="A" * 43 + "=",
        oidc_providers=[
            about("open", label="The Open House"),
            about("closed", allow_sign_up=False),
            about("abroad", tenant=str(OTHER_TENANT)),
            about("public", client_secret=None),
            about("gone", issuer="http://127.0.0.1:1"),
            about("other", issuer=f"{issuer}/"),
        ],
    )


class Browser:
    """Somebody with a browser, an account at the provider, and something to do here."""

    def __init__(self, client: httpx.AsyncClient, issuer: str) -> None:
        self.client = client
        self._issuer = issuer

    async def known(self, sub: str, **claims: Any) -> None:
        async with httpx.AsyncClient() as outside:
            answer = await outside.put(f"{self._issuer}/users/{sub}", json=claims)
            assert answer.status_code == 204

    async def start(self, provider: str = "open", return_to: str = "/city") -> str:
        answer = await self.client.get(
            f"/v4/auth/oidc/{provider}/start", params={"return_to": return_to}
        )
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def agree(self, address: str, sub: str, action: str = "authorize") -> str:
        async with httpx.AsyncClient() as outside:
            answer = await outside.post(address, data={"sub": sub, "action": action})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def arrive(self, provider: str = "open", sub: str = "mona") -> httpx.Response:
        """As far as the callback's answer."""
        return await self.client.get(await self.agree(await self.start(provider), sub))

    async def exchange(self, code: str) -> httpx.Response:
        ours = {"Origin": "http://tawsil.test"}  # cookies count from our own pages alone
        return await self.client.post("/v4/auth/oidc/exchange", json={"code": code}, headers=ours)

    async def signed_in(self, provider: str = "open", sub: str = "mona") -> dict[str, Any]:
        arrived = await self.arrive(provider, sub)
        assert arrived.status_code == 303, arrived.text
        answer = await self.exchange(code_of(arrived))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


def code_of(arrived: httpx.Response) -> str:
    address = urlsplit(arrived.headers["location"])
    assert (address.scheme, address.netloc, address.path) == ("", "", "/city")
    return parse_qs(address.query)["code"][0]


def code_and_status(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


@pytest.fixture
async def browser(
    client: httpx.AsyncClient, issuer: str, provider: Crooked
) -> AsyncIterator[Browser]:
    assert provider.twist is None
    browser = Browser(client, issuer)
    await browser.known("mona", email="mona@example.org", email_verified=True, name="Mona Haddad")
    yield browser
    client.cookies.clear()


async def test_who_is_vouched_for_is_signed_up_once_and_known_again(
    browser: Browser, database: Database
):
    signed_in = await browser.signed_in()
    user = signed_in["user"]
    assert (user["email"], user["name"], user["roles"]) == (
        "mona@example.org",
        "Mona Haddad",
        ["customer"],
    )
    assert user["email_verified"]
    bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
    profile = await browser.client.get("/v4/users/profile", headers=bearer)
    assert profile.json()["data"]["id"] == user["id"]
    refreshed = await browser.client.post(
        "/v4/auth/refresh", json={"refresh_token": signed_in["refresh_token"]}
    )
    assert refreshed.status_code == 200
    assert not browser.client.cookies
    await browser.known("mona", email="moved@example.org", email_verified=False, name="M")
    again = await browser.signed_in()
    assert again["user"]["id"] == user["id"]
    assert await database.pool.fetchval("select count(*) from identity.app_user") == 1
    assert await database.pool.fetchval("select count(*) from identity.oidc_login") == 0
    assert await database.pool.fetchval("select count(*) from identity.oidc_grant") == 0


async def test_the_way_there_says_what_it_must_and_the_way_back_proves_it(
    browser: Browser, provider: Crooked
):
    address = await browser.start()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert asked["scope"] == "openid email profile"
    assert asked["response_type"] == "code"
    assert asked["redirect_uri"] == "http://tawsil.test/v4/auth/oidc/open/callback"
    assert asked["code_challenge_method"] == "S256"
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    back = await browser.agree(address, "mona")
    assert (await browser.client.get(back)).status_code == 303
    (form,) = provider.forms
    digest = sha256(form["code_verifier"].encode()).digest()
    assert urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    assert form["redirect_uri"] == asked["redirect_uri"]
    assert "client_secret" not in form, "it goes into the header"


async def test_a_public_client_has_no_secret(browser: Browser, provider: Crooked):
    assert (await browser.signed_in("public"))["user"]["email"] == "mona@example.org"
    assert provider.forms[0]["client_id"] == "tawsil"


async def test_an_account_is_linked_when_both_sides_have_seen_the_address_proved(
    browser: Browser, person: People
):
    here = await person(Role.SUPPORT_STAFF, email="Mona@Example.org")
    assert (await browser.signed_in("closed"))["user"]["id"] == str(here.user.id)


@pytest.mark.parametrize("name", ["open", "closed"])
async def test_whoever_writes_somebodys_address_elsewhere_does_not_come_in_as_them(
    browser: Browser, person: People, database: Database, name: str
):
    await person(Role.ADMIN, email="boss@example.org")
    for claim in ({}, {"email_verified": False}, {"email_verified": "no"}):
        await browser.known("mallory", email="boss@example.org", **claim)
        answer = await browser.arrive(name, "mallory")
        assert code_and_status(answer) == (403, "identity.oidc_email_unverified")
    await browser.known("nameless")
    answer = await browser.arrive(name, "nameless")
    assert code_and_status(answer) == (403, "identity.oidc_email_unverified")
    assert await database.pool.fetchval("select count(*) from identity.external_identity") == 0


async def test_an_account_that_was_never_confirmed_is_not_taken_over_nor_joined(
    browser: Browser, person: People
):
    """Whoever registered somebody's address beforehand would share the account."""
    await person(Role.CUSTOMER, email="mona@example.org", email_verified=False)
    answer = await browser.arrive()
    assert code_and_status(answer) == (409, "identity.oidc_email_unconfirmed")


async def test_strangers_are_signed_up_only_where_that_is_meant(
    browser: Browser, database: Database
):
    answer = await browser.arrive("closed")
    assert code_and_status(answer) == (403, "identity.oidc_unknown")
    assert await database.pool.fetchval("select count(*) from identity.app_user") == 0


async def test_whoever_is_disabled_stays_out(browser: Browser, database: Database, by: By):
    signed_in = await browser.signed_in()
    arrived = await browser.arrive()
    async with database.transaction() as tx:
        await disable_users(tx, ids=[UUID(signed_in["user"]["id"])], by=by)
    assert (await browser.exchange(code_of(arrived))).status_code == 401
    assert code_and_status(await browser.arrive()) == (403, "identity.oidc_unknown")


async def test_a_provider_belongs_to_its_tenant(browser: Browser, person: People):
    here = await person(Role.ADMIN, email="mona@example.org")
    abroad = (await browser.signed_in("abroad"))["user"]
    assert abroad["id"] != str(here.user.id)
    assert abroad["roles"] == ["customer"]
    assert (await browser.signed_in("open"))["user"]["id"] == str(here.user.id)


async def test_a_state_is_good_once_here_and_for_a_while(browser: Browser, clock: VirtualClock):
    wrong = (400, "identity.oidc_not_under_way")
    back = await browser.agree(await browser.start(), "mona")
    assert (await browser.client.get(back)).status_code == 303
    assert code_and_status(await browser.client.get(back)) == wrong
    back = await browser.agree(await browser.start(), "mona")
    elsewhere = back.replace("/open/", "/closed/")
    assert code_and_status(await browser.client.get(elsewhere)) == wrong
    assert code_and_status(await browser.client.get(back)) == wrong, "that has used it up"
    back = await browser.agree(await browser.start(), "mona")
    browser.client.cookies.clear()
    assert code_and_status(await browser.client.get(back)) == wrong
    back = await browser.agree(await browser.start(), "mona")
    await browser.start()
    assert code_and_status(await browser.client.get(back)) == wrong, "another browser's cookie"
    back = await browser.agree(await browser.start(), "mona")
    clock.advance(timedelta(minutes=10))
    assert code_and_status(await browser.client.get(back)) == wrong
    for query in ("", "?state=", "?state=made-up&code=x", "?code=x"):
        answer = await browser.client.get(f"/v4/auth/oidc/open/callback{query}")
        assert code_and_status(answer) == wrong


async def test_a_code_is_good_once_here_and_for_a_minute(browser: Browser, clock: VirtualClock):
    wrong = (401, "identity.oidc_login_over")
    code = code_of(await browser.arrive())
    answers = await asyncio.gather(*[browser.exchange(code) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    code = code_of(await browser.arrive())
    browser.client.cookies.clear()
    assert code_and_status(await browser.exchange(code)) == wrong
    code = code_of(await browser.arrive())
    clock.advance(timedelta(minutes=1))
    assert code_and_status(await browser.exchange(code)) == wrong
    assert code_and_status(await browser.exchange("x" * 43)) == wrong


async def test_a_code_of_the_providers_is_good_once(browser: Browser):
    address = await browser.start()
    back = await browser.agree(address, "mona")
    assert (await browser.client.get(back)).status_code == 303
    theirs = parse_qs(urlsplit(back).query)["code"][0]
    fresh = await browser.agree(await browser.start(), "mona")
    state = parse_qs(urlsplit(fresh).query)["state"][0]
    answer = await browser.client.get(
        "/v4/auth/oidc/open/callback", params={"code": theirs, "state": state}
    )
    assert code_and_status(answer) == (401, "identity.oidc_not_proved")


MALLORY = RSAKey.generate_key(2048, auto_kid=True)


def by_hand(header: dict[str, Any], claims: dict[str, Any], secret: bytes | None = None) -> str:
    def segment(value: bytes) -> str:
        return urlsafe_b64encode(value).rstrip(b"=").decode()

    text = f"{segment(json.dumps(header).encode())}.{segment(json.dumps(claims).encode())}"
    return f"{text}.{segment(hmac.digest(secret, text.encode(), sha256)) if secret else ''}"


TWISTS: dict[str, Callable[[Crooked, dict[str, Any]], str]] = {
    "alg none": lambda _, c: by_hand({"alg": "none"}, c),
    "alg NONE": lambda p, c: by_hand({"alg": "NONE", "kid": p.key.kid}, c),
    "HS256 with our secret": lambda p, c: by_hand(
        {"alg": "HS256", "kid": p.key.kid}, c, SECRET.encode()
    ),
    "HS256 with their public key": lambda p, c: by_hand(
        {"alg": "HS256", "kid": p.key.kid}, c, p.key.as_pem(private=False)
    ),
    "an algorithm they do not use": lambda p, c: p.signed(c, alg="RS512"),
    "another's key": lambda p, c: p.signed(c, key=MALLORY),
    "another's key, embedded": lambda p, c: p.signed(
        c, key=MALLORY, jwk=MALLORY.as_dict(private=False)
    ),
    "another's key by its name": lambda p, c: p.signed(c, key=MALLORY, kid=MALLORY.kid),
    "another nonce": lambda p, c: p.signed({**c, "nonce": "another"}),
    "no nonce": lambda p, c: p.signed({k: v for k, v in c.items() if k != "nonce"}),
    "another aud": lambda p, c: p.signed({**c, "aud": "another-client"}),
    "no aud": lambda p, c: p.signed({k: v for k, v in c.items() if k != "aud"}),
    "ours among many": lambda p, c: p.signed({**c, "aud": ["tawsil", "other"], "azp": "other"}),
    "another iss": lambda p, c: p.signed({**c, "iss": "https://mallory.example"}),
    "no iss": lambda p, c: p.signed({k: v for k, v in c.items() if k != "iss"}),
    "expired": lambda p, c: p.signed({**c, "exp": c["iat"] - 120}),
    "no exp": lambda p, c: p.signed({k: v for k, v in c.items() if k != "exp"}),
    "made in the future": lambda p, c: p.signed({**c, "iat": c["iat"] + 300}),
    "nobody": lambda p, c: p.signed({k: v for k, v in c.items() if k != "sub"}),
    "an empty name": lambda p, c: p.signed({**c, "sub": ""}),
    "a number": lambda p, c: p.signed({**c, "sub": 7}),
    "another access token": lambda p, c: p.signed({**c, "at_hash": "AAAA"}),
    "cut": lambda p, c: p.signed(c)[:-8],
    "no token": lambda *_: "nonsense",
}


async def test_the_crooked_provider_can_be_straight(browser: Browser, provider: Crooked):
    provider.twist = provider.signed
    assert (await browser.signed_in())["user"]["email"] == "mona@example.org"


@pytest.mark.parametrize("name", TWISTS)
async def test_what_does_not_prove_who_it_is_lets_nobody_in(
    browser: Browser, provider: Crooked, database: Database, name: str
):
    provider.twist = lambda claims: TWISTS[name](provider, claims)
    answer = await browser.arrive()
    assert code_and_status(answer) == (401, "identity.oidc_not_proved")
    assert await database.pool.fetchval("select count(*) from identity.app_user") == 0


async def test_a_providers_new_key_is_looked_for_after_a_minute(
    browser: Browser, provider: Crooked, clock: VirtualClock
):
    provider.twist = provider.signed
    await browser.signed_in()
    provider.key = RSAKey.generate_key(2048, auto_kid=True)
    assert (await browser.arrive()).status_code == 401
    clock.advance(timedelta(minutes=1))
    await browser.signed_in()


async def test_a_provider_that_is_down_or_wrong_is_said_to_be(browser: Browser, provider: Crooked):
    async def begun(name: str) -> httpx.Response:
        return await browser.client.get(f"/v4/auth/oidc/{name}/start")

    assert code_and_status(await begun("gone")) == (503, "identity.oidc_unreachable")
    assert code_and_status(await begun("other")) == (502, "identity.oidc_wrong_answer")
    assert (await begun("unheard-of")).status_code == 404
    sentence = (await begun("gone")).json()["errors"][0]["message"]
    assert sentence.startswith("gone does not answer at the moment.")
    for status, body, said in (
        ("503 Service Unavailable", {}, (503, "identity.oidc_unreachable")),
        ("200 OK", ["no", "tokens"], (502, "identity.oidc_wrong_answer")),
        ("302 Found", {}, (502, "identity.oidc_wrong_answer")),
        ("400 Bad Request", {"error": "invalid_grant"}, (401, "identity.oidc_not_proved")),
    ):
        provider.answers["/oauth2/token"] = (status, body)
        assert code_and_status(await browser.arrive()) == said
    del provider.answers["/oauth2/token"]
    await browser.signed_in()


async def test_what_a_provider_says_of_itself_is_kept_for_an_hour(
    browser: Browser, provider: Crooked, clock: VirtualClock
):
    await browser.start()
    provider.answers["/.well-known/openid-configuration"] = ("503 Service Unavailable", {})
    await browser.start()
    clock.advance(timedelta(hours=1))
    answer = await browser.client.get("/v4/auth/oidc/open/start")
    assert answer.status_code == 503


async def test_whoever_says_no_there_is_not_let_in(browser: Browser):
    back = await browser.agree(await browser.start(), "mona", action="deny")
    state = parse_qs(urlsplit(await browser.start()).query)["state"][0]
    assert "error=access_denied" in back
    answer = await browser.client.get(
        "/v4/auth/oidc/open/callback", params={"error": "access_denied", "state": state}
    )
    assert code_and_status(answer) == (403, "identity.oidc_denied")


async def test_a_browser_is_sent_back_to_its_page_to_read_why_not(browser: Browser):
    html = {"Accept": "text/html,*/*"}
    answer = await browser.client.get(
        "/v4/auth/oidc/gone/start", params={"return_to": "/a?b=c"}, headers=html
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/a?b=c&error=identity.oidc_unreachable&provider=gone"
    back = await browser.agree(await browser.start("closed"), "mona")
    answer = await browser.client.get(back, headers=html)
    assert answer.headers["location"] == "/city?error=identity.oidc_unknown&provider=closed"


@pytest.mark.parametrize(
    "return_to",
    [
        "https://mallory.example",
        "//mallory.example",
        "/\\mallory.example",
        "\\\\mallory.example",
        "/\t/mallory.example",
        "/ok\\@mallory.example",
        "/ok\r\nLocation: https://mallory.example",
        "/ok\n",
        "javascript:alert(1)",
        "mallory.example",
        "",
        "/#x",
        "/" + "x" * 2_000,
    ],
)
async def test_nobody_is_sent_elsewhere(browser: Browser, return_to: str):
    answer = await browser.client.get("/v4/auth/oidc/open/start", params={"return_to": return_to})
    assert answer.status_code == 400


async def test_what_is_begun_and_not_finished_is_forgotten(
    browser: Browser, database: Database, clock: VirtualClock
):
    await browser.start()
    await browser.arrive()
    clock.advance(timedelta(minutes=11))
    async with database.transaction() as tx:
        assert await store.external.forget_expired(tx) == 2


async def test_the_providers_are_listed_without_their_secrets(
    client: httpx.AsyncClient, settings: Settings
):
    answer = await client.get("/v4/auth/oidc")
    assert answer.json()["data"][0] == {
        "name": "open",
        "label": "The Open House",
        "start": "/v4/auth/oidc/open/start",
    }
    assert SECRET not in answer.text
    assert [door.name for door in oidc_providers(settings)][:2] == ["open", "closed"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("not json", "oidc_providers"),
        ('[{"name": "x", "issuer": "http://example.org", "client_id": "x"}]', "https://"),
        ('[{"name": "X Y", "issuer": "https://example.org", "client_id": "x"}]', "name"),
        ('[{"name": "x", "issuer": "https://e.org", "client_id": "x", "scopes": []}]', "openid"),
        ('[{"name": "x", "issuer": "https://e.org"}]', "client_id"),
        (
            json.dumps([{"name": "x", "issuer": "https://e.org", "client_id": "x"}] * 2),
            "once",
        ),
    ],
)
def test_a_wrong_setting_is_a_sentence(value: str, said: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TAWSIL_OIDC_PROVIDERS", value)
    with pytest.raises(SettingsError, match=said):
        load_settings()
