"""What the ladder adds to an offer is what the courier is paid."""

from datetime import timedelta

import pytest

from ordering.conftest import CITY, KITCHEN, TENANT, Street
from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.ordering import journey, public
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef
from tawsil.tracking import public as tracking

RUNGS = (timedelta(minutes=2), timedelta(minutes=5))


async def on_duty(tx: Tx, street: Street) -> None:
    await couriers.create_couriers(
        tx,
        couriers=[
            couriers.NewCourier(
                by=street.by,
                courier_id=street.courier_id,
                city_id=CITY,
                vehicle=couriers.Vehicle.MOTORBIKE,
            )
        ],
    )
    shift = couriers.StartShift(by=street.by, courier_id=street.courier_id)
    await couriers.start_shift(tx, [shift])
    ping = tracking.Ping(place=KITCHEN, at=tx.now, accuracy_m=5.0)
    await tracking.record(
        tx, [tracking.RecordPositions(by=street.by, courier_id=street.courier_id, pings=[ping])]
    )


async def climbed(database: Database, clock: VirtualClock, street: Street) -> Order:
    """An order for which no courier was found until it had climbed two rungs."""
    deadlines = Deadlines({"delivery": dispatch.on_due_delivery})
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.offered(tx)
        (taken,) = await journey.accept_order(tx, [street.accepting(order)])
        assert isinstance(taken, Order), taken
        delivery = (await dispatch.of_references(tx, reference_ids=[order.id]))[order.id]
    for after in RUNGS:
        clock.set(delivery.urgent_at + after)
        await deadlines.fire(database)
    return taken


async def told(tx: Tx, street: Street, order: Order) -> dispatch.Offer:
    """The courier's offer, accepted, as ordering hears of it."""
    tick = await dispatch.tick(
        tx, tenant_id=TENANT, city_id=CITY, travel=dispatch.OnMap(geography.GreatCircle())
    )
    (offer,) = tick.offers
    answer = dispatch.Answer(by=street.by, offer_id=offer.id, courier_id=offer.courier_id)
    await dispatch.accept(tx, [answer])
    known = (await public.get_many(tx, tenant_id=TENANT, ids=[order.id]))[order.id]
    decision = journey.model.assign_courier(known, courier_id=offer.courier_id)
    await street.after(tx, known, decision)
    return offer


def acting(street: Street) -> Acting:
    return Acting(Party.COURIER, street.courier_id)


@pytest.mark.parametrize("back", [False, True])
async def test_the_offered_pay_is_paid(
    database: Database, clock: VirtualClock, street: Street, *, back: bool
) -> None:
    order = await climbed(database, clock, street)
    async with database.transaction() as tx:
        await on_duty(tx, street)
        offer = await told(tx, street, order)
        earning = order.amounts.courier_minor
        assert offer.payload.earning_minor > earning
        step = journey.MoveOrder(by=street.by, order_id=order.id, acting=acting(street))
        await journey.pick_up(tx, [step])
        if back:
            failed = journey.MarkUndeliverable(
                by=street.by, order_id=order.id, acting=acting(street), reason="accident"
            )
            await journey.mark_undeliverable(tx, [failed])
            (ended,) = await journey.return_to_merchant(tx, [step])
        else:
            handed = journey.DeliverOrder(by=street.by, order_id=order.id, acting=acting(street))
            (ended,) = await journey.deliver(tx, [handed])
        assert isinstance(ended, Order), ended
        assert ended.status is (Status.RETURNED if back else Status.DELIVERED)
        ref = AccountRef(AccountKind.COURIER, street.courier_id)
        paid = await payments.balances(tx, tenant_id=TENANT, accounts=[ref])
        assert {b.posted_minor for b in paid} == {offer.payload.earning_minor}
        assert set((await payments.imbalance(tx)).values()) <= {0}
