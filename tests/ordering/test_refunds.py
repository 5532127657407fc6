"""Refunds on a real database: who may, how much, who bears it, and never twice."""

import asyncio
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest

from conftest import TENANT, Callers, Serve
from ordering.conftest import Street
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Refusal
from tawsil.ordering import journey, points, public
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.refunds import routes, service, store
from tawsil.ordering.refunds.model import Decider, PaidTo, Refund, RefundState
from tawsil.ordering.refunds.parts import Ask, Bearers, Fee, Pieces, Scope
from tawsil.ordering.steps import Acting
from tawsil.payments import public as payments
from tawsil.payments.public import AccountKind, AccountRef

ONE: Final = Ask(scope=Scope.ITEMS, pieces=(Pieces(0, 1),))
BOTH: Final = Ask(scope=Scope.ITEMS, pieces=(Pieces(0, 2),))
STAFF, ADMIN, OTHER_ADMIN = UUID(int=1), UUID(int=2), UUID(int=3)


class Desk:
    """Whoever asks and decides about the refunds of one order."""

    def __init__(self, street: Street, order: Order) -> None:
        self.street, self.order = street, order

    def asking(self, ask: Ask, reason: str, **fields: Any) -> service.RequestRefund:
        who = fields.pop("who", STAFF)
        decider = Decider(
            id=who, party=Party.OPERATOR, exceeds=who != STAFF, overrides=who != STAFF
        )
        by = self.street.by.about(self.order.id)
        return service.RequestRefund(
            **{
                "by": _as(by, who),
                "order_id": self.order.id,
                "acting": Acting(Party.OPERATOR),
                "decider": decider,
                "ask": ask,
                "reason": reason,
                **fields,
            }
        )

    def customer(self, ask: Ask, reason: str = "missing_item", **fields: Any) -> Any:
        who = self.order.customer_id
        return self.asking(
            ask,
            reason,
            who=who,
            acting=Acting(Party.CUSTOMER, who),
            decider=Decider(id=who, party=Party.CUSTOMER),
            **fields,
        )

    async def ask(self, tx: Tx, ask: Ask, reason: str = "missing_item", **fields: Any) -> Refund:
        (refund,) = await service.request(tx, [self.asking(ask, reason, **fields)])
        assert isinstance(refund, Refund), refund
        return refund

    async def refused(self, tx: Tx, command: service.RequestRefund) -> str:
        (refusal,) = await service.request(tx, [command])
        assert isinstance(refusal, Refusal), refusal
        return refusal.code

    async def decide(self, tx: Tx, refund: Refund, who: UUID, **fields: Any) -> Refund | Refusal:
        decider = Decider(id=who, party=Party.OPERATOR, exceeds=who != STAFF)
        command = service.DecideRefund(
            by=_as(self.street.by, who), refund_id=refund.id, decider=decider, **fields
        )
        (outcome,) = await service.decide(tx, [command])
        return outcome

    async def held(self, tx: Tx) -> dict[AccountKind, int]:
        accounts = [
            AccountRef(AccountKind.MERCHANT, self.order.merchant_id),
            AccountRef(AccountKind.COURIER, self.street.courier_id),
            AccountRef(AccountKind.CUSTOMER, self.order.customer_id),
            AccountRef(AccountKind.PLATFORM),
            AccountRef(AccountKind.TAX),
        ]
        found = await payments.balances(tx, tenant_id=TENANT, accounts=accounts)
        return {balance.account.kind: balance.posted_minor for balance in found}


def _as(by: Any, who: UUID | None) -> Any:
    return type(by)(tenant_id=by.tenant_id, correlation_id=by.correlation_id, actor_id=who)


async def limit(tx: Tx, **limits: int) -> None:
    await tx.execute(
        "update geography.city set rules = jsonb_set(rules, '{refunds}', $1::jsonb)",
        msgspec.json.encode(limits).decode(),
    )


@pytest.fixture
async def desk(tx: Tx, street: Street) -> Desk:
    await street.open(tx)
    return Desk(street, await street.settled(tx))


async def test_an_item_goes_back_and_the_merchant_bears_what_it_got(tx: Tx, desk: Desk) -> None:
    before = await desk.held(tx)
    refund = await desk.ask(tx, ONE)
    assert refund.state is RefundState.APPROVED
    assert (refund.back.net_minor, refund.borne.tax_minor) == (2_500, 125)
    after = await desk.held(tx)
    assert after[AccountKind.MERCHANT] == before[AccountKind.MERCHANT] - 2_000
    assert after[AccountKind.PLATFORM] == before[AccountKind.PLATFORM] - 500  # the commission
    assert after[AccountKind.TAX] == before[AccountKind.TAX] - 125
    assert after[AccountKind.CUSTOMER] == 2_625
    order = (await public.by_id(tx, ids=[desk.order.id]))[desk.order.id]
    assert order.status is Status.DELIVERED


