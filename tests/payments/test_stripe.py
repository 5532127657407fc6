"""The real SDK over HTTP against the sandbox: what each answer, and each silence, means."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
from msgspec import Struct

from tawsil.kernel.clock import VirtualClock
from tawsil.payments.model.psp import Absent, Charge, ChargeState, Refused, Unheard
from tawsil.payments.providers.stripe import Stripe
from tawsil.simulation.stripe.server import Settings, create_app

API_KEY = "sk_test_of_the_sandbox"
SECRET = "whsec_of_the_sandbox"
REFERENCE = "0190a000-0000-7000-8000-000000000001"


class Bench(Struct):
    """The sandbox on a port, the adapter that asks it, and the clock the sandbox goes by."""

    clock: VirtualClock
    url: str
    stripe: Stripe
    http: httpx.AsyncClient

    async def authorise(self, card: str = "pm_card_visa", key: str = "a", **fields: Any) -> Any:
        asked = {
            "key": key,
            "reference": REFERENCE,
            "card_token": card,
            "amount_minor": 1_000,
            "currency": "QAR",
            **fields,
        }
        return await self.stripe.authorise(**asked)

    async def control(self, what: str, **body: Any) -> None:
        (await self.http.post(f"/sandbox/{what}", json=body)).raise_for_status()

    async def intents(self) -> list[dict[str, Any]]:
        """What the sandbox itself has, asked past the SDK."""
        return (await self.http.get("/v1/payment_intents")).json()["data"]


@pytest.fixture
def open_bench(
    clock: VirtualClock, free_port: int, served: Callable[..., Any]
) -> Callable[..., Any]:
    @asynccontextmanager
    async def make(timeout_s: float = 5.0, **settings: Any) -> AsyncIterator[Bench]:
        chosen = Settings(api_key=API_KEY, port=free_port, pace=0.02, **settings)
        app = create_app(chosen, now=clock, rng=Random(5))
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with (
            served(app, port=free_port) as url,
            Stripe(
                url=url, api_key=API_KEY, timeout_s=timeout_s, return_url="http://here/back"
            ) as stripe,
            httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http,
        ):
            yield Bench(clock, url, stripe, http)

    return make


@pytest.fixture
async def bench(open_bench: Callable[..., Any]) -> AsyncIterator[Bench]:
    async with open_bench() as opened:
        yield opened


async def test_a_payment_is_reserved_taken_in_part_and_given_back(bench: Bench) -> None:
    reserved = await bench.authorise()
    assert isinstance(reserved, Charge)
    assert (reserved.state, reserved.amount_minor, reserved.currency) == (
        ChargeState.AUTHORISED,
        1_000,
        "QAR",
    )
    taken = await bench.stripe.capture(key="c", charge_id=reserved.id, amount_minor=700)
    assert isinstance(taken, Charge)
    assert (taken.state, taken.captured_minor) == (ChargeState.CAPTURED, 700)
    for key, amount_minor in (("r1", 200), ("r2", 500), ("r1", 200)):
        seen = await bench.stripe.refund(key=key, charge_id=reserved.id, amount_minor=amount_minor)
    assert isinstance(seen, Charge)
    assert seen.refunds == {"r1", "r2"}
    assert await bench.stripe.refund(key="r3", charge_id=reserved.id, amount_minor=1) == Refused(
        "charge_already_refunded"
    )
    (intent,) = await bench.intents()
    assert (intent["amount"], intent["amount_received"]) == (1_000, 700)
    assert intent["metadata"] == {"reference": REFERENCE}


async def test_what_is_voided_cannot_be_captured(bench: Bench) -> None:
    reserved = await bench.authorise()
    voided = await bench.stripe.void(key="v", charge_id=reserved.id)
    assert isinstance(voided, Charge)
    assert voided.state is ChargeState.CLOSED
    refused = Refused("payment_intent_unexpected_state")
    assert await bench.stripe.capture(key="c", charge_id=reserved.id, amount_minor=1) == refused
    assert await bench.stripe.void(key="v2", charge_id=reserved.id) == refused
    assert await bench.stripe.void(key="v", charge_id=reserved.id) == voided  # replayed


async def test_more_than_is_reserved_cannot_be_taken(bench: Bench) -> None:
    reserved = await bench.authorise()
    assert await bench.stripe.capture(
        key="c", charge_id=reserved.id, amount_minor=1_001
    ) == Refused("amount_too_large")


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ],
)
async def test_a_decline_says_why_and_is_replayed(bench: Bench, token: str, code: str) -> None:
    declined = await bench.authorise(token)
    assert isinstance(declined, Charge)
    assert (declined.state, declined.decline_code) == (ChargeState.DECLINED, code)
    assert await bench.authorise(token) == declined
    assert await bench.stripe.retrieve(reference="", charge_id=declined.id) == declined


async def test_what_makes_no_sense_is_refused(bench: Bench) -> None:
    assert await bench.authorise("pm_made_up") == Refused("resource_missing")
    assert await bench.authorise(key="b", amount_minor=10, currency="USD") == Refused(
        "amount_too_small"
    )
    assert await bench.authorise(key="c", currency="ISK") == Refused("currency_not_supported")


@pytest.mark.parametrize(
    ("verdict", "state"),
    [("approve", ChargeState.AUTHORISED), ("deny", ChargeState.DECLINED)],
)
async def test_a_cardholder_answers_the_bank(
    bench: Bench, verdict: str, state: ChargeState
) -> None:
    asked = await bench.authorise("pm_card_threeDSecure2Required")
    assert isinstance(asked, Charge)
    assert asked.state is ChargeState.CHALLENGED
    assert asked.next_action_url == f"{bench.url}/3ds/{asked.id}"
    page = await bench.http.get(asked.next_action_url)
    assert "10.00 QAR" in page.text
    answered = await bench.http.post(f"{asked.next_action_url}/{verdict}")
    assert answered.status_code == 303
    assert answered.headers["location"].startswith(f"http://here/back/{REFERENCE}?payment_intent=")
    seen = await bench.stripe.retrieve(reference="", charge_id=asked.id)
    assert isinstance(seen, Charge)
    assert (seen.state, seen.next_action_url) == (state, None)
    if verdict == "deny":
        assert seen.decline_code == "payment_intent_authentication_failure"


async def test_the_same_key_has_one_effect_and_another_request_under_it_says_nothing(
    bench: Bench,
) -> None:
    words = await asyncio.gather(*[bench.authorise() for _ in range(5)])
    assert len(set(words)) == 1
    assert len(await bench.intents()) == 1
    assert await bench.authorise(amount_minor=999) == Unheard("IdempotencyError 400")
    bench.clock.advance(timedelta(hours=24, seconds=1))
    assert (await bench.authorise()).id != words[0].id  # forgotten after a day


async def test_a_search_finds_by_reference_but_late(bench: Bench) -> None:
    assert await bench.stripe.retrieve(reference=REFERENCE, charge_id=None) == Absent()
    made = await bench.authorise()
    assert await bench.stripe.retrieve(reference=REFERENCE, charge_id=None) == Absent()
    assert await bench.stripe.retrieve(reference="", charge_id=made.id) == made
    bench.clock.advance(timedelta(seconds=20))
    assert await bench.stripe.retrieve(reference=REFERENCE, charge_id=None) == made


async def test_an_authorisation_lapses_after_a_week(bench: Bench) -> None:
    made = await bench.authorise()
    bench.clock.advance(timedelta(days=7))
    seen = await bench.stripe.retrieve(reference="", charge_id=made.id)
    assert isinstance(seen, Charge)
    assert seen.state is ChargeState.CLOSED


async def test_a_refund_may_be_pending_and_may_fail(bench: Bench) -> None:
    for token, key, later in (
        ("pm_card_pendingRefund", "p", frozenset({"refund-p"})),
        ("pm_card_refundFail", "f", frozenset()),
    ):
        made = await bench.authorise(token, key=key)
        await bench.stripe.capture(key=f"c{key}", charge_id=made.id, amount_minor=1_000)
        asked = {"key": f"refund-{key}", "charge_id": made.id, "amount_minor": 400}
        seen = await bench.stripe.refund(**asked)
        assert isinstance(seen, Charge)
        assert seen.refunds == (frozenset() if key == "p" else {"refund-f"})
        bench.clock.advance(timedelta(seconds=61))
        again = await bench.stripe.refund(**asked)  # the key replays, the look does not
        if later:
            assert isinstance(again, Charge)
            assert again.refunds == later
        else:
            assert again == Refused("expired_or_canceled_card")


async def test_a_limit_and_an_error_are_tried_again_under_the_same_key(bench: Bench) -> None:
    await bench.control("misfortune", seed=1, rate_limited=0.3, failed=0.3)
    words = await asyncio.gather(*[bench.authorise(key=f"k{n}") for n in range(20)])
    await bench.control("misfortune")
    heard = [word for word in words if isinstance(word, Charge)]
    assert len(heard) > 12
    assert {word.why for word in words if isinstance(word, Unheard)} <= {
        "RateLimitError 429",
        "APIError 500",
    }
    assert len(await bench.intents()) <= 20
    again = await asyncio.gather(*[bench.authorise(key=f"k{n}") for n in range(20)])
    assert all(isinstance(word, Charge) for word in again)
    listed = (await bench.http.get("/v1/payment_intents?limit=100")).json()["data"]
    assert len(listed) == 20


async def test_an_error_after_it_was_done_is_unheard_and_replayed(bench: Bench) -> None:
    await bench.control("misfortune", failed_after=1.0)
    assert await bench.authorise() == Unheard("APIError 500")
    await bench.control("misfortune")
    assert await bench.authorise() == Unheard("APIError 500")
    bench.clock.advance(timedelta(seconds=20))
    found = await bench.stripe.retrieve(reference=REFERENCE, charge_id=None)
    assert isinstance(found, Charge)
    assert found.state is ChargeState.AUTHORISED


async def test_a_key_in_use_says_nothing_and_is_tried_again(open_bench: Any) -> None:
    async with open_bench(timeout_s=2.0) as bench:
        await bench.control("misfortune", slow=1.0)
        one, two = await asyncio.gather(bench.authorise(), bench.authorise())
        assert one == two  # the SDK tries a 409 again, and then the answer is there
        assert len(await bench.intents()) == 1


async def test_a_lost_answer_is_unheard_and_the_same_key_tells(open_bench: Any) -> None:
    async with open_bench(timeout_s=0.3) as bench:
        await bench.control("misfortune", lost=1.0)
        assert await bench.authorise() == Unheard("timeout")
        await bench.control("misfortune")
        assert isinstance(await bench.authorise(), Charge)
        assert len(await bench.intents()) == 1


@pytest.mark.parametrize("how", ["unavailable", "hang", "refuse"])
async def test_an_outage_is_silence_and_leaves_nothing_behind(open_bench: Any, how: str) -> None:
    async with open_bench(timeout_s=0.6) as bench:
        await bench.control("outage", seconds=60, how=how)
        assert isinstance(await bench.authorise(), Unheard)
        assert isinstance(await bench.stripe.retrieve(reference="x", charge_id=None), Unheard)
        await bench.control("outage", seconds=0)
        assert await bench.intents() == []
        assert isinstance(await bench.authorise(), Charge)


async def test_nobody_there_and_a_wrong_key_are_silence(bench: Bench) -> None:
    for url, api_key in (("http://127.0.0.1:9", API_KEY), (bench.url, "sk_wrong")):
        async with Stripe(url=url, api_key=api_key, timeout_s=0.5, return_url="") as stripe:
            assert isinstance(await stripe.retrieve(reference="x", charge_id=None), Unheard)
            assert isinstance(await stripe.void(key="k", charge_id="pi_x"), Unheard)
