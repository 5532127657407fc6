"""Whatever is done with money, in whatever order: after each step the books add up."""

import asyncio
import os
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from conftest import empty
from money.house import House
from money.opening import open_house
from money.reader import reading
from tawsil.kernel.decisions import Refusal
from tawsil.ordering import public as ordering
from tawsil.ordering.events import Status
from tawsil.ordering.refunds.model import PaidTo
from tawsil.ordering.refunds.parts import Ask, Pieces, Scope
from tawsil.payments import public as payments
from tawsil.pricing import public as pricing
from tawsil.simulation.virtual import throwaway_pool

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RUNS, STEPS, PARTS = 500, 50, 10
SOAKED = 10_000

some = st.integers(0, 7)
customers = st.integers(0, 2)
asked: dict[str, Any] = {
    "customer": customers,
    "quantity": st.integers(1, 3),
    "tip_minor": st.sampled_from([0, 1, 333]),
    "codes": st.sampled_from([(), (), ("TEN",), ("FIVE", "TEN"), ("NONE",)]),
    "use_credit": st.booleans(),
    "use_points": st.sampled_from([0, 7, "all"]),
}
cards = st.sampled_from(
    [
        "tok_visa",
        "tok_visa",
        "tok_visa",
        "tok_declined",
        "tok_3ds",
        "tok_unknown",
        "tok_unknown_silent",
        "tok_unknown_lost",
        "tok_unknown_capture",
        "tok_outage",
        "tok_webhook_duplicate",
        "tok_webhook_unordered",
        None,
        None,
    ]
)
lapses = st.sampled_from(
    [
        timedelta(seconds=40),
        timedelta(minutes=3),
        timedelta(minutes=16),
        timedelta(hours=2),
        timedelta(days=1),
    ]
)


