"""Signing keys."""

from datetime import datetime
from typing import Final

from tawsil.identity.model.keys import SigningKey
from tawsil.kernel.db import Tx

_KEY_LOCK: Final = 7_216_001  # an advisory lock of identity's own


async def lock(tx: Tx) -> None:
    """Whoever adds a key waits here for whoever else does."""
    await tx.execute("select pg_advisory_xact_lock($1)", _KEY_LOCK)


async def valid(tx: Tx) -> list[SigningKey]:
    """The keys that are valid now, the newest first."""
    rows = await tx.rows(
        """
        select kid, private_sealed, private_pem, created_at, signs_at, retires_at
        from identity.signing_key
        where retires_at is null or retires_at > $1 order by retires_at desc nulls first
        """,
        tx.now,
    )
    return [SigningKey(**row) for row in rows]


async def add(tx: Tx, key: SigningKey, *, others_retire_at: datetime) -> None:
    """Add a key that is the newest from now on."""
    await tx.execute(
        "update identity.signing_key set retires_at = $1 where retires_at is null",
        others_retire_at,
    )
    await tx.execute(
        """
        insert into identity.signing_key (kid, private_sealed, created_at, signs_at)
        values ($1, $2, $3, $4)
        """,
        key.kid,
        key.private_sealed,
        key.created_at,
        key.signs_at,
    )


async def seal(tx: Tx, kid: str, sealed: bytes) -> None:
    await tx.execute(
        """
        update identity.signing_key set private_sealed = $2, private_pem = null where kid = $1
        """,
        kid,
        sealed,
    )


async def forget_all(tx: Tx) -> int:
    """Delete every key: whatever they have signed is worth nothing any more."""
    return await tx.execute("delete from identity.signing_key")


async def forget_retired(tx: Tx) -> int:
    return await tx.execute("delete from identity.signing_key where retires_at <= $1", tx.now)
