"""The picture and the story, found in a real database."""

from datetime import timedelta
from uuid import UUID

import pytest

from tawsil.apps.wiring import REGISTRY
from tawsil.catalog.public import ALWAYS, NewMerchant, create_merchants
from tawsil.consoles.picture import Presence
from tawsil.consoles.view import LiveWatch
from tawsil.geography.public import City
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Accepted, By, then
from tawsil.kernel.places import Place
from tawsil.ordering import model, store
from tawsil.ordering.amounts import Amounts
from tawsil.ordering.model import Order, PaidBy
from tawsil.ordering.moves import Party
from tawsil.pricing import public as pricing

CENTRE = Place(24.12, 53.1)


@pytest.fixture
async def order(database: Database, city: City, by: By, courier_id: UUID) -> Order:
    async with database.transaction() as tx:
        [merchant] = await create_merchants(
            tx,
            merchants=[
                NewMerchant(
                    tenant_id=by.tenant_id,
                    city_id=city.id,
                    name_en="Harbour Grill",
                    name_ar="مشاوي الميناء",
                    cuisine="grill",
                    address_en="1 Quay",
                    address_ar="الرصيف 1",
                    place=CENTRE,
                    phone="+97142000000",
                    currency="AED",
                    hours=ALWAYS,
                )
            ],
        )
        new = _placed(tx, by, city_id=city.id, merchant_id=merchant.id)
        decision = then(model.place(new), lambda o: model.payment_safe(o, now=tx.now))
        decision = then(
            decision,
            lambda o: model.accept_order(o, party=Party.MERCHANT, prep_time_s=600, now=tx.now),
        )
        decision = then(decision, lambda o: model.assign_courier(o, courier_id=courier_id))
        assert isinstance(decision, Accepted)
        await store.add(tx, [(decision.state, [], store.Destination(address="2 Lane"))])
        await tx.record([(by.about(new.id), decision)])
        return decision.state


def _placed(tx: Tx, by: By, *, city_id: UUID, merchant_id: UUID) -> Order:
    return Order(
        id=tx.ids(),
        tenant_id=by.tenant_id,
        city_id=city_id,
        number=10_001,
        quote_id=tx.ids(),
        customer_id=tx.ids(),
        merchant_id=merchant_id,
        paid_by=PaidBy.CARD,
        amounts=Amounts(
            currency="AED",
            subtotal_minor=5_000,
            delivery_fee_minor=500,
            delivery_fee_parts=pricing.DeliveryFeeParts(base_minor=500),
            service_fee_minor=0,
            small_order_fee_minor=0,
            discount_minor=0,
            tax_minor=0,
            tip_minor=0,
            total_minor=5_500,
            merchant_minor=4_000,
            courier_minor=500,
            platform_minor=1_000,
        ),
        pickup=CENTRE,
        dropoff=Place(24.13, 53.11),
        prep_time_s=600,
        travel_time_s=600,
        handover_pin="1234",
        placed_at=tx.now,
    )


async def test_a_picture_of_a_city(
    database: Database, by: By, order: Order, courier_id: UUID
) -> None:
    watch = LiveWatch(database, registry=REGISTRY)
    picture = await watch.picture(tenant_id=by.tenant_id, slug="marsa")
    assert picture is not None
    [mark] = picture.orders
    assert (mark.number, mark.status, mark.courier) == (order.number, "ACCEPTED", "Grace")
    assert mark.merchant.said_in("ar") == "مشاوي الميناء"
    assert mark.deadline_kind == "prep_start"
    assert mark.next_stop == CENTRE
    [courier] = picture.couriers
    assert (courier.id, courier.presence, courier.place) == (courier_id, Presence.FREE, CENTRE)
    assert not courier.stale(picture.at)
    assert courier.stale(picture.at + timedelta(minutes=1))
    assert (picture.delivered, picture.median_s) == (0, None)


async def test_a_story_is_told_in_order_and_by_name(
    database: Database, by: By, order: Order
) -> None:
    story = await LiveWatch(database, registry=REGISTRY).story(
        tenant_id=by.tenant_id, order_id=order.id
    )
    assert story is not None
    told = [entry.sentence for entry in story.entries]
    assert len(told) == 4
    assert "55.00 AED" in told[0]
    assert "until 16:05 to answer" in told[1]
    assert "ready at 16:10" in told[2]
    assert told[3] == "\u2068Grace\u2069 is the courier of this order."


@pytest.mark.usefixtures("order")
async def test_another_tenant_sees_nothing(database: Database, order: Order, ids: Ids) -> None:
    watch, other = LiveWatch(database, registry=REGISTRY), ids()
    assert await watch.picture(tenant_id=other) is None
    assert await watch.story(tenant_id=other, order_id=order.id) is None
