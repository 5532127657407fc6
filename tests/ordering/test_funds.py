"""Orders that are paid with points and credit: reserved when placed, taken when delivered."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from conftest import NOON, TENANT
from ordering.conftest import DOOR, Street, written
from tawsil.catalog import public as catalog
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Refusal
from tawsil.ordering import journey, model
from tawsil.ordering.model import Order, PaidBy
from tawsil.ordering.moves import Party
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef, Posting
from tawsil.pricing import public as pricing


async def give(tx: Tx, street: Street, *, points: int = 0, credit: int = 0) -> None:
    """From the platform: points, and credit."""
    gifts = {AccountKind.LOYALTY: points, AccountKind.CUSTOMER: credit}
    transfer = payments.Transfer(
        by=street.by,
        id=tx.ids(),
        kind=payments.TransferKind.ADJUSTMENT,
        reference_id=tx.ids(),
        currency="AED",
        postings=(
            Posting(AccountRef(AccountKind.PLATFORM), -points - credit),
            *(Posting(AccountRef(k, street.customer_id), m) for k, m in gifts.items() if m),
        ),
    )
    await payments.transfer(tx, [transfer])


async def purse(tx: Tx, street: Street) -> pricing.Purse:
    purses = await payments.purses_of(tx, TENANT, street.customer_id)
    return purses.get("AED", pricing.Purse())


async def quote(tx: Tx, street: Street, **wish: Any) -> pricing.Quote:
    command = pricing.IssueQuote(
        by=street.by,
        customer_id=street.customer_id,
        merchant_id=street.merchant_id,
        lines=(catalog.Line(product_id=street.product_id, quantity=2),),
        dropoff=DOOR,
        address="Corniche 12",
        wish=pricing.Wish(purses={"AED": await purse(tx, street)}, **wish),
    )
    (issued,) = await pricing.issue(tx, [command])
    assert not isinstance(issued, Refusal), issued
    return issued


async def place(tx: Tx, street: Street, quote_id: UUID, **fields: Any) -> Order:
    (placed,) = await journey.place(tx, [street.placing(quote_id, **fields)])
    assert isinstance(placed, Order), placed
    return placed


@pytest.fixture
async def opened(tx: Tx, street: Street) -> Street:
    await street.open(tx)
    return street


async def test_points_and_credit_are_reserved_and_then_taken(tx: Tx, opened: Street) -> None:
    await give(tx, opened, points=400, credit=1_000)
    promised = await quote(tx, opened, use_points="all", use_credit=True)
    total = promised.breakdown.total_minor
    assert promised.due_minor == total - 1_400
    assert (await purse(tx, opened)).credit_minor == 1_000, "a quote reserves nothing"
    order = await place(tx, opened, promised.id)
    assert (order.amounts.points_minor, order.amounts.credit_minor) == (400, 1_000)
    assert await purse(tx, opened) == pricing.Purse()
    order = await opened.after(tx, order, model.payment_safe(order, now=tx.now))
    (order,) = await journey.accept_order(tx, [opened.accepting(order)])
    assert isinstance(order, Order)
    order = await opened.after(tx, order, model.assign_courier(order, courier_id=opened.courier_id))
    order = await opened.after(tx, order, model.pick_up(order, party=Party.COURIER, now=NOON))
    order = await opened.captured(tx, order)
    cash = [AccountRef(AccountKind.COURIER_CASH, opened.courier_id)]
    (held,) = await payments.balances(tx, tenant_id=TENANT, accounts=cash)
    assert held.posted_minor == -(total - 1_400), "the courier collects what is due"
    payment = (await payments.of_references(tx, reference_ids=[order.id]))[order.id]
    assert payment.paid_minor == total
    assert await payments.points_unreconciled(tx) == 0
    assert await payments.imbalance(tx) == {"AED": 0}


async def test_a_cancelled_order_gives_them_back(tx: Tx, opened: Street) -> None:
    await give(tx, opened, points=300, credit=200)
    promised = await quote(tx, opened, use_points=300, use_credit=True)
    order = await place(tx, opened, promised.id)
    command = journey.CancelOrder(
        by=opened.by,
        order_id=order.id,
        acting=opened.accepting(order).acting,
        reason="sold_out",
    )
    (ended,) = await journey.cancel(tx, [command])
    assert isinstance(ended, Order), ended
    assert await purse(tx, opened) == pricing.Purse(points_minor=300, credit_minor=200)


async def test_what_is_spent_meanwhile_places_no_order(tx: Tx, opened: Street) -> None:
    await give(tx, opened, credit=5_000)
    first = await quote(tx, opened, use_credit=True)
    second = await quote(tx, opened, use_credit=True)
    await place(tx, opened, first.id)
    before = await written(tx)
    (refused,) = await journey.place(tx, [opened.placing(second.id)])
    assert isinstance(refused, Refusal)
    assert refused.code == "payment.balance_insufficient"
    assert await written(tx) == before


async def test_an_order_with_nothing_due_needs_no_card(tx: Tx, opened: Street) -> None:
    await give(tx, opened, credit=50_000)
    whole = await quote(tx, opened, use_credit=True)
    assert whole.due_minor == 0
    order = await place(tx, opened, whole.id, paid_by=PaidBy.CARD)
    payment = (await payments.of_references(tx, reference_ids=[order.id]))[order.id]
    assert payment.state is payments.PaymentState.AUTHORISED
    with_card = await quote(tx, opened)
    (refused,) = await journey.place(tx, [opened.placing(with_card.id, paid_by=PaidBy.CARD)])
    assert isinstance(refused, Refusal)
    assert refused.code == "order.card_token_mismatch"


async def test_of_ten_at_once_one_has_the_credit(database: Database, street: Street) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        await give(tx, street, credit=5_000)
        quotes = [await quote(tx, street, use_credit=True) for _ in range(10)]

    async def try_it(quote_id: UUID) -> Order | Refusal:
        async with database.transaction() as tx:
            (outcome,) = await journey.place(tx, [street.placing(quote_id)])
            return outcome

    outcomes = await asyncio.gather(*[try_it(one.id) for one in quotes])
    assert sum(isinstance(outcome, Order) for outcome in outcomes) == 1
    async with database.transaction() as tx:
        assert await purse(tx, street) == pricing.Purse()
