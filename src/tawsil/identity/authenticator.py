"""From an access token to a caller, for every request, mostly from memory.

A token that was verified once is known until it expires. Which sessions were revoked is read from
the database at most every half second, so a revoked session is refused within a second everywhere.
"""

import asyncio
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.identity import store
from tawsil.identity.tokens import InvalidTokenError, Tokens
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Problem
from tawsil.kernel.settings import Settings

MOST_KNOWN: Final = 10_000
REVOCATIONS_KEPT: Final = timedelta(seconds=0.5)
SLOWEST_COMMIT: Final = timedelta(seconds=60)  # of a revocation; transactions end after 30 s


class _Known(Struct, frozen=True):
    caller: Caller
    kid: str
    expires_at_s: int


class TokenAuthenticator:
    """An `Authenticator` for the kernel: verifies a token, refuses those of revoked sessions."""

    def __init__(self, database: Database, *, settings: Settings, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens
        self._revoked = _Revocations(
            database, kept_for=timedelta(seconds=settings.access_token_s) + SLOWEST_COMMIT
        )
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def __call__(self, token: str) -> Caller:
        """The caller.

        Raises:
            Problem: 401.
        """
        try:
            known = await self._recall(token) or await self._verify(token)
        except InvalidTokenError as error:
            raise _refused() from error
        if await self._revoked.includes(known.caller.session_id):
            raise _refused()
        return known.caller

    async def _recall(self, token: str) -> _Known | None:
        known = self._known.get(token)
        if known is None:
            return None
        expired = known.expires_at_s <= self._database.now().timestamp()
        if expired or await self._tokens.keys.verifying(known.kid) is None:
            self._known.pop(token, None)
            return None
        self._known.move_to_end(token)
        return known

    async def _verify(self, token: str) -> _Known:
        claims, kid = await self._tokens.verify_access(token)
        caller = Caller(
            user_id=claims.sub,
            tenant_id=claims.tenant_id,
            session_id=claims.session_id,
            roles=claims.roles,
            permissions=frozenset(claims.permissions),
            location_id=claims.location_id,
            device_id=claims.device_id,
        )
        known = self._known[token] = _Known(caller, kid, claims.exp)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return known


class _Revocations:
    """The sessions revoked lately: those older than any access token need not be remembered."""

    def __init__(self, database: Database, *, kept_for: timedelta) -> None:
        self._database = database
        self._kept_for = kept_for
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._revoked_at: dict[UUID, datetime] = {}

    async def includes(self, session_id: UUID) -> bool:
        if self._stale():
            async with self._lock:
                if self._stale():
                    await self._read()
        return session_id in self._revoked_at

    def _stale(self) -> bool:
        return self._read_at is None or self._database.now() - self._read_at >= REVOCATIONS_KEPT

    async def _read(self) -> None:
        """Add what is new, with an overlap for transactions that began before the last reading."""
        now = self._database.now()
        oldest = now - self._kept_for
        since = oldest if self._read_at is None else max(oldest, self._read_at - SLOWEST_COMMIT)
        async with self._database.transaction() as tx:
            fresh = await store.sessions.revoked_since(tx, since)
        kept = {id_: at for id_, at in self._revoked_at.items() if at > oldest}
        self._revoked_at = kept | fresh
        self._read_at = now


def _refused() -> Problem:
    return Problem(
        401,
        "request.token_invalid",
        headers={"WWW-Authenticate": 'Bearer realm="tawsil", error="invalid_token"'},
    )
