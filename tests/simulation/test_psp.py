from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.simulation.psp.balance import as_csv, lines
from tawsil.simulation.psp.charges import AUTHORISATION_LASTS, MOVES, ChargeState, Move
from tawsil.simulation.psp.journal import Journal
from tawsil.simulation.psp.model import Acquirer, Answer, Change, sign
from tawsil.simulation.psp.tokens import CARDS, Chaos

NOON_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "whsec_of_the_sandbox"


class City:
    """An acquirer under virtual time, with what its journal would hold."""

    def __init__(self, chaos: Chaos | None = None, seed: int = 1) -> None:
        self.clock = VirtualClock(NOON_AT)
        self.changes: list[Change] = []
        self.acquirer = Acquirer(
            ids=Ids(self.clock, Random(seed)), chaos=chaos, record=self.changes.append
        )

    def authorise(self, card: str = "tok_visa", key: str = "order", **order: Any) -> Answer:
        order = {"amount_minor": 1_000, "currency": "QAR", "reference": key} | order
        return self.acquirer.authorise(idempotency_key=key, token=card, at=self.clock(), **order)

    def do(self, move: Move, key: str, charge_id: str, amount_minor: int | None = None) -> Answer:
        acquirer, now = self.acquirer, self.clock()
        match move:
            case Move.CAPTURE:
                act = acquirer.capture
            case Move.REFUND:
                act = acquirer.refund
            case Move.VOID:
                return acquirer.void(idempotency_key=key, charge_id=charge_id, at=now)
            case Move.CONFIRM:
                approve = amount_minor is None or amount_minor % 2 == 0
                return acquirer.confirm(
                    idempotency_key=key, charge_id=charge_id, approve=approve, at=now
                )
        return act(idempotency_key=key, charge_id=charge_id, amount_minor=amount_minor, at=now)


amounts = st.none() | st.integers(-1, 1_300)
steps = st.lists(
    st.tuples(st.sampled_from(Move), amounts, st.integers(0, 3 * 24 * 3600)), max_size=8
)


@given(token=st.sampled_from(sorted(CARDS)), steps=steps)
def test_money_taken_and_returned_never_exceeds_what_was_reserved(token, steps):
    city = City()
    city.authorise(token)
    for charge in city.acquirer.find(reference="order", at=city.clock()):
        taken = returned = 0
        for number, (move, amount, pause_s) in enumerate(steps):
            city.clock.advance(timedelta(seconds=pause_s))
            before = city.acquirer.retrieve(charge_id=charge.id, at=city.clock())
            recorded = len(city.changes)
            answer = city.do(move, f"step {number}", charge.id, amount)
            after = city.acquirer.retrieve(charge_id=charge.id, at=city.clock())
            assert before
            assert after
            if move not in MOVES[before.state]:
                assert answer.status == 409
                assert answer.error
                assert set(answer.error.may) == MOVES[before.state]
            if len(city.changes) == recorded:
                assert after == before
                assert not answer.webhooks
            else:
                assert after.version == before.version + 1
                taken += after.captured_minor - before.captured_minor
                returned += after.refunded_minor - before.refunded_minor
            assert 0 <= returned <= taken <= charge.amount_minor


@given(token=st.sampled_from(sorted(CARDS)), steps=steps)
def test_the_same_request_again_changes_nothing_and_gets_the_same_answer(token, steps):
    city = City()
    first = city.authorise(token)
    assert msgspec.structs.replace(first, webhooks=()) == city.authorise(token)
    for charge in city.acquirer.find(reference="order", at=city.clock()):
        for number, (move, amount, _) in enumerate(steps):
            first = city.do(move, f"step {number}", charge.id, amount)
            recorded = len(city.changes)
            again = city.do(move, f"step {number}", charge.id, amount)
            assert again == msgspec.structs.replace(first, webhooks=())
            assert len(city.changes) == recorded


