"""The table of loads: the last measurement of each city."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch.model import Load
from tawsil.kernel.db import Tx


async def load_of(tx: Tx, *, city_id: UUID) -> Load | None:
    row = await tx.row("select * from dispatch.pressure where city_id = $1", city_id)
    return Load(**dict(row)) if row else None


async def keep_load(tx: Tx, load: Load) -> None:
    await tx.execute(
        """
        insert into dispatch.pressure (city_id, measured_at, wanted, couriers, load)
        values ($1, $2, $3, $4, $5)
        on conflict (city_id) do update set measured_at = excluded.measured_at,
            wanted = excluded.wanted, couriers = excluded.couriers, load = excluded.load
        """,
        load.city_id,
        load.measured_at,
        load.wanted,
        load.couriers,
        load.load,
    )


async def wanted_by(tx: Tx, *, city_id: UUID, at: datetime) -> int:
    """How many deliveries without a courier are ready by an instant."""
    return await tx.value(
        """
        select count(*) from dispatch.delivery
        where city_id = $1 and state in ('waiting', 'offered') and ready_at <= $2
        """,
        city_id,
        at,
    )


class WantedInCash(Struct, frozen=True):
    """How many deliveries wait that are paid in cash, and the least that one of them brings."""

    count: int
    least_minor: int
    currency: str


async def wanted_in_cash(tx: Tx, *, city_id: UUID, at: datetime) -> WantedInCash | None:
    """Of those without a courier that are ready by an instant; None when there are none."""
    row = await tx.row(
        """
        select count(*) as count, min(collect_minor) as least_minor, min(currency) as currency
        from dispatch.delivery
        where city_id = $1 and state in ('waiting', 'offered') and ready_at <= $2
            and collect_minor > 0
        having count(*) > 0
        """,
        city_id,
        at,
    )
    return None if row is None else WantedInCash(**dict(row))


async def busy_beyond(tx: Tx, *, city_id: UUID, courier_ids: Iterable[UUID], at: datetime) -> int:
    """How many of these couriers still carry or collect something after an instant."""
    return await tx.value(
        """
        select count(distinct courier_id) from dispatch.delivery
        where city_id = $1 and courier_id = any($2::uuid[]) and dropoff_eta_at > $3
            and state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed')
        """,
        city_id,
        list(courier_ids),
        at,
    )
