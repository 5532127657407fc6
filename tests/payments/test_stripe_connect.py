"""Payouts with the real SDK over HTTP against the sandbox's Connect."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any

import httpx
import pytest
from msgspec import Struct

from tawsil.kernel.clock import VirtualClock
from tawsil.payments.model.payee import Ready, Remittance, RemittanceState
from tawsil.payments.model.psp import Absent, Refused, Unheard
from tawsil.payments.providers.stripe import Stripe
from tawsil.payments.providers.stripe_connect import StripeConnect
from tawsil.simulation.stripe.connect import PAID_AFTER_S
from tawsil.simulation.stripe.server import Settings, create_app

API_KEY = "sk_test_of_the_sandbox"
REFERENCE = "0190a000-0000-7000-8000-000000000001"
GOOD, CLOSED = "btok_us_verified", "btok_us_verified_noAccount"


class Bench(Struct):
    """The sandbox on a port, the adapter that asks it, and the clock the sandbox goes by."""

    clock: VirtualClock
    stripe: Stripe
    connect: StripeConnect
    http: httpx.AsyncClient

    async def account(self, bank: str | None = GOOD) -> str:
        """Somebody who is paid out, with a bank account, at Stripe."""
        asked = {"type": "custom", "country": "QA"} | ({"external_account": bank} if bank else {})
        answer = await self.http.post("/v1/accounts", data=asked)
        return answer.raise_for_status().json()["id"]

    async def take(self, minor: int = 10_000) -> None:
        """A card payment that the platform has at Stripe."""
        charge: Any = await self.stripe.authorise(
            key="a", reference="a", card_token="pm_card_visa", amount_minor=minor, currency="QAR"
        )
        await self.stripe.capture(key="c", charge_id=charge.id, amount_minor=minor)

    async def pay(self, destination: str, minor: int = 3_000, key: str = "k") -> Any:
        return await self.connect.pay(
            key=key,
            reference=REFERENCE,
            destination=destination,
            amount_minor=minor,
            currency="QAR",
        )

    async def look(self) -> Any:
        return await self.connect.look(reference=REFERENCE, payout_id=None, key="k")

    async def listed(self, what: str, account: str | None = None) -> list[dict[str, Any]]:
        headers = {"Stripe-Account": account} if account else {}
        return (await self.http.get(f"/v1/{what}", headers=headers)).json()["data"]

    async def control(self, what: str, **body: Any) -> None:
        (await self.http.post(f"/sandbox/{what}", json=body)).raise_for_status()


@pytest.fixture
def open_bench(
    clock: VirtualClock, free_port: int, served: Callable[..., Any]
) -> Callable[..., Any]:
    @asynccontextmanager
    async def make(timeout_s: float = 5.0) -> AsyncIterator[Bench]:
        chosen = Settings(api_key=API_KEY, port=free_port, pace=0.02)
        app = create_app(chosen, now=clock, rng=Random(5))
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with (
            served(app, port=free_port) as url,
            Stripe(
                url=url, api_key=API_KEY, timeout_s=timeout_s, return_url="http://here/back"
            ) as stripe,
            httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http,
        ):
            yield Bench(clock, stripe, StripeConnect(stripe), http)

    return make


@pytest.fixture
async def bench(open_bench: Callable[..., Any]) -> AsyncIterator[Bench]:
    async with open_bench() as opened:
        await opened.take()
        yield opened


async def test_it_goes_to_the_account_and_from_there_to_the_bank(bench: Bench) -> None:
    account = await bench.account()
    assert await bench.look() == Absent()
    sent = await bench.pay(account)
    assert isinstance(sent, Remittance)
    assert (sent.state, sent.amount_minor, sent.currency) == (RemittanceState.SENT, 3_000, "QAR")
    assert await bench.pay(account) == sent
    assert await bench.pay(account, key="a key that Stripe has forgotten") == sent
    assert len(await bench.listed("transfers")) == 1
    (payout,) = await bench.listed("payouts", account)
    assert (payout["amount"], payout["metadata"]) == (3_000, {"reference": REFERENCE})

    bench.clock.advance(timedelta(seconds=PAID_AFTER_S + 1))
    paid = await bench.look()
    assert isinstance(paid, Remittance)
    assert (paid.state, paid.id) == (RemittanceState.PAID, sent.id)


async def test_what_the_bank_does_not_take_is_brought_back(bench: Bench) -> None:
    account = await bench.account(CLOSED)
    before = (await bench.http.get("/v1/balance")).json()
    await bench.pay(account)
    assert (await bench.http.get("/v1/balance")).json() != before
    bench.clock.advance(timedelta(seconds=PAID_AFTER_S + 1))
    failed = await bench.look()
    assert isinstance(failed, Remittance)
    assert (failed.state, failed.code) == (RemittanceState.FAILED, "no_account")
    (transfer,) = await bench.listed("transfers")
    assert transfer["reversed"]
    assert (await bench.http.get("/v1/balance")).json() == before
    assert (await bench.look()).state is RemittanceState.FAILED
    assert (await bench.pay(account)).state is RemittanceState.FAILED  # it is not sent anew


async def test_a_reversal_that_is_not_heard_leaves_it_open(bench: Bench) -> None:
    await bench.pay(await bench.account(CLOSED))
    bench.clock.advance(timedelta(seconds=PAID_AFTER_S + 1))
    await bench.control("misfortune", failed_after=1.0)
    assert isinstance(await bench.look(), Unheard)
    await bench.control("misfortune")
    assert (await bench.look()).state is RemittanceState.FAILED


async def test_an_account_that_cannot_be_paid_is_refused(bench: Bench) -> None:
    empty = await bench.account(None)
    assert await bench.connect.check(destination=empty) == Ready(payable=False)
    assert await bench.connect.check(destination=await bench.account()) == Ready(payable=True)
    assert await bench.connect.check(destination="acct_nobody") == Absent()
    assert await bench.pay(empty) == Refused("insufficient_capabilities_for_transfer")
    assert await bench.look() == Absent()


async def test_what_the_platform_lacks_is_not_the_owners_fault(bench: Bench) -> None:
    assert await bench.pay(await bench.account(), 90_000) == Unheard("balance_insufficient")
    assert await bench.look() == Absent()


async def test_an_error_after_it_was_done_does_not_send_it_twice(bench: Bench) -> None:
    account = await bench.account()
    await bench.control("misfortune", failed_after=1.0)
    assert isinstance(await bench.pay(account), Unheard)
    await bench.control("misfortune")
    sent = await bench.pay(account)
    assert isinstance(sent, Remittance)
    assert sent.state is RemittanceState.SENT
    assert len(await bench.listed("transfers")) == len(await bench.listed("payouts", account)) == 1


async def test_silence_is_unheard(open_bench: Any) -> None:
    async with open_bench(timeout_s=0.3) as bench:
        await bench.take()
        account = await bench.account()
        await bench.control("outage", seconds=60, how="unavailable")
        for said in (
            await bench.pay(account),
            await bench.look(),
            await bench.connect.check(destination=account),
        ):
            assert isinstance(said, Unheard)
