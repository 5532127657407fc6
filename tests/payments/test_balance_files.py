"""Both acquirers' balance files over HTTP, as they write them, and as they may be broken."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from payments.test_service import PLATFORM, asked
from tawsil.kernel.clock import system_now
from tawsil.kernel.decisions import By
from tawsil.payments import public
from tawsil.payments.events import Posting, Provider
from tawsil.payments.jobs.balances import Balances
from tawsil.payments.model.psp import Charge, Unheard
from tawsil.payments.model.reconciliation import BALANCE_JOB, FileLine, Moved
from tawsil.payments.providers.balance_files import direct_lines, stripe_lines
from tawsil.payments.providers.stripe import Stripe
from tawsil.payments.service import reconciliation
from tawsil.payments.store import reconciliation as store
from tawsil.simulation.stripe.server import Settings, create_app

KEY = "sk_test_of_the_sandbox"
DAY = timedelta(days=1)


def said(lines: Any) -> list[tuple[Moved, int, str | None]]:
    assert not isinstance(lines, Unheard), lines
    return [(line.moved, line.amount_minor, line.charge_id) for line in lines]


async def moved(psp: Any, card: str, currency: str) -> str:
    """1,000 reserved, 800 taken of it, 300 given back; the charge."""
    reserved = await psp.authorise(
        key="a", reference="r", card_token=card, amount_minor=1_000, currency=currency
    )
    assert isinstance(reserved, Charge)
    await psp.capture(key="c", charge_id=reserved.id, amount_minor=800)
    await psp.refund(key="r", charge_id=reserved.id, amount_minor=300)
    return reserved.id


async def test_the_direct_acquirers_file(till: Any):
    now = till.clock()
    charge_id = await moved(till.psp, "tok_visa", "QAR")
    till.clock.advance(DAY)
    lines = await till.psp.balance(since_at=now - DAY, until_at=now + DAY)
    assert said(lines)[:2] == [(Moved.CHARGE, 800, charge_id), (Moved.REFUND, -300, charge_id)]
    assert {line.provider for line in lines} == {Provider.DIRECT}
    assert lines[0].fee_minor == 12
    assert await till.psp.balance(since_at=now - DAY, until_at=now) == []


@pytest.mark.parametrize("currency", ["QAR", "JOD"])
async def test_stripes_report(free_port: int, served: Callable[..., Any], currency: str):
    now = system_now()
    sandbox = create_app(
        Settings(api_key=KEY, port=free_port, pace=0.02), now=system_now, rng=Random(5)
    )
    async with (
        served(sandbox, port=free_port) as url,
        Stripe(
            url=url, api_key=KEY, timeout_s=5, return_url="http://here", look_every_s=0.05
        ) as stripe,
    ):
        charge_id = await moved(stripe, "pm_card_visa", currency)
        lines = await stripe.balance(since_at=now - DAY, until_at=now + DAY)
        assert said(lines) == [(Moved.CHARGE, 800, charge_id), (Moved.REFUND, -300, charge_id)]
        assert isinstance(lines, list)
        assert {line.currency for line in lines} == {currency}
        assert lines[0].fee_minor > 0
        assert await stripe.balance(since_at=now - 2 * DAY, until_at=now - DAY) == []


async def test_files_are_read_by_jobs_and_matched(till: Any, by: By):
    """From a captured payment to no difference, over the acquirer's own file."""
    async with till.database.transaction() as tx:
        (payment,) = await public.authorise(tx, [asked(by, tx.ids())])
    await till.work()
    async with till.database.transaction() as tx:
        capture = public.Capture(
            by=by, reference_id=payment.reference_id, postings=(Posting(PLATFORM, 1_000),)
        )
        await public.capture(tx, [capture])
    await till.work()
    till.clock.advance(DAY)
    balances = Balances(database=till.database, files={Provider.DIRECT: till.psp})
    await balances.ask_all(tenant_id=by.tenant_id)
    for job in [till.jobs.waiting.popleft() for _ in list(till.jobs.waiting)]:
        assert job.name == BALANCE_JOB
        await balances.read(job.payload)
    async with till.database.transaction() as tx:
        (run,) = await store.runs(tx, tenant_id=by.tenant_id, limit=10)
        assert await reconciliation.differences(tx, tenant_id=by.tenant_id) == []
    assert (run.new_lines, run.matched) == (2, 1), "the capture, and what went to the bank"


HEAD = "id,type,charge_id,amount_minor,fee_minor,currency,created_at\n"
STRIPES = (
    "balance_transaction_id,created_utc,currency,gross,fee,reporting_category,source_id,"
    "payment_intent_id\n"
)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "1,capture,ch_1,12.5,0,QAR,2026-11-20T12:00:00+00:00\n",
        HEAD + "1,capture,ch_1,12\n",
        HEAD + "1,capture,ch_1,12,0,QAR,yesterday\n",
        "other,columns\n1,2\n",
        HEAD + '"1,capture',
    ],
)
def test_half_a_file_is_no_file(text: str):
    assert isinstance(direct_lines(text), Unheard)


def test_amounts_that_a_currency_does_not_have_are_not_rounded():
    row = "txn_1,2026-11-20 12:00:00,jpy,{},0,charge,ch_1,pi_1\n"
    assert isinstance(stripe_lines(STRIPES + row.format("12.5")), Unheard)
    (line,) = stripe_lines(STRIPES + row.format("12"))
    assert isinstance(line, FileLine)
    assert (line.amount_minor, line.charge_id) == (12, "pi_1")
