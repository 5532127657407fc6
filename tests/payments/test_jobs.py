"""Jobs against the sandbox acquirer over HTTP: what is lost, late or repeated has one effect."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tawsil.kernel import metrics
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http.app import create_app
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, Method, Posting, Provider
from tawsil.payments.jobs.books import check_books
from tawsil.payments.jobs.cards import CardJobs, NotHeardError
from tawsil.payments.model.payment import Payment, PaymentState
from tawsil.payments.model.psp import Absent, Unheard
from tawsil.payments.providers.direct import Direct
from tawsil.payments.providers.known import Providers
from tawsil.payments.routes import routes
from tawsil.payments.service.paying import PaymentJob

SECRET = "secret-of-the-sandbox"
MERCHANT = AccountRef(AccountKind.MERCHANT, UUID(int=21))
REFERENCE = UUID(int=31)
Till = Any


async def authorise(till: Till, by: By, token: str) -> None:
    command = public.Authorise(
        by=by,
        reference_id=REFERENCE,
        city_id=UUID(int=3),
        payer_id=UUID(int=4),
        method=Method.CARD,
        card_tokens=(public.CardToken(public.Provider.DIRECT, token),),
        amount_minor=1_000,
        currency="QAR",
    )
    async with till.database.transaction() as tx:
        assert isinstance((await public.authorise(tx, [command]))[0], Payment)


async def capture(till: Till, by: By, amount_minor: int = 1_000) -> None:
    command = public.Capture(
        by=by,
        reference_id=REFERENCE,
        amount_minor=amount_minor,
        postings=(Posting(MERCHANT, amount_minor),),
    )
    async with till.database.transaction() as tx:
        assert isinstance((await public.capture(tx, [command]))[0], Payment)


async def refund(till: Till, by: By, amount_minor: int) -> None:
    command = public.Refund(
        by=by,
        reference_id=REFERENCE,
        amount_minor=amount_minor,
        borne_by=(Posting(MERCHANT, amount_minor),),
        reason="cold",
    )
    async with till.database.transaction() as tx:
        assert isinstance((await public.refund(tx, [command]))[0], Payment)


async def release(till: Till, by: By) -> None:
    async with till.database.transaction() as tx:
        command = public.Release(by=by, reference_id=REFERENCE, reason="cancelled")
        assert isinstance((await public.release(tx, [command]))[0], Payment)


async def payment(till: Till) -> Payment:
    async with till.database.transaction() as tx:
        return (await public.of_references(tx, reference_ids=[REFERENCE]))[REFERENCE]


async def charges(till: Till) -> list[dict[str, Any]]:
    """What the acquirer itself has, asked past all our code."""
    reference = str((await payment(till)).id)
    answer = await till.sandbox.get("/charges", params={"reference": reference})
    return answer.json()["charges"]


async def test_every_job_twice_at_once_has_one_effect(till: Till, by: By) -> None:
    await authorise(till, by, "tok_visa")
    await till.work(times=2)
    await capture(till, by, 900)
    await till.work(times=2)
    await refund(till, by, 200)
    await refund(till, by, 100)
    await till.work(times=2)
    paid = await payment(till)
    assert (paid.captured_minor, paid.refunded_minor) == (900, 300)
    (charge,) = await charges(till)
    assert (charge["captured_minor"], charge["refunded_minor"]) == (900, 300)
    assert await check_books(till.database) == []
    assert metrics.ledger_imbalance.labels("QAR")._value.get() == 0
    async with till.database.transaction() as tx:
        found = await public.balances(tx, tenant_id=by.tenant_id, accounts=[MERCHANT])
    assert [balance.posted_minor for balance in found] == [600]


async def test_a_decline_is_final_and_says_why(till: Till, by: By) -> None:
    await authorise(till, by, "tok_insufficient_funds")
    await till.work()
    declined = await payment(till)
    assert declined.state is PaymentState.DECLINED
    assert declined.decline_code == "insufficient_funds"
    assert declined.deadline is None


async def test_a_card_that_does_not_exist_is_declined(till: Till, by: By) -> None:
    await authorise(till, by, "tok_made_up")
    await till.work()
    assert (await payment(till)).decline_code == "unknown_token"


async def test_an_unknown_authorisation_that_was_made_is_found(till: Till, by: By) -> None:
    await authorise(till, by, "tok_unknown")
    await till.work()
    unknown = await payment(till)
    assert unknown.state is PaymentState.UNKNOWN
    assert unknown.captured_minor == 0
    await till.wait()
    assert (await payment(till)).state is PaymentState.AUTHORISED
    assert len(await charges(till)) == 1


@pytest.mark.parametrize("token", ["tok_unknown_lost", "tok_outage"])
async def test_an_authorisation_that_was_never_made_is_given_up(
    till: Till, by: By, token: str
) -> None:
    await authorise(till, by, token)
    await till.work()
    assert (await payment(till)).state is PaymentState.UNKNOWN
    began_at = till.clock()
    while (await payment(till)).state is not PaymentState.DECLINED:
        await till.wait()
    assert (till.clock() - began_at).total_seconds() < 180
    assert (await payment(till)).decline_code == "not_processed"
    assert await charges(till) == []


async def test_a_lost_capture_is_not_paid_until_it_is_seen(till: Till, by: By) -> None:
    await authorise(till, by, "tok_unknown_capture")
    await till.work()
    await capture(till, by)
    await till.work()
    lost = await payment(till)
    assert (lost.state, lost.captured_minor) == (PaymentState.CAPTURING, 0)
    async with till.database.transaction() as tx:
        assert await public.balances(tx, tenant_id=by.tenant_id, accounts=[MERCHANT]) == []
    await till.wait()
    assert (await payment(till)).captured_minor == 1_000
    assert await check_books(till.database) == []


async def test_what_is_released_while_unknown_is_voided_at_the_acquirer(till: Till, by: By) -> None:
    await authorise(till, by, "tok_unknown")
    await till.work()
    await release(till, by)
    await till.work()
    assert (await payment(till)).state is PaymentState.VOIDED
    assert [charge["state"] for charge in await charges(till)] == ["voided"]


async def test_what_is_released_before_it_was_asked_is_never_asked(till: Till, by: By) -> None:
    await authorise(till, by, "tok_visa")
    await release(till, by)
    await till.work()
    assert (await payment(till)).state is PaymentState.VOIDED
    assert await charges(till) == []


async def test_what_is_released_after_its_capture_was_asked_is_refunded(till: Till, by: By) -> None:
    await authorise(till, by, "tok_visa")
    await till.work()
    await capture(till, by)
    await release(till, by)
    await till.work()
    assert (await payment(till)).state is PaymentState.REFUNDED
    assert [charge["refunded_minor"] for charge in await charges(till)] == [1_000]
    assert await check_books(till.database) == []


async def test_an_authorisation_that_did_not_last_cannot_be_captured(till: Till, by: By) -> None:
    await authorise(till, by, "tok_visa")
    await till.work()
    (charge,) = await charges(till)
    headers = {"Idempotency-Key": "by hand"}
    await till.sandbox.post(f"/charges/{charge['id']}/void", headers=headers)
    await capture(till, by)
    await till.work()
    declined = await payment(till)
    assert (declined.state, declined.decline_code) == (
        PaymentState.DECLINED,
        "authorisation_expired",
    )


async def test_an_acquirer_that_is_away_leaves_everything_unknown(
    till: Till, by: By, database: Database
) -> None:
    await authorise(till, by, "tok_visa")
    async with Direct(url="http://127.0.0.1:9", api_key="any", timeout_s=0.4) as away:
        cards = CardJobs(database=database, providers=Providers({Provider.DIRECT: away}))
        job = PaymentJob(payment_id=(await payment(till)).id, correlation_id=by.correlation_id)
        await cards.authorise(job)
        await cards.reconcile(job)
        assert (await payment(till)).state is PaymentState.UNKNOWN
        till.jobs.waiting.clear()
        await till.wait()
        assert (await payment(till)).state is PaymentState.AUTHORISING or await charges(till)
        while (await payment(till)).state is not PaymentState.AUTHORISED:
            await till.wait()
        with pytest.raises(NotHeardError):
            await cards.reconcile(job)


async def test_a_wrong_key_is_not_taken_for_an_answer(till: Till) -> None:
    url = str(till.sandbox.base_url)
    async with Direct(url=url, api_key="wrong", timeout_s=0.4) as psp:
        assert isinstance(await psp.retrieve(reference="any", charge_id=None), Unheard)
        assert isinstance(await psp.void(key="any", charge_id="any"), Unheard)
    assert await till.psp.retrieve(reference="any", charge_id=None) == Absent()


async def until(reached: Callable[[], Any]) -> None:
    for _ in range(200):
        if await reached():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen in four seconds")


@pytest.mark.parametrize(
    ("token", "events"),
    [
        ("tok_visa", 2),
        ("tok_webhook_duplicate", 2),
        ("tok_webhook_late", 2),
        ("tok_webhook_unordered", 2),
        ("tok_unknown", 2),
    ],
)
async def test_webhooks_may_come_twice_late_and_in_any_order(
    open_till: Any,
    database: Database,
    callers: Any,
    by: By,
    free_port: int,
    served: Any,
    token: str,
    events: int,
) -> None:
    app = create_app(
        routes=routes,
        database=database,
        authenticate=callers,
        state={"psp_webhook_secrets": [SECRET]},
    )

    async def heard() -> int:
        return await database.pool.fetchval("select count(*) from payments.webhook")

    async with (
        served(app, port=free_port) as url,
        open_till(f"{url}/v4/webhooks/psp") as till,
    ):
        await authorise(till, by, token)
        await till.work()
        if token == "tok_unknown":
            await until(heard)
            await till.work()  # the webhook's look finds what the answer did not tell
        await capture(till, by)
        await till.work()

        async def all_heard() -> bool:
            return await heard() == events

        async def delivered() -> bool:
            waiting = (await till.sandbox.get("/health")).json()["webhooks_waiting"]
            return await all_heard() and (waiting == 0 or token == "tok_webhook_unordered")

        await until(delivered)
        await till.work()
        assert (await payment(till)).state is PaymentState.CAPTURED
        assert await check_books(database) == []


async def test_a_confirmed_challenge_is_heard_by_webhook(
    open_till: Any, database: Database, callers: Any, by: By, free_port: int, served: Any
) -> None:
    app = create_app(
        routes=routes,
        database=database,
        authenticate=callers,
        state={"psp_webhook_secrets": [SECRET]},
    )
    async with (
        served(app, port=free_port) as url,
        open_till(f"{url}/v4/webhooks/psp") as till,
    ):
        await authorise(till, by, "tok_3ds")
        await till.work()
        challenged = await payment(till)
        assert challenged.state is PaymentState.CHALLENGED
        await till.sandbox.post(
            f"/charges/{challenged.psp_charge_id}/confirm",
            json={"approve": True},
            headers={"Idempotency-Key": "cardholder"},
        )

        async def authorised() -> bool:
            await till.work()
            return (await payment(till)).state is PaymentState.AUTHORISED

        await until(authorised)
    story = await database.pool.fetchval(
        "select correlation_id from kernel.event where type = 'payment.authorised.v1'"
    )
    assert story == challenged.reference_id, "it belongs to the story of what is paid for"
