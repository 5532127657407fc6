"""Tips after delivery: whole to the courier, by card or out of credit, and never for ever."""

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import TENANT
from ordering.conftest import Street
from ordering.test_funds import give as endow
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal
from tawsil.ordering import heard
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting
from tawsil.ordering.tips import service, store
from tawsil.ordering.tips.model import Tip, TipState
from tawsil.payments import public as payments
from tawsil.payments.events import PaymentAuthorised, PaymentCaptured, PaymentDeclined, Step
from tawsil.payments.public import AccountKind, AccountRef, CardToken, Provider

CARD = (CardToken(Provider.DIRECT, "tok_visa"),)


@pytest.fixture
async def order(tx: Tx, street: Street) -> Order:
    await street.open(tx)
    await endow(tx, street, credit=1_000)
    return await street.settled(tx)


def giving(street: Street, order: Order, amount_minor: int = 300, **fields: Any) -> service.GiveTip:
    return service.GiveTip(
        **{
            "by": street.by,
            "order_id": order.id,
            "acting": Acting(Party.CUSTOMER, order.customer_id),
            "amount_minor": amount_minor,
            **fields,
        }
    )


def said(street: Street, *events: Any) -> Sequence[Any]:
    return [SimpleNamespace(event=event, by=street.by) for event in events]


def authorised(tip: Tip) -> PaymentAuthorised:
    return PaymentAuthorised(
        reference_id=tip.id, amount_minor=tip.amount_minor, currency=tip.currency
    )


async def given(tx: Tx, street: Street, order: Order, **fields: Any) -> Tip:
    (tip,) = await service.give(tx, [giving(street, order, **fields)])
    assert isinstance(tip, Tip), tip
    return tip


async def refused(tx: Tx, command: service.GiveTip) -> str:
    (refusal,) = await service.give(tx, [command])
    assert isinstance(refusal, Refusal), refusal
    return refusal.code


async def stands(tx: Tx, kind: AccountKind, owner: Any) -> int:
    account = AccountRef(kind, owner)
    found = await payments.balances(tx, tenant_id=TENANT, accounts=[account])
    return sum(balance.available_minor for balance in found)


async def test_a_tip_out_of_credit_reaches_the_courier_whole(
    tx: Tx, street: Street, order: Order
) -> None:
    before = await stands(tx, AccountKind.COURIER, street.courier_id)
    tip = await given(tx, street, order)
    assert await stands(tx, AccountKind.CUSTOMER, order.customer_id) == 700
    await heard.payment_authorised(tx, said(street, authorised(tip)))
    captured = PaymentCaptured(
        reference_id=tip.id,
        amount_minor=0,
        currency="AED",
        received_in=AccountRef(AccountKind.PLATFORM),
        shares=(),
    )
    await heard.payment_captured(tx, said(street, captured, captured))
    assert await stands(tx, AccountKind.COURIER, street.courier_id) == before + 300
    (paid,) = (await store.of_orders(tx, [order.id]))[order.id]
    assert (paid.state, paid.id) == (TipState.PAID, tip.id)
    earned = await tx.rows(
        "select tip_minor, base_minor from payments.earning where reference_id = $1", tip.id
    )
    assert [tuple(row.values()) for row in earned] == [(300, 0)]
    assert await payments.imbalance(tx) == {"AED": 0}


async def test_a_declined_card_says_so_and_another_may_be_tried(
    tx: Tx, street: Street, order: Order
) -> None:
    for _ in range(4):
        tip = await given(tx, street, order, card_tokens=CARD)
        word = PaymentDeclined(reference_id=tip.id, code="card_declined", step=Step.AUTHORISE)
        await heard.payment_declined(tx, said(street, word))
    tips = (await store.of_orders(tx, [order.id]))[order.id]
    assert {(tip.state, tip.decline_code) for tip in tips} == {(TipState.DECLINED, "card_declined")}
    payment = (await payments.of_references(tx, reference_ids=[tips[0].id]))[tips[0].id]
    assert payment.amount_minor == 300


async def test_who_may_tip_when_and_how_much(tx: Tx, street: Street, order: Order) -> None:
    stranger = giving(street, order, acting=Acting(Party.CUSTOMER, tx.ids()))
    assert await refused(tx, stranger) == "request.not_found"
    assert await refused(tx, giving(street, order, 1_001)) == "payment.balance_insufficient"
    for _ in range(3):
        await given(tx, street, order, amount_minor=10)
    assert await refused(tx, giving(street, order, 10)) == "tip.enough"
    waiting = await street.offered(tx)
    assert await refused(tx, giving(street, waiting)) == "tip.not_delivered"
    tx.now += timedelta(days=7, seconds=1)
    assert await refused(tx, giving(street, order)) == "tip.too_late"
