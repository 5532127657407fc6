"""Access and refresh tokens: JWTs signed with RS256, and the keys that sign them.

The two differ in audience and in `typ` (RFC 9068 for access tokens), so that neither passes for the
other. The header must be exactly `alg`, `kid` and `typ`: a token cannot bring or point to its key.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode
from msgspec import Meta, Struct

from tawsil.identity import store
from tawsil.identity.model.keys import SigningKey
from tawsil.identity.model.sessions import RefreshToken, token_hash
from tawsil.identity.model.users import User
from tawsil.identity.permissions import permissions_of
from tawsil.kernel.db import Database
from tawsil.kernel.settings import Settings

T = TypeVar("T", bound="_Claims")

ALGORITHM: Final = "RS256"
KEY_BITS: Final = 2048
ACCESS_AUDIENCE: Final = "tawsil"
REFRESH_AUDIENCE: Final = "tawsil-refresh"
ACCESS_TYPE: Final = "at+jwt"
REFRESH_TYPE: Final = "rt+jwt"
SKEW_S: Final = 5  # how far ahead the clock of the machine that issued a token may be
KEYS_KEPT: Final = timedelta(seconds=60)
KEYS_RELOADED_AFTER: Final = timedelta(seconds=1)


class InvalidTokenError(Exception):
    """The token is not ours, not for this, not valid any more, or never was a token."""


class Grant(Struct, frozen=True, kw_only=True):
    """Whom tokens are for: one session of one user."""

    user_id: UUID
    tenant_id: UUID
    session_id: UUID
    device_id: str | None


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["RS256"]
    kid: str
    typ: str


class _Claims(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sub: UUID
    iss: str
    aud: str
    exp: int
    iat: int
    nbf: int
    jti: UUID
    tenant_id: UUID
    session_id: UUID
    device_id: str | None


class AccessClaims(_Claims, frozen=True, kw_only=True, forbid_unknown_fields=True):
    roles: Annotated[tuple[str, ...], Meta(min_length=1)]
    permissions: tuple[str, ...]
    location_id: UUID | None


class RefreshClaims(_Claims, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class TokenKeys:
    """The valid keys, kept for a minute, loaded anew at most once a second.

    The first that needs a key makes it. A key added by `rotate` signs from then on; those before it
    verify for as long as a token they signed can live.
    """

    def __init__(self, database: Database, *, settings: Settings) -> None:
        self._database = database
        self._overlap = (
            timedelta(seconds=max(settings.access_token_s, settings.refresh_token_s))
            + 2 * KEYS_KEPT
        )
        self._lock = asyncio.Lock()
        self._loaded_at: datetime | None = None
        self._keys: dict[str, RSAKey] = {}

    async def signing(self) -> tuple[str, RSAKey]:
        """The newest key and its id."""
        await self._load(if_older_than=KEYS_KEPT)
        return next(iter(self._keys.items()))

    async def verifying(self, kid: str) -> RSAKey | None:
        """The key of this id, while it is valid."""
        await self._load(if_older_than=KEYS_KEPT)
        if kid not in self._keys:
            await self._load(if_older_than=KEYS_RELOADED_AFTER)
        return self._keys.get(kid)

    async def public(self) -> list[Mapping[str, Any]]:
        """The public halves as JSON Web Keys."""
        await self._load(if_older_than=KEYS_KEPT)
        return [
            key.as_dict(private=False, kid=kid, use="sig", alg=ALGORITHM)
            for kid, key in self._keys.items()
        ]

    async def rotate(self) -> str:
        """Add a key, which signs from now on; its id."""
        stored = await self._make()
        async with self._database.transaction() as tx:
            await store.keys.lock(tx)
            await store.keys.add(tx, stored, others_retire_at=tx.now + self._overlap)
        self._loaded_at = None
        return stored.kid

    async def _load(self, *, if_older_than: timedelta) -> None:
        async with self._lock:
            now = self._database.now()
            if self._loaded_at is not None and now - self._loaded_at < if_older_than:
                return
            self._take(await self._stored() or await self._first(), at=now)

    def _take(self, stored: Sequence[SigningKey], *, at: datetime) -> None:
        self._keys = {
            key.kid: self._keys.get(key.kid) or RSAKey.import_key(key.private_pem) for key in stored
        }
        self._loaded_at = at

    async def _stored(self) -> list[SigningKey]:
        async with self._database.transaction() as tx:
            return await store.keys.valid(tx)

    async def _first(self) -> list[SigningKey]:
        made = await self._make()
        async with self._database.transaction() as tx:
            await store.keys.lock(tx)
            if not await store.keys.valid(tx):
                await store.keys.add(tx, made, others_retire_at=tx.now)
            return await store.keys.valid(tx)

    async def _make(self) -> SigningKey:
        key = await asyncio.to_thread(RSAKey.generate_key, KEY_BITS)
        return SigningKey(
            kid=key.thumbprint(),
            private_pem=key.as_pem(private=True).decode(),
            created_at=self._database.now(),
        )


class Tokens:
    """Issues and verifies."""

    def __init__(
        self, database: Database, *, settings: Settings, keys: TokenKeys | None = None
    ) -> None:
        self._database = database
        self._settings = settings
        self.keys = keys or TokenKeys(database, settings=settings)

    @property
    def access_token_s(self) -> int:
        return self._settings.access_token_s

    async def access(self, user: User, *, grant: Grant) -> str:
        """An access token with what the user's roles permit."""
        claims = self._claims(grant, audience=ACCESS_AUDIENCE, lifetime_s=self.access_token_s)
        return await self._sign(
            {
                **claims,
                "roles": [role.value for role in user.roles],
                "permissions": list(permissions_of(user.roles)),
                "location_id": str(user.location_id) if user.location_id else None,
            },
            typ=ACCESS_TYPE,
        )

    async def refresh(self, grant: Grant) -> tuple[str, RefreshToken]:
        """A refresh token, and what is to be stored of it."""
        lifetime_s = self._settings.refresh_token_s
        claims = self._claims(grant, audience=REFRESH_AUDIENCE, lifetime_s=lifetime_s)
        token = await self._sign(claims, typ=REFRESH_TYPE)
        issued_at = self._database.now()
        return token, RefreshToken(
            jti=UUID(claims["jti"]),
            session_id=grant.session_id,
            token_hash=token_hash(token),
            issued_at=issued_at,
            expires_at=issued_at + timedelta(seconds=lifetime_s),
        )

    async def verify_access(self, token: str) -> tuple[AccessClaims, str]:
        """The claims of an access token and the id of the key that signed it.

        Raises:
            InvalidTokenError
        """
        return await self._verify(
            token, typ=ACCESS_TYPE, audience=ACCESS_AUDIENCE, claims=AccessClaims
        )

    async def verify_refresh(self, token: str) -> RefreshClaims:
        """The claims of a refresh token, which may have been spent or revoked.

        Raises:
            InvalidTokenError
        """
        claims, _ = await self._verify(
            token, typ=REFRESH_TYPE, audience=REFRESH_AUDIENCE, claims=RefreshClaims
        )
        return claims

    def _claims(self, grant: Grant, *, audience: str, lifetime_s: int) -> dict[str, Any]:
        now_s = int(self._database.now().timestamp())
        return {
            "sub": str(grant.user_id),
            "iss": self._settings.issuer,
            "aud": audience,
            "exp": now_s + lifetime_s,
            "iat": now_s,
            "nbf": now_s,
            "jti": str(self._database.ids()),
            "tenant_id": str(grant.tenant_id),
            "session_id": str(grant.session_id),
            "device_id": grant.device_id,
        }

    async def _sign(self, claims: dict[str, Any], *, typ: str) -> str:
        kid, key = await self.keys.signing()
        header = {"alg": ALGORITHM, "kid": kid, "typ": typ}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM], default_type=None)

    async def _verify(
        self, token: str, *, typ: str, audience: str, claims: type[T]
    ) -> tuple[T, str]:
        try:
            header = msgspec.json.decode(
                urlsafe_b64decode(token.partition(".")[0].encode()), type=_Header
            )
            if header.typ != typ:
                raise InvalidTokenError("typ")
            key = await self.keys.verifying(header.kid)
            if key is None:
                raise InvalidTokenError("kid")
            decoded = jwt.decode(token, key, algorithms=[ALGORITHM])
            verified = msgspec.convert(decoded.claims, claims)
            self._check_claims(decoded.claims, audience=audience)
        except (JoseError, msgspec.MsgspecError, ValueError) as error:
            raise InvalidTokenError(str(error)) from error
        return verified, header.kid

    def _check_claims(self, claims: dict[str, Any], *, audience: str) -> None:
        """Check issuer, audience and times. Skew is allowed for the beginning, not for the end."""
        now_s = int(self._database.now().timestamp())
        jwt.JWTClaimsRegistry(
            now=now_s,
            leeway=SKEW_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": audience},
        ).validate(claims)
        if claims["exp"] <= now_s:
            raise InvalidTokenError("exp")
