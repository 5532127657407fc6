"""The keys that sign our tokens, and how one follows another without anybody being refused.

A new key is published before it signs, for as long as everybody who keeps our keys may take to look
again. The one before it verifies until the last token it has signed is over, and then goes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc.jwk import RSAKey

from tawsil.identity import store
from tawsil.identity.model import keys as model
from tawsil.identity.model.keys import KeyUse, SigningKey
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.sealing import Sealer, open_sealer
from tawsil.kernel.settings import Settings

ALGORITHM: Final = "RS256"
KEY_BITS: Final = 2048
KEYS_KEPT: Final = timedelta(seconds=15)
KEYS_RELOADED_AFTER: Final = timedelta(seconds=1)
JWKS_KEPT_S: Final = 60  # by those who fetch our public keys
PUBLISHED_BEFORE: Final = timedelta(minutes=5)
assert timedelta(seconds=JWKS_KEPT_S) + 2 * KEYS_KEPT < PUBLISHED_BEFORE


class TokenKeys:
    """The valid keys, kept for some seconds, loaded anew at most once a second.

    The first that needs a key makes it.
    """

    def __init__(
        self, database: Database, *, settings: Settings, sealer: Sealer | None = None
    ) -> None:
        self._database = database
        self._sealer = sealer or open_sealer(settings)
        self._renewed_after = timedelta(days=settings.signing_key_days)
        self._overlap = (
            timedelta(seconds=max(settings.access_token_s, settings.refresh_token_s))
            + 2 * KEYS_KEPT
        )
        self._lock = asyncio.Lock()
        self._loaded_at: datetime | None = None
        self._stored: Sequence[SigningKey] = ()
        self._keys: dict[str, RSAKey] = {}

    async def signing(self) -> tuple[str, RSAKey]:
        """The key that signs now, and its id."""
        await self._load(if_older_than=KEYS_KEPT)
        key = model.signing(self._stored, now=self._database.now())
        assert key is not None, "the newest key never retires, and the first signs at once"
        return key.kid, self._keys[key.kid]

    async def verifying(self, kid: str) -> RSAKey | None:
        """The key of this id, while it is valid."""
        await self._load(if_older_than=KEYS_KEPT)
        if kid not in self._keys:
            await self._load(if_older_than=KEYS_RELOADED_AFTER)
        return self._keys[kid] if kid in self._valid() else None

    async def public(self) -> list[Mapping[str, Any]]:
        """The public halves as JSON Web Keys, of the key that is to sign next too."""
        await self._load(if_older_than=KEYS_KEPT)
        return [
            self._keys[kid].as_dict(private=False, kid=kid, use="sig", alg=ALGORITHM)
            for kid in self._valid()
        ]

    async def known(self) -> list[tuple[SigningKey, KeyUse]]:
        """Every key in the database and what it is good for now, the newest first."""
        async with self._database.transaction() as tx:
            keys = await store.keys.valid(tx)
        uses = model.uses(keys, now=self._database.now())
        return [(key, uses[key.kid]) for key in keys]

    async def rotate(self) -> SigningKey:
        """Publish a key that signs some minutes from now."""
        made = await self._make(after=PUBLISHED_BEFORE)
        async with self._database.transaction() as tx:
            await store.keys.lock(tx)
            await self._add(tx, made)
        self._loaded_at = None
        return made

    async def replace_all(self) -> SigningKey:
        """A key may have leaked: one takes over at once, and what the others signed ends.

        Other processes learn of it within seconds; everybody has to sign in again.
        """
        made = await self._make()
        async with self._database.transaction() as tx:
            await store.keys.lock(tx)
            await store.keys.forget_all(tx)
            await self._add(tx, made)
        self._loaded_at = None
        return made

    async def tend(self) -> SigningKey | None:
        """Rotate if the newest key is old, forget those retired, seal what is not. For a schedule.

        However many do it at once, there is one new key, which is returned to who made it.
        """
        async with self._database.transaction() as tx:
            await store.keys.forget_retired(tx)
            keys = await store.keys.valid(tx)
            for key in keys:
                if key.private_sealed is None or not self._sealer.is_under_first(
                    key.private_sealed
                ):
                    await store.keys.seal(tx, key.kid, self._seal(key.kid, self._pem(key)))
            if not self._due(keys, now=tx.now):
                return None
        made = await self._make(after=PUBLISHED_BEFORE)
        async with self._database.transaction() as tx:
            await store.keys.lock(tx)
            if not self._due(await store.keys.valid(tx), now=tx.now):
                return None
            await self._add(tx, made)
        self._loaded_at = None
        return made

    def _due(self, keys: Sequence[SigningKey], *, now: datetime) -> bool:
        """Whether the newest key is old. The first is made by who first needs it."""
        return bool(keys) and keys[0].created_at + self._renewed_after <= now

    def _valid(self) -> list[str]:
        now = self._database.now()
        return [key.kid for key in self._stored if not key.retired(now=now)]

    async def _add(self, tx: Tx, made: SigningKey) -> None:
        await store.keys.add(tx, made, others_retire_at=made.signs_at + self._overlap)

    async def _load(self, *, if_older_than: timedelta) -> None:
        async with self._lock:
            now = self._database.now()
            if self._loaded_at is not None and now - self._loaded_at < if_older_than:
                return
            async with self._database.transaction() as tx:
                stored = await store.keys.valid(tx)
            stored = stored or await self._first()
            self._keys = {
                key.kid: self._keys.get(key.kid) or RSAKey.import_key(self._pem(key))
                for key in stored
            }
            self._stored, self._loaded_at = stored, now

    async def _first(self) -> list[SigningKey]:
        made = await self._make()
        async with self._database.transaction() as tx:
            await store.keys.lock(tx)
            if not await store.keys.valid(tx):
                await self._add(tx, made)
            return await store.keys.valid(tx)

    async def _make(self, *, after: timedelta = timedelta()) -> SigningKey:
        """A key that is not stored yet and signs after a while."""
        key = await asyncio.to_thread(RSAKey.generate_key, KEY_BITS)
        kid, now = key.thumbprint(), self._database.now()
        return SigningKey(
            kid=kid,
            private_sealed=self._seal(kid, key.as_pem(private=True)),
            created_at=now,
            signs_at=now + after,
        )

    def _seal(self, kid: str, pem: bytes) -> bytes:
        return self._sealer.seal(pem, about=f"identity.signing_key/{kid}")

    def _pem(self, key: SigningKey) -> bytes:
        if key.private_sealed is None:
            assert key.private_pem is not None, "a key is sealed or not"
            return key.private_pem.encode()
        return self._sealer.unseal(key.private_sealed, about=f"identity.signing_key/{key.kid}")
