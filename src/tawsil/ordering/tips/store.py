"""The table of tips, and all SQL on it."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.ordering.tips.model import Tip, TipFrom, TipState


async def of_orders(tx: Tx, order_ids: Sequence[UUID]) -> dict[UUID, list[Tip]]:
    """The tips of orders, oldest first."""
    rows = await tx.rows(
        "select * from ordering.tip where order_id = any($1::uuid[]) order by asked_at, id",
        list(order_ids),
    )
    tips: dict[UUID, list[Tip]] = {order_id: [] for order_id in order_ids}
    for row in rows:
        tips[row["order_id"]].append(_tip(row))
    return tips


async def lock(tx: Tx, ids: Sequence[UUID]) -> dict[UUID, Tip]:
    rows = await tx.rows(
        "select * from ordering.tip where id = any($1::uuid[]) order by id for update", list(ids)
    )
    return {row["id"]: _tip(row) for row in rows}


async def add(tx: Tx, tips: Sequence[Tip]) -> None:
    if tips:
        await tx.execute(
            """
            insert into ordering.tip (id, version, tenant_id, city_id, order_id, customer_id,
                courier_id, amount_minor, currency, paid_from, state, asked_at)
            select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[],
                $6::uuid[], $7::uuid[], $8::bigint[], $9::text[], $10::text[], $11::text[],
                $12::timestamptz[])
            """,
            [tip.id for tip in tips],
            [tip.version for tip in tips],
            [tip.tenant_id for tip in tips],
            [tip.city_id for tip in tips],
            [tip.order_id for tip in tips],
            [tip.customer_id for tip in tips],
            [tip.courier_id for tip in tips],
            [tip.amount_minor for tip in tips],
            [tip.currency for tip in tips],
            [tip.paid_from for tip in tips],
            [tip.state for tip in tips],
            [tip.asked_at for tip in tips],
        )


async def save(tx: Tx, changed: Sequence[Accepted[Tip]]) -> None:
    """Write changed tips, each only over the version it was decided on."""
    if not changed:
        return
    touched = await tx.execute(
        """
        update ordering.tip t set version = u.version, state = u.state,
            decline_code = u.decline_code, ended_at = u.ended_at
        from unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::text[], $6::timestamptz[])
            as u (id, expected, version, state, decline_code, ended_at)
        where t.id = u.id and t.version = u.expected
        """,
        [c.state.id for c in changed],
        [c.expected_version for c in changed],
        [c.state.version for c in changed],
        [c.state.state for c in changed],
        [c.state.decline_code for c in changed],
        [c.state.ended_at for c in changed],
    )
    assert touched == len(changed), "a tip changed under a lock"


def _tip(row: Any) -> Tip:
    known = dict[str, Any](row)
    return Tip(
        paid_from=TipFrom(known.pop("paid_from")), state=TipState(known.pop("state")), **known
    )
