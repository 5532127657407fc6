"""The table of pricing."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from tawsil.catalog.public import PricedLine
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.places import Place
from tawsil.pricing.model.amounts import Breakdown, LineCharge, Shares
from tawsil.pricing.model.discounts import AppliedPromotion, NotApplied
from tawsil.pricing.model.fees import DeliveryFeeParts
from tawsil.pricing.model.funds import Funds
from tawsil.pricing.model.quote import Quote, QuoteStatus
from tawsil.pricing.model.taxes import TaxLine

_lines = msgspec.json.Decoder(tuple[PricedLine, ...])
_taxes = msgspec.json.Decoder(tuple[TaxLine, ...])
_parts = msgspec.json.Decoder(DeliveryFeeParts)
_charges = msgspec.json.Decoder(tuple[LineCharge, ...])
_tips = msgspec.json.Decoder(tuple[int, ...])
_promotions = msgspec.json.Decoder(tuple[AppliedPromotion, ...])
_not_applied = msgspec.json.Decoder(tuple[NotApplied, ...])

_INSERT: Final = """
    insert into pricing.quote (id, version, tenant_id, city_id, customer_id, merchant_id,
        status, currency, lines, subtotal_minor, delivery_fee_minor, service_fee_minor,
        small_order_fee_minor, discount_minor, tax_minor, tip_minor, total_minor,
        merchant_share_minor, courier_share_minor, platform_share_minor, pickup_latitude,
        pickup_longitude, dropoff_latitude, dropoff_longitude, address, instructions,
        distance_m, prep_time_s, issued_at, expires_at, surge_minor, extra_wait_s,
        tax_included, taxes, delivery_tax_minor, delivery_fee_parts, line_charges,
        suggested_tips_bp, commission_plan_id, commission_bp, commission_minor,
        discounts, not_applied, points_minor, credit_minor, scheduled_for, begins_at)
    select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[],
        $6::uuid[], $7::text[], $8::text[], $9::jsonb[], $10::bigint[], $11::bigint[],
        $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[],
        $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[], $21::double precision[],
        $22::double precision[], $23::double precision[], $24::double precision[], $25::text[],
        $26::text[], $27::int[], $28::int[], $29::timestamptz[], $30::timestamptz[],
        $31::bigint[], $32::int[], $33::boolean[], $34::jsonb[], $35::bigint[], $36::jsonb[],
        $37::jsonb[], $38::jsonb[], $39::uuid[], $40::int[], $41::bigint[],
        $42::jsonb[], $43::jsonb[], $44::bigint[], $45::bigint[], $46::timestamptz[],
        $47::timestamptz[])
