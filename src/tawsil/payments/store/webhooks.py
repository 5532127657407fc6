"""What acquirers called about, so that each call is heard once."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from tawsil.kernel.db import Tx

WEBHOOKS_KEPT_FOR: Final = timedelta(days=30)


async def hear(tx: Tx, *, event_id: str, payment_id: UUID | None) -> bool:
    """Note a webhook; whether it is heard for the first time."""
    count = await tx.execute(
        """
        insert into payments.webhook (event_id, payment_id, received_at) values ($1, $2, $3)
        on conflict do nothing
        """,
        event_id,
        payment_id,
        tx.now,
    )
    return count == 1


async def forget(tx: Tx) -> int:
    """Drop what was heard longer ago than any acquirer repeats itself; how many."""
    return await tx.execute(
        "delete from payments.webhook where received_at < $1", tx.now - WEBHOOKS_KEPT_FOR
    )
