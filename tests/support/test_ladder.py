"""The whole ladder in virtual time: nobody comes, people are told, the customer is asked."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from ordering.conftest import TENANT
from support.conftest import Desk, tickets
from tawsil.apps import wiring
from tawsil.dispatch import public as dispatch
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.deadlines import Deadlines
from tawsil.ordering import journey
from tawsil.ordering import public as ordering
from tawsil.ordering.model import Choice, Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting
from tawsil.support import public, store
from tawsil.support.events import Kind, Resolution, TicketStatus


class Hour:
    """Deadlines fire and listeners hear, minute by minute, in a city without couriers."""

    def __init__(self, database: Database, clock: VirtualClock) -> None:
        self._database, self._clock = database, clock
        self._deadlines = Deadlines(wiring.DEADLINES)
        self._listeners = wiring.subscriptions()

    async def until_asked(self, order: Order) -> Order:
        return await self._pass_until(order, lambda o: o.choice_until_at is not None)

    async def until_over(self, order: Order) -> Order:
        return await self._pass_until(order, lambda o: not o.live)

    async def catch_up(self) -> None:
        while any([await one.advance(self._database) for one in self._listeners]):
            pass

    async def _pass_until(self, order: Order, so: Callable[[Order], bool]) -> Order:
        for _ in range(90):
            self._clock.advance(timedelta(minutes=1))
            await self._deadlines.fire(self._database)
            await self.catch_up()
            async with self._database.transaction() as tx:
                known = await ordering.get_many(tx, tenant_id=TENANT, ids=[order.id])
            if so(known[order.id]):
                return known[order.id]
        pytest.fail("an hour and a half passed")


@pytest.fixture
def hour(database: Database, clock: VirtualClock) -> Hour:
    return Hour(database, clock)


async def searching(database: Database, desk: Desk) -> Order:
    """An order that waits on the counter, and no courier has it."""
    async with database.transaction() as tx:
        await desk.open(tx)
        order = await desk.searching(tx)
        kitchen = Acting(Party.MERCHANT, desk.merchant_id)
        step = journey.MoveOrder(by=desk.by, order_id=order.id, acting=kitchen)
        (ready,) = await journey.mark_ready(tx, [step])
        assert isinstance(ready, Order), ready
        return ready


async def test_nobody_comes(database: Database, desk: Desk, hour: Hour) -> None:
    order = await searching(database, desk)
    asked = await hour.until_asked(order)
    async with database.transaction() as tx:
        (ticket,) = await tickets(tx)
        assert (ticket.kind, ticket.subject_id) == (Kind.UNASSIGNED_ORDER, asked.id)
        assert ticket.status is TicketStatus.OPEN
    over = await hour.until_over(asked)
    assert over.ended_because == "nobody_came"
    await hour.catch_up()
    async with database.transaction() as tx:
        (ticket,) = await tickets(tx)
        causes = [note.cause for note in await store.notes(tx, ticket.id)]
        assert causes == ["escalated", "given_up"]
        assert ticket.status is TicketStatus.OPEN, "somebody paid for nothing: people must look"
        assert await public.without_deadline(tx) == 0


async def test_the_customer_will_not_wait(database: Database, desk: Desk, hour: Hour) -> None:
    order = await hour.until_asked(await searching(database, desk))
    choose = journey.Choose(
        by=desk.by,
        order_id=order.id,
        acting=Acting(Party.CUSTOMER, desk.customer_id),
        choice=Choice.CANCEL,
    )
    async with database.transaction() as tx:
        (ended,) = await journey.choose(tx, [choose])
        assert isinstance(ended, Order), ended
    await hour.catch_up()
    async with database.transaction() as tx:
        delivery = (await dispatch.of_references(tx, reference_ids=[order.id]))[order.id]
        assert delivery.state is dispatch.State.WITHDRAWN
        (ticket,) = await tickets(tx)
        assert (ticket.status, ticket.resolution) == (
            TicketStatus.RESOLVED,
            Resolution.CAUSE_GONE,
        )
