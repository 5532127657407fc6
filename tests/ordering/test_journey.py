"""The journey's steps on a real database: all of a step, or nothing of it."""

from datetime import timedelta
from importlib.resources import files
from re import findall
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from ordering.conftest import Street, written
from tawsil.dispatch.events import DeliveryHandedOver
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.i18n import catalogues
from tawsil.ordering import journey, model, public
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting
from tawsil.pricing import public as pricing


@pytest.fixture
async def opened(tx: Tx, street: Street) -> Street:
    await street.open(tx)
    return street


async def test_an_order_is_placed_from_a_quote_once(tx: Tx, opened: Street) -> None:
    quote_id = await opened.quote(tx)
    first, again = await journey.place(tx, [opened.placing(quote_id), opened.placing(quote_id)])
    assert isinstance(first, Order)
    assert isinstance(again, Refusal)
    assert again.code == "quote.taken"
    assert await public.without_deadline(tx) == 0
    assert (await written(tx))[:3] == [1, 1, 1]
    before = await written(tx)
    (later,) = await journey.place(tx, [opened.placing(quote_id)])
    assert isinstance(later, Refusal)
    assert await written(tx) == before


async def test_a_foreign_an_expired_and_an_unknown_quote_leave_nothing(
    tx: Tx, opened: Street
) -> None:
    before = await written(tx)
    foreign, expired = await opened.quote(tx), await opened.quote(tx)
    tx.now += timedelta(minutes=16)
    codes = [
        outcome.code
        for outcome in await journey.place(
            tx,
            [
                opened.placing(foreign, customer_id=tx.ids()),
                opened.placing(expired),
                opened.placing(tx.ids()),
            ],
        )
        if isinstance(outcome, Refusal)
    ]
    assert codes == ["request.not_found", "quote.expired", "request.not_found"]
    assert await written(tx) == before


async def test_a_quote_of_another_tenant_is_not_there(tx: Tx, opened: Street) -> None:
    quote_id = await opened.quote(tx)
    elsewhere = replace(opened.by, tenant_id=tx.ids())
    (outcome,) = await journey.place(tx, [opened.placing(quote_id, by=elsewhere)])
    assert isinstance(outcome, Refusal), "placed into another tenant"
    assert outcome.status == 404


async def test_pins_do_not_follow_from_ids(tx: Tx, opened: Street) -> None:
    quotes = [await opened.quote(tx) for _ in range(40)]
    orders = await journey.place(tx, [opened.placing(quote_id) for quote_id in quotes])
    near = [
        order
        for order in orders
        if isinstance(order, Order) and 0 < (int(order.handover_pin) - order.id.int) % 10_000 < 200
    ]
    assert len(near) < 10, "a PIN must not be guessed from the order's id"


async def test_commands_about_one_order_follow_one_another(tx: Tx, opened: Street) -> None:
    order = await opened.offered(tx)
    first, second = await journey.accept_order(tx, [opened.accepting(order)] * 2)
    assert isinstance(first, Order)
    assert isinstance(second, Refusal)
    assert (first.status, second.code) == (Status.ACCEPTED, "order.illegal_move")
    assert second.detail["legal"] == ["CANCELLED", "PREPARING"]
    accepted = "select count(*) from kernel.event where type = 'order.accepted.v1'"
    assert await tx.value(accepted) == 1
    assert await tx.value("select count(*) from dispatch.delivery") == 1


async def test_nobody_moves_an_order_that_is_not_theirs(tx: Tx, opened: Street) -> None:
    order = await opened.offered(tx)
    strangers = [
        opened.accepting(order, by=replace(opened.by, tenant_id=tx.ids())),
        opened.accepting(order, acting=Acting(Party.MERCHANT, tx.ids())),
        opened.accepting(order, acting=Acting(Party.MERCHANT)),
        opened.accepting(order, acting=Acting(Party.COURIER)),
        opened.accepting(order, acting=Acting(Party.CUSTOMER, tx.ids())),
        opened.accepting(replace(order, id=tx.ids())),
    ]
    for outcome in await journey.accept_order(tx, strangers):
        assert isinstance(outcome, Refusal)
        assert (outcome.code, outcome.status) == ("request.not_found", 404)
    assert (await public.get_many(tx, tenant_id=order.tenant_id, ids=[order.id])) == {
        order.id: order
    }
    assert await public.get_many(tx, tenant_id=tx.ids(), ids=[order.id]) == {}


async def test_food_that_changes_hands_is_delivered_by_whoever_has_it(
    tx: Tx, opened: Street
) -> None:
    order = await opened.carried(tx)
    picked = model.pick_up(order, party=Party.SYSTEM, now=tx.now)
    order = await opened.after(tx, order, picked)
    other_id = tx.ids()
    changed = DeliveryHandedOver(
        delivery_id=order.id,
        reference_id=order.id,
        from_courier_id=opened.courier_id,
        courier_id=other_id,
        dropoff_eta_at=tx.now,
    )
    heard: Any = SimpleNamespace(event=changed, by=opened.by)
    await journey.handed_over(tx, [heard, heard])
    after = (await public.get_many(tx, tenant_id=order.tenant_id, ids=[order.id]))[order.id]
    assert (after.courier_id, after.status) == (other_id, Status.PICKED_UP)
    assert after.version == order.version + 1, "told twice, it changed once"
    late = replace(changed, courier_id=tx.ids())
    heard = SimpleNamespace(event=late, by=opened.by)
    await journey.handed_over(tx, [heard])
    same = (await public.get_many(tx, tenant_id=order.tenant_id, ids=[order.id]))[order.id]
    assert same == after, "who does not carry it cannot hand it over"


async def test_a_merchant_that_says_nothing_loses_the_order(
    database: Database, street: Street, clock: VirtualClock
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.offered(tx)
    clock.advance(timedelta(minutes=5))
    assert await Deadlines({"order": journey.on_due}).fire(database) == 1
    async with database.transaction() as tx:
        ended = (await public.get_many(tx, tenant_id=order.tenant_id, ids=[order.id]))[order.id]
        assert (ended.status, ended.ended_because) == (Status.CANCELLED, "merchant_timeout")
        assert await public.without_deadline(tx) == 0
        assert await tx.value("select count(*) from kernel.deadline where owner = 'order'") == 0


def test_every_refusal_of_ordering_has_its_sentences() -> None:
    """Whatever code the context's sources refuse with."""
    sources = [f for f in files("tawsil.ordering").iterdir() if f.name.endswith(".py")]
    codes = {
        code for f in sources for code in findall(r'"((?:order|cart)\.[a-z_]+)"', f.read_text())
    }
    assert len(codes) >= 10
    for locale, catalogue in catalogues.items():
        assert {c for c in codes if not catalogue.has(c)} == set(), locale


async def test_in_a_rush_the_promise_is_later_by_what_the_quote_said(
    tx: Tx, opened: Street
) -> None:
    calm = await opened.offered(tx)
    terms = pricing.Terms(extra_wait_s=900)
    await pricing.hold_conditions(
        tx,
        [
            pricing.HoldConditions(
                by=opened.by, city_id=calm.city_id, terms=terms, until=None, reason="rain"
            )
        ],
    )
    rush = await opened.offered(tx)
    taken = await journey.accept_order(tx, [opened.accepting(o) for o in (calm, rush)])
    promised = [o.promised_at for o in taken if isinstance(o, Order)]
    assert promised[1] - promised[0] == timedelta(seconds=900)
