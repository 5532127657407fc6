"""Access and refresh tokens: JWTs signed with RS256.

The two differ in audience and in `typ` (RFC 9068 for access tokens), so that neither passes for the
other. The header must be exactly `alg`, `kid` and `typ`: a token cannot bring or point to its key.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.util import urlsafe_b64decode, urlsafe_b64encode
from msgspec import Meta, Struct

from tawsil.identity.model.sessions import RefreshToken, token_hash
from tawsil.identity.model.users import User
from tawsil.identity.permissions import permissions_of
from tawsil.identity.token_keys import ALGORITHM, TokenKeys
from tawsil.kernel.db import Database
from tawsil.kernel.settings import Settings

Seconds = Annotated[int, Meta(ge=0, lt=2**33)]
T = TypeVar("T", bound="_Claims")

ACCESS_AUDIENCE: Final = "tawsil"
REFRESH_AUDIENCE: Final = "tawsil-refresh"
ACCESS_TYPE: Final = "at+jwt"
REFRESH_TYPE: Final = "rt+jwt"
SKEW_S: Final = 5  # how far ahead the clock of the machine that issued a token may be


class InvalidTokenError(Exception):
    """The token is not ours, not for this, not valid any more, or never was a token."""


class Grant(Struct, frozen=True, kw_only=True):
    """Whom tokens are for: one session of one user."""

    user_id: UUID
    tenant_id: UUID
    session_id: UUID
    device_id: str | None


class Holder(Struct, frozen=True, kw_only=True):
    """A program that gets tokens of its own: a service, or an API key."""

    id: UUID
    tenant_id: UUID
    roles: tuple[str, ...]
    permissions: frozenset[str]
    location_id: UUID | None


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    alg: Literal["RS256"]
    kid: str
    typ: str


class _Claims(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sub: UUID
    iss: str
    aud: str
    exp: Seconds
    iat: Seconds
    nbf: Seconds
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


class _EachOnce(json.JSONDecoder):
    """Refuses an object that says something twice: who reads it next may hear the other."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=self._object)

    @staticmethod
    def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        said = dict(pairs)
        if len(said) < len(pairs):
            raise ValueError("said twice")
        return said


def _head(token: str) -> bytes:
    """The header of a token that is written in the one way there is."""
    parts = token.split(".")
    read = [urlsafe_b64decode(part.encode()) for part in parts]
    if len(parts) != 3 or [urlsafe_b64encode(part).decode() for part in read] != parts:
        raise ValueError("not three parts in base64url")
    return read[0]


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
        return await self._access(
            grant,
            roles=[role.value for role in user.roles],
            permissions=permissions_of(user.roles),
            location_id=user.location_id,
        )

    async def machine(self, holder: Holder, *, permissions: Sequence[str]) -> str:
        """An access token for a program, with claims like a user's: its own id is its session's."""
        grant = Grant(
            user_id=holder.id,
            tenant_id=holder.tenant_id,
            session_id=holder.id,
            device_id=None,
        )
        return await self._access(
            grant,
            roles=holder.roles,
            permissions=permissions,
            location_id=holder.location_id,
        )

    async def _access(
        self,
        grant: Grant,
        *,
        roles: Sequence[str],
        permissions: Sequence[str],
        location_id: UUID | None,
    ) -> str:
        claims = self._claims(grant, audience=ACCESS_AUDIENCE, lifetime_s=self.access_token_s)
        return await self._sign(
            {
                **claims,
                "roles": list(roles),
                "permissions": list(permissions),
                "location_id": str(location_id) if location_id else None,
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
            header = msgspec.convert(json.loads(_head(token), cls=_EachOnce), _Header)
            if header.typ != typ:
                raise InvalidTokenError("typ")
            key = await self.keys.verifying(header.kid)
            if key is None:
                raise InvalidTokenError("kid")
            decoded = jwt.decode(token, key, algorithms=[ALGORITHM], decoder_cls=_EachOnce)
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
