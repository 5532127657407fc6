"""What a kitchen asks of the orders of its merchant, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.ordering.model import Order
from tawsil.ordering.moves import LIVE
from tawsil.ordering.store import order_of

MOST_ON_BOARD: Final = 300
MERCHANT_TIMEOUT: Final = "merchant_timeout"


async def on_board(tx: Tx, *, merchant_id: UUID, ended_since: datetime) -> list[Order]:
    """What a merchant was offered that has not ended, or has only just; oldest first."""
    rows = await tx.rows(
        """
        select * from (
            select * from ordering."order"
            where merchant_id = $1 and offered_at is not null
                and (status = any($2::text[]) or ended_at >= $3)
            order by placed_at desc limit $4
        ) latest order by placed_at, id
        """,
        merchant_id,
        sorted(LIVE),
        ended_since,
        MOST_ON_BOARD,
    )
    return [order_of(dict(row)) for row in rows]


async def missed_in_a_row(
    tx: Tx, *, merchant_ids: Sequence[UUID], most: int
) -> dict[UUID, list[datetime]]:
    """When the latest orders of merchants were missed, the last first: up to the last answered."""
    rows = await tx.rows(
        """
        select m.id, o.ended_at, o.ended_because = $3 as missed
        from unnest($1::uuid[]) as m (id)
        cross join lateral (
            select id, ended_at, ended_because, placed_at from ordering."order"
            where merchant_id = m.id and offered_at is not null and status <> 'PENDING'
            order by placed_at desc, id desc limit $2
        ) o order by m.id, o.placed_at desc, o.id desc
        """,
        list(merchant_ids),
        most,
        MERCHANT_TIMEOUT,
    )
    missed: dict[UUID, list[datetime]] = {id_: [] for id_ in merchant_ids}
    answered: set[UUID] = set()
    for row in rows:
        if row["missed"] and row["id"] not in answered:
            missed[row["id"]].append(row["ended_at"])
        else:
            answered.add(row["id"])
    return missed