"""


async def insert(tx: Tx, quotes: Sequence[Quote]) -> None:
    if not quotes:
        return
    await tx.execute(
        _INSERT,
        [q.id for q in quotes],
        [q.version for q in quotes],
        [q.tenant_id for q in quotes],
        [q.city_id for q in quotes],
        [q.customer_id for q in quotes],
        [q.merchant_id for q in quotes],
        [q.status for q in quotes],
        [q.currency for q in quotes],
        [_json(q.lines) for q in quotes],
        [q.breakdown.subtotal_minor for q in quotes],
        [q.breakdown.delivery_fee_minor for q in quotes],
        [q.breakdown.service_fee_minor for q in quotes],
        [q.breakdown.small_order_fee_minor for q in quotes],
        [q.breakdown.discount_minor for q in quotes],
        [q.breakdown.tax_minor for q in quotes],
        [q.breakdown.tip_minor for q in quotes],
        [q.breakdown.total_minor for q in quotes],
        [q.shares.merchant_minor for q in quotes],
        [q.shares.courier_minor for q in quotes],
        [q.shares.platform_minor for q in quotes],
        [q.pickup.latitude for q in quotes],
        [q.pickup.longitude for q in quotes],
        [q.dropoff.latitude for q in quotes],
        [q.dropoff.longitude for q in quotes],
        [q.address for q in quotes],
        [q.instructions for q in quotes],
        [q.distance_m for q in quotes],
        [q.prep_time_s for q in quotes],
        [q.issued_at for q in quotes],
        [q.expires_at for q in quotes],
        [q.surge_minor for q in quotes],
        [q.extra_wait_s for q in quotes],
        [q.breakdown.tax_included for q in quotes],
        [_json(q.breakdown.taxes) for q in quotes],
        [q.breakdown.delivery_tax_minor for q in quotes],
        [_json(q.breakdown.delivery_fee_parts) for q in quotes],
        [_json(q.breakdown.lines) for q in quotes],
        [_json(q.suggested_tips_bp) for q in quotes],
        [q.commission_plan_id for q in quotes],
        [q.commission_bp for q in quotes],
        [q.shares.commission_minor for q in quotes],
        [_json(q.promotions) for q in quotes],
        [_json(q.not_applied) for q in quotes],
        [q.funds.points_minor for q in quotes],
        [q.funds.credit_minor for q in quotes],
        [q.scheduled_for for q in quotes],
        [q.begins_at for q in quotes],
    )


async def lock(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Quote]:
    rows = await tx.rows(
        "select * from pricing.quote where id = any($1::uuid[]) order by id for update", list(ids)
    )
    return {row["id"]: _quote(row) for row in rows}


async def quote(tx: Tx, *, quote_id: UUID) -> Quote | None:
    row = await tx.row("select * from pricing.quote where id = $1", quote_id)
    return _quote(row) if row else None


async def save(tx: Tx, decisions: Sequence[Accepted[Quote]]) -> None:
    """Write quotes that were taken or expired; they forget the words of the address.

    At most one decision about each can have been accepted.
    """
    if not decisions:
        return
    saved = await tx.execute(
        """
        update pricing.quote q
        set version = u.version, status = u.status, address = '', instructions = ''
        from unnest($1::uuid[], $2::int[], $3::int[], $4::text[])
            u (id, expected, version, status)
        where q.id = u.id and q.version = u.expected
        """,
        [d.state.id for d in decisions],
        [d.expected_version for d in decisions],
        [d.state.version for d in decisions],
        [d.state.status for d in decisions],
    )
    assert saved == len(decisions), "a locked quote cannot have changed"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def end_unpaid(tx: Tx, *, ids: Sequence[UUID]) -> None:
    """Their orders came to nothing: they are no orders of their customers."""
    await tx.execute(
        "update pricing.quote set ended_unpaid = true where id = any($1::uuid[])", list(ids)
    )


async def customers_who_ordered(tx: Tx, *, customer_ids: Collection[UUID]) -> set[UUID]:
    """Those of whom an order was placed that did not end unpaid."""
    rows = await tx.rows(
        """
        select c.id from unnest($1::uuid[]) c (id) where exists (
            select from pricing.quote q
            where q.customer_id = c.id and q.status = 'taken' and not q.ended_unpaid
        )
        """,
        list(customer_ids),
    )
    return {row["id"] for row in rows}


def _quote(row: asyncpg.Record) -> Quote:
    promotions = _promotions.decode(row["discounts"])
    return Quote(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        city_id=row["city_id"],
        customer_id=row["customer_id"],
        merchant_id=row["merchant_id"],
        status=QuoteStatus(row["status"]),
        currency=row["currency"],
        lines=_lines.decode(row["lines"]),
        breakdown=Breakdown(
            subtotal_minor=row["subtotal_minor"],
            delivery_fee_minor=row["delivery_fee_minor"],
            service_fee_minor=row["service_fee_minor"],
            small_order_fee_minor=row["small_order_fee_minor"],
            discount_minor=row["discount_minor"],
            tax_minor=row["tax_minor"],
            tip_minor=row["tip_minor"],
            total_minor=row["total_minor"],
            tax_included=row["tax_included"],
            taxes=_taxes.decode(row["taxes"]),
            delivery_tax_minor=row["delivery_tax_minor"],
            delivery_fee_parts=_parts.decode(row["delivery_fee_parts"]),
            lines=_charges.decode(row["line_charges"]),
            discounts=tuple(one.discount for one in promotions),
        ),
        shares=Shares(
            merchant_minor=row["merchant_share_minor"],
            courier_minor=row["courier_share_minor"],
            platform_minor=row["platform_share_minor"],
            tax_minor=row["tax_minor"],
            commission_minor=row["commission_minor"],
        ),
        suggested_tips_bp=_tips.decode(row["suggested_tips_bp"]),
        commission_plan_id=row["commission_plan_id"],
        commission_bp=row["commission_bp"],
        pickup=Place(row["pickup_latitude"], row["pickup_longitude"]),
        dropoff=Place(row["dropoff_latitude"], row["dropoff_longitude"]),
        address=row["address"],
        instructions=row["instructions"],
        distance_m=row["distance_m"],
        prep_time_s=row["prep_time_s"],
        surge_minor=row["surge_minor"],
        extra_wait_s=row["extra_wait_s"],
        funds=Funds(points_minor=row["points_minor"], credit_minor=row["credit_minor"]),
        promotions=promotions,
        not_applied=_not_applied.decode(row["not_applied"]),
        scheduled_for=row["scheduled_for"],
        begins_at=row["begins_at"],
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
    )
