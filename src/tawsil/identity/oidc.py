"""Asking another provider who somebody is: OpenID Connect, authorization code with PKCE.

What a provider publishes of itself is fetched when first needed and kept. An ID token counts when
it is signed with one of the provider's keys, by an algorithm that needs a private one, and was made
for us, for the sign-in under way, and is still valid. None of this happens in a transaction.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any, Final, TypeVar, cast

import httpx
import msgspec
from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import auth, rfc7636
from authlib.oauth2.rfc6749 import parameters
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet
from joserfc.jws import JWSRegistry, extract_compact
from msgspec import Struct

from tawsil.kernel.settings import OidcProvider, safe_address

T = TypeVar("T")

TIMEOUT_S: Final = 5.0
MOST_BYTES: Final = 1_000_000
KEPT: Final = timedelta(hours=1)
KEYS_FETCHED_AFTER: Final = timedelta(minutes=1)  # when a token names one we do not know
SKEW_S: Final = 60
LONGEST_SUBJECT: Final = 255
SIGNED_BY: Final = (
    *(f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)),
    "EdDSA",
    "Ed25519",
)
"""Never `none`, nor HS256 and the like, whose key is our client secret."""


_FORM: Final = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
}
_auth: Final[Any] = auth  # authlib has no types
_parameters: Final[Any] = parameters
_pkce: Final[Any] = rfc7636


class UnreachableProviderError(Exception):
    """The provider does not answer."""


class WrongAnswerError(Exception):
    """The provider answers with something that is not what it should be."""


class NotProvedError(Exception):
    """What came back does not prove who somebody is."""


class Begun(Struct, frozen=True):
    """A sign-in under way: where the browser goes, and what has to come back."""

    address: str
    state: str
    nonce: str
    code_verifier: str


class Person(Struct, frozen=True, kw_only=True):
    """Who a provider says somebody is."""

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    name: str | None
    locale: str | None


class _Discovered(Struct, frozen=True, kw_only=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Granted(Struct, frozen=True, kw_only=True):
    access_token: str
    id_token: str


class Provider:
    """One provider. `now` is the clock that tokens are held against."""

    def __init__(self, provider: OidcProvider, *, now: Callable[[], datetime]) -> None:
        self.about = provider
        self._now = now
        self._lock = asyncio.Lock()
        self._discovered: tuple[_Discovered, datetime] | None = None
        self._keys: tuple[KeySet, datetime] | None = None

    async def begin(self, *, redirect_uri: str) -> Begun:
        """Where to send a browser.

        Raises:
            UnreachableProviderError, WrongAnswerError
        """
        discovered = await self._discover()
        state, nonce, code_verifier = token_urlsafe(32), token_urlsafe(32), token_urlsafe(48)
        asked = {
            "response_type": "code",
            "client_id": self.about.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.about.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": _pkce.create_s256_code_challenge(code_verifier),
            "code_challenge_method": "S256",
        }
        address = add_params_to_uri(discovered.authorization_endpoint, list(asked.items()))
        return Begun(address, state, nonce, code_verifier)

    async def finish(
        self, *, code: str, nonce: str, code_verifier: str, redirect_uri: str
    ) -> Person:
        """Who has come back with this code.

        Raises:
            UnreachableProviderError, WrongAnswerError, NotProvedError
        """
        discovered = await self._discover()
        body = _parameters.prepare_token_request(
            "authorization_code", redirect_uri=redirect_uri, code=code, code_verifier=code_verifier
        )
        secret = self.about.client_secret
        client = _auth.ClientAuth(
            self.about.client_id,
            secret.get_secret_value() if secret else None,
            _auth_method(discovered, secret=secret is not None),
        )
        uri, headers, body = client.prepare("POST", discovered.token_endpoint, dict(_FORM), body)
        granted = await _fetch(uri, _Granted, method="POST", headers=headers, content=body)
        claims = await self._verify(granted, nonce=nonce, discovered=discovered)
        if "email" not in claims and discovered.userinfo_endpoint is not None:
            bearer = {"Authorization": f"Bearer {granted.access_token}"}
            more = await _fetch(discovered.userinfo_endpoint, dict[str, Any], headers=bearer)
            if more.get("sub") != claims["sub"]:
                raise NotProvedError("the user info is of another subject")
            claims = more | claims
        return _person(claims)

    async def _verify(
        self, granted: _Granted, *, nonce: str, discovered: _Discovered
    ) -> dict[str, Any]:
        """The claims of an ID token that holds (OpenID Connect Core, 3.1.3.7)."""
        algorithms = [
            name for name in discovered.id_token_signing_alg_values_supported if name in SIGNED_BY
        ]
        registry = JWSRegistry(algorithms=algorithms or ["RS256"], strict_check_header=False)
        try:
            kid = extract_compact(granted.id_token.encode()).headers().get("kid")
            key = await self._key(kid, discovered=discovered)
            token = jwt.decode(granted.id_token, key, registry=registry)
            claims: Any = CodeIDToken(  # it has no types
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": discovered.issuer},
                    "aud": {"essential": True, "value": self.about.client_id},
                    "sub": {"essential": True},
                },
                {
                    "nonce": nonce,
                    "client_id": self.about.client_id,
                    "access_token": granted.access_token,
                },
            )
            claims.validate(now=int(self._now().timestamp()), leeway=SKEW_S)
        except (JoseError, ValueError) as error:
            raise NotProvedError(str(error)) from error
        if not 1 <= len(token.claims["sub"]) <= LONGEST_SUBJECT:
            raise NotProvedError("sub")
        return token.claims

    async def _key(self, kid: str | None, *, discovered: _Discovered) -> Key:
        """The key that a token names; the only one there is, if it names none."""
        found = _find(await self._key_set(discovered, if_older_than=KEPT), kid)
        if found is None:
            found = _find(await self._key_set(discovered, if_older_than=KEYS_FETCHED_AFTER), kid)
        if found is None:
            raise NotProvedError("kid")
        return found

    async def _key_set(self, discovered: _Discovered, *, if_older_than: timedelta) -> KeySet:
        async with self._lock:
            if self._keys is None or self._now() - self._keys[1] >= if_older_than:
                fetched = await _fetch(discovered.jwks_uri, dict[str, Any])
                try:
                    self._keys = KeySet.import_key_set(cast("Any", fetched)), self._now()
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise WrongAnswerError(f"{discovered.jwks_uri}: {error}") from error
            return self._keys[0]

    async def _discover(self) -> _Discovered:
        async with self._lock:
            if self._discovered is None or self._now() - self._discovered[1] >= KEPT:
                address = get_well_known_url(self.about.issuer, external=True)
                discovered = await _fetch(address, _Discovered)
                _check(discovered, issuer=self.about.issuer)
                self._discovered = discovered, self._now()
            return self._discovered[0]


class Providers:
    """The providers of the settings, by name, as one process knows them."""

    def __init__(self, providers: Sequence[OidcProvider], *, now: Callable[[], datetime]) -> None:
        self._by_name = {about.name: Provider(about, now=now) for about in providers}

    def get(self, name: str) -> Provider | None:
        return self._by_name.get(name)


async def _fetch(
    address: str,
    shape: type[T],
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    content: str | None = None,
) -> T:
    """What an address of a provider answers, which may not send us elsewhere."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await client.request(method, address, headers=headers, content=content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreachableProviderError(f"{address}: {error!r}") from error
    if answer.status_code >= 500:
        raise UnreachableProviderError(f"{address}: {answer.status_code}")
    if answer.status_code in {400, 401, 403} and method == "POST":
        raise NotProvedError(f"{address}: {answer.text[:200]}")
    if answer.status_code != 200 or len(answer.content) > MOST_BYTES:
        raise WrongAnswerError(f"{address}: {answer.status_code}")
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except msgspec.MsgspecError as error:
        raise WrongAnswerError(f"{address}: {error}") from error