class Machine(RuleBasedStateMachine):
    """A house of its own for each run; one event loop and one pool for all of them."""

    loop: asyncio.AbstractEventLoop
    pool: Any
    numbers = count(1)

    def __init__(self) -> None:
        super().__init__()
        number = next(self.numbers)
        self.house: House = self.run(open_house(self.pool, number=number, at=NOON))

    def run(self, doing: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(doing)

    # ── orders ─────────────────────────────────────────────────────────────────────────────────

    @rule(card=cards, settled=st.booleans(), **asked)
    def order(self, card: str | None, *, settled: bool, **asked: Any) -> None:
        async def order() -> None:
            quote = await self.house.quote(**asked)
            if not isinstance(quote, Refusal):
                await self.house.place(quote, card=card)
            if settled:
                await self.house.platform.settle()

        self.run(order())

    @rule(card=st.sampled_from(["tok_visa", "tok_unknown_capture", None]), **asked)
    def eat(self, card: str | None, **asked: Any) -> None:
        """An order that goes well."""

        async def eat() -> None:
            quote = await self.house.quote(**asked)
            if isinstance(quote, Refusal):
                return
            order = await self.house.place(quote, card=card)
            if not isinstance(order, Refusal):
                await self.house.platform.settle()
                await self.house.bring(order)
                await self.house.platform.settle()

        self.run(eat())

    @rule(number=some)
    def bring(self, number: int) -> None:
        """Accepted, fetched and handed over, as far as it goes."""

        async def bring() -> None:
            if order := await self.house.order(number, Status.PENDING, Status.ACCEPTED):
                await self.house.bring(order)

        self.run(bring())

    @rule()
    def catch_up(self) -> None:
        self.run(self.house.platform.settle())

    @rule(lapse=lapses)
    def wait(self, lapse: timedelta) -> None:
        self.run(self.house.wait(lapse))

    @rule(number=some)
    def accept(self, number: int) -> None:
        async def accept() -> None:
            if order := await self.house.order(number, Status.PENDING):
                await self.house.accept(order)

        self.run(accept())

    @rule(number=some, party=st.sampled_from(["customer", "merchant", "operator"]))
    def cancel(self, number: int, party: str) -> None:
        async def cancel() -> None:
            if order := await self.house.order(number):
                who = {
                    "customer": self.house.acting(ordering.Party.CUSTOMER, order.customer_id),
                    "merchant": self.house.acting(ordering.Party.MERCHANT, order.merchant_id),
                    "operator": self.house.acting(ordering.Party.OPERATOR),
                }[party]
                await self.house.do(
                    ordering.cancel,
                    ordering.CancelOrder(
                        by=self.house.by(), order_id=order.id, acting=who, reason="other"
                    ),
                )

        self.run(cancel())

    @rule(number=some, reason=st.sampled_from(["customer_absent", "damaged"]))
    def bring_it_back(self, number: int, reason: str) -> None:
        async def bring_back() -> None:
            order = await self.house.order(number, Status.ACCEPTED)
            if order is None or not await self.house.carry(order):
                return
            courier = self.house.acting(ordering.Party.COURIER, self.house.couriers[-1])
            known: dict[str, Any] = {
                "by": self.house.by(),
                "order_id": order.id,
                "acting": courier,
            }
            await self.house.do(
                ordering.mark_undeliverable, ordering.MarkUndeliverable(**known, reason=reason)
            )
            await self.house.do(ordering.return_to_merchant, ordering.MoveOrder(**known))

        self.run(bring_back())

    # ── money back ─────────────────────────────────────────────────────────────────────────────

    @rule(
        number=some,
        ask=st.one_of(
            st.just(Ask(scope=Scope.WHOLE)),
            st.integers(1, 4_000).map(lambda minor: Ask(scope=Scope.AMOUNT, amount_minor=minor)),
            st.builds(
                lambda position, quantity: Ask(
                    scope=Scope.ITEMS, pieces=(Pieces(position, quantity),)
                ),
                st.integers(0, 1),
                st.integers(1, 2),
            ),
        ),
        reason=st.sampled_from(["missing_item", "quality", "late", "goodwill", "other"]),
        paid_to=st.sampled_from(PaidTo),
    )
    def ask_back(self, number: int, **asked: Any) -> None:
        async def ask_back() -> None:
            if order := await self.house.order(number, Status.DELIVERED, Status.RETURNED):
                await self.house.ask_back(order, **asked)

        self.run(ask_back())

    @rule(approve=st.booleans())
    def decide_refunds(self, *, approve: bool) -> None:
        if self.house.orders:
            self.run(self.house.decide_refunds(approve=approve))

    @rule(number=some, minor=st.integers(1, 900), card=cards)
    def tip(self, number: int, minor: int, card: str | None) -> None:
        async def tip() -> None:
            if order := await self.house.order(number, Status.DELIVERED):
                await self.house.tip(order, minor, card=card)

        self.run(tip())

    # ── promotions ─────────────────────────────────────────────────────────────────────────────

    @rule(
        code=st.sampled_from(["TEN", "FIVE"]),
        kind=st.sampled_from(pricing.Kind),
        merchant_bp=st.sampled_from([0, 3_333, 10_000]),
        stacking=st.sampled_from(pricing.Stacking),
    )
    def promise(self, code: str, **terms: Any) -> None:
        self.run(self.house.promise(code, **terms))

    @rule(end=st.booleans())
    def end_or_raise(self, *, end: bool) -> None:
        self.run(self.house.end_or_raise(end=end))

    # ── cash and payouts ───────────────────────────────────────────────────────────────────────

    @rule(number=some, short_minor=st.sampled_from([-50, 0, 0, 50]))
    def bring_cash(self, number: int, short_minor: int) -> None:
        """A courier brings the cash to the hub, where another amount may be counted."""
        self.run(self.house.bring_cash(number, short_minor=short_minor))

    @rule(bank=st.sampled_from(["bank_ok", "bank_fails", "bank_returns"]), number=some)
    def pay_out(self, bank: str, number: int) -> None:
        self.run(self.house.pay_out(number, bank=bank))

    @rule(number=some, minor=st.sampled_from([None, 100, 10**9]))
    def withdraw(self, number: int, minor: int | None) -> None:
        self.run(self.house.withdraw(number, minor))

    # ── by hand ────────────────────────────────────────────────────────────────────────────────

    @rule(number=some, method=st.sampled_from([payments.Method.CASH, payments.Method.LATER]))
    def switch(self, number: int, method: payments.Method) -> None:
        if self.house.orders:
            self.run(self.house.switch(number, method))

    @rule(number=some)
    def settle_later(self, number: int) -> None:
        if self.house.orders:
            self.run(self.house.settle_later(number))

    @rule(customer=customers, minor=st.sampled_from([-400, -1, 1, 250]))
    def adjust_points(self, customer: int, minor: int) -> None:
        self.run(self.house.adjust_points(customer, minor))

    @rule()
    def hold_the_file_against_the_books(self) -> None:
        self.run(self.house.reconcile())

    @invariant()
    def the_books_add_up(self) -> None:
        self.run(self.house.check())


@pytest.fixture(scope="module")
def loop(postgres_url: str) -> Any:
    """Rules are no coroutines: the machine has an event loop of its own."""
    loop = asyncio.new_event_loop()
    pool = loop.run_until_complete(throwaway_pool(postgres_url))
    Machine.loop, Machine.pool = loop, pool
    yield loop
    loop.run_until_complete(empty(pool))
    loop.run_until_complete(pool.close())
    loop.close()


def run_machine(url: str, runs: int, *, part: int = 0) -> None:
    """Run it under the eyes of a reader. Where examples are the same each time, parts differ."""
    machine = type(f"Part{part}", (Machine,), {})
    if settings().derandomize:
        machine = seed(part)(machine)
    with reading(url) as seen:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=runs,
                stateful_step_count=STEPS,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert seen.looks > 0
    assert seen.wrong == []


@pytest.mark.timeout(1_200)
@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("part", range(PARTS))
def test_the_books_add_up_after_every_step(postgres_url: str, part: int) -> None:
    """In parts, so that several workers share the runs."""
    run_machine(postgres_url, RUNS // PARTS, part=part)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.usefixtures("loop")
def test_the_books_add_up_after_every_step_of_many_runs(postgres_url: str) -> None:
    run_machine(postgres_url, int(os.environ.get("TAWSIL_LEDGER_RUNS", SOAKED)))
