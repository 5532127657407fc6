"""The cash that couriers carry, as payments tells it, and how much each may carry."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx


class Cash(Struct, frozen=True, kw_only=True):
    """What a courier holds in one currency. `limit_minor` is their own; None: the city's.

    `blocked`: they have kept it for too long, and collect no more until it is handed in.
    """

    courier_id: UUID
    tenant_id: UUID
    currency: str
    held_minor: int
    limit_minor: int | None = None
    blocked: bool = False


async def keep(tx: Tx, held: Sequence[Cash]) -> None:
    """Take in what is so now; what was known before is forgotten."""
    if not held:
        return
    by_key = {(cash.courier_id, cash.currency): cash for cash in held}
    rows = [by_key[key] for key in sorted(by_key)]
    await tx.execute(
        """
        insert into couriers.cash (courier_id, tenant_id, currency, held_minor, limit_minor,
            blocked)
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[],
            $6::boolean[])
        on conflict (courier_id, currency) do update set held_minor = excluded.held_minor,
            limit_minor = excluded.limit_minor, blocked = excluded.blocked
        """,
        [cash.courier_id for cash in rows],
        [cash.tenant_id for cash in rows],
        [cash.currency for cash in rows],
        [cash.held_minor for cash in rows],
        [cash.limit_minor for cash in rows],
        [cash.blocked for cash in rows],
    )


async def held_by(tx: Tx, *, courier_ids: Sequence[UUID], currency: str) -> dict[UUID, Cash]:
    rows = await tx.rows(
        """
        select courier_id, tenant_id, currency, held_minor, limit_minor, blocked
        from couriers.cash where courier_id = any($1::uuid[]) and currency = $2
        """,
        list(courier_ids),
        currency,
    )
    return {row["courier_id"]: Cash(**row) for row in rows}