@given(token=st.sampled_from(sorted(CARDS)), steps=steps)
def test_what_was_recorded_restores_the_acquirer(token, steps):
    city = City()
    city.authorise(token)
    for charge in city.acquirer.find(reference="order", at=city.clock()):
        for number, (move, amount, pause_s) in enumerate(steps):
            city.clock.advance(timedelta(seconds=pause_s))
            city.do(move, f"step {number}", charge.id, amount)
    restored = City()
    for change in city.changes:
        kept = msgspec.json.decode(msgspec.json.encode(change), type=Change)
        restored.acquirer.apply(kept)
    assert restored.acquirer.events() == city.acquirer.events()
    now = city.clock()
    assert restored.acquirer.find(reference="order", at=now) == city.acquirer.find(
        reference="order", at=now
    )
    restored.clock.set(now)
    recorded = len(restored.changes)
    restored.authorise(token)
    assert len(restored.changes) == recorded or not city.changes


@given(
    amount_minor=st.integers(max_value=0) | st.integers(min_value=10**12 + 1),
)
def test_amounts_that_are_no_amounts_are_refused(amount_minor):
    city = City()
    assert city.authorise(amount_minor=amount_minor).status == 422
    assert not city.changes


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"card": "tok_of_nobody"}, "unknown_token"),
        ({"currency": "qar"}, "invalid_currency"),
        ({"reference": ""}, "invalid_reference"),
        ({"key": "k" * 256, "reference": "r"}, "invalid_idempotency_key"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(order, code):
    city = City()
    answer = city.authorise(**order)
    assert answer.status == 422
    assert answer.error
    assert answer.error.code == code
    assert not city.changes


def test_a_key_belongs_to_one_request():
    city = City()
    city.authorise(key="k")
    answer = city.authorise(key="k", amount_minor=999)
    assert answer.status == 400
    assert answer.error
    assert answer.error.code == "idempotency_key_reused"
    assert len(city.changes) == 1


@pytest.mark.parametrize("token", ["tok_declined", "tok_insufficient_funds", "tok_expired_card"])
def test_a_decline_says_why(token):
    answer = City().authorise(token)
    assert answer.status == 402
    assert answer.charge
    assert answer.charge.state is ChargeState.DECLINED
    assert answer.error
    assert answer.error.code == answer.charge.decline_code
    assert [webhook.event.type for webhook in answer.webhooks] == ["charge.declined"]


@pytest.mark.parametrize(("approve", "state"), [(True, "authorised"), (False, "declined")])
def test_three_d_secure_waits_for_the_cardholder(approve, state):
    city = City()
    charge = city.authorise("tok_3ds").charge
    assert charge
    assert charge.state is ChargeState.REQUIRES_ACTION
    assert city.do(Move.CAPTURE, "too soon", charge.id).status == 409
    answer = city.acquirer.confirm(
        idempotency_key="verdict", charge_id=charge.id, approve=approve, at=city.clock()
    )
    assert answer.status == (200 if approve else 402)
    assert answer.charge
    assert answer.charge.state == state


def test_an_authorisation_expires_once_and_says_so():
    city = City()
    charge = city.authorise().charge
    assert charge
    city.clock.advance(AUTHORISATION_LASTS)
    assert city.do(Move.CAPTURE, "too late", charge.id).status == 409
    expired = city.acquirer.retrieve(charge_id=charge.id, at=city.clock())
    (webhook,) = city.acquirer.advance(at=city.clock())
    assert webhook.event.type == "charge.expired"
    assert webhook.event.data.charge == expired
    assert not city.acquirer.advance(at=city.clock())


def test_a_capture_in_time_does_not_expire():
    city = City()
    charge = city.authorise().charge
    assert charge
    assert city.do(Move.CAPTURE, "capture", charge.id).status == 200
    city.clock.advance(2 * AUTHORISATION_LASTS)
    assert not city.acquirer.advance(at=city.clock())


def test_lost_answers_say_nothing_but_the_charge_can_be_found():
    city = City()
    for token, made in (("tok_unknown", 1), ("tok_unknown_lost", 0), ("tok_outage", 0)):
        answer = city.authorise(token, key=token)
        assert answer.charge is None
        assert answer.lost == (token != "tok_outage")
        assert len(city.acquirer.find(reference=token, at=city.clock())) == made


def test_a_lost_capture_was_made():
    city = City()
    charge = city.authorise("tok_unknown_capture").charge
    assert charge
    answer = city.do(Move.CAPTURE, "capture", charge.id, 400)
    assert answer.lost
    found = city.acquirer.retrieve(charge_id=charge.id, at=city.clock())
    assert found
    assert found.captured_minor == 400


def test_refunds_carry_their_keys():
    city = City()
    charge = city.authorise().charge
    assert charge
    city.do(Move.CAPTURE, "capture", charge.id, 700)
    city.do(Move.REFUND, "spoiled", charge.id, 200)
    answer = city.do(Move.REFUND, "the rest", charge.id)
    assert answer.charge
    assert answer.charge.state is ChargeState.REFUNDED
    kept = [(refund.idempotency_key, refund.amount_minor) for refund in answer.charge.refunds]
    assert kept == [("spoiled", 200), ("the rest", 500)]


def chaotic_day(seed: int) -> list[Answer]:
    chaos = Chaos(
        seed=seed,
        decline_rate=0.1,
        slow_rate=0.1,
        unknown_rate=0.1,
        unknown_lost_rate=0.1,
        outage_rate=0.1,
        duplicate_rate=0.3,
        late_rate=0.3,
    )
    city = City(chaos)
    return [city.authorise(key=str(number)) for number in range(1_000)]


def test_chaos_comes_in_the_asked_measure_and_again_from_the_same_seed():
    day = chaotic_day(7)
    assert day == chaotic_day(7)
    assert day != chaotic_day(8)
    statuses = Counter(answer.status for answer in day)
    assert 150 < statuses[504] < 250
    assert 60 < statuses[503] < 140
    assert 40 < statuses[402] < 110
    posted = [answer.webhooks for answer in day if answer.webhooks]
    assert 0.25 < sum(len(webhooks) == 2 for webhooks in posted) / len(posted) < 0.35
    assert 0.25 < sum(webhooks[0].after_s > 0 for webhooks in posted) / len(posted) < 0.35


def test_a_journal_forgets_only_the_line_that_was_torn(tmp_path):
    city = City()
    city.authorise(key="a")
    path = tmp_path / "journal.jsonl"
    journal = Journal(path=path)
    journal.record(city.changes[0])
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"change":{"event"')
    torn = Journal(path=path)
    assert [line.change for line in torn.read()] == city.changes
    torn.posted(city.changes[0].event.id)
    assert [line.posted for line in torn.read()] == [None, city.changes[0].event.id]
    torn.close()
    path.write_bytes(b"nonsense\n")
    nonsense = Journal(path=path)
    with pytest.raises(ValueError, match="line 1"):
        nonsense.read()
    nonsense.close()


def test_a_signature_depends_on_the_body_the_time_and_the_secret():
    signature = sign(secret=SECRET, body=b"{}", at=NOON_AT)
    assert signature.startswith(f"t={int(NOON_AT.timestamp())},v1=")
    assert signature != sign(secret=SECRET, body=b"{ }", at=NOON_AT)
    assert signature != sign(secret=SECRET, body=b"{}", at=NOON_AT + timedelta(seconds=1))
    assert signature != sign(secret="other", body=b"{}", at=NOON_AT)


def test_the_balance_file_says_what_came_in_less_its_fee_and_went_to_the_bank():
    city = City()
    held = city.authorise()
    assert held.charge is not None
    for move, minor in ((Move.CAPTURE, 800), (Move.REFUND, 300), (Move.REFUND, None)):
        city.do(move, f"{move}-{minor}", held.charge.id, minor)
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    day = lines(city.acquirer.events(), since=NOON_AT, until=midnight)
    assert [(line.type, line.amount_minor, line.fee_minor) for line in day] == [
        ("capture", 800, 12),
        ("refund", -300, 0),
        ("refund", -500, 0),
    ]
    (settled,) = lines(city.acquirer.events(), since=midnight, until=midnight + timedelta(days=1))
    assert as_csv([settled]).splitlines()[1] == (
        "set_20260302_QAR,settlement,,12,0,QAR,2026-03-02T00:00:00+00:00"
    )
