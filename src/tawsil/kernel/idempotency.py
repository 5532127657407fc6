"""Idempotency keys, written in the same transaction as what they protect.

A key belongs to one user and lives 24 hours. The first request claims it; the answer is kept with
it, byte for byte. Another process holding the key makes the claim wait until it commits or fails.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx

KEPT_FOR: Final = timedelta(hours=24)
LONGEST_KEY: Final = 255


class Key(Struct, frozen=True):
    """One client's name for one request, and what the request was (SHA-256)."""

    user_id: UUID
    key: str
    request_hash: bytes


class Answer(Struct, frozen=True):
    """A finished answer: status, and the body as it goes over the wire."""

    status: int
    body: bytes
    replayed: bool = False


class Reused(Struct, frozen=True):
    """The key was used before for another request."""


async def claim(tx: Tx, keys: Sequence[Key]) -> dict[Key, Answer | Reused]:
    """Claim keys; the answers of those that were claimed before."""
    if not keys:
        return {}
    ordered = sorted(keys, key=lambda k: (k.user_id, k.key))
    fresh = await tx.rows(
        """
        insert into kernel.idempotency (user_id, key, request_hash, at)
        select u.*, $4::timestamptz from unnest($1::uuid[], $2::text[], $3::bytea[]) u
        on conflict (user_id, key) do update
        set request_hash = excluded.request_hash, at = excluded.at, status = null, body = null
        where kernel.idempotency.at < $5
        returning user_id, key
        """,
        [k.user_id for k in ordered],
        [k.key for k in ordered],
        [k.request_hash for k in ordered],
        tx.now,
        tx.now - KEPT_FOR,
    )
    claimed = {(row["user_id"], row["key"]) for row in fresh}
    known = [k for k in ordered if (k.user_id, k.key) not in claimed]
    return await _answers(tx, known) if known else {}


async def _answers(tx: Tx, keys: Sequence[Key]) -> dict[Key, Answer | Reused]:
    rows = await tx.rows(
        """
        select i.user_id, i.key, i.request_hash, i.status, i.body from kernel.idempotency i
        join unnest($1::uuid[], $2::text[]) u (user_id, key) using (user_id, key)
        """,
        [k.user_id for k in keys],
        [k.key for k in keys],
    )
    by_key = {(row["user_id"], row["key"]): row for row in rows}
    answers: dict[Key, Answer | Reused] = {}
    for key in keys:
        row = by_key[key.user_id, key.key]
        assert row["status"] is not None, "a committed key has an answer"
        same = row["request_hash"] == key.request_hash
        answers[key] = (
            Answer(status=row["status"], body=row["body"], replayed=True) if same else Reused()
        )
    return answers


async def keep(tx: Tx, answers: Sequence[tuple[Key, Answer]]) -> None:
    """Keep the answers of claimed keys."""
    if answers:
        await tx.execute(
            """
            update kernel.idempotency i set status = u.status, body = u.body
            from unnest($1::uuid[], $2::text[], $3::int[], $4::bytea[])
                as u (user_id, key, status, body)
            where i.user_id = u.user_id and i.key = u.key
            """,
            [key.user_id for key, _ in answers],
            [key.key for key, _ in answers],
            [answer.status for _, answer in answers],
            [answer.body for _, answer in answers],
        )


async def forget_old(tx: Tx) -> int:
    """Drop keys past their time; how many."""
    return await tx.execute("delete from kernel.idempotency where at < $1", tx.now - KEPT_FOR)
