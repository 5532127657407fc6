"""What the platform recorded of a day: enough to tell its solution, and whether it is all there."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from tawsil.dispatch import events as dispatched
from tawsil.kernel.db import Tx
from tawsil.kernel.events import Recorded
from tawsil.ordering import events as ordered

_BEGUN: Final = frozenset(
    {
        "order.placed.v1",
        "payment.authorised.v1",
        "order.offered.v1",
        "order.accepted.v1",
        "delivery.requested.v1",
        "order.preparation_started.v1",
        "order.ready.v1",
    }
)
_DELIVERED: Final = _BEGUN | {
    "delivery.assigned.v1",
    "order.courier_assigned.v1",
    "order.picked_up.v1",
    "delivery.picked_up.v1",
    "order.delivered.v1",
    "delivery.done.v1",
    "payment.captured.v1",
    "order.settled.v1",
}
_CANCELLED: Final = _BEGUN | {"delivery.given_up.v1", "order.cancelled.v1", "payment.voided.v1"}


class Chronicle:
    """What the platform recorded, as far as a solution tells it."""

    def __init__(self) -> None:
        self.placed = 0
        self.ended: set[UUID] = set()
        self.waiting: set[UUID] = set()
        self.assigned_at: dict[UUID, datetime] = {}
        self.picked_up: dict[UUID, tuple[UUID, datetime]] = {}
        self.delivered_at: dict[UUID, datetime] = {}

    @property
    def live(self) -> int:
        return self.placed - len(self.ended)

    def watch(self, recorded: Recorded[Any]) -> None:
        match recorded.event:
            case ordered.OrderPlaced():
                self.placed += 1
            case (
                dispatched.DeliveryRequested(reference_id=order_id)
                | dispatched.DeliveryUnassigned(reference_id=order_id)
            ):
                self.waiting.add(order_id)
            case dispatched.DeliveryAssigned(reference_id=order_id):
                self.assigned_at[order_id] = recorded.at
                self.waiting.discard(order_id)
            case dispatched.DeliveryGivenUp(reference_id=order_id):
                self.waiting.discard(order_id)
            case ordered.OrderPickedUp(order_id=order_id, courier_id=courier_id):
                assert courier_id is not None, "somebody picked it up"
                self.picked_up[order_id] = courier_id, recorded.at
            case ordered.OrderDelivered(order_id=order_id):
                self.delivered_at[order_id] = recorded.at
            case (
                ordered.OrderSettled(order_id=order_id) | ordered.OrderCancelled(order_id=order_id)
            ):
                self.ended.add(order_id)
            case _:
                pass

    def bundles(self) -> list[tuple[UUID, datetime, list[UUID]]]:
        """Courier, pick-up, and what was picked up together in the order of its drop-off."""
        trips = sorted(
            (courier_id, at, self.delivered_at[order_id], order_id)
            for order_id, (courier_id, at) in self.picked_up.items()
        )
        return [
            (courier_id, at, [order_id for *_, order_id in trip])
            for (courier_id, at), trip in groupby(trips, key=lambda t: t[:2])
        ]


async def count_untold(tx: Tx, *, order_ids: Sequence[UUID]) -> int:
    """How many orders' stories are not whole: from placed to settled, or to cancelled."""
    rows = await tx.rows(
        "select correlation_id as order_id, array_agg(type order by seq) as types "
        "from kernel.event where correlation_id = any($1::uuid[]) group by 1",
        list(order_ids),
    )
    stories = {row["order_id"]: row["types"] for row in rows}
    return sum(not _whole(stories.get(id_, [])) for id_ in order_ids)


def _whole(types: Sequence[str]) -> bool:
    """Whether a story has every chapter to its end, or tells of a cancellation that undid it."""
    if "order.cancelled.v1" in types:
        return set(types) >= _CANCELLED
    return set(types) >= _DELIVERED and types[-1] == "order.settled.v1"
