"""Counting failures to prove who one is, and what follows from them.

Whoever has proved or failed to prove it asks `refused` first, in the transaction in which that
takes effect. So of any number who try at the same time, no more are told whether they were right
than would be one after another.
"""

from uuid import UUID

from tawsil.identity import model, store
from tawsil.identity.model.attempts import ELSEWHERE, FORGOTTEN_AFTER, KNOWN_FOR, Origin
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal


async def hopeless(tx: Tx, origin: Origin) -> Refusal | None:
    """Whether to wait before trying at all; spares the work of looking at what is shown."""
    counts = await store.attempts.counts(tx, origin, await _sources(tx, origin))
    return model.attempts.blocked(counts, at=tx.now)


async def refused(tx: Tx, origin: Origin) -> Refusal | None:
    """Whether to wait instead of being told; holds the counts until the transaction ends."""
    counts = await store.attempts.lock_counts(tx, origin, await _sources(tx, origin))
    return model.attempts.blocked(counts, at=tx.now)


async def failed(tx: Tx, origin: Origin) -> Refusal | None:
    """Count a failure, unless it came too late to be told that it is one: then why it waits."""
    sources = await _sources(tx, origin)
    await store.attempts.begin_counts(tx, origin, sources)
    counts = await store.attempts.lock_counts(tx, origin, sources)
    if blocked := model.attempts.blocked(counts, at=tx.now):
        return blocked
    again = [model.attempts.fail_again(count, at=tx.now) for count in counts]
    await store.attempts.save_counts(tx, origin, again)
    return None


async def succeeded(tx: Tx, origin: Origin, *, user_id: UUID) -> None:
    """Forget what failed here, and know this place from now on."""
    own = [source for source in await _sources(tx, origin) if source != ELSEWHERE]
    await store.attempts.forget_counts(tx, origin, own)
    await store.attempts.remember(tx, origin, user_id=user_id)


async def forget_old(tx: Tx) -> int:
    return await store.attempts.forget_old(
        tx, failed_before_at=tx.now - FORGOTTEN_AFTER, seen_before_at=tx.now - KNOWN_FOR
    )


async def _sources(tx: Tx, origin: Origin) -> list[str]:
    known = await store.attempts.known(tx, origin, since_at=tx.now - KNOWN_FOR)
    return origin.counted_under(known)
