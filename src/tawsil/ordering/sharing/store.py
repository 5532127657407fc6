"""The table of links, and all SQL on it."""

from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.ordering.sharing.model import Share


async def add(tx: Tx, share: Share) -> None:
    await tx.execute(
        """
        insert into ordering.share (token_hash, order_id, tenant_id, made_at, until_at)
        values ($1, $2, $3, $4, $5)
        """,
        share.token_hash,
        share.order_id,
        share.tenant_id,
        share.made_at,
        share.until_at,
    )


async def by_hash(tx: Tx, token_hash: bytes) -> Share | None:
    row = await tx.row("select * from ordering.share where token_hash = $1", token_hash)
    return Share(**dict(row)) if row else None


async def working(tx: Tx, order_id: UUID) -> int:
    """How many links of an order are neither over nor taken back."""
    return await tx.value(
        """
        select count(*) from ordering.share
        where order_id = $1 and revoked_at is null and until_at > $2
        """,
        order_id,
        tx.now,
    )


async def revoke(tx: Tx, order_id: UUID) -> None:
    await tx.execute(
        "update ordering.share set revoked_at = $2 where order_id = $1 and revoked_at is null",
        order_id,
        tx.now,
    )
