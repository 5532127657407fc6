"""Whatever is asked, answered, lost, repeated or late: no money is taken or given back twice."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.decisions import Accepted, Event, Refusal
from tawsil.payments.events import (
    AccountKind,
    AccountRef,
    Method,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    Posting,
    Provider,
    RefundFailed,
    Step,
)
from tawsil.payments.model import hearing, ledger
from tawsil.payments.model import paying as model
from tawsil.payments.model.payment import (
    MOVES,
    PAID,
    WAITS_FOR,
    CardToken,
    Payment,
    PaymentState,
    clearing,
)
from tawsil.payments.model.psp import Absent, Charge, Refused, Unheard, Word
from tawsil.payments.providers import direct
from tawsil.simulation.psp.model import Acquirer, Answer
from tawsil.simulation.psp.tokens import CARDS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MERCHANT = AccountRef(AccountKind.MERCHANT, UUID(int=1))
PLATFORM = AccountRef(AccountKind.PLATFORM)
REFERENCE = UUID(int=9)
AUTHORISED_MINOR = 1_000


def begun(ids: Ids, *, token: str | None = None, method: Method = Method.CARD) -> Accepted[Payment]:
    decision = model.start(
        payment_id=ids(),
        tenant_id=UUID(int=2),
        city_id=UUID(int=3),
        reference_id=REFERENCE,
        payer_id=UUID(int=4),
        method=method,
        card_tokens=[CardToken(Provider.DIRECT, token or "tok_visa")],
        provider=Provider.DIRECT,
        amount_minor=AUTHORISED_MINOR,
        currency="QAR",
        funds=(),
        at=NOON,
    )
    assert isinstance(decision, Accepted)
    return decision


def shared(amount_minor: int) -> tuple[Posting, ...]:
    fee_minor = amount_minor // 4
    return (Posting(MERCHANT, amount_minor - fee_minor), Posting(PLATFORM, fee_minor))


class Story:
    """One payment and the sandbox acquirer, with a network between them that loses answers."""

    def __init__(self, token: str) -> None:
        self.clock = VirtualClock(NOON)
        self.ids = Ids(self.clock, Random(5))
        self.acquirer = Acquirer(ids=Ids(self.clock, Random(6)))
        self.events: list[Event] = []
        self.words: list[Word] = [Absent(), Unheard("ReadTimeout"), Refused("illegal_move")]
        self.keys: list[str | None] = [None]
        first = begun(self.ids, token=token)
        self.payment = first.state
        self.events += first.events

    def take(self, decision: Accepted[Payment] | Refusal) -> None:
        if isinstance(decision, Refusal):
            return
        before = self.payment
        assert decision.state.version == before.version + len(decision.events)
        self.payment = decision.state
        self.events += decision.events
        self.assert_sound()

    def assert_sound(self) -> None:
        payment, charge = self.payment, self.charge()
        if payment.has_psp and payment.captured_minor:
            assert charge is not None
            assert payment.captured_minor == charge.captured_minor
        assert payment.state is not PaymentState.UNKNOWN or payment.captured_minor == 0
        waits = payment.state in WAITS_FOR or payment.state is PaymentState.CHALLENGED
        assert (payment.deadline is not None) == waits
        taken = [e for e in self.events if isinstance(e, PaymentCaptured)]
        returned = [e for e in self.events if isinstance(e, PaymentRefunded)]
        assert len(taken) <= 1
        assert sum(e.amount_minor for e in taken) == payment.captured_minor
        assert sum(e.amount_minor for e in returned) == payment.refunded_minor
        books = [ledger.captured(e) for e in taken] + [ledger.refunded(e) for e in returned]
        assert all(ledger.total_minor(postings) == 0 for postings in books)
        asked = sum(ask.amount_minor for ask in payment.asks if ask.step is Step.REFUND)
        if payment.state in PAID:
            left = payment.captured_minor - payment.refunded_minor - asked
            assert payment.refundable_minor == left >= 0

    def charge(self) -> Any:
        found = self.acquirer.find(reference=str(self.payment.id), at=self.clock())
        assert len(found) <= 1, "one key makes one charge"
        return found[0] if found else None

    def look(self) -> Word:
        charge = self.charge()
        word = _word(charge) if charge else Absent()
        self.words.append(word)
        return word

    def ask(self, fate: str) -> None:
        """Do the step under way as a job would, and hear of it or not."""
        payment = self.payment
        step = WAITS_FOR.get(payment.state)
        if step is None or (step is Step.AUTHORISE and payment.release_reason):
            return
        key = payment.key
        self.keys.append(key)
        if fate == "lost before":
            self.take(hearing.hear(payment, Unheard("ReadTimeout"), key=key, at=self.clock()))
            return
        answer = self.call(step, key)
        if fate == "lost after" or answer.lost or answer.status >= 500:
            self.take(hearing.hear(payment, Unheard("ReadTimeout"), key=key, at=self.clock()))
        elif answer.charge is not None:
            self.words.append(_word(answer.charge))
            self.take(hearing.hear(payment, self.words[-1], key=key, at=self.clock()))
        else:
            assert answer.error is not None
            self.take(hearing.hear(payment, self.look(), key=None, at=self.clock()))
            refused = Refused(answer.error.code)
            self.take(hearing.hear(self.payment, refused, key=key, at=self.clock()))

    def call(self, step: Step, key: str) -> Answer:
        payment, at, charge_id = self.payment, self.clock(), self.payment.psp_charge_id or ""
        amount_minor = payment.asks[0].amount_minor if payment.asks else None
        match step:
            case Step.AUTHORISE:
                return self.acquirer.authorise(
                    idempotency_key=key,
                    token=payment.card_token,
                    amount_minor=payment.amount_minor,
                    currency=payment.currency,
                    reference=str(payment.id),
                    at=at,
                )
            case Step.CAPTURE:
                return self.acquirer.capture(
                    idempotency_key=key, charge_id=charge_id, amount_minor=amount_minor, at=at
                )
            case Step.VOID:
                return self.acquirer.void(idempotency_key=key, charge_id=charge_id, at=at)
            case Step.REFUND:
                return self.acquirer.refund(
                    idempotency_key=key, charge_id=charge_id, amount_minor=amount_minor, at=at
                )

    def due(self) -> None:
        deadline = self.payment.deadline
        if deadline is None:
            return
        self.clock.set(max(self.clock(), deadline.at))
        over = deadline.kind == "challenge_over"
        decide = hearing.challenge_over if over else hearing.unheard
        self.take(decide(self.payment, at=self.clock()))
        assert self.payment.deadline is None or self.payment.deadline.at > self.clock()

    def do(self, act: str, number: int) -> None:
        payment, now = self.payment, self.clock()
        if act in {"capture", "refund", "credit", "void", "release"}:
            self.take(self.command(act, number))
        elif act == "confirm":
            self.confirm(approve=number % 2 == 0)
        elif act == "look":
            self.take(hearing.hear(payment, self.look(), key=None, at=now))
        elif act == "repeat":
            self.repeat(number)
        elif act == "days":
            self.clock.advance(timedelta(days=number % 8))
        elif act == "due":
            self.due()
        else:
            self.ask(act)

    def command(self, act: str, number: int) -> Accepted[Payment] | Refusal:
        payment, now = self.payment, self.clock()
        match act:
            case "capture":
                return model.capture(
                    payment,
                    ask_id=self.ids(),
                    amount_minor=number,
                    shares=shared(number),
                    collected_by=None,
                    at=now,
                )
            case "refund" | "credit":
                return model.refund(
                    payment,
                    ask_id=self.ids(),
                    amount_minor=number,
                    borne_by=(Posting(PLATFORM, number),),
                    reason="cold",
                    as_credit=act == "credit",
                    at=now,
                )
            case "void":
                return model.void(payment, reason="changed", at=now)
            case _:
                return model.release(payment, ask_id=self.ids(), reason="gone", at=now)

    def confirm(self, *, approve: bool) -> None:
        charge = self.charge()
        if charge:
            key = f"confirm {charge.version}"
            self.acquirer.confirm(
                idempotency_key=key, charge_id=charge.id, approve=approve, at=self.clock()
            )

    def repeat(self, number: int) -> None:
        """Hear once more what was heard before, in answer to any step that was ever asked."""
        word, key = self.words[number % len(self.words)], self.keys[number % len(self.keys)]
        in_vain = isinstance(word, Absent) and self.charge() is not None
        if in_vain and self.payment.state is PaymentState.UNKNOWN:
            return  # a look is never older than the silence it was caused by
        if isinstance(word, Refused) and key == self._key():
            return  # an acquirer does not refuse what it has not been asked
        self.take(hearing.hear(self.payment, word, key=key, at=self.clock()))

    def _key(self) -> str | None:
        return self.payment.key if self.payment.state in WAITS_FOR else None

    @property
    def credited_minor(self) -> int:
        """What went back without the acquirer."""
        credit = AccountRef(AccountKind.CUSTOMER, self.payment.payer_id)
        returned = [e for e in self.events if isinstance(e, PaymentRefunded)]
        return sum(e.amount_minor for e in returned if e.returned_by == credit)

    def settle(self) -> None:
        """What reconciliation does once the network is well again."""
        for _ in range(40):
            if self.payment.deadline is None:
                return
            self.due()
            self.do("look", 0)
            self.ask("heard")
        raise AssertionError(f"still {self.payment.state}")


def _word(charge: Any) -> Charge:
    read = msgspec.convert(msgspec.to_builtins(charge), direct._Charge)
    word = direct._word(read)
    assert isinstance(word, Charge)
    return word


ANSWERS = ("heard", "heard", "heard", "lost before", "lost after", "look", "repeat", "due")
COMMANDS = ("capture", "capture", "refund", "credit", "void", "release", "confirm", "days")
begins = st.sampled_from(
    [[], [("heard", 1), ("capture", 1_000)], [("heard", 1), ("capture", 600), ("heard", 1)]]
)
acts = st.lists(
    st.tuples(st.sampled_from([*ANSWERS, *COMMANDS]), st.integers(1, 1_200)), max_size=20
)


@settings(max_examples=500)
@given(token=st.sampled_from(sorted(CARDS)), begins=begins, acts=acts)
def test_no_order_of_answers_takes_or_returns_too_much(
    token: str, begins: list[tuple[str, int]], acts: list[tuple[str, int]]
) -> None:
    story = Story(token)
    for act, number in [*begins, *acts]:
        story.do(act, number)
    story.settle()
    payment, charge = story.payment, story.charge()
    assert payment.deadline is None
    if charge is not None:
        assert charge.captured_minor == payment.captured_minor
        assert charge.refunded_minor == payment.refunded_minor - story.credited_minor
    if payment.release_reason is not None and payment.captured_minor > payment.refunded_minor:
        assert any(isinstance(e, RefundFailed) for e in story.events)
    for once in (PaymentAuthorised, PaymentDeclined, PaymentCaptured):
        assert sum(isinstance(e, once) for e in story.events) <= 1
    story.do("look", 0)  # as after the webhook of a charge that came too late
    story.settle()
    live = _live(story.charge())
    assert live == (story.payment.state is PaymentState.AUTHORISED)
    assert not (live and story.payment.release_reason)


def _live(charge: Any) -> bool:
    return charge is not None and charge.state in {"authorised", "requires_action"}


@given(amount_minor=st.integers(-10, 1_010), told_minor=st.integers(-10, 1_010))
def test_a_capture_is_shared_out_to_the_last_unit(amount_minor: int, told_minor: int) -> None:
    ids = Ids(VirtualClock(NOON), Random(5))
    cash = begun(ids, method=Method.CASH).state
    decision = model.capture(
        cash,
        ask_id=ids(),
        amount_minor=amount_minor,
        shares=(Posting(MERCHANT, told_minor),),
        collected_by=UUID(int=7),
        at=NOON,
    )
    fits = 0 < amount_minor <= AUTHORISED_MINOR and told_minor == amount_minor
    assert isinstance(decision, Accepted) == fits
    if isinstance(decision, Accepted):
        (event,) = [e for e in decision.events if isinstance(e, PaymentCaptured)]
        assert ledger.total_minor(ledger.captured(event)) == 0


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(PaymentState)
    assert all(MOVES[state] for state in WAITS_FOR), "what is waited for can come"


def test_reconciliation_backs_off_to_fifteen_minutes() -> None:
    payment = begun(Ids(VirtualClock(NOON), Random(5))).state
    pauses: list[float] = []
    for _ in range(9):
        assert payment.deadline is not None
        pauses.append((payment.deadline.at - payment.since_at).total_seconds())
        payment = hearing.unheard(payment, at=payment.deadline.at).state
    assert pauses == [30, 30, 30, 60, 120, 240, 480, 900, 900]


def test_an_unanswered_challenge_is_declined_and_taken_back() -> None:
    story = Story("tok_3ds")
    story.ask("heard")
    assert story.payment.state is PaymentState.CHALLENGED
    story.settle()
    declined = [e for e in story.events if isinstance(e, PaymentDeclined)]
    assert [e.code for e in declined] == ["authentication_not_completed"]
    assert story.charge().state == "voided"


def test_a_refused_refund_leaves_its_amount_captured_and_the_next_goes_on() -> None:
    story = Story("tok_visa")
    story.ask("heard")
    story.do("capture", 1_000)
    story.ask("heard")
    for amount_minor in (400, 300):
        story.do("refund", amount_minor)
    refused = Refused("acquirer_says_no")
    story.take(hearing.hear(story.payment, refused, key=story.payment.key, at=NOON))
    assert story.payment.refundable_minor == 700
    story.settle()
    assert (story.payment.state, story.payment.refunded_minor) == (PaymentState.CAPTURED, 300)


def test_a_refused_capture_leaves_the_payment_authorised_or_undoes_it() -> None:
    for act, state in (("capture", PaymentState.AUTHORISED), ("release", PaymentState.VOIDED)):
        story = Story("tok_visa")
        story.ask("heard")
        story.do("capture", 1_000)
        story.do(act, 1_000)
        refused = Refused("acquirer_says_no")
        story.take(hearing.hear(story.payment, refused, key=story.payment.key, at=NOON))
        story.settle()
        assert story.payment.state is state


def test_what_was_cleared_before_there_were_providers_belongs_to_the_first() -> None:
    before = msgspec.json.decode(b'{"kind": "psp_clearing", "owner_id": null}', type=AccountRef)
    assert before == clearing(Provider.DIRECT) != clearing(Provider.STRIPE)
