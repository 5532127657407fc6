"""Orders for later: held with their one deadline, then cooked in time to be at the door."""

from datetime import timedelta
from typing import Any

import pytest

from ordering.conftest import DOOR, Street
from tawsil.catalog import public as catalog
from tawsil.catalog.public import Opening
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due
from tawsil.kernel.decisions import Refusal
from tawsil.ordering import journey, model, store
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order, PaymentStage
from tawsil.pricing import public as pricing


@pytest.fixture(autouse=True)
async def opened(tx: Tx, street: Street) -> None:
    await street.open(tx)


async def quoted(tx: Tx, street: Street, **fields: Any) -> pricing.Quote | Refusal:
    command = pricing.IssueQuote(
        by=street.by,
        customer_id=street.customer_id,
        merchant_id=street.merchant_id,
        lines=(catalog.Line(product_id=street.product_id, quantity=2),),
        dropoff=DOOR,
        address="Corniche 12",
        **fields,
    )
    (quote,) = await pricing.issue(tx, [command])
    return quote


async def held(tx: Tx, street: Street) -> Order:
    quote = await quoted(tx, street, scheduled_for=tx.now + timedelta(hours=5))
    assert not isinstance(quote, Refusal), quote
    (placed,) = await journey.place(tx, [street.placing(quote.id)])
    assert isinstance(placed, Order), placed
    return await street.after(tx, placed, model.payment_safe(placed, now=tx.now))


async def test_it_is_held_until_it_is_time_to_ask_the_kitchen(tx: Tx, street: Street) -> None:
    order = await held(tx, street)
    assert (order.status, order.payment) == (Status.PENDING, PaymentStage.SAFE)
    assert order.offered_at is None
    deadline = order.deadline
    assert deadline is not None
    assert deadline.kind == "offer"
    way = timedelta(seconds=order.prep_time_s + order.travel_time_s)
    assert order.scheduled_for == deadline.at + model.ACCEPT_WITHIN + way
    assert await store.without_deadline(tx) == 0
    (refused,) = await journey.accept_order(tx, [street.accepting(order)])
    assert isinstance(refused, Refusal)
    assert refused.code == "order.held"


async def test_the_kitchen_is_asked_in_time_and_the_promise_is_what_was_wished(
    tx: Tx, street: Street
) -> None:
    order = await held(tx, street)
    assert order.deadline is not None
    assert order.scheduled_for is not None
    then_at = order.deadline.at
    offered = model.wake(order, now=then_at)
    assert not isinstance(offered, Refusal)
    assert offered.state.offered_at == then_at
    assert offered.state.deadline is not None
    assert offered.state.deadline.kind == "merchant_accept"
    party = model.Party.MERCHANT
    taken = model.accept_order(offered.state, party=party, prep_time_s=None, now=then_at)
    assert not isinstance(taken, Refusal)
    assert taken.state.promised_at == order.scheduled_for


async def test_waking_it_early_changes_nothing(tx: Tx, street: Street) -> None:
    order = await held(tx, street)
    assert order.deadline is not None
    at = order.deadline.at
    due = Due(subject_id=order.id, owner="order", kind="offer", due_at=at)
    await journey.on_due(tx, [due])
    assert (await store.get(tx, [order.id]))[order.id] == order


async def test_it_may_be_called_off_while_it_is_held(tx: Tx, street: Street) -> None:
    order = await held(tx, street)
    called_off = model.cancel(order, party=model.Party.CUSTOMER, reason="changed", now=tx.now)
    assert not isinstance(called_off, Refusal)
    assert called_off.state.deadline is None
    assert called_off.state.payment is PaymentStage.RETURNED


async def test_too_soon_too_far_ahead_and_out_of_hours_name_what_is_possible(
    tx: Tx, street: Street
) -> None:
    soon = await quoted(tx, street, scheduled_for=tx.now + timedelta(minutes=3))
    assert isinstance(soon, Refusal)
    assert soon.code == "quote.too_soon"
    again = await quoted(tx, street, scheduled_for=soon.detail["possible_at"])
    assert not isinstance(again, Refusal), again
    far = await quoted(tx, street, scheduled_for=tx.now + timedelta(days=4))
    assert isinstance(far, Refusal)
    assert far.code == "quote.too_far_ahead"
    minute = (tx.now + timedelta(hours=6)).hour * 60
    hours = ((Opening(minute, minute + 30),),) * 7
    await tx.execute(
        "update catalog.merchant set hours = $1::jsonb",
        "[" + ",".join(f"[[{o.opens},{o.closes}]]" for (o,) in hours) + "]",
    )
    closed = await quoted(tx, street, scheduled_for=tx.now + timedelta(hours=3))
    assert isinstance(closed, Refusal)
    assert closed.code == "quote.closed_then"
    then = await quoted(tx, street, scheduled_for=closed.detail["possible_at"])
    assert not isinstance(then, Refusal), then
    assert then.begins_at is not None
    assert then.begins_at.minute == 0
    (placed,) = await journey.place(tx, [street.placing(then.id)])
    assert isinstance(placed, Order), "the door is closed now, and open when it is cooked"


async def test_what_is_so_now_says_nothing_of_then(tx: Tx, street: Street) -> None:
    await tx.execute("update catalog.merchant set busy_extra_s = 1800")
    now = await quoted(tx, street)
    later = await quoted(tx, street, scheduled_for=tx.now + timedelta(hours=5))
    assert not isinstance(now, Refusal)
    assert not isinstance(later, Refusal)
    assert now.prep_time_s == later.prep_time_s + 1_800
