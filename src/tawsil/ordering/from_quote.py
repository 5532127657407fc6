"""A taken quote as an order: its amounts, items and destination, as they will stay."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.ordering import store
from tawsil.ordering.amounts import Amounts
from tawsil.ordering.model import Order, PaidBy, place
from tawsil.pricing import public as pricing


async def orders(
    tx: Tx, taken: Sequence[tuple[PaidBy, UUID, pricing.Quote]]
) -> list[Accepted[Order]]:
    """As they begin, each with a number and a PIN; nothing is written yet."""
    cities = await geography.cities_by_id(tx, ids=list({quote.city_id for *_, quote in taken}))
    numbers = await store.numbers(tx, len(taken))
    decisions: list[Accepted[Order]] = []
    for (paid_by, order_id, quote), number in zip(taken, numbers, strict=True):
        speed_mps = cities[quote.city_id].rules.courier_speed_mps
        decision = place(
            order(
                quote,
                id_=order_id,
                number=number,
                paid_by=paid_by,
                handover_pin=f"{tx.ids.number(below=10_000):04}",
                travel_time_s=round(quote.distance_m / speed_mps) + quote.extra_wait_s,
                placed_at=tx.now,
            )
        )
        assert isinstance(decision, Accepted), "a taken quote can be placed"
        decisions.append(decision)
    return decisions


def order(
    quote: pricing.Quote,
    *,
    id_: UUID,
    number: int,
    paid_by: PaidBy,
    handover_pin: str,
    travel_time_s: int,
    placed_at: datetime,
) -> Order:
    b, shares = quote.breakdown, quote.shares
    return Order(
        id=id_,
        tenant_id=quote.tenant_id,
        city_id=quote.city_id,
        number=number,
        quote_id=quote.id,
        customer_id=quote.customer_id,
        merchant_id=quote.merchant_id,
        paid_by=paid_by,
        amounts=Amounts(
            currency=quote.currency,
            subtotal_minor=b.subtotal_minor,
            delivery_fee_minor=b.delivery_fee_minor,
            service_fee_minor=b.service_fee_minor,
            small_order_fee_minor=b.small_order_fee_minor,
            discount_minor=b.discount_minor,
            tax_minor=b.tax_minor,
            tip_minor=b.tip_minor,
            total_minor=b.total_minor,
            merchant_minor=shares.merchant_minor,
            courier_minor=shares.courier_minor,
            platform_minor=shares.platform_minor,
            tax_included=b.tax_included,
            taxes=b.taxes,
            delivery_tax_minor=b.delivery_tax_minor,
            delivery_fee_parts=b.delivery_fee_parts,
            points_minor=quote.funds.points_minor,
            credit_minor=quote.funds.credit_minor,
        ),
        discounts=quote.promotions,
        pickup=quote.pickup,
        dropoff=quote.dropoff,
        prep_time_s=quote.prep_time_s,
        travel_time_s=travel_time_s,
        handover_pin=handover_pin,
        scheduled_for=quote.scheduled_for,
        placed_at=placed_at,
    )


def items(quote: pricing.Quote) -> list[store.Item]:
    return [
        store.Item(
            product_id=line.product_id,
            name_en=line.name_en,
            name_ar=line.name_ar,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            options=[option.name_en for option in line.options],
            options_ar=[option.name_ar for option in line.options],
            total_minor=line.total_minor,
            discount_minor=charge.discount_minor,
            tax_minor=charge.tax_minor,
        )
        for line, charge in zip(quote.lines, quote.breakdown.lines, strict=True)
    ]


def destination(quote: pricing.Quote, *, notes: str) -> store.Destination:
    return store.Destination(address=quote.address, instructions=quote.instructions, notes=notes)
