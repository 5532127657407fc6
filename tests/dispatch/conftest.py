"""A small city to dispatch in: couriers on duty with positions, and things to deliver."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tawsil.couriers import public as couriers
from tawsil.couriers.service import StartShift, start_shift
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.model import Rules, RulesSet
from tawsil.dispatch.public import Answer, Delivery, OnMap, Policy, RequestCourier, Step
from tawsil.dispatch.service.rules import SetRules, set_rules
from tawsil.geography.public import GreatCircle
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.places import Place
from tawsil.tracking import public as tracking


class SmallCity:
    id = UUID("01900000-0000-7000-8000-000000000002")
    site = UUID("01900000-0000-7000-8000-000000000009")
    kitchen = Place(25.2000, 55.2700)
    home = Place(25.2100, 55.2800)

    def __init__(self, by: By, ids: Ids) -> None:
        self.by = by
        self._ids = ids

    def wish(
        self,
        tx: Tx,
        *,
        ready_in: timedelta = timedelta(0),
        site_id: UUID = site,
        pickup: Place = kitchen,
    ) -> RequestCourier:
        return RequestCourier(
            by=self.by.about(self._ids()),
            reference_id=self._ids(),
            city_id=self.id,
            site_id=site_id,
            pickup=pickup,
            dropoff=self.home,
            ready_at=tx.now + ready_in,
            earning_minor=1200,
            currency="AED",
        )

    async def asks(self, tx: Tx, *, count: int = 1, apart: bool = False) -> list[Delivery]:
        """Deliveries wait; `apart`: each at a site of its own, so that none are bundled."""
        wishes = [
            self.wish(
                tx,
                site_id=self._ids() if apart else self.site,
                pickup=Place(25.2 + n * 0.0005, 55.27) if apart else self.kitchen,
            )
            for n in range(count)
        ]
        outcomes = await dispatch.request(tx, wishes)
        return [d for d in outcomes if isinstance(d, Delivery)]

    async def on_duty(self, tx: Tx, *, count: int = 1, from_deg: float = 0.0) -> list[UUID]:
        """Couriers who are available, each a little further from the kitchen; a tenth of a degree
        is eleven kilometres.
        """
        people = [self._ids() for _ in range(count)]
        await couriers.create_couriers(
            tx,
            couriers=[
                couriers.NewCourier(
                    by=self.by,
                    courier_id=id_,
                    city_id=self.id,
                    vehicle=couriers.Vehicle.MOTORBIKE,
                )
                for id_ in people
            ],
        )
        await start_shift(tx, [StartShift(by=self.by, courier_id=id_) for id_ in people])
        for n, id_ in enumerate(people, start=1):
            place = Place(self.kitchen.latitude + from_deg + 0.001 * n, 55.27)
            await self.seen(tx, id_, place, ago=timedelta(minutes=1))
        return people

    async def seen(
        self, tx: Tx, courier_id: UUID, place: Place, *, ago: timedelta = timedelta(0)
    ) -> None:
        ping = tracking.Ping(place=place, at=tx.now - ago, accuracy_m=5.0)
        await tracking.record(
            tx, [tracking.RecordPositions(by=self.by, courier_id=courier_id, pings=[ping])]
        )

    async def tick(self, tx: Tx, *, auto_accept: bool = False, heard: bool = True) -> dispatch.Tick:
        """The dispatcher looks; if `heard`, the phones of who is free have just spoken."""
        if heard:
            await self._phones_speak(tx)
        return await dispatch.tick(
            tx,
            tenant_id=self.by.tenant_id,
            city_id=self.id,
            travel=OnMap(GreatCircle()),
            policy=Policy(),
            auto_accept=auto_accept,
        )

    async def follows(self, tx: Tx, **rules: Any) -> None:
        """The rules of the city from now on."""
        command = SetRules(by=self.by, city_id=self.id, rules=Rules(**rules), reason="a trial")
        (outcome,) = await set_rules(tx, [command])
        assert isinstance(outcome, RulesSet), outcome

    async def _phones_speak(self, tx: Tx) -> None:
        on_duty = await couriers.on_duty(tx, city_id=self.id)
        free = [c.id for c in on_duty if c.availability is couriers.Availability.AVAILABLE]
        for id_, position in (await tracking.latest(tx, courier_ids=free)).items():
            if tx.now - position.at > timedelta(minutes=1):
                await self.seen(tx, id_, position.place)

    async def offer(self, tx: Tx) -> dispatch.Offer:
        """The one offer of a tick."""
        (offer,) = (await self.tick(tx)).offers
        return offer

    def answer(self, offer: dispatch.Offer) -> Answer:
        return Answer(by=self.by, offer_id=offer.id, courier_id=offer.courier_id)

    def step(self, delivery: Delivery, courier_id: UUID) -> Step:
        return Step(by=self.by, reference_id=delivery.reference_id, courier_id=courier_id)

    async def availability(self, tx: Tx, *ids: UUID) -> list[str]:
        known = await couriers.get_many(tx, ids=ids)
        return [known[id_].availability.value for id_ in ids]

    async def now(self, tx: Tx, delivery: Delivery) -> Delivery:
        known = await dispatch.of_references(tx, reference_ids=[delivery.reference_id])
        return known[delivery.reference_id]


@pytest.fixture
def city(by: By, ids: Ids) -> SmallCity:
    return SmallCity(by, ids)
