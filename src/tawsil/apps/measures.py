"""What operations count: orders and money, heard of like everything else."""

from collections.abc import Sequence

from tawsil.kernel import metrics
from tawsil.kernel.db import Tx
from tawsil.kernel.events import Recorded
from tawsil.ordering import public as ordering
from tawsil.ordering.events import OrderCancelled, OrderDelivered, OrderPlaced
from tawsil.payments.events import PaymentCaptured


async def order_placed(tx: Tx, heard: Sequence[Recorded[OrderPlaced]]) -> None:
    del tx
    for recorded in heard:
        metrics.orders_created.labels(str(recorded.city_id)).inc()


async def order_delivered(tx: Tx, heard: Sequence[Recorded[OrderDelivered]]) -> None:
    for recorded in heard:
        (order,) = (
            await ordering.get_many(tx, tenant_id=recorded.tenant_id, ids=[recorded.stream_id])
        ).values()
        city = str(recorded.city_id)
        metrics.orders_completed.labels(city).inc()
        taken_s = (recorded.at - order.placed_at).total_seconds()
        metrics.delivery_time_s.labels(city).observe(taken_s)


async def order_cancelled(tx: Tx, heard: Sequence[Recorded[OrderCancelled]]) -> None:
    del tx
    for recorded in heard:
        reason = recorded.event.reason if recorded.actor_role == "system" else recorded.actor_role
        metrics.orders_cancelled.labels(str(recorded.city_id), reason).inc()


async def payment_captured(tx: Tx, heard: Sequence[Recorded[PaymentCaptured]]) -> None:
    del tx
    for recorded in heard:
        metrics.revenue.labels(recorded.event.currency).inc(recorded.event.amount_minor)
