"""What an order brings its courier: as it is offered, and as it is in the end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from tawsil.dispatch.public import Delivery, PayParts, RequestCourier
from tawsil.geography import public as geography
from tawsil.geography.public import CourierPay
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.money import split
from tawsil.ordering.amounts import Amounts
from tawsil.ordering.model import Order, PaidBy
from tawsil.payments import public as payments

MINUTE_S: Final = 60


def parts_of(amounts: Amounts) -> PayParts:
    """The courier's share of the way as the delivery fee was made up, and the whole tip.

    What an hour or a rush adds is surge; what a zone adds is base.
    """
    fee = amounts.delivery_fee_parts
    for_the_way = amounts.courier_minor - amounts.tip_minor
    weights = (
        fee.base_minor + fee.zone_minor,
        fee.distance_minor,
        fee.time_minor + fee.surge_minor,
    )
    base, distance, surge = split(for_the_way, weights if sum(weights) else (1, 0, 0))
    return PayParts(
        base_minor=base,
        distance_minor=distance,
        surge_minor=surge,
        tip_minor=amounts.tip_minor,
    )


def wait_minor(
    *, arrived_at: datetime | None, collected_at: datetime | None, pay: CourierPay
) -> int:
    """For each whole minute at the merchant's beyond the grace, up to a most."""
    if arrived_at is None or collected_at is None:
        return 0
    waited_s = (collected_at - arrived_at).total_seconds() - pay.wait_grace_s
    minutes = min(max(0, int(waited_s // MINUTE_S)), pay.wait_most_minutes)
    return minutes * pay.wait_per_minute_minor


def courier_for(by: By, order: Order, *, now: datetime) -> RequestCourier:
    """Somebody is wanted to bring an order that the kitchen has taken."""
    cash = order.paid_by is PaidBy.CASH
    return RequestCourier(
        by=by,
        reference_id=order.id,
        city_id=order.city_id,
        site_id=order.merchant_id,
        pickup=order.pickup,
        dropoff=order.dropoff,
        ready_at=order.ready_at or now,
        earning_minor=order.amounts.courier_minor,
        currency=order.amounts.currency,
        parts=parts_of(order.amounts),
        collect_minor=order.amounts.due_minor if cash else 0,
    )


async def record(tx: Tx, orders: Sequence[tuple[By, Order]], ended: Sequence[Delivery]) -> None:
    """The last step of deliveries: what they brought, waiting and the ladder's incentive too."""
    deliveries = {delivery.reference_id: delivery for delivery in ended}
    done = [(by, order, deliveries[order.id]) for by, order in orders if order.id in deliveries]
    if not done:
        return
    cities = await geography.cities_by_id(tx, ids=sorted({order.city_id for _, order, _ in done}))
    await payments.record_earnings(
        tx,
        [
            _earned(by, order, delivery, pay=cities[order.city_id].rules.courier_pay)
            for by, order, delivery in done
        ],
    )


def _earned(by: By, order: Order, delivery: Delivery, *, pay: CourierPay) -> payments.RecordEarning:
    assert order.courier_id is not None, "somebody delivered it"
    parts = parts_of(order.amounts)
    return payments.RecordEarning(
        by=by,
        reference_id=order.id,
        courier_id=order.courier_id,
        city_id=order.city_id,
        currency=order.amounts.currency,
        base_minor=parts.base_minor,
        distance_minor=parts.distance_minor,
        surge_minor=parts.surge_minor,
        tip_minor=parts.tip_minor,
        wait_minor=wait_minor(
            arrived_at=delivery.arrived_at, collected_at=delivery.collected_at, pay=pay
        ),
        incentive_minor=delivery.incentive_minor,
    )
