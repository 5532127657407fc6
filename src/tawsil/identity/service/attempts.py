"""Counting failures to prove who one is, and what follows from them.

Whoever has proved or failed to prove it asks `refused` first, in the transaction in which that
takes effect, and before anything else is locked. So of any number who try at the same time, no more
are told whether they were right than would be one after another.
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
    """Whether to wait instead of being told; the next to ask waits for this transaction."""
    counts = await store.attempts.hold_counts(tx, origin, await _sources(tx, origin))
    return model.attempts.blocked(counts, at=tx.now)


async def failed(tx: Tx, origin: Origin) -> None:
    """Count a failure of somebody who was not `refused`."""
    counts = await store.attempts.hold_counts(tx, origin, await _sources(tx, origin))
    again = [model.attempts.fail_again(count, at=tx.now) for count in counts]
    await store.attempts.save_counts(tx, origin, again)


async def succeeded(tx: Tx, origin: Origin, *, user_id: UUID) -> None:
    """Forget what failed here, and know this place from now on."""
    counts = await store.attempts.hold_counts(tx, origin, await _sources(tx, origin))
    own = [model.attempts.forget(count) for count in counts if count.source != ELSEWHERE]
    await store.attempts.save_counts(tx, origin, own)
    await store.attempts.remember(tx, origin, user_id=user_id)


async def forget_old(tx: Tx) -> int:
    return await store.attempts.forget_old(
        tx, failed_before_at=tx.now - FORGOTTEN_AFTER, seen_before_at=tx.now - KNOWN_FOR
    )


async def _sources(tx: Tx, origin: Origin) -> list[str]:
    known = await store.attempts.known(tx, origin, since_at=tx.now - KNOWN_FOR)
    return origin.counted_under(known)
