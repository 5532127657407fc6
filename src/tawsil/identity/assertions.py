"""What a service signs to prove who it is (RFC 7523), and the public keys that check it.

An assertion says who signs it, for whom, until when, and which one it is. Nothing in it says how it
is to be verified: the key is the registered one, and the algorithm follows from the key.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, extract_compact
from joserfc.util import urlsafe_b64decode
from msgspec import Meta, Struct

LONGEST_S: Final = 300
SKEW_S: Final = 5
FEWEST_RSA_BITS: Final = 2_048
_ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("RS256", "PS256"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "Ed25519": ("EdDSA", "Ed25519"),
}
_KEYS: Final = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


class InvalidAssertionError(Exception):
    """Not signed by this service, not for us, or not valid now."""


class UnfitKeyError(Exception):
    """Not a public key that we verify with."""


class _Pinned(JWSRegistry):
    """The algorithms of one key. Most clients still say `EdDSA`, the name before RFC 9864."""

    def get_alg(self, name: str) -> Any:
        if name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


class Assertion(Struct, frozen=True):
    """Which assertion it was, and until when it could be shown again."""

    jti: str
    expires_at: datetime


class _Claims(Struct, frozen=True, kw_only=True):
    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: int
    jti: Annotated[str, Meta(min_length=1, max_length=200)]
    iat: int = 0
    nbf: int = 0


def read_key(jwk: Mapping[str, str]) -> RSAKey | ECKey | OKPKey:
    """A public key from its JWK.

    Raises:
        UnfitKeyError
    """
    try:
        if jwk["kty"] == "RSA":
            modulus = int.from_bytes(urlsafe_b64decode(jwk["n"].encode()))
            if modulus.bit_length() < FEWEST_RSA_BITS:
                raise UnfitKeyError(f"shorter than {FEWEST_RSA_BITS} bits")
        return _KEYS[jwk["kty"]].import_key(dict(jwk))
    except (JoseError, ValueError, KeyError) as error:
        raise UnfitKeyError(str(error)) from error


def account_of(text: str) -> UUID:
    """Whose an assertion says it is. Nothing is verified yet.

    Raises:
        InvalidAssertionError
    """
    try:
        payload = extract_compact(text.encode()).payload
        return UUID(msgspec.json.decode(payload, type=_Claims).sub)
    except (JoseError, ValueError) as error:
        raise InvalidAssertionError(str(error)) from error


def verify(
    text: str,
    *,
    account_id: UUID,
    public_key: Mapping[str, str],
    audiences: Collection[str],
    now: datetime,
) -> Assertion:
    """Check an assertion of a service. That it is shown once, the database knows.

    Raises:
        InvalidAssertionError
    """
    kind = public_key.get("crv", public_key["kty"])
    try:
        registry = _Pinned(algorithms=_ALGORITHMS[kind])
        decoded = jwt.decode(text, read_key(public_key), registry=registry)
        claims = msgspec.convert(decoded.claims, _Claims)
    except (JoseError, ValueError) as error:
        raise InvalidAssertionError(str(error)) from error
    now_s = int(now.timestamp())
    named = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
    checks = {
        "iss and sub are not the client": {claims.iss, claims.sub} == {str(account_id)},
        "aud is not this server": not set(named).isdisjoint(audiences),
        "expired": now_s < claims.exp,
        f"exp is more than {LONGEST_S} s ahead": claims.exp <= now_s + LONGEST_S + SKEW_S,
        "not valid yet": max(claims.iat, claims.nbf) <= now_s + SKEW_S,
    }
    for wrong, right in checks.items():
        if not right:
            raise InvalidAssertionError(wrong)
    return Assertion(claims.jti, datetime.fromtimestamp(claims.exp, UTC))
