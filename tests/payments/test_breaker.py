"""When a provider is left alone, and when it is trusted again."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.decisions import Accepted, Refusal
from tawsil.payments.events import Provider, Step
from tawsil.payments.model import breaker as model
from tawsil.payments.model.breaker import Breaker, Circuit
from tawsil.payments.model.payment import CardToken
from tawsil.payments.provider_events import ProviderClosed, ProviderOpened

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CARDS = [CardToken(Provider.STRIPE, "pm_1"), CardToken(Provider.DIRECT, "tok_1")]


def fresh() -> Breaker:
    return model.breaker(tenant_id=UUID(int=1), provider=Provider.STRIPE, at=NOON)


def after(breaker: Breaker, answers: str, *, every_s: float = 1.0) -> Breaker:
    """What a row of answers (`+`) and silences (`-`) leaves."""
    heard, at = 0, breaker.since_at
    for one in answers:
        at += timedelta(seconds=every_s)
        if one == "+":
            heard += 1
        else:
            breaker = model.silent(breaker, heard_before=heard, at=at).state
            heard = 0
    return breaker


def opened() -> Breaker:
    return after(fresh(), "----")


def test_four_silences_in_a_row_open_it() -> None:
    assert after(fresh(), "---").circuit is Circuit.CLOSED
    assert opened().circuit is Circuit.OPEN


def test_one_in_five_does_not_and_every_other_does() -> None:
    assert after(fresh(), "++++-" * 200).circuit is Circuit.CLOSED
    assert after(fresh(), "+-" * 20).circuit is Circuit.OPEN


def test_silences_of_long_ago_are_forgotten() -> None:
    assert after(fresh(), "-" * 50, every_s=61).circuit is Circuit.CLOSED
    assert after(fresh(), "-" * 4, every_s=30).circuit is Circuit.OPEN


def test_an_open_one_is_not_asked_until_a_probe_is_answered() -> None:
    broken = opened()
    at = broken.since_at + model.FIRST_PAUSE
    assert broken.deadline is not None
    assert broken.deadline.at == at
    assert not broken.takes(Step.AUTHORISE, at=at)
    assert not broken.takes(None, at=at)
    still = model.probed(model.probing(broken, at=at).state, heard=False, at=at).state
    assert still.until_at == at + 2 * model.FIRST_PAUSE
    half = model.probed(still, heard=True, at=at).state
    assert half.circuit is Circuit.HALF_OPEN
    assert half.takes(Step.CAPTURE, at=at)
    assert half.takes(Step.AUTHORISE, at=at)


def test_a_half_open_one_takes_one_authorisation_at_a_time() -> None:
    half = model.probed(opened(), heard=True, at=NOON).state
    tried = model.on_trial(half, at=NOON)
    assert not tried.takes(Step.AUTHORISE, at=NOON)
    assert tried.takes(Step.AUTHORISE, at=NOON + model.TRIAL_LASTS)
    closed = model.answered(tried, at=NOON)
    assert isinstance(closed.events[0], ProviderClosed)
    assert closed.state.takes(Step.AUTHORISE, at=NOON)
    again = model.silent(tried, heard_before=0, at=NOON)
    assert isinstance(again.events[0], ProviderOpened)


def test_who_breaks_again_soon_is_left_alone_for_longer() -> None:
    half = model.probed(opened(), heard=True, at=NOON).state
    closed = model.answered(half, at=NOON).state
    assert after(closed, "----").times == 2
    for _ in range(4):
        closed = model.silent(closed, heard_before=0, at=NOON + timedelta(minutes=6)).state
    assert (closed.circuit, closed.times) == (Circuit.OPEN, 1)


def test_an_operator_keeps_it_open_and_lets_it_in_again() -> None:
    paused = model.pause(fresh(), reason="contract", at=NOON)
    assert isinstance(paused, Accepted)
    assert paused.state.deadline is None
    assert isinstance(model.pause(paused.state, reason="again", at=NOON), Refusal)
    assert model.silent(paused.state, heard_before=0, at=NOON).state == paused.state
    resumed = model.resume(paused.state, at=NOON)
    assert isinstance(resumed, Accepted)
    assert resumed.state.deadline is not None
    assert resumed.state.deadline.at == NOON
    assert isinstance(model.resume(fresh(), at=NOON), Refusal)


def test_the_first_free_one_with_a_card_is_chosen() -> None:
    down = {Provider.STRIPE: opened()}
    assert model.choose(CARDS, {}, at=NOON) is Provider.STRIPE
    assert model.choose(CARDS, down, at=NOON) is Provider.DIRECT
    assert model.choose(CARDS, down, tried=[Provider.DIRECT], at=NOON) is None
    assert model.choose(CARDS[:1], down, at=NOON) is None


@given(st.lists(st.sampled_from(["silent", "answered", "probed", "missed", "wait"]), max_size=60))
def test_it_is_open_exactly_while_somebody_will_probe_it(steps: list[str]) -> None:
    breaker, at = fresh(), NOON
    for step in steps:
        at += timedelta(seconds=30 if step == "wait" else 1)
        before = breaker
        match step:
            case "silent":
                decision = model.silent(breaker, heard_before=0, at=at)
            case "answered":
                decision = model.answered(breaker, at=at)
            case "wait":
                continue
            case _:
                decision = model.probed(breaker, heard=step == "probed", at=at)
        breaker = decision.state
        assert breaker.version == before.version + len(decision.events)
        assert (breaker.deadline is not None) == (breaker.circuit is Circuit.OPEN)
        pause = breaker.until_at and breaker.until_at - at
        assert not pause or pause <= model.LONGEST_PAUSE