def _check(discovered: _Discovered, *, issuer: str) -> None:
    addresses = (
        discovered.authorization_endpoint,
        discovered.token_endpoint,
        discovered.jwks_uri,
        discovered.userinfo_endpoint or issuer,
    )
    if discovered.issuer != issuer:
        raise WrongAnswerError(f"{issuer} says that it is {discovered.issuer}")
    if not all(map(safe_address, addresses)):
        raise WrongAnswerError(f"{issuer} has addresses that are not https://")


def _auth_method(discovered: _Discovered, *, secret: bool) -> str:
    if not secret:
        return "none"
    basic, post = "client_secret_basic", "client_secret_post"
    supported = discovered.token_endpoint_auth_methods_supported
    return post if post in supported and basic not in supported else basic


def _find(keys: KeySet, kid: str | None) -> Key | None:
    for_signing = [key for key in keys.keys if key.get("use", "sig") == "sig"]
    named = [key for key in for_signing if kid is None or key.kid == kid]
    return named[0] if len(named) == 1 or (named and kid is not None) else None


def _person(claims: dict[str, Any]) -> Person:
    def text(name: str) -> str | None:
        value = claims.get(name)
        return value.strip() or None if isinstance(value, str) else None

    return Person(
        issuer=claims["iss"],
        subject=claims["sub"],
        email=text("email"),
        email_verified=claims.get("email_verified") in (True, "true"),  # Cognito says it in text
        name=text("name"),
        locale=text("locale"),
    )