async def test_both_items_and_every_fee_are_the_whole(tx: Tx, desk: Desk) -> None:
    await desk.ask(tx, ONE, who=ADMIN)
    await desk.ask(tx, ONE, who=ADMIN)
    fees = tuple(fee for fee in Fee if fee not in {Fee.TIP, Fee.SMALL_ORDER})
    await desk.ask(tx, Ask(scope=Scope.ITEMS, fees=fees), "goodwill", who=ADMIN)
    order = (await public.by_id(tx, ids=[desk.order.id]))[desk.order.id]
    assert order.status is Status.REFUNDED
    payment = (await payments.of_references(tx, reference_ids=[order.id]))[order.id]
    assert payment.state is payments.PaymentState.REFUNDED
    assert (await desk.held(tx))[AccountKind.CUSTOMER] == order.amounts.total_minor
    assert await desk.refused(tx, desk.asking(ONE, "quality")) == "refund.items_gone"


async def test_what_is_left_goes_back_after_a_part_and_nobody_earns_less(
    tx: Tx, desk: Desk
) -> None:
    await desk.ask(tx, Ask(scope=Scope.AMOUNT, amount_minor=1_000), "goodwill")
    before = await desk.held(tx)
    acting = Acting(Party.OPERATOR)
    (order,) = await journey.refund(
        tx,
        [
            journey.ComplainAbout(
                by=desk.street.by, order_id=desk.order.id, acting=acting, reason="cold_food"
            )
        ],
    )
    assert isinstance(order, Order), order
    assert order.status is Status.REFUNDED
    after = await desk.held(tx)
    assert after[AccountKind.CUSTOMER] == order.amounts.total_minor
    assert after[AccountKind.MERCHANT] == before[AccountKind.MERCHANT]
    assert after[AccountKind.TAX] == 0


async def test_support_gives_back_so_much_and_more_takes_another_person(tx: Tx, desk: Desk) -> None:
    await limit(tx, support_minor=3000, alone_minor=4000)
    waiting = await desk.ask(tx, BOTH, "quality")
    assert waiting.state is RefundState.REQUESTED
    assert (await desk.held(tx)).get(AccountKind.CUSTOMER, 0) == 0
    assert await desk.refused(tx, desk.asking(ONE, "quality")) == "refund.items_gone"
    again = await desk.decide(tx, waiting, STAFF)
    assert isinstance(again, Refusal)
    assert again.code == "refund.own_request"
    other_support = Decider(id=UUID(int=9), party=Party.OPERATOR)
    command = service.DecideRefund(by=desk.street.by, refund_id=waiting.id, decider=other_support)
    (beyond,) = await service.decide(tx, [command])
    assert isinstance(beyond, Refusal)
    assert beyond.code == "refund.over_your_limit"
    approved = await desk.decide(tx, waiting, ADMIN)
    assert isinstance(approved, Refund)
    assert approved.state is RefundState.APPROVED
    assert (await desk.held(tx))[AccountKind.CUSTOMER] == waiting.amount_minor
    twice = await desk.decide(tx, waiting, OTHER_ADMIN)
    assert isinstance(twice, Refusal)
    assert twice.code == "refund.illegal_move"


async def test_nobody_gives_very_much_back_alone(tx: Tx, desk: Desk) -> None:
    await limit(tx, alone_minor=4000)
    by_route = journey.ComplainAbout(
        by=desk.street.by, order_id=desk.order.id, acting=Acting(Party.OPERATOR), reason="cold"
    )
    (refused,) = await journey.refund(tx, [by_route])
    assert isinstance(refused, Refusal)
    assert refused.code == "refund.needs_second"
    waiting = await desk.ask(tx, BOTH, "quality", who=ADMIN)
    assert waiting.state is RefundState.REQUESTED
    approved = await desk.decide(tx, waiting, OTHER_ADMIN)
    assert isinstance(approved, Refund)


async def test_support_reaches_its_limit_for_a_customer_in_a_day(tx: Tx, desk: Desk) -> None:
    await limit(tx, support_daily_minor=5000)
    first = await desk.ask(tx, ONE, "quality")
    second = await desk.ask(tx, ONE, "quality")
    states = (first.state, second.state)
    assert states == (RefundState.APPROVED, RefundState.REQUESTED)
    tx.now += timedelta(hours=25)
    later = await desk.decide(tx, second, UUID(int=9))
    assert isinstance(later, Refund)


