"""A street with a grill, a desk of support, and what dispatch says about its deliveries."""

from typing import Any
from uuid import UUID

import pytest

from ordering.conftest import CITY, TENANT, Street
from tawsil.couriers import public as couriers
from tawsil.dispatch import events as dispatched
from tawsil.identity import public as identity
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Event
from tawsil.kernel.events import Recorded
from tawsil.ordering import journey
from tawsil.ordering.model import Order
from tawsil.support import store
from tawsil.support.model import Ticket


class Desk(Street):
    """The street with people of support, and a courier."""

    async def open(self, tx: Tx) -> None:
        await super().open(tx)
        newcomer = couriers.NewCourier(
            by=self.by,
            courier_id=self.courier_id,
            city_id=CITY,
            vehicle=couriers.Vehicle.MOTORBIKE,
        )
        await couriers.create_couriers(tx, couriers=[newcomer])

    async def hire(self, tx: Tx, role: identity.Role, name: str) -> UUID:
        new = identity.NewUser(
            id=tx.ids(),
            tenant_id=TENANT,
            email=f"{name}@example.org",
            password_hash="$argon2id$nobody-signs-in",
            name=name,
            roles=(role,),
        )
        (user,) = await identity.create_users(tx, users=[new])
        assert isinstance(user, identity.User), user
        return user.id

    async def searching(self, tx: Tx) -> Order:
        """An order that the kitchen took and no courier has."""
        order = await self.offered(tx)
        (taken,) = await journey.accept_order(tx, [self.accepting(order)])
        assert isinstance(taken, Order), taken
        return taken

    def heard(self, tx: Tx, event: Any, *, city_id: UUID = CITY) -> Recorded[Any]:
        reference_id: UUID = event.reference_id
        return Recorded(
            seq=1,
            id=tx.ids(),
            stream="delivery",
            stream_id=reference_id,
            version=1,
            event=event,
            actor_id=None,
            actor_role="system",
            tenant_id=TENANT,
            city_id=city_id,
            correlation_id=reference_id,
            causation_id=None,
            at=tx.now,
        )

    def escalated(self, tx: Tx, reference_id: UUID, *actions: str, level: int = 3) -> Any:
        event = dispatched.DeliveryEscalated(
            delivery_id=reference_id,
            reference_id=reference_id,
            level=level,
            reason="nobody_accepted",
            actions=actions,
        )
        return self.heard(tx, event)

    def given_up(self, tx: Tx, reference_id: UUID) -> Any:
        return self.heard(
            tx,
            dispatched.DeliveryGivenUp(
                delivery_id=reference_id, reference_id=reference_id, reason="nobody_came"
            ),
        )

    def stranded(self, tx: Tx, reference_id: UUID) -> Any:
        return self.heard(
            tx,
            dispatched.DeliveryStranded(
                delivery_id=reference_id,
                reference_id=reference_id,
                courier_id=self.courier_id,
                cause=dispatched.Cause.COURIER_STALLED,
            ),
        )

    def about(self, tx: Tx, cls: type[Event], reference_id: UUID) -> Any:
        """Some event about a delivery that its courier carries."""
        known = {
            "delivery_id": reference_id,
            "reference_id": reference_id,
            "courier_id": self.courier_id,
            "from_courier_id": tx.ids(),
            "cause": dispatched.Cause.COURIER_STALLED,
            "at_risk_s": 60,
            "dropoff_eta_at": tx.now,
        }
        fields = {name: known[name] for name in cls.__struct_fields__ if name in known}
        return self.heard(tx, cls(**fields))

    def assigned(self, tx: Tx, reference_id: UUID) -> Any:
        return self.heard(
            tx,
            dispatched.DeliveryAssigned(
                delivery_id=reference_id,
                reference_id=reference_id,
                courier_id=self.courier_id,
                pickup_eta_at=tx.now,
                dropoff_eta_at=tx.now,
                urgent_at=tx.now,
                first_offered_at=tx.now,
            ),
        )


@pytest.fixture
async def desk(by: By, ids: Ids) -> Desk:
    return Desk(by, ids)


async def tickets(tx: Tx, **which: Any) -> list[Ticket]:
    found, _ = await store.page(tx, store.Filter(tenant_id=TENANT, **which), limit=100, offset=0)
    return found
