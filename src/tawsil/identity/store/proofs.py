"""The tokens of mailed links."""

from datetime import datetime
from uuid import UUID

from tawsil.identity.model.mails import Proof, Purpose
from tawsil.kernel.db import Tx


async def add(tx: Tx, proof: Proof) -> None:
    await tx.execute(
        """
        insert into identity.mail_proof (token_hash, tenant_id, user_id, purpose, made_at,
            expires_at)
        values ($1, $2, $3, $4, $5, $6)
        """,
        proof.token_hash,
        proof.tenant_id,
        proof.user_id,
        proof.purpose,
        proof.made_at,
        proof.expires_at,
    )


async def made_since(tx: Tx, *, user_id: UUID, purpose: Purpose, since_at: datetime) -> int:
    """How many were mailed to a user after an instant."""
    return await tx.value(
        """
        select count(*) from identity.mail_proof
        where user_id = $1 and purpose = $2 and made_at > $3
        """,
        user_id,
        purpose,
        since_at,
    )


async def get(tx: Tx, token_hash: bytes) -> Proof | None:
    row = await tx.row(
        """
        select token_hash, tenant_id, user_id, purpose, made_at, expires_at, spent_at
        from identity.mail_proof where token_hash = $1
        """,
        token_hash,
    )
    if row is None:
        return None
    return Proof(
        token_hash=row["token_hash"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        purpose=Purpose(row["purpose"]),
        made_at=row["made_at"],
        expires_at=row["expires_at"],
        spent_at=row["spent_at"],
    )


async def spend_all(tx: Tx, *, user_id: UUID, purpose: Purpose) -> None:
    """Spend whatever was mailed to a user for a purpose: one use ends them all."""
    await tx.execute(
        """
        update identity.mail_proof set spent_at = $3
        where user_id = $1 and purpose = $2 and spent_at is null
        """,
        user_id,
        purpose,
        tx.now,
    )


async def forget_old(tx: Tx, *, before_at: datetime) -> int:
    """Delete those that expired before an instant; how many."""
    return await tx.execute("delete from identity.mail_proof where expires_at < $1", before_at)
