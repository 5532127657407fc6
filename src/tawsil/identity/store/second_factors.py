"""Authenticator apps and recovery codes."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from tawsil.identity.model.second_factors import SecondFactor
from tawsil.kernel.db import Tx


async def get(tx: Tx, user_id: UUID) -> SecondFactor | None:
    """The factor of a user; whoever changes it has locked the user."""
    row = await tx.row(
        """
        select user_id, tenant_id, sealed_secret, begun_at, confirmed_at, last_step
        from identity.second_factor where user_id = $1
        """,
        user_id,
    )
    return SecondFactor(**row) if row else None


async def put(tx: Tx, factor: SecondFactor) -> None:
    await tx.execute(
        """
        insert into identity.second_factor (user_id, tenant_id, sealed_secret, begun_at,
            confirmed_at, last_step)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (user_id) do update set sealed_secret = excluded.sealed_secret,
            begun_at = excluded.begun_at, confirmed_at = excluded.confirmed_at,
            last_step = excluded.last_step
        """,
        factor.user_id,
        factor.tenant_id,
        factor.sealed_secret,
        factor.begun_at,
        factor.confirmed_at,
        factor.last_step,
    )


async def sealed_otherwise(tx: Tx, mark: bytes, *, most: int) -> dict[UUID, bytes]:
    """Secrets that do not begin with a mark, locked, but for those that somebody has locked."""
    rows = await tx.rows(
        """
        select user_id, sealed_secret from identity.second_factor
        where substring(sealed_secret for $2) <> $1 order by user_id limit $3
        for update skip locked
        """,
        mark,
        len(mark),
        most,
    )
    return {row["user_id"]: row["sealed_secret"] for row in rows}


async def save_sealed(tx: Tx, sealed: Mapping[UUID, bytes]) -> None:
    await tx.execute(
        """
        update identity.second_factor f set sealed_secret = n.sealed_secret
        from unnest($1::uuid[], $2::bytea[]) as n (user_id, sealed_secret)
        where f.user_id = n.user_id
        """,
        list(sealed),
        list(sealed.values()),
    )


async def remove(tx: Tx, user_id: UUID) -> None:
    """With its recovery codes."""
    await tx.execute("delete from identity.second_factor where user_id = $1", user_id)


async def put_recovery_codes(tx: Tx, *, user_id: UUID, hashes: Sequence[bytes]) -> None:
    """Put codes in the place of those there were."""
    await tx.execute("delete from identity.recovery_code where user_id = $1", user_id)
    await tx.execute(
        """
        insert into identity.recovery_code (user_id, code_hash)
        select $1, code_hash from unnest($2::bytea[]) as code_hash
        """,
        user_id,
        hashes,
    )


async def spend_recovery_code(tx: Tx, *, user_id: UUID, code_hash: bytes) -> bool:
    """Whether it was one of the user's, and unspent until now."""
    spent = await tx.execute(
        """
        update identity.recovery_code set spent_at = $3
        where user_id = $1 and code_hash = $2 and spent_at is null
        """,
        user_id,
        code_hash,
        tx.now,
    )
    return spent == 1


async def recovery_codes_left(tx: Tx, user_id: UUID) -> int:
    return await tx.value(
        """
        select count(*) from identity.recovery_code where user_id = $1 and spent_at is null
        """,
        user_id,
    )
