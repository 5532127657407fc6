"""Passwords are kept as argon2id hashes, made in a thread and never inside a transaction."""

import asyncio
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MOST_AT_ONCE: Final = 4  # each takes 64 MiB for a moment: a flood of logins queues up here


class Passwords:
    """Makes and checks hashes. The cost is the hasher's: by default RFC 9106, low memory."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = asyncio.Semaphore(MOST_AT_ONCE)
        self._nobodys: str | None = None

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, *, password_hash: str | None) -> bool:
        """Whether the hash is this password's. Without a hash: no, after the same work."""
        if self._nobodys is None:
            self._nobodys = await self.hash("nobody's password")
        async with self._slots:
            same = await asyncio.to_thread(self._verify, password, password_hash or self._nobodys)
        return same and password_hash is not None

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
