"""Everybody tries everything on an order, in any order, as time passes; what must hold, holds."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from tawsil.kernel.clock import Ids
from tawsil.kernel.decisions import Accepted, Decision, Refusal
from tawsil.kernel.i18n import LOCALES, text
from tawsil.kernel.places import Place
from tawsil.ordering import complaints, events, handover, model
from tawsil.ordering.amounts import Amounts
from tawsil.ordering.events import Status
from tawsil.ordering.handover import Shown
from tawsil.ordering.model import Choice, Fault, Order, PaidBy, PaymentStage
from tawsil.ordering.moves import CHARGED, LIVE, MAY_CHOOSE, MOVES, WHO_MAY, Party
from tawsil.pricing import public as pricing

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PIN = "0042"
COURIERS = [UUID(int=n) for n in (91, 92)]

SEARCHING = {Status.ACCEPTED, Status.PREPARING, Status.READY_FOR_PICKUP}

parties = st.sampled_from(Party)
reasons = st.sampled_from([*model.UNDELIVERABLE_FAULTS, "no_reason_at_all"])

MONEY: dict[Status, set[PaymentStage]] = {
    Status.PENDING: {PaymentStage.AWAITED, PaymentStage.SAFE},
    Status.ACCEPTED: {PaymentStage.SAFE},
    Status.PREPARING: {PaymentStage.SAFE},
    Status.READY_FOR_PICKUP: {PaymentStage.SAFE},
    Status.PICKED_UP: {PaymentStage.SAFE},
    Status.IN_TRANSIT: {PaymentStage.SAFE},
    Status.UNDELIVERABLE: {PaymentStage.SAFE},
    Status.DELIVERED: {PaymentStage.SAFE, PaymentStage.SETTLED},
    Status.DISPUTED: {PaymentStage.SAFE, PaymentStage.SETTLED},
    Status.RETURNED: {PaymentStage.SAFE, PaymentStage.SETTLED, PaymentStage.RETURNED},
    Status.CANCELLED: {PaymentStage.FAILED, PaymentStage.RETURNED},
    Status.REFUNDED: {PaymentStage.RETURNED},
}


@st.composite
def amounts(draw: st.DrawFn) -> Amounts:
    part = st.integers(0, 100_000)
    charged = {
        name: draw(part)
        for name in ("subtotal", "delivery_fee", "service_fee", "small_order_fee", "tax", "tip")
    }
    discount = draw(st.integers(0, charged["subtotal"]))
    included = draw(st.booleans())
    total = sum(charged.values()) - discount - (charged["tax"] if included else 0)
    tax = pricing.TaxLine(
        name="VAT", name_ar="ضريبة", rate_bp=500, base_minor=0, tax_minor=charged["tax"]
    )
    merchant, courier = draw(part), draw(part)
    return Amounts(
        currency="AED",
        **{f"{name}_minor": minor for name, minor in charged.items()},
        discount_minor=discount,
        total_minor=total,
        merchant_minor=merchant,
        courier_minor=courier,
        platform_minor=total - merchant - courier - charged["tax"],
        tax_included=included,
        taxes=(tax,),
    )


def new_order(money: Amounts, *, at: datetime = NOON, paid_by: PaidBy = PaidBy.CARD) -> Order:
    ids = Ids(lambda: at, Random(5))
    return Order(
        id=ids(),
        tenant_id=ids(),
        city_id=ids(),
        number=10_001,
        quote_id=ids(),
        customer_id=ids(),
        merchant_id=ids(),
        paid_by=paid_by,
        amounts=money,
        pickup=Place(24.4, 54.3),
        dropoff=Place(24.5, 54.4),
        prep_time_s=600,
        travel_time_s=480,
        handover_pin=PIN,
        placed_at=at,
    )


class AnOrder(RuleBasedStateMachine):
    order: Order

    @initialize(
        money=amounts(), paid_by=st.sampled_from(PaidBy), later_h=st.none() | st.integers(1, 72)
    )
    def placed(self, money: Amounts, paid_by: PaidBy, later_h: int | None) -> None:
        self.now, self.recorded, self.first = NOON, 0, money
        self.choices_open = 0
        self.order = new_order(money, paid_by=paid_by)
        if later_h is not None:
            later_at = self.now + timedelta(hours=later_h)
            self.order = replace(self.order, scheduled_for=later_at)
        self.decided(model.place(self.order), self.order)

    def decided(self, decision: Decision[Order], before: Order, **asked: Any) -> None:
        """What every decision owes us; then it stands."""
        assert self.order is before
        if isinstance(decision, Refusal):
            self.refused(decision, **asked)
            return
        after = decision.state
        assert after.version == before.version + len(decision.events)
        assert decision.expected_version == before.version
        if not decision.events:
            assert after == before, "nothing recorded, nothing changed"
        at = before.status
        for event in decision.events:
            assert isinstance(event, events.OrderEvent)
            assert event.status is at or event.status in MOVES[at], (at, event)
            assert (event.order_id, event.customer_id) == (after.id, after.customer_id)
            at = event.status
            self.choices_open += isinstance(event, events.ChoiceOffered)
            self.choices_open -= isinstance(event, events.ChoiceClosed)
        assert at is after.status, "the last event says where the order is"
        if decision.events:
            last = decision.events[-1]
            assert isinstance(last, events.OrderEvent)
            assert last.courier_id == after.courier_id
        if (party := asked.get("party")) and after.status is not before.status:
            assert party in WHO_MAY[after.status]
        self.recorded += len(decision.events)
        self.order = after

    def refused(self, refusal: Refusal, **asked: Any) -> None:
        for locale in LOCALES:
            sentence = text(refusal.code, params=refusal.detail, locale=locale)
            assert sentence != refusal.code
            assert "{" not in sentence, sentence
        if refusal.code == "order.illegal_move":
            assert refusal.status == 409
            assert refusal.detail["legal"] == sorted(MOVES[self.order.status])
            assert refusal.detail["wanted"] not in refusal.detail["legal"]
        if refusal.code == "order.not_yours_to_move":
            assert asked["party"] not in WHO_MAY[refusal.detail["wanted"]]

    @rule(minutes=st.integers(0, 90))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def money_is_safe(self) -> None:
        self.decided(model.payment_safe(self.order, now=self.now), self.order)

    @rule(party=parties, prep_time_s=st.none() | st.integers(60, 7_200))
    def kitchen_accepts(self, party: Party, prep_time_s: int | None) -> None:
        decision = model.accept_order(
            self.order, party=party, prep_time_s=prep_time_s, now=self.now
        )
        self.decided(decision, self.order, party=party)

    @rule(party=parties)
    def kitchen_starts(self, party: Party) -> None:
        self.decided(model.start_preparing(self.order, party=party), self.order, party=party)

    @rule(party=parties, minutes=st.integers(0, 60))
    def ready_time_moves(self, party: Party, minutes: int) -> None:
        at = self.now + timedelta(minutes=minutes)
        decision = model.move_ready_time(self.order, party=party, ready_at=at, reason="kitchen")
        if party in {Party.CUSTOMER, Party.COURIER}:
            assert isinstance(decision, Refusal)
            assert decision.status == 403
        self.decided(decision, self.order)

    @rule(party=parties)
    def kitchen_is_done(self, party: Party) -> None:
        decision = model.mark_ready(self.order, party=party, now=self.now)
        self.decided(decision, self.order, party=party)

    @rule(courier_id=st.sampled_from(COURIERS))
    def a_courier_comes(self, courier_id: UUID) -> None:
        self.decided(model.assign_courier(self.order, courier_id=courier_id), self.order)

    @rule(carrier_id=st.sampled_from(COURIERS), courier_id=st.sampled_from(COURIERS))
    def the_food_changes_hands(self, carrier_id: UUID, courier_id: UUID) -> None:
        before = self.order
        self.decided(
            model.assign_courier(before, courier_id=courier_id, instead_of=carrier_id), before
        )
        if before.live and before.picked_up_at is not None:
            theirs = before.courier_id == carrier_id
            assert self.order.courier_id == (courier_id if theirs else before.courier_id)
            assert self.order.status is before.status

    @rule(courier_id=st.sampled_from(COURIERS))
    def a_courier_goes(self, courier_id: UUID) -> None:
        decision = model.lose_courier(self.order, courier_id=courier_id, reason="stalled")
        self.decided(decision, self.order)

    @rule()
    def nobody_takes_it(self) -> None:
        before = self.order
        self.decided(model.offer_choice(before, now=self.now), before)
        searching = before.courier_id is None and before.status in SEARCHING
        assert (self.order.choice_until_at is not None) == searching

    @rule(party=parties, choice=st.sampled_from(Choice))
    def customer_chooses(self, party: Party, choice: Choice) -> None:
        before = self.order
        decision = model.choose(before, party=party, choice=choice, now=self.now)
        if isinstance(decision, Accepted):
            assert party in MAY_CHOOSE
            assert before.choice_until_at is not None
            assert decision.state.choice_until_at is None
            assert decision.state.live == (choice is Choice.KEEP_WAITING)
        self.decided(decision, before)

    @rule(party=parties)
    def collected(self, party: Party) -> None:
        decision = model.pick_up(self.order, party=party, now=self.now)
        self.decided(decision, self.order, party=party)

    @rule(party=parties)
    def on_the_way(self, party: Party) -> None:
        self.decided(model.depart(self.order, party=party), self.order, party=party)

    @rule(party=parties, pin=st.sampled_from([None, PIN, "9999"]))
    def handed_over(self, party: Party, pin: str | None) -> None:
        before = self.order
        decision = handover.deliver(before, party=party, shown=Shown(pin=pin), now=self.now)
        if pin == "9999":
            assert isinstance(decision, Refusal)
        self.decided(decision, before, party=party)

    @rule()
    def money_arrives(self) -> None:
        self.decided(model.settle(self.order), self.order)

    @rule(party=parties)
    def called_off(self, party: Party) -> None:
        before = self.order
        decision = model.cancel(before, party=party, reason="changed_mind", now=self.now)
        if party is Party.CUSTOMER and isinstance(decision, Accepted):
            assert before.status in {Status.PENDING, Status.ACCEPTED}
        self.decided(decision, before, party=party)

    @rule(party=parties, reason=reasons)
    def nobody_home(self, party: Party, reason: str) -> None:
        decision = model.mark_undeliverable(self.order, party=party, reason=reason, now=self.now)
        self.decided(decision, self.order, party=party)

    @rule(party=parties)
    def brought_back(self, party: Party) -> None:
        decision = model.return_to_merchant(self.order, party=party, now=self.now)
        self.decided(decision, self.order, party=party)

    @rule(party=parties)
    def complained_about(self, party: Party) -> None:
        decision = complaints.dispute(self.order, party=party, reason="cold")
        self.decided(decision, self.order, party=party)

    @rule(party=parties)
    def paid_back(self, party: Party) -> None:
        decision = refund(self.order, party)
        self.decided(decision, self.order, party=party)

    @rule(party=parties)
    def complaint_closed(self, party: Party) -> None:
        before = self.order
        decision = complaints.dismiss(before, party=party, reason="photo_shows_it")
        if isinstance(decision, Accepted):
            assert before.status is Status.DISPUTED
            assert party in {Party.OPERATOR, Party.SYSTEM}
        self.decided(decision, before, party=party)

    @precondition(lambda self: self.order.live)
    @rule(late_s=st.integers(0, 3_600))
    def deadline_passes(self, late_s: int) -> None:
        before = self.order
        assert before.deadline is not None
        self.now = max(self.now, before.deadline.at) + timedelta(seconds=late_s)
        decision = model.wake(before, now=self.now)
        assert isinstance(decision, Accepted), "a live order can always be woken"
        assert decision.events, "waking leaves a trace"
        self.decided(decision, before)
        after = self.order.deadline
        assert after != before.deadline, "and moves the deadline, or it would fire for ever"

    @invariant()
    def live_orders_have_one_deadline_and_ended_ones_none(self) -> None:
        assert (self.order.deadline is not None) == self.order.live == (self.order.status in LIVE)

    @invariant()
    def the_version_counts_the_events(self) -> None:
        assert self.order.version == self.recorded

    @invariant()
    def the_money_fits_the_status(self) -> None:
        assert self.order.payment in MONEY[self.order.status]
        safe = self.order.payment is PaymentStage.SAFE
        held = self.order.deadline is not None and self.order.deadline.kind == "offer"
        assert held == (
            safe and self.order.status is Status.PENDING and self.order.offered_at is None
        )
        assert not held or self.order.scheduled_for is not None
        assert not safe or held or self.order.offered_at is not None
        assert self.order.amounts == self.first
        if self.order.status is Status.RETURNED and model.fault(self.order) is Fault.PLATFORM:
            assert self.order.payment is PaymentStage.RETURNED

    @invariant()
    def a_choice_is_open_only_while_nobody_has_the_order(self) -> None:
        assert self.choices_open == (self.order.choice_until_at is not None)
        if self.order.choice_until_at is not None:
            assert self.order.courier_id is None
            assert self.order.status in SEARCHING
            assert self.order.deadline is not None
            assert self.order.deadline.at <= self.order.choice_until_at

    @invariant()
    def what_was_reached_has_its_time(self) -> None:
        order = self.order
        carried = {Status.PICKED_UP, Status.IN_TRANSIT, Status.DELIVERED, Status.UNDELIVERABLE}
        if order.status in carried:
            assert order.courier_id is not None
            assert order.picked_up_at is not None
        assert (order.delivered_at is not None) == (
            order.status in {Status.DELIVERED, Status.DISPUTED}
            or (order.status is Status.REFUNDED and order.delivered_at is not None)
        )
        assert order.live or order.ended_at is not None


AnOrder.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestAnOrder = AnOrder.TestCase


SIMPLE = Amounts(
    currency="AED",
    subtotal_minor=100,
    delivery_fee_minor=0,
    service_fee_minor=0,
    small_order_fee_minor=0,
    discount_minor=0,
    tax_minor=0,
    tip_minor=0,
    total_minor=100,
    merchant_minor=80,
    courier_minor=15,
    platform_minor=5,
)


def at_status(status: Status) -> Order:
    """An order somewhere on its way, every earlier stage reached."""
    return replace(
        new_order(SIMPLE),
        status=status,
        payment=PaymentStage.SAFE,
        courier_id=COURIERS[0],
        offered_at=NOON,
        accepted_at=NOON,
        ready_at=NOON,
        promised_at=NOON,
        picked_up_at=NOON,
        ended_at=NOON,
        ended_because="customer_absent",
    )


def refund(order: Order, party: Party) -> Decision[Order]:
    whole_minor = order.amounts.total_minor
    return complaints.refund(order, party=party, reason="cold", amount_minor=whole_minor)


A_DISMISSAL = (Status.DISPUTED, Status.DELIVERED)
"""The one move that is not made by the step towards its status."""


@pytest.mark.parametrize("party", Party)
def test_only_staff_close_a_complaint_and_no_courier_delivers_it_away(party: Party) -> None:
    order = at_status(Status.DISPUTED)
    assert isinstance(STEPS[Status.DELIVERED](order, party), Refusal)
    decision = complaints.dismiss(order, party=party, reason="photo_shows_it")
    assert isinstance(decision, Accepted) == (party in {Party.OPERATOR, Party.SYSTEM})


STEPS: dict[Status, Callable[[Order, Party], Decision[Order]]] = {
    Status.ACCEPTED: lambda o, p: model.accept_order(o, party=p, prep_time_s=None, now=NOON),
    Status.PREPARING: lambda o, p: model.start_preparing(o, party=p),
    Status.READY_FOR_PICKUP: lambda o, p: model.mark_ready(o, party=p, now=NOON),
    Status.PICKED_UP: lambda o, p: model.pick_up(o, party=p, now=NOON),
    Status.IN_TRANSIT: lambda o, p: model.depart(o, party=p),
    Status.DELIVERED: lambda o, p: handover.deliver(o, party=p, shown=Shown(), now=NOON),
    Status.CANCELLED: lambda o, p: model.cancel(o, party=p, reason="x", now=NOON),
    Status.UNDELIVERABLE: lambda o, p: model.mark_undeliverable(
        o, party=p, reason="damaged", now=NOON
    ),
    Status.RETURNED: lambda o, p: model.return_to_merchant(o, party=p, now=NOON),
    Status.DISPUTED: lambda o, p: complaints.dispute(o, party=p, reason="x"),
    Status.REFUNDED: refund,
}


@pytest.mark.parametrize("to", STEPS)
def test_who_may_is_who_may(to: Status) -> None:
    """From every status that leads there, each party in turn."""
    by_it = (s for s in Status if to in MOVES[s] and (s, to) != A_DISMISSAL)
    for start in by_it:
        for party in Party:
            decision = STEPS[to](at_status(start), party)
            may = party in WHO_MAY[to]
            if isinstance(decision, Refusal):
                late = decision.code in {"order.kitchen_has_begun", "order.not_settled_yet"}
                assert not may or late, (start, party, decision)
            else:
                assert may, (start, party)
                assert decision.state.status is to


@given(status=st.sampled_from(Status), to=st.sampled_from(sorted(STEPS)), party=parties)
def test_an_illegal_move_names_the_legal_ones(status: Status, to: Status, party: Party) -> None:
    step_fills_gaps = to in {Status.READY_FOR_PICKUP, Status.PICKED_UP, Status.DELIVERED}
    assume(to not in MOVES[status] and not step_fills_gaps)
    decision = STEPS[to](at_status(status), party)
    assert isinstance(decision, Refusal)
    assert decision.code == "order.illegal_move"
    assert decision.detail["legal"] == sorted(MOVES[status])


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.ACCEPTED, Status.PREPARING}))
def test_a_ready_time_that_cannot_move_names_what_can(status: Status) -> None:
    order = at_status(status)
    refused = model.move_ready_time(order, party=Party.MERCHANT, ready_at=NOON, reason="merchant")
    assert isinstance(refused, Refusal)
    assert refused.code == "order.not_preparing"
    assert refused.detail["legal"] == model.legal_moves(order)


def test_a_wrong_pin_says_nothing_about_an_order_that_cannot_be_handed_over() -> None:
    for status in Status:
        decision = handover.deliver(
            at_status(status), party=Party.COURIER, shown=Shown(pin="9999"), now=NOON
        )
        assert isinstance(decision, Refusal)
        on_the_way = status in {Status.PICKED_UP, Status.IN_TRANSIT}
        otherwise = "order.complaint_open" if status is Status.DISPUTED else "order.illegal_move"
        assert decision.code == ("order.wrong_pin" if on_the_way else otherwise)


@given(status=st.sampled_from(Status))
def test_the_money_settles_only_what_was_charged(status: Status) -> None:
    decision = model.settle(at_status(status))
    assert isinstance(decision, Accepted)
    assert bool(decision.events) == (status in CHARGED)


def test_a_kitchen_that_never_gets_ready_is_cancelled_in_the_end() -> None:
    order, now, woken = at_status(Status.PREPARING), NOON, 0
    while order.live:
        assert order.deadline is not None
        now = order.deadline.at
        decision = model.wake(order, now=now)
        assert isinstance(decision, Accepted)
        order, woken = decision.state, woken + 1
    assert (order.status, order.ended_because) == (Status.CANCELLED, "kitchen_never_ready")
    assert woken == model.MOST_PREP_EXTENSIONS + 1


APART = {"delivery_tax_minor", "points_minor", "credit_minor"}
ADDED_UP = [f for f in Amounts.__struct_fields__ if f.endswith("_minor") and f not in APART]


@given(money=amounts(), field=st.sampled_from(ADDED_UP), by=st.integers(1, 9))
def test_amounts_that_do_not_add_up_cannot_be(money: Amounts, field: str, by: int) -> None:
    with pytest.raises(AssertionError, match="quote = charge"):
        replace(money, **{field: getattr(money, field) + by})


@given(money=amounts(), field=st.sampled_from(["points_minor", "credit_minor"]))
def test_no_more_is_paid_with_points_and_credit_than_there_is_to_pay(
    money: Amounts, field: str
) -> None:
    for minor in (-1, getattr(money, field) + money.due_minor + 1):
        with pytest.raises(AssertionError, match="paid once"):
            replace(money, **{field: minor})