async def test_a_customer_gets_little_at_once_and_not_often(tx: Tx, desk: Desk) -> None:
    rules = (
        "jsonb_set(rules, '{refunds}', '{\"self_service_minor\": 3000, \"self_service_times\": 1}')"
    )
    await tx.execute(f"update geography.city set rules = {rules}")  # noqa: S608 - our own words
    (first,) = await service.request(tx, [desk.customer(ONE)])
    assert isinstance(first, Refund)
    assert (first.state, first.decided_by) == (RefundState.APPROVED, None)
    (second,) = await service.request(tx, [desk.customer(ONE)])
    assert isinstance(second, Refund)
    assert second.state is RefundState.REQUESTED
    refused = await desk.decide(tx, second, STAFF, because="photo_shows_it")
    assert isinstance(refused, Refund)
    assert refused.state is RefundState.REFUSED
    (third,) = await service.request(tx, [desk.customer(ONE, "quality")])
    assert isinstance(third, Refund), "what was refused may be asked for again"


async def test_what_a_customer_may_not(tx: Tx, desk: Desk) -> None:
    amount = Ask(scope=Scope.AMOUNT, amount_minor=10)
    fee = Ask(scope=Scope.ITEMS, fees=(Fee.DELIVERY,))
    bearers = Bearers(platform_bp=10_000)
    assert await desk.refused(tx, desk.customer(amount)) == "refund.name_items"
    assert await desk.refused(tx, desk.customer(fee)) == "refund.fee_kept"
    assert await desk.refused(tx, desk.customer(ONE, "rude")) == "refund.reason_unknown"
    mine = desk.customer(ONE, bearers=bearers)
    assert await desk.refused(tx, mine) == "refund.bearers_not_yours"
    stranger = desk.customer(ONE)
    strange = Acting(Party.CUSTOMER, UUID(int=77))
    foreign = service.RequestRefund(
        **{f: getattr(stranger, f) for f in stranger.__struct_fields__} | {"acting": strange}
    )
    assert await desk.refused(tx, foreign) == "request.not_found"
    tx.now += timedelta(hours=49)
    assert await desk.refused(tx, desk.customer(ONE)) == "refund.too_late"


async def test_staff_may_say_otherwise_who_bears_it(tx: Tx, desk: Desk) -> None:
    half = Bearers(merchant_bp=5_000, courier_bp=5_000)
    refund = await desk.ask(tx, ONE, who=ADMIN, bearers=half)
    assert refund.borne.courier_minor == 1_250
    assert refund.borne.merchant_minor == 1_000
    assert refund.borne.platform_minor == 250


async def test_a_courier_may_owe_for_what_it_broke(tx: Tx, desk: Desk) -> None:
    refund = await desk.ask(tx, BOTH, "damaged", who=ADMIN)
    assert refund.borne.courier_minor == 5_000
    assert (await desk.held(tx))[AccountKind.COURIER] < 0


async def test_reasons_are_the_tenants_to_decide(tx: Tx, desk: Desk) -> None:
    usual = await store.reasons(tx, tenant_id=TENANT)
    assert usual["missing_item"].by.merchant_bp == 10_000
    platform = Bearers(platform_bp=10_000)
    ours = type(usual["late"])(code="missing_item", by=platform)
    gone = type(usual["late"])(code="fraud", by=platform, active=False)
    await store.put_reasons(tx, tenant_id=TENANT, reasons=[ours, gone])
    refund = await desk.ask(tx, ONE)
    assert refund.borne.merchant_minor == 0
    assert await desk.refused(tx, desk.asking(ONE, "fraud")) == "refund.reason_unknown"
    assert (await store.reasons(tx, tenant_id=UUID(int=5)))["fraud"].active


async def test_an_order_that_was_not_paid_has_nothing_to_give_back(tx: Tx, street: Street) -> None:
    await street.open(tx)
    desk = Desk(street, await street.offered(tx))
    assert await desk.refused(tx, desk.asking(ONE, "late")) == "refund.nothing_paid"


async def test_of_twenty_at_once_one_gives_the_item_back(
    database: Database, street: Street
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        desk = Desk(street, await street.settled(tx))
        order = desk.order

    async def ask() -> Refund | Refusal:
        async with database.transaction() as tx:
            (outcome,) = await service.request(tx, [desk.asking(BOTH, "quality", who=ADMIN)])
            return outcome

    outcomes = await asyncio.gather(*[ask() for _ in range(20)])
    assert sum(isinstance(outcome, Refund) for outcome in outcomes) == 1
    codes = {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)}
    assert codes == {"refund.items_gone"}
    async with database.transaction() as tx:
        refunds = (await store.of_orders(tx, [order.id]))[order.id]
        payment = (await payments.of_references(tx, reference_ids=[order.id]))[order.id]
    assert [refund.amount_minor for refund in refunds] == [payment.refunded_minor]


