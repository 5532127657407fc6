"""What an order holds of promotions: taken with it, spent when it is paid, else given back."""

from typing import Any

import pytest
from msgspec.structs import replace

from ordering.conftest import Street
from pricing.promoting import Promotion, running
from tawsil.apps.wiring import REGISTRY
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.events import Recorded
from tawsil.ordering import journey
from tawsil.ordering.model import Order, PaidBy
from tawsil.ordering.moves import Party
from tawsil.ordering.steps import Acting
from tawsil.payments import public as payments
from tawsil.payments.events import PaymentDeclined, Step
from tawsil.payments.public import AccountKind, AccountRef
from tawsil.payments.service.promotion_funds import promotion_funded
from tawsil.pricing.store import promotions


@pytest.fixture
async def opened(tx: Tx, street: Street) -> Street:
    await street.open(tx)
    return street


async def heard(tx: Tx, type_: str) -> list[Recorded[Any]]:
    rows = await tx.rows("select * from kernel.event where type = $1 order by seq", type_)
    return [REGISTRY.recorded(row) for row in rows]


async def promised(tx: Tx, street: Street) -> Promotion:
    """A fifth off every order, and the money for it in its account."""
    promotion = await running(tx, street.by, budget_minor=10_000)
    await promotion_funded(tx, await heard(tx, "promotion.funded.v1"))
    return promotion


async def balance(tx: Tx, street: Street, promotion: Promotion) -> int:
    (found,) = await payments.balances(
        tx,
        tenant_id=street.by.tenant_id,
        accounts=[AccountRef(AccountKind.PROMOTION, promotion.id)],
    )
    return found.posted_minor


async def outcomes(tx: Tx) -> list[str]:
    rows = await tx.rows("select outcome from pricing.redemption order by quote_id")
    return [row["outcome"] for row in rows]


async def taken(tx: Tx, promotion: Promotion) -> int:
    return (await promotions.get(tx, ids=[promotion.id]))[promotion.id].taken_minor


async def test_a_paid_order_takes_its_discount_out_of_the_budget(tx: Tx, opened: Street) -> None:
    promotion = await promised(tx, opened)
    order = await opened.settled(tx)
    assert order.amounts.discount_minor == order.promotion_minor == 1_000
    assert await balance(tx, opened, promotion) == 9_000
    assert set((await payments.imbalance(tx)).values()) == {0}
    assert await outcomes(tx) == ["reserved"], "until ordering has heard of the money"
    await journey.payment_captured(tx, await heard(tx, "payment.captured.v1"))
    assert await outcomes(tx) == ["spent"]
    shown = await tx.row('select promotion_minor, discounts from ordering."order"')
    assert shown is not None
    assert shown["promotion_minor"] == 1_000
    assert str(promotion.id) in shown["discounts"]


async def test_a_cancelled_order_gives_it_back(tx: Tx, opened: Street) -> None:
    promotion = await promised(tx, opened)
    order = await opened.offered(tx)
    assert await taken(tx, promotion) == 1_000
    cancel = journey.CancelOrder(
        by=opened.by,
        order_id=order.id,
        acting=Acting(Party.CUSTOMER, opened.customer_id),
        reason="changed_my_mind",
    )
    (cancelled,) = await journey.cancel(tx, [cancel])
    assert isinstance(cancelled, Order)
    assert await taken(tx, promotion) == 0
    assert await outcomes(tx) == ["given_back"]
    assert await balance(tx, opened, promotion) == 10_000


async def test_a_declined_card_gives_it_back(tx: Tx, opened: Street) -> None:
    promotion = await promised(tx, opened)
    order = await opened.offered(tx)
    declined = [
        replace(
            recorded,
            event=PaymentDeclined(reference_id=order.id, code="no_funds", step=Step.CAPTURE),
        )
        for recorded in await heard(tx, "payment.authorised.v1")
    ]
    await journey.payment_declined(tx, declined)
    await journey.payment_declined(tx, declined)
    assert await taken(tx, promotion) == 0
    assert await outcomes(tx) == ["given_back"]


async def test_an_order_that_payments_refuse_takes_nothing(tx: Tx, opened: Street) -> None:
    promotion = await promised(tx, opened)
    quote_id = await opened.quote(tx)
    (refused,) = await journey.place(
        tx, [opened.placing(quote_id, paid_by=PaidBy.CARD, card_tokens=())]
    )
    assert isinstance(refused, Refusal), refused
    assert await taken(tx, promotion) == 0
    assert await tx.value('select count(*) from ordering."order"') == 0
    assert await outcomes(tx) == []
    (placed,) = await journey.place(tx, [opened.placing(quote_id)])
    assert isinstance(placed, Order), "its quote still binds"
