"""The points of orders: earned when the money has arrived, taken back with what is given back."""

from collections.abc import Sequence
from uuid import UUID

from tawsil.experiments import public as experiments
from tawsil.experiments.public import Module
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.money import share
from tawsil.ordering import store
from tawsil.ordering.model import Order
from tawsil.ordering.refunds import store as refund_store
from tawsil.ordering.refunds.model import Refund, RefundState
from tawsil.ordering.refunds.parts import parts_of, round_half_up, sold_minor
from tawsil.payments import public as payments


async def earn(tx: Tx, settled: Sequence[tuple[By, Order]]) -> None:
    """On what was paid for the items, as the city of the order says."""
    cities = await geography.cities_by_id(tx, ids=list({order.city_id for _, order in settled}))
    commands: list[payments.EarnPoints] = []
    off = await experiments.modules_off(tx, tenant_ids={by.tenant_id for by, _ in settled})
    for by, order in settled:
        if Module.LOYALTY in off.get(by.tenant_id, ()):
            continue
        rules = cities[order.city_id].rules.loyalty
        paid_minor = max(0, order.amounts.subtotal_minor - order.amounts.discount_minor)
        if rules.on and order.amounts.subtotal_minor >= rules.least_subtotal_minor:
            commands.append(
                payments.EarnPoints(
                    by=by,
                    reference_id=order.id,
                    customer_id=order.customer_id,
                    currency=order.amounts.currency,
                    amount_minor=share(paid_minor, basis_points=rules.earn_bp),
                    lapses_at=payments.points_lapse_at(tx.now, months=rules.expire_after_months),
                )
            )
    await payments.earn_points(tx, commands)


async def take_back(tx: Tx, done: Sequence[tuple[By, Refund]]) -> None:
    """In proportion to the items that were given back, over all refunds of an order."""
    order_ids = list({refund.order_id for _, refund in done})
    earned = await payments.points_earned(tx, reference_ids=order_ids)
    if not earned:
        return
    orders = await store.get(tx, order_ids)
    items = await store.items(tx, order_ids)
    refunds = await refund_store.of_orders(tx, order_ids)
    whole = {
        order_id: sold_minor(parts_of(order.amounts, items[order_id]))
        for order_id, order in orders.items()
    }
    commands: list[payments.TakePointsBack] = []
    new = {refund.id for _, refund in done}
    before = {
        order_id: sum(
            r.back.items_minor for r in of if r.state is RefundState.DONE and r.id not in new
        )
        for order_id, of in refunds.items()
    }
    for by, refund in done:
        order_id = refund.order_id
        if order_id not in earned or not whole[order_id]:
            continue
        so_far = before[order_id]
        before[order_id] = so_far + refund.back.items_minor
        commands.append(
            payments.TakePointsBack(
                by=by,
                id=refund.id,
                reference_id=order_id,
                customer_id=refund.customer_id,
                currency=refund.currency,
                amount_minor=_part(earned, order_id, before[order_id], whole)
                - _part(earned, order_id, so_far, whole),
            )
        )
    await payments.take_points_back(tx, commands)


def _part(earned: dict[UUID, int], order_id: UUID, given_back: int, whole: dict[UUID, int]) -> int:
    return round_half_up(earned[order_id] * given_back, whole[order_id])
