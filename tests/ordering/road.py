"""A courier out of reach, as tests of the outbox drive them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from conftest import TENANT
from ordering.conftest import Street
from ordering.test_incentive import on_duty
from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By
from tawsil.ordering import journey, public
from tawsil.ordering.model import Order
from tawsil.ordering.outbox import service
from tawsil.ordering.outbox.model import Action
from tawsil.ordering.outbox.service import Outcome, SendOutbox

DEVICE = UUID("00000000-0000-7000-8000-00000000de71")


class Road:
    """A courier on duty, orders that are theirs, and their phone."""

    def __init__(self, tx: Tx, street: Street) -> None:
        self.tx, self.street = tx, street
        self.by = By(
            tenant_id=TENANT,
            correlation_id=street.ids(),
            role="delivery_partner",
            actor_id=street.courier_id,
        )
        self._seq = 0

    @property
    def courier_id(self) -> UUID:
        return self.street.courier_id

    async def open(self, orders: int) -> list[Order]:
        await self.street.open(self.tx)
        await on_duty(self.tx, self.street)
        return [await self.assigned() for _ in range(orders)]

    async def assigned(self) -> Order:
        order = await self.street.offered(self.tx)
        (taken,) = await journey.accept_order(self.tx, [self.street.accepting(order)])
        assert isinstance(taken, Order), taken
        given = dispatch.Reassign(
            by=self.by, reference_id=taken.id, courier_id=self.courier_id, reason="by_hand"
        )
        (delivery,) = await dispatch.reassign(self.tx, [given])
        assert isinstance(delivery, dispatch.Delivery), delivery
        decision = journey.model.assign_courier(taken, courier_id=self.courier_id)
        return await self.street.after(self.tx, taken, decision)

    def tap(self, kind: type[Action], *, at: datetime | None = None, **fields: Any) -> Any:
        self._seq += 1
        return kind(action_id=self.street.ids(), seq=self._seq, at=at or self.tx.now, **fields)

    def request(self, actions: Sequence[Action], **fields: Any) -> SendOutbox:
        return SendOutbox(
            **{
                "by": self.by,
                "courier_id": self.courier_id,
                "device_id": DEVICE,
                "sent_at": self.tx.now,
                "actions": tuple(actions),
                **fields,
            }
        )

    async def send(self, *actions: Action, **fields: Any) -> list[Outcome]:
        (receipt,) = await service.take_in(self.tx, [self.request(actions, **fields)])
        return list(receipt.outcomes)

    async def order(self, order: Order) -> Order:
        return (await public.by_id(self.tx, ids=[order.id]))[order.id]

    async def later(self, by: timedelta) -> None:
        self.tx.now += by

    async def standing(self) -> dict[str, Any]:
        """All that is so in the end, without the instants of its becoming known."""
        tx = self.tx
        courier = (await couriers.get_many(tx, ids=[self.courier_id]))[self.courier_id]
        events = """
            select type, version, actor_id from kernel.event order by type, version, actor_id
        """
        taken = """
            select id, seq, does, outcome, code, kept, happened_at from ordering.courier_action
            order by seq
        """
        orders = 'select id, status, version, picked_up_at, delivered_at from ordering."order"'
        deliveries = "select reference_id, state, version, courier_id from dispatch.delivery"
        return {
            "availability": courier.availability,
            "events": [tuple(row.values()) for row in await tx.rows(events)],
            "taken": [tuple(row.values()) for row in await tx.rows(taken)],
            "orders": {tuple(row.values()) for row in await tx.rows(orders)},
            "deliveries": {tuple(row.values()) for row in await tx.rows(deliveries)},
        }
