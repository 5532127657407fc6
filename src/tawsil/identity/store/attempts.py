"""Failed attempts to sign in, and from where accounts have signed in before."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tawsil.identity.model.attempts import Failures, Origin
from tawsil.kernel.db import Tx


async def known(tx: Tx, origin: Origin, *, since_at: datetime) -> frozenset[str]:
    """Which of the places of an attempt the account has signed in from."""
    rows = await tx.rows(
        """
        select source from identity.known_source
        where tenant_id = $1 and account = $2 and source = any($3::text[]) and seen_at > $4
        """,
        origin.tenant_id,
        origin.account,
        origin.places,
        since_at,
    )
    return frozenset(row["source"] for row in rows)


async def remember(tx: Tx, origin: Origin, *, user_id: UUID) -> None:
    """The account has signed in from here."""
    await tx.execute(
        """
        insert into identity.known_source (tenant_id, account, source, user_id, seen_at)
        select $1, $2, source, $4, $5 from unnest($3::text[]) as source order by source
        on conflict (tenant_id, account, source) do update
        set seen_at = excluded.seen_at, user_id = excluded.user_id
        """,
        origin.tenant_id,
        origin.account,
        origin.places,
        user_id,
        tx.now,
    )


async def counts(tx: Tx, origin: Origin, sources: Sequence[str]) -> list[Failures]:
    rows = await tx.rows(
        """
        select source, failures, last_at, blocked_until from identity.failed_attempt
        where tenant_id = $1 and account = $2 and source = any($3::text[])
        """,
        origin.tenant_id,
        origin.account,
        sources,
    )
    return [Failures(**row) for row in rows]


async def hold_counts(tx: Tx, origin: Origin, sources: Sequence[str]) -> list[Failures]:
    """The counts, made where there are none; whoever comes next waits for this transaction."""
    rows = await tx.rows(
        """
        insert into identity.failed_attempt (tenant_id, account, source, failures, last_at)
        select $1, $2, source, 0, $4 from unnest($3::text[]) as source order by source
        on conflict (tenant_id, account, source) do update set source = excluded.source
        returning source, failures, last_at, blocked_until
        """,
        origin.tenant_id,
        origin.account,
        sources,
        tx.now,
    )
    return [Failures(**row) for row in rows]


async def save_counts(tx: Tx, origin: Origin, counts: Sequence[Failures]) -> None:
    await tx.execute(
        """
        update identity.failed_attempt f set failures = n.failures, last_at = n.last_at,
            blocked_until = n.blocked_until
        from unnest($3::text[], $4::int[], $5::timestamptz[], $6::timestamptz[])
            as n (source, failures, last_at, blocked_until)
        where f.tenant_id = $1 and f.account = $2 and f.source = n.source
        """,
        origin.tenant_id,
        origin.account,
        [count.source for count in counts],
        [count.failures for count in counts],
        [count.last_at for count in counts],
        [count.blocked_until for count in counts],
    )


async def forget_old(tx: Tx, *, failed_before_at: datetime, seen_before_at: datetime) -> int:
    """Delete counts and places that say nothing any more; how many."""
    failed = await tx.execute(
        "delete from identity.failed_attempt where last_at < $1", failed_before_at
    )
    seen = await tx.execute("delete from identity.known_source where seen_at < $1", seen_before_at)
    return failed + seen
