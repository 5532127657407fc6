"""Payouts over HTTP against the sandbox, in the direct provider's protocol."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, post
from msgspec import Struct

from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.payments.model.payee import Ready, Remittance, RemittanceState
from tawsil.payments.model.psp import Absent, Refused, Unheard
from tawsil.payments.providers.direct_payouts import DirectPayee
from tawsil.payments.routes.webhooks import signed
from tawsil.simulation.psp.payouts import SOON
from tawsil.simulation.psp.server import Settings, create_app

API_KEY, SECRET = "key-of-the-sandbox", "secret-of-the-sandbox"
REFERENCE = "0190a000-0000-7000-8000-000000000001"
TIMEOUT_S = 0.4
"""Longer than a slow answer at this pace, shorter than a lost one."""


class Bench(Struct):
    clock: VirtualClock
    payee: DirectPayee
    http: httpx.AsyncClient

    async def pay(self, destination: str, key: str = "k", minor: int = 3_000) -> Any:
        return await self.payee.pay(
            key=key,
            reference=REFERENCE,
            destination=destination,
            amount_minor=minor,
            currency="AED",
        )

    async def look(self) -> Any:
        return await self.payee.look(reference=REFERENCE, payout_id=None, key="k")


@pytest.fixture
async def bench(
    clock: VirtualClock, free_port: int, served: Callable[..., Any]
) -> AsyncIterator[Bench]:
    app = create_app(
        Settings(api_key=API_KEY, webhook_secret=SECRET, pace=0.04),
        now=clock,
        ids=Ids(clock, Random(3)),
    )
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with (
        served(app, port=free_port) as url,
        DirectPayee(url=url, api_key=API_KEY, timeout_s=TIMEOUT_S) as payee,
        httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http,
    ):
        yield Bench(clock, payee, http)


async def test_it_is_sent_once_however_often_it_is_asked_for(bench: Bench):
    assert await bench.look() == Absent()
    first = await bench.pay("bank_ok")
    assert isinstance(first, Remittance)
    assert (first.state, first.amount_minor, first.currency) == (
        RemittanceState.SENT,
        3_000,
        "AED",
    )
    assert await bench.pay("bank_ok") == first == await bench.look()
    assert await bench.pay("bank_ok", minor=2_999) == Refused("idempotency_key_reused")
    answer = await bench.http.get("/payouts", params={"reference": REFERENCE})
    assert len(answer.json()["payouts"]) == 1


@pytest.mark.parametrize(
    ("bank", "states"),
    [
        ("bank_ok_17", ["sent", "paid", "paid"]),
        ("bank_at_once", ["paid", "paid", "paid"]),
        ("bank_closed", ["sent", "failed", "failed"]),
        ("bank_returned", ["sent", "paid", "returned"]),
        ("bank_slow", ["sent", "paid", "paid"]),
    ],
)
async def test_each_bank_does_as_it_is_called(bench: Bench, bank: str, states: list[str]):
    seen = [await bench.pay(bank)]
    for lapse in (SOON, timedelta(days=3)):
        bench.clock.advance(lapse)
        seen.append(await bench.look())
    assert [one.state.value for one in seen] == states
    assert (seen[-1].code is not None) == (states[-1] in {"failed", "returned"})


@pytest.mark.parametrize("bank", ["bank_refused", "bank_unverified", "bank_of_nobody"])
async def test_a_refusal_leaves_no_trace(bench: Bench, bank: str):
    assert isinstance(await bench.pay(bank), Refused)
    assert await bench.look() == Absent()


@pytest.mark.parametrize(
    ("bank", "done"), [("bank_unknown", "yes"), ("bank_unknown_lost", "no"), ("bank_outage", "no")]
)
async def test_silence_is_unheard_and_the_same_key_sends_once(bench: Bench, bank: str, done: str):
    assert isinstance(await bench.pay(bank), Unheard)
    assert isinstance(await bench.look(), Remittance if done == "yes" else Absent)
    again = await bench.pay(bank)
    assert isinstance(again, Remittance)
    assert await bench.look() == again


async def test_a_destination_is_known_or_not(bench: Bench):
    check = bench.payee.check
    assert await check(destination="bank_ok_1") == Ready(payable=True)
    assert await check(destination="bank_unverified") == Ready(payable=False)
    assert await check(destination="bank_of_nobody") == Absent()


async def test_a_network_that_is_down_is_unheard(free_port: int):
    url = f"http://127.0.0.1:{free_port}"
    down = Unheard("ConnectError")
    async with DirectPayee(url=url, api_key=API_KEY, timeout_s=TIMEOUT_S) as payee:
        asked = {"destination": "bank_ok", "amount_minor": 1, "currency": "AED"}
        assert await payee.pay(key="k", reference=REFERENCE, **asked) == down
        assert await payee.look(reference=REFERENCE, payout_id=None, key="k") == down
        assert await payee.check(destination="bank_ok") == down


def another_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


async def test_webhooks_are_signed_and_a_restart_forgets_nothing(
    clock: VirtualClock, free_port: int, served: Callable[..., Any], tmp_path: Path
):
    heard: list[dict[str, Any]] = []

    @post("/hear", status_code=200)
    async def hear(request: Request[Any, Any, Any]) -> None:
        body = await request.body()
        signature = request.headers["tawsil-psp-signature"]
        assert signed(secrets=[SECRET], signature=signature, body=body, now=clock())
        heard.append(await request.json())

    port = free_port
    settings = Settings(
        api_key=API_KEY,
        webhook_url=f"http://127.0.0.1:{port}/hear",
        webhook_secret=SECRET,
        state=tmp_path / "bank.jsonl",
        pace=0.001,
    )
    async with served(Litestar([hear], openapi_config=None, logging_config=None), port=port):
        first = create_app(settings, now=clock, ids=Ids(clock, Random(3)))
        async with (
            served(first, port=another_port()) as url,
            DirectPayee(url=url, api_key=API_KEY, timeout_s=TIMEOUT_S) as payee,
        ):
            await payee.pay(
                key="k",
                reference=REFERENCE,
                destination="bank_ok",
                amount_minor=3_000,
                currency="AED",
            )
        clock.advance(SOON)
        second = create_app(settings, now=clock, ids=Ids(clock, Random(4)))
        async with (
            served(second, port=another_port()) as url,
            DirectPayee(url=url, api_key=API_KEY, timeout_s=TIMEOUT_S) as payee,
        ):
            paid = await payee.look(reference=REFERENCE, payout_id=None, key="k")
            assert isinstance(paid, Remittance)
            assert paid.state is RemittanceState.PAID
            for _ in range(100):
                if any(event["type"] == "payout.paid" for event in heard):
                    break
                await asyncio.sleep(0.02)
    assert {event["type"] for event in heard} == {"payout.sent", "payout.paid"}
    assert {event["data"]["payout"]["reference"] for event in heard} == {REFERENCE}
