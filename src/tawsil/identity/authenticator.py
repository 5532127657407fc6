"""From an access token or an API key to a caller, for every request, mostly from memory.

A token that was verified once is known until it expires. Which sessions were revoked, and what has
become of the keys in use and of their owners, is read from the database at most every half second:
what was revoked is refused within a second everywhere.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.identity import key_text, model, store
from tawsil.identity.model.api_keys import ApiKey
from tawsil.identity.model.users import User
from tawsil.identity.tokens import InvalidTokenError, Tokens
from tawsil.kernel.db import Database
from tawsil.kernel.http import Caller, Problem
from tawsil.kernel.settings import Settings

MOST_KNOWN: Final = 10_000
KEY_KNOWN_FOR: Final = timedelta(seconds=1)
REVOCATIONS_KEPT: Final = timedelta(seconds=0.5)
KEYS_IDLE: Final = timedelta(minutes=2)  # after which an unused API key is forgotten here
SLOWEST_COMMIT: Final = timedelta(seconds=60)  # of a revocation; transactions end after 30 s


class _Known(Struct):
    caller: Caller
    kid: str
    expires_at_s: int
    key_checked_at: datetime


class TokenAuthenticator:
    """An `Authenticator` for the kernel: verifies a token, refuses those of revoked sessions."""

    def __init__(self, database: Database, *, settings: Settings, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens
        self._revoked = _Revocations(
            database, kept_for=timedelta(seconds=settings.access_token_s) + SLOWEST_COMMIT
        )
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._api_keys = _ApiKeys(database)

    async def __call__(self, token: str) -> Caller:
        """The caller.

        Raises:
            Problem: 401.
        """
        if token.startswith(key_text.PREFIX):
            caller = await self._api_keys.caller(token)
            if caller is None or await self._revoked.shuts(caller.tenant_id):
                raise _refused()
            return caller
        try:
            known = await self._recall(token) or await self._verify(token)
        except InvalidTokenError as error:
            raise _refused() from error
        if await self._revoked.includes(known.caller.session_id) or await self._revoked.shuts(
            known.caller.tenant_id
        ):
            raise _refused()
        return known.caller

    async def _recall(self, token: str) -> _Known | None:
        known = self._known.get(token)
        if known is None:
            return None
        now = self._database.now()
        valid = known.expires_at_s > now.timestamp()
        if valid and now - known.key_checked_at >= KEY_KNOWN_FOR:
            valid = await self._tokens.keys.verifying(known.kid) is not None
            known.key_checked_at = now
        if not valid:
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
        known = self._known[token] = _Known(caller, kid, claims.exp, self._database.now())
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return known


class _Revocations:
    """What was revoked lately: what is older than any access token need not be remembered."""

    def __init__(self, database: Database, *, kept_for: timedelta) -> None:
        self._database = database
        self._kept_for = kept_for
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._revoked_at: dict[UUID, datetime] = {}
        self._shut: frozenset[UUID] = frozenset()

    async def includes(self, session_id: UUID) -> bool:
        await self._refresh()
        return session_id in self._revoked_at

    async def shuts(self, tenant_id: UUID) -> bool:
        """Whether nobody of a tenant comes in."""
        await self._refresh()
        return tenant_id in self._shut

    async def _refresh(self) -> None:
        if self._stale():
            async with self._lock:
                if self._stale():
                    await self._read()

    def _stale(self) -> bool:
        return self._read_at is None or self._database.now() - self._read_at >= REVOCATIONS_KEPT

    async def _read(self) -> None:
        """Add what is new, with an overlap for transactions that began before the last reading."""
        now = self._database.now()
        oldest = now - self._kept_for
        since = oldest if self._read_at is None else max(oldest, self._read_at - SLOWEST_COMMIT)
        async with self._database.transaction() as tx:
            fresh = await store.sessions.revoked_since(tx, since)
            fresh |= await store.services.ended_since(tx, since)
            self._shut = await store.tenants.all_shut(tx)
        kept = {id_: at for id_, at in self._revoked_at.items() if at > oldest}
        self._revoked_at = kept | fresh
        self._read_at = now


class _Holder(Struct, frozen=True):
    """A key in use, and whose it is, as last read; when it was last shown."""

    key: ApiKey
    owner: User
    seen_at: datetime


class _ApiKeys:
    """The API keys in use. All of them are read again together; one that is new is read alone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = asyncio.Lock()
        self._read_at: datetime | None = None
        self._held: dict[UUID, _Holder] = {}

    async def caller(self, text: str) -> Caller | None:
        shown = key_text.read(text)
        if shown is None:
            return None
        held = await self._holder(shown.id)
        now = self._database.now()
        if held is None or not model.api_keys.opens(
            held.key, secret_hash=shown.secret_hash, owner=held.owner, now=now
        ):
            return None
        await self._used(held, at=now)
        return Caller(
            user_id=held.key.id,
            tenant_id=held.key.tenant_id,
            session_id=held.key.id,
            roles=tuple(role.value for role in held.owner.roles),
            permissions=model.api_keys.power(held.key, owner=held.owner),
            location_id=held.key.location_id,
        )

    async def _holder(self, id_: UUID) -> _Holder | None:
        if self._stale():
            async with self._lock:
                if self._stale():
                    now = self._database.now()
                    in_use = [
                        held.key.id
                        for held in self._held.values()
                        if now - held.seen_at < KEYS_IDLE
                    ]
                    self._held = await self._read(in_use) if in_use else {}
                    self._read_at = now
        held = self._held.get(id_)
        if held is None and (held := (await self._read([id_])).get(id_)) is not None:
            self._held[id_] = held
        return held

    def _stale(self) -> bool:
        return self._read_at is None or self._database.now() - self._read_at >= REVOCATIONS_KEPT

    async def _read(self, ids: Sequence[UUID]) -> dict[UUID, _Holder]:
        now = self._database.now()
        async with self._database.transaction() as tx:
            found = await store.api_keys.with_owners(tx, ids)
        return {
            id_: _Holder(key, owner, held.seen_at if (held := self._held.get(id_)) else now)
            for id_, (key, owner) in found.items()
        }

    async def _used(self, held: _Holder, *, at: datetime) -> None:
        """Note that a key was used: here always, in the database once a minute."""
        key = held.key
        to_note = model.api_keys.use_to_note(key, now=at)
        noted = replace(key, last_used_at=at) if to_note else key
        self._held[key.id] = _Holder(noted, held.owner, at)
        if to_note:
            async with self._database.transaction() as tx:
                await store.api_keys.note_use(tx, {key.id: at})


def _refused() -> Problem:
    return Problem(
        401,
        "request.token_invalid",
        headers={"WWW-Authenticate": 'Bearer realm="tawsil", error="invalid_token"'},
    )