async def test_refunds_over_http(
    database: Database, serve: Serve, callers: Callers, street: Street
) -> None:
    async with database.transaction() as tx:
        await street.open(tx)
        order = await street.settled(tx)
    client = await serve(routes.routes)
    own = ("refund:create:own", "refund:read:own", "order:read:own")
    customer = callers.token("customer", *own, user_id=order.customer_id)
    support = callers.token(
        "support_staff", "refund:create", "refund:read", "refund:decide", "order:read"
    )
    merchant = callers.token("merchant", "refund:read:own", location_id=order.merchant_id)
    path = f"/v4/orders/{order.id}/refunds"
    items = [{"position": 0, "quantity": 1}]

    async def ask(token: str, **body: Any) -> Any:
        return await client.post(path, json=body, headers={"Authorization": f"Bearer {token}"})

    async def get(token: str, path: str) -> Any:
        answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        return answer.text if ".csv" in path else answer.json()["data"]

    asked = await ask(customer, reason="quality", items=items, words="It was raw.")
    assert asked.status_code == 201, asked.text
    refund = asked.json()["data"]
    assert (refund["state"], refund["merchant_minor"]) == ("requested", None)
    both = await ask(customer, reason="quality", items=items, amount_minor=5)
    assert both.json()["errors"][0]["code"] == "refund.amount_or_items"
    approved = await client.post(
        f"/v4/refunds/{refund['id']}/approve", headers={"Authorization": f"Bearer {support}"}
    )
    assert approved.json()["data"]["merchant_minor"] == 2_000
    for token in (customer, support, merchant):
        assert [r["id"] for r in await get(token, "/v4/refunds?status=approved")] == [refund["id"]]
    assert (await get(merchant, "/v4/refunds"))[0]["merchant_minor"] == 2_000
    assert (await get(customer, path))[0]["platform_minor"] is None
    rows = (await get(support, "/v4/refunds.csv?reason=quality")).splitlines()
    assert len(rows) == 2
    stranger = callers.token("customer", *own)
    assert await get(stranger, "/v4/refunds") == []
    hidden = await client.get(path, headers={"Authorization": f"Bearer {stranger}"})
    assert hidden.status_code == 404
    assert {r["code"] for r in await get(support, "/v4/refund-reasons")} >= {"late", "fraud"}
    admin = callers.token("admin", "refund:*")
    body = {"reasons": [{"code": "rude", "bearers": {"courier_bp": 9_999}}]}
    put = await client.put(
        "/v4/refund-reasons", json=body, headers={"Authorization": f"Bearer {admin}"}
    )
    assert put.status_code == 422
    body["reasons"][0]["bearers"] = {"courier_bp": 10_000}
    put = await client.put(
        "/v4/refund-reasons", json=body, headers={"Authorization": f"Bearer {admin}"}
    )
    assert "rude" in {r["code"] for r in put.json()["data"]}


async def test_credit_is_credit_whatever_was_paid_with(tx: Tx, desk: Desk) -> None:
    refund = await desk.ask(tx, ONE, paid_to=PaidTo.CREDIT)
    assert (await desk.held(tx))[AccountKind.CUSTOMER] == refund.amount_minor
    assert (await store.of_orders(tx, [desk.order.id]))[desk.order.id] == [refund]


async def test_points_are_earned_with_an_order_and_go_with_what_is_given_back(
    tx: Tx, desk: Desk
) -> None:
    by = desk.street.by.about(desk.order.id)
    loyalty = [AccountRef(AccountKind.LOYALTY, desk.order.customer_id)]

    async def held() -> int:
        (balance,) = await payments.balances(tx, tenant_id=TENANT, accounts=loyalty)
        return balance.posted_minor

    await points.earn(tx, [(by, desk.order)])
    await points.earn(tx, [(by, desk.order)])
    assert await held() == 50  # 1 % of 50.00
    first = await desk.ask(tx, ONE)
    await points.take_back(tx, [(by, first)])
    assert await held() == 25
    rest = await desk.ask(tx, Ask(scope=Scope.WHOLE), "goodwill", who=ADMIN)
    await points.take_back(tx, [(by, first), (by, rest)])
    assert await held() == 0
    assert await payments.points_unreconciled(tx) == 0
