"""The SQL of reports: each is one pass over the orders of one merchant, placed in a span of time.

An order counts where it was placed. It is sold when the kitchen has earned it: handed over, brought
back, or called off after it was begun because no courier came, which the platform pays for.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx

BY: Final = {
    "day": "(o.placed_at at time zone $4)::date::text",
    "hour": "to_char(o.placed_at at time zone $4, 'HH24')",
}

_ITS_ORDERS: Final = "o.merchant_id = $1 and o.placed_at >= $2 and o.placed_at < $3"
_SOLD: Final = """(
    o.status in ('DELIVERED', 'DISPUTED', 'RETURNED', 'REFUNDED')
    or (o.status = 'CANCELLED' and o.accepted_at is not null
        and o.ended_because = any(array['nobody_came', 'gave_up_waiting']))
)"""
_READY: Final = """o.status in ('READY_FOR_PICKUP', 'PICKED_UP', 'IN_TRANSIT', 'UNDELIVERABLE',
    'DELIVERED', 'DISPUTED', 'RETURNED', 'REFUNDED')"""


class Span(Struct, frozen=True, kw_only=True):
    """Of which merchant, between which instants, by which clocks."""

    merchant_id: UUID
    from_at: datetime
    to_at: datetime
    timezone: str


class Sales(Struct, frozen=True, kw_only=True):
    """`net_minor` is what the merchant's account has of these orders.

    Gross are the dishes at their prices; deducted of it are commission, the merchant's part of
    discounts, and tax that prices include. Of refunds, what the merchant bears.
    """

    period: str
    orders: int
    gross_minor: int
    deducted_minor: int
    refunded_minor: int

    @property
    def net_minor(self) -> int:
        return self.gross_minor - self.deducted_minor - self.refunded_minor


class Sold(Struct, frozen=True, kw_only=True):
    """A product, by how much of it was sold."""

    rank: int
    product_id: UUID
    name_en: str
    name_ar: str
    quantity: int
    orders: int
    amount_minor: int


class Pace(Struct, frozen=True, kw_only=True):
    """How the kitchen answered what it was offered, and how long it took."""

    offered: int
    accepted: int
    cancelled: int
    accept_p50_s: float | None
    accept_p90_s: float | None
    prep_p50_s: float | None
    prep_p90_s: float | None


class Cancelled(Struct, frozen=True, kw_only=True):
    reason: str
    orders: int
    gross_minor: int


async def sales(tx: Tx, span: Span, *, by: str) -> list[Sales]:
    """By day, or by the hour of the day; only those in which something was sold."""
    rows = await tx.rows(
        f"""
        with sold as (
            select {BY[by]} as period, count(*) as orders,
                sum(o.subtotal_minor)::bigint as gross_minor,
                sum(o.subtotal_minor - o.merchant_minor)::bigint as deducted_minor
            from ordering."order" o where {_ITS_ORDERS} and {_SOLD} group by 1
        ), returned as (
            select {BY[by]} as period, sum(r.merchant_minor)::bigint as refunded_minor
            from ordering.refund r join ordering."order" o on o.id = r.order_id
            where r.merchant_id = $1 and r.asked_at >= $2 and r.state = 'done' and {_ITS_ORDERS}
            group by 1
        )
        select sold.*, coalesce(returned.refunded_minor, 0) as refunded_minor
        from sold left join returned using (period) order by period
        """,  # noqa: S608 - constants
        *_args(span),
    )
    return [Sales(**row) for row in rows]


async def items(tx: Tx, span: Span, *, limit: int) -> list[Sold]:
    """The most sold first, by the names that they were sold under last."""
    rows = await tx.rows(
        f"""
        with sold as (
            select i.product_id, sum(i.quantity)::bigint as quantity,
                count(distinct i.order_id) as orders, sum(i.total_minor)::bigint as amount_minor,
                max(i.order_id::text)::uuid as newest
            from ordering."order" o join ordering.item i on i.order_id = o.id
            where {_ITS_ORDERS} and {_SOLD}
            group by 1 order by 2 desc, 4 desc, 1 limit $4
        )
        select row_number() over (order by s.quantity desc, s.amount_minor desc, s.product_id)
                as rank, s.product_id, n.name_en, n.name_ar, s.quantity, s.orders, s.amount_minor
        from sold s cross join lateral (
            select i.name_en, i.name_ar from ordering.item i
            where i.order_id = s.newest and i.product_id = s.product_id limit 1
        ) n
        order by rank
        """,  # noqa: S608 - constants
        *_args(span)[:3],
        limit,
    )
    return [Sold(**row) for row in rows]


async def pace(tx: Tx, span: Span) -> Pace:
    """Of the orders it was offered. Preparing is from accepting to what was marked ready."""
    row = await tx.row(
        f"""
        select count(*) as offered, count(o.accepted_at) as accepted,
            count(*) filter (where o.status = 'CANCELLED') as cancelled,
            {_percentile(0.5, "o.accepted_at - o.offered_at")} as accept_p50_s,
            {_percentile(0.9, "o.accepted_at - o.offered_at")} as accept_p90_s,
            {_percentile(0.5, "o.ready_at - o.accepted_at")} filter (where {_READY}) as prep_p50_s,
            {_percentile(0.9, "o.ready_at - o.accepted_at")} filter (where {_READY}) as prep_p90_s
        from ordering."order" o where {_ITS_ORDERS} and o.offered_at is not null
        """,  # noqa: S608 - constants
        *_args(span)[:3],
    )
    assert row is not None, "an aggregate has a row"
    return Pace(**row)


async def cancellations(tx: Tx, span: Span) -> list[Cancelled]:
    """By reason, the most frequent first; of the orders that the merchant was offered."""
    rows = await tx.rows(
        f"""
        select o.ended_because as reason, count(*) as orders,
            sum(o.subtotal_minor)::bigint as gross_minor
        from ordering."order" o
        where {_ITS_ORDERS} and o.offered_at is not null and o.status = 'CANCELLED'
        group by 1 order by 2 desc, 1
        """,  # noqa: S608 - constants
        *_args(span)[:3],
    )
    return [Cancelled(**row) for row in rows]


def _percentile(part: float, sql: str) -> str:
    return f"percentile_cont({part}) within group (order by extract(epoch from {sql})::float8)"


def _args(span: Span) -> Sequence[Any]:
    return (span.merchant_id, span.from_at, span.to_at, span.timezone)
