"""No answer from the acquirer, the merchant, any courier: under virtual time, to the end."""

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tawsil.apps import wiring
from tawsil.catalog import public as catalog
from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.jobs import HeldJobs
from tawsil.ordering import public as ordering
from tawsil.payments import public as payments
from tawsil.payments.providers.known import Providers
from tawsil.pricing import public as pricing
from tawsil.simulation.psp.in_process import InProcessPsp
from tawsil.simulation.psp.model import Acquirer
from tawsil.simulation.virtual import VirtualPlatform
from walk.small_city import CITY, CUSTOMER, DOOR, MERCHANT, TENANT, settle_in

Platform = tuple[VirtualPlatform, By]


@pytest.fixture
async def street(database: Database, clock: VirtualClock, jobs: HeldJobs) -> Platform:
    """A small city under virtual time; its couriers have stayed at home."""
    psp = InProcessPsp(Acquirer(ids=Ids(clock, Random(3))))
    platform = VirtualPlatform(
        database,
        clock=clock,
        held=jobs,
        registry=wiring.REGISTRY,
        subscriptions=wiring.subscriptions(),
        deadlines=wiring.DEADLINES,
        jobs=wiring.jobs(
            database=database, providers=Providers({payments.Provider.DIRECT: psp}), payees={}
        ),
    )
    psp.join(platform)
    await settle_in(database)

    async def tick() -> None:
        platform.after(10, tick)
        async with database.transaction() as tx:
            await dispatch.tick(
                tx,
                tenant_id=TENANT,
                city_id=CITY,
                travel=dispatch.OnMap(geography.GreatCircle()),
                policy=dispatch.Policy(),
            )

    await tick()
    return platform, By(tenant_id=TENANT, correlation_id=database.ids())


async def placed(street: Platform, *, card: str = "tok_visa") -> ordering.Order:
    """An order whose money was asked for."""
    platform, by = street
    async with platform.database.transaction() as tx:
        menu = await catalog.menu(tx, merchant_id=MERCHANT)
    (quote,) = await platform.do(
        pricing.issue,
        pricing.IssueQuote(
            by=by,
            customer_id=CUSTOMER,
            merchant_id=MERCHANT,
            lines=(catalog.Line(product_id=menu.categories[0].products[0].id, quantity=2),),
            dropoff=DOOR,
            address="12 Palm Street",
            instructions="",
            tip_minor=0,
        ),
    )
    (order,) = await platform.do(
        ordering.place,
        ordering.PlaceOrder(
            by=by,
            customer_id=CUSTOMER,
            quote_id=quote.id,
            paid_by=ordering.PaidBy.CARD,
            card_tokens=(payments.CardToken(payments.Provider.DIRECT, card),),
        ),
    )
    await platform.settle()
    return order


async def now(street: Platform, order: ordering.Order) -> ordering.Order:
    platform, _ = street
    async with platform.database.transaction() as tx:
        assert await ordering.without_deadline(tx) == 0
        assert all(minor == 0 for minor in (await payments.imbalance(tx)).values())
        return (await ordering.get_many(tx, tenant_id=TENANT, ids=[order.id]))[order.id]


async def story(street: Platform, order: ordering.Order) -> list[str]:
    platform, _ = street
    async with platform.database.transaction() as tx:
        recorded = await ordering.timeline(tx, wiring.REGISTRY, order_id=order.id)
    return [r.type for r in recorded]


async def payment(street: Platform, order: ordering.Order) -> Any:
    platform, _ = street
    async with platform.database.transaction() as tx:
        return (await payments.of_references(tx, reference_ids=[order.id]))[order.id]


async def test_an_outcome_that_nobody_heard_is_looked_up_and_never_taken_for_paid(
    street: Platform,
) -> None:
    platform, by = street
    order = await placed(street, card="tok_unknown_silent")
    take = ordering.AcceptOrder(
        by=by, order_id=order.id, acting=ordering.Acting(ordering.Party.MERCHANT, MERCHANT)
    )
    await platform.run_until(platform.clock() + timedelta(seconds=20))
    assert (await payment(street, order)).state == "unknown"
    (early,) = await platform.do(ordering.accept_order, take)
    assert isinstance(early, Refusal)
    assert early.code == "order.not_paid_yet"
    await platform.run_until(platform.clock() + timedelta(minutes=2))
    assert (await payment(street, order)).state == "authorised"
    assert (await now(street, order)).payment == "safe"
    (taken,) = await platform.do(ordering.accept_order, take)
    assert not isinstance(taken, Refusal)


async def test_an_outcome_that_never_was_ends_the_order(street: Platform) -> None:
    platform, _ = street
    order = await placed(street, card="tok_unknown_lost")
    await platform.run_until(platform.clock() + timedelta(minutes=6))
    order = await now(street, order)
    assert order.status == "CANCELLED"
    assert order.payment == "failed"


async def test_a_merchant_who_never_answers_costs_the_customer_nothing(street: Platform) -> None:
    platform, _ = street
    order = await placed(street)
    await platform.run_until(platform.clock() + timedelta(minutes=6))
    order = await now(street, order)
    assert (order.status, order.ended_because) == ("CANCELLED", "merchant_timeout")
    assert (await payment(street, order)).state == "voided"


async def test_when_nobody_comes_the_ladder_is_climbed_and_the_kitchen_is_still_paid(
    street: Platform,
) -> None:
    platform, by = street
    order = await placed(street)
    acting = ordering.Acting(ordering.Party.MERCHANT, MERCHANT)
    (taken,) = await platform.do(
        ordering.accept_order,
        ordering.AcceptOrder(by=by, order_id=order.id, acting=acting, prep_time_s=300),
    )
    assert not isinstance(taken, Refusal)
    await platform.run_until(platform.clock() + timedelta(minutes=5))
    await platform.do(
        ordering.mark_ready, ordering.MoveOrder(by=by, order_id=order.id, acting=acting)
    )
    await platform.run_until(platform.clock() + timedelta(minutes=40))

    order = await now(street, order)
    assert (order.status, order.ended_because) == ("CANCELLED", "nobody_came")
    told = await story(street, order)
    assert told.count("delivery.escalated.v1") == 3
    assert told.index("delivery.given_up.v1") < told.index("order.cancelled.v1")
    assert (await payment(street, order)).state == "voided"
    async with platform.database.transaction() as tx:
        (balance,) = await payments.balances(
            tx,
            tenant_id=TENANT,
            accounts=[payments.AccountRef(payments.AccountKind.MERCHANT, MERCHANT)],
        )
    assert balance.posted_minor == order.amounts.merchant_minor
