"""Counting failures to prove who one is, and what follows from them.

Whoever has proved or failed to prove it takes `hold` of the counts first, in the transaction in
which that takes effect, and before anything else is locked. So of any number who try at the same
time, no more are told whether they were right than would be one after another.
"""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from tawsil.identity import model, store
from tawsil.identity.model.attempts import ELSEWHERE, FORGOTTEN_AFTER, KNOWN_FOR, Failures, Origin
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal


class Held(Struct, frozen=True):
    """The counts of an attempt, which the next one waits for."""

    origin: Origin
    counts: Sequence[Failures]
    refused: Refusal | None
    """To wait, instead of being told."""


async def hopeless(tx: Tx, origin: Origin) -> Refusal | None:
    """Whether to wait before trying at all; spares the work of looking at what is shown."""
    counts = await store.attempts.counts(tx, origin, await _sources(tx, origin))
    return model.attempts.blocked(counts, at=tx.now)


async def hold(tx: Tx, origin: Origin) -> Held:
    counts = await store.attempts.hold_counts(tx, origin, await _sources(tx, origin))
    return Held(origin, counts, model.attempts.blocked(counts, at=tx.now))


async def failed(tx: Tx, held: Held) -> None:
    """Count a failure of somebody who was not refused."""
    assert held.refused is None, "who waits is not told"
    again = [model.attempts.fail_again(count, at=tx.now) for count in held.counts]
    await store.attempts.save_counts(tx, held.origin, again)


async def succeeded(tx: Tx, held: Held, *, user_id: UUID) -> None:
    """Forget what failed here, and know this place from now on."""
    own = [model.attempts.forget(count) for count in held.counts if count.source != ELSEWHERE]
    await store.attempts.save_counts(tx, held.origin, own)
    await store.attempts.remember(tx, held.origin, user_id=user_id)


async def forget_old(tx: Tx) -> int:
    return await store.attempts.forget_old(
        tx, failed_before_at=tx.now - FORGOTTEN_AFTER, seen_before_at=tx.now - KNOWN_FOR
    )


async def _sources(tx: Tx, origin: Origin) -> list[str]:
    known = await store.attempts.known(tx, origin, since_at=tx.now - KNOWN_FOR)
    return origin.counted_under(known)
