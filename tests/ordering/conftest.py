"""A grill, its customers and couriers, and orders as far along as a test needs them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from tawsil.catalog import public as catalog
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.places import Place
from tawsil.ordering import handover, journey, model, settlement
from tawsil.ordering.model import Order, PaidBy
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting, save
from tawsil.payments import public as payments
from tawsil.pricing import public as pricing

TENANT = UUID("01900000-0000-7000-8000-000000000001")
CITY = UUID("01900000-0000-7000-8000-000000000002")
KITCHEN, DOOR = Place(24.12, 53.1), Place(24.13, 53.1)


class Street:
    """One grill and whoever orders from it."""

    def __init__(self, by: By, ids: Ids) -> None:
        self.by, self.ids = by, ids
        self.customer_id, self.courier_id = ids(), ids()
        self.merchant_id, self.product_id = ids(), ids()

    async def open(self, tx: Tx) -> None:
        await geography.create_tenant(
            tx, tenant=geography.Tenant(id=TENANT, slug="wasla", name="Wasla")
        )
        await geography.create_city(
            tx,
            city=geography.City(
                id=CITY,
                tenant_id=TENANT,
                slug="marsa",
                name_en="Marsa",
                name_ar="المرسى",
                currency="AED",
                timezone="UTC",
                centre=KITCHEN,
                rules=geography.CityRules(),
            ),
        )
        kebab = catalog.NewProduct(name_en="Kebab", name_ar="كباب", price_minor=2_500)
        food = catalog.NewCategory(name_en="Food", name_ar="طعام", products=(kebab,))
        await catalog.create_merchants(
            tx,
            merchants=[
                catalog.NewMerchant(
                    id=self.merchant_id,
                    tenant_id=TENANT,
                    city_id=CITY,
                    name_en="Layali Grill",
                    name_ar="مشاوي ليالي",
                    cuisine="grill",
                    address_en="Corniche 4",
                    address_ar="الكورنيش 4",
                    place=KITCHEN,
                    phone="+97140000001",
                    currency="AED",
                    hours=catalog.ALWAYS,
                    categories=(food,),
                )
            ],
        )
        menu = await catalog.menu(tx, merchant_id=self.merchant_id)
        self.product_id = menu.categories[0].products[0].id

    async def quote(self, tx: Tx) -> UUID:
        command = pricing.IssueQuote(
            by=self.by,
            customer_id=self.customer_id,
            merchant_id=self.merchant_id,
            lines=(catalog.Line(product_id=self.product_id, quantity=2),),
            dropoff=DOOR,
            address="Corniche 12",
            instructions="Ring twice",
        )
        (quote,) = await pricing.issue(tx, [command])
        assert not isinstance(quote, Refusal), quote
        return quote.id

    def placing(self, quote_id: UUID, **fields: Any) -> journey.PlaceOrder:
        return journey.PlaceOrder(
            **{
                "by": self.by,
                "customer_id": self.customer_id,
                "quote_id": quote_id,
                "paid_by": PaidBy.CASH,
                **fields,
            }
        )

    async def offered(self, tx: Tx) -> Order:
        """An order whose money is safe, so that the kitchen may take it."""
        (placed,) = await journey.place(tx, [self.placing(await self.quote(tx))])
        assert isinstance(placed, Order), placed
        return await self.after(tx, placed, model.payment_safe(placed, now=tx.now))

    async def carried(self, tx: Tx) -> Order:
        """An order that the kitchen took and a courier is on."""
        order = await self.offered(tx)
        (taken,) = await journey.accept_order(tx, [self.accepting(order)])
        assert isinstance(taken, Order), taken
        return await self.after(tx, taken, model.assign_courier(taken, courier_id=self.courier_id))

    async def settled(self, tx: Tx) -> Order:
        """An order that was handed over and paid in cash, and everybody has their money."""
        order = await self.carried(tx)
        order = await self.after(tx, order, model.pick_up(order, party=Party.COURIER, now=tx.now))
        return await self.captured(tx, order)

    async def captured(self, tx: Tx, order: Order) -> Order:
        """What a courier carries, handed over and paid."""
        handed = handover.deliver(order, party=Party.COURIER, shown=handover.Shown(), now=tx.now)
        order = await self.after(tx, order, handed)
        (taken,) = await payments.capture(tx, [settlement.capture(self.by, order)])
        assert not isinstance(taken, Refusal), taken
        return await self.after(tx, order, model.settle(order))

    async def after(self, tx: Tx, order: Order, decision: Any) -> Order:
        if isinstance(decision, Refusal) or not decision.events:
            return order
        await save(tx, [(self.by.about(order.id), decision)])
        return decision.state

    def accepting(self, order: Order, **fields: Any) -> journey.AcceptOrder:
        acting = Acting(Party.MERCHANT, self.merchant_id)
        return journey.AcceptOrder(
            **{"by": self.by, "order_id": order.id, "acting": acting, **fields}
        )


@pytest.fixture
async def street(by: By, ids: Ids) -> Street:
    return Street(by, ids)


async def written(tx: Tx) -> Sequence[int]:
    """How much stands in the tables that placing an order writes to."""
    row = await tx.row(
        """
        select (select count(*) from ordering."order"), (select count(*) from ordering.item),
            (select count(*) from ordering.destination), (select count(*) from payments.payment),
            (select count(*) from kernel.event where stream in ('order', 'payment'))
        """
    )
    assert row is not None
    return list(row.values())
