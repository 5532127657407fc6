"""Commands on the real database: batches, jobs asked for, and books that add up."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.jobs import HeldJobs
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, Method, Posting
from tawsil.payments.model.payment import Payment, PaymentState
from tawsil.payments.model.psp import Absent, Charge, ChargeState, Unheard
from tawsil.payments.service import paying as service

MERCHANT = AccountRef(AccountKind.MERCHANT, UUID(int=21))
COURIER = AccountRef(AccountKind.COURIER, UUID(int=22))
PLATFORM = AccountRef(AccountKind.PLATFORM)
TAX = AccountRef(AccountKind.TAX)
CITY = UUID(int=3)
PAYER = UUID(int=4)


def asked(by: By, reference_id: UUID, **changes: Any) -> public.Authorise:
    fields: dict[str, Any] = {
        "by": by,
        "reference_id": reference_id,
        "city_id": CITY,
        "payer_id": PAYER,
        "method": Method.CARD,
        "card_tokens": (public.CardToken(public.Provider.DIRECT, "tok_visa"),),
        "amount_minor": 1_000,
        "currency": "QAR",
    }
    return public.Authorise(**fields | changes)


def shared(amount_minor: int) -> tuple[Posting, ...]:
    tenth = amount_minor // 10
    return (
        Posting(MERCHANT, amount_minor - 3 * tenth),
        Posting(COURIER, tenth),
        Posting(PLATFORM, tenth),
        Posting(TAX, tenth),
    )


def charged(payment: Payment, state: ChargeState, **fields: Any) -> Charge:
    return Charge(
        id="ch_1",
        state=state,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        **fields,
    )


async def heard(tx: Tx, payment: Payment, word: Any, *, key: str | None = None) -> Payment:
    after = await service.hear(
        tx, payment_id=payment.id, word=word, key=key, correlation_id=tx.ids()
    )
    assert after is not None
    return after


async def authorised(tx: Tx, by: By, **changes: Any) -> Payment:
    (payment,) = await public.authorise(tx, [asked(by, tx.ids(), **changes)])
    assert isinstance(payment, Payment)
    if payment.state is PaymentState.AUTHORISED:
        return payment
    return await heard(tx, payment, charged(payment, ChargeState.AUTHORISED))


async def captured(tx: Tx, by: By) -> Payment:
    payment = await authorised(tx, by)
    (capturing,) = await public.capture(
        tx, [public.Capture(by=by, reference_id=payment.reference_id, postings=shared(1_000))]
    )
    assert isinstance(capturing, Payment)
    return await heard(tx, capturing, charged(payment, ChargeState.CAPTURED, captured_minor=1_000))


async def balances(tx: Tx, by: By, accounts: Sequence[AccountRef]) -> dict[AccountRef, int]:
    found = await public.balances(tx, tenant_id=by.tenant_id, accounts=accounts)
    return {balance.account: balance.posted_minor for balance in found}


def names(jobs: HeldJobs) -> list[str]:
    return [job.name for job in jobs.waiting]


async def test_a_batch_begins_each_payment_once(tx: Tx, by: By, jobs: HeldJobs) -> None:
    first, second = tx.ids(), tx.ids()
    commands = [asked(by, first), asked(by, second), asked(by, first)]
    outcomes = await public.authorise(tx, commands)
    assert outcomes == await public.authorise(tx, commands)
    assert outcomes[0] == outcomes[2] != outcomes[1]
    assert names(jobs) == ["payments.authorise"] * 2
    (taken,) = await public.authorise(tx, [asked(by, first, amount_minor=1)])
    assert isinstance(taken, Refusal)
    assert taken.code == "payment.reference_taken"


async def test_a_capture_is_booked_when_the_acquirer_says_so(
    tx: Tx, by: By, jobs: HeldJobs
) -> None:
    payment = await authorised(tx, by)
    capture = public.Capture(by=by, reference_id=payment.reference_id, postings=shared(1_000))
    capturing, twice = await public.capture(tx, [capture, capture])
    assert isinstance(capturing, Payment)
    assert isinstance(twice, Refusal)
    assert twice.detail["legal"] == ["authorised", "captured", "declined"]
    assert await balances(tx, by, [MERCHANT, PLATFORM]) == {}
    word = charged(capturing, ChargeState.CAPTURED, captured_minor=1_000)
    paid = await heard(tx, capturing, word)
    assert await heard(tx, paid, word) == paid
    clearing = public.clearing(public.Provider.DIRECT)
    assert await balances(tx, by, [MERCHANT, COURIER, PLATFORM, TAX, clearing]) == {
        MERCHANT: 700,
        COURIER: 100,
        PLATFORM: 100,
        TAX: 100,
        clearing: -1_000,
    }
    assert await public.imbalance(tx) == {"QAR": 0}
    assert names(jobs) == ["payments.authorise", "payments.capture"]


async def test_cash_is_owed_by_the_courier_who_collected_it(tx: Tx, by: By, jobs: HeldJobs) -> None:
    payment = await authorised(tx, by, method=Method.CASH)
    courier_id = COURIER.owner_id
    capture = public.Capture(
        by=by,
        reference_id=payment.reference_id,
        postings=shared(1_000),
        collected_by=courier_id,
    )
    (paid,) = await public.capture(tx, [capture])
    assert isinstance(paid, Payment)
    assert paid.state is PaymentState.CAPTURED
    cash = AccountRef(AccountKind.COURIER_CASH, courier_id)
    assert await balances(tx, by, [cash, COURIER]) == {cash: -1_000, COURIER: 100}
    (undone,) = await public.release(
        tx, [public.Release(by=by, reference_id=payment.reference_id, reason="returned")]
    )
    assert isinstance(undone, Payment)
    assert undone.state is PaymentState.REFUNDED
    customer = AccountRef(AccountKind.CUSTOMER, PAYER)
    assert await balances(tx, by, [customer, COURIER, MERCHANT]) == {
        customer: 1_000,
        COURIER: 0,
        MERCHANT: 0,
    }
    assert await public.imbalance(tx) == {"QAR": 0}
    assert names(jobs) == []


async def test_a_release_after_a_capture_gives_everything_back(tx: Tx, by: By) -> None:
    payment = await captured(tx, by)
    refund = public.Refund(
        by=by,
        reference_id=payment.reference_id,
        amount_minor=200,
        borne_by=(Posting(PLATFORM, 200),),
        reason="cold",
    )
    (refunding,) = await public.refund(tx, [refund])
    assert isinstance(refunding, Payment)
    (releasing,) = await public.release(
        tx, [public.Release(by=by, reference_id=payment.reference_id, reason="cancelled")]
    )
    assert isinstance(releasing, Payment)
    assert len(releasing.asks) == 2
    keys: list[str] = []
    for _ in range(2):
        keys.append(releasing.key)
        word = charged(payment, ChargeState.CAPTURED, captured_minor=1_000, refunds=frozenset(keys))
        releasing = await heard(tx, releasing, word)
    assert releasing.state is PaymentState.REFUNDED
    assert releasing.refunded_minor == 1_000
    everybody = [MERCHANT, COURIER, PLATFORM, TAX, public.clearing(public.Provider.DIRECT)]
    assert set((await balances(tx, by, everybody)).values()) == {0}


async def test_what_was_released_while_unknown_is_voided_when_it_turns_up(
    tx: Tx, by: By, jobs: HeldJobs
) -> None:
    (payment,) = await public.authorise(tx, [asked(by, tx.ids())])
    assert isinstance(payment, Payment)
    unknown = await heard(tx, payment, Unheard("ReadTimeout"), key=payment.key)
    assert unknown.state is PaymentState.UNKNOWN
    release = public.Release(by=by, reference_id=payment.reference_id, reason="cancelled")
    await public.release(tx, [release])
    gone = await heard(tx, payment, Absent())
    assert gone.state is PaymentState.VOIDED
    late = await heard(tx, payment, charged(payment, ChargeState.AUTHORISED))
    assert late.state is PaymentState.VOIDING
    looks = ["payments.reconcile"] * 3  # at once, and again later: an acquirer's search may lag
    assert names(jobs) == ["payments.authorise", *looks, "payments.void"]
    done = await heard(tx, payment, charged(payment, ChargeState.CLOSED))
    assert done.state is PaymentState.VOIDED
    assert await heard(tx, payment, charged(payment, ChargeState.AUTHORISED)) == done


async def test_nobody_reaches_another_tenants_payment(tx: Tx, by: By) -> None:
    payment = await authorised(tx, by)
    stranger = By(tenant_id=tx.ids(), correlation_id=tx.ids())
    (outcome,) = await public.void(
        tx, [public.Void(by=stranger, reference_id=payment.reference_id, reason="mine now")]
    )
    assert isinstance(outcome, Refusal)
    assert outcome.status == 404


@pytest.mark.parametrize(
    "change", ["update payments.entry set amount_minor = 1", "delete from payments.transfer"]
)
async def test_the_books_refuse_change(tx: Tx, by: By, change: str) -> None:
    await captured(tx, by)
    with pytest.raises(Exception, match="append-only"):
        await tx.execute(change)


@pytest.mark.parametrize(
    ("amounts", "reference", "currency", "refused"),
    [
        ((5, -4), "reference_id", "QAR", "out of balance by 1"),
        ((5, -5), "id", "QAR", "entry_is_of_its_transfer"),
        ((5, -5), "reference_id", "KWD", "entry_is_of_its_transfer"),
    ],
)
async def test_the_database_refuses_a_transfer_that_does_not_add_up(
    tx: Tx, by: By, amounts: tuple[int, int], reference: str, currency: str, refused: str
) -> None:
    payment = await captured(tx, by)
    transfer_id = tx.ids()
    await tx.execute(
        """
        insert into payments.transfer (id, key, tenant_id, kind, reference_id, currency, at)
        values ($1, $1, $2, 'adjustment', $3, 'QAR', $4)
        """,
        transfer_id,
        by.tenant_id,
        payment.reference_id,
        tx.now,
    )
    with pytest.raises(Exception, match=refused):
        await tx.execute(
            """
            insert into payments.entry (transfer_id, account_id, tenant_id, reference_id,
                amount_minor, currency)
            select t.id, a.id, t.tenant_id, case $5 when 'id' then t.id else t.reference_id end,
                minor, $4
            from unnest($2::text[], $3::bigint[]) as u (kind, minor)
            join payments.account a using (kind)
            join payments.transfer t on t.id = $1
            """,
            transfer_id,
            ["merchant", "platform"],
            list(amounts),
            currency,
            reference,
        )


async def test_two_transactions_for_one_reference_begin_one_payment(
    database: Database, by: By, jobs: HeldJobs
) -> None:
    command = asked(by, database.ids())

    async def begin() -> Any:
        async with database.transaction() as tx:
            outcomes = await public.authorise(tx, [command])
            await asyncio.sleep(0.05)
            return outcomes

    first, second = await asyncio.gather(begin(), begin())
    assert first == second
    assert names(jobs) == ["payments.authorise"]


async def test_webhooks_are_forgotten_after_a_month(database: Database, clock: Any) -> None:
    async with database.transaction() as tx:
        assert await public.hear_webhook(tx, event_id="evt_1", reference="any")
    for days, forgotten in ((29, 0), (2, 1)):
        clock.advance(timedelta(days=days))
        async with database.transaction() as tx:
            assert await public.forget_webhooks(tx) == forgotten


async def test_only_what_is_new_needs_adding_up_again(tx: Tx, by: By) -> None:
    await captured(tx, by)
    assert await public.imbalance(tx, since_at=tx.now) == {"QAR": 0}
    assert await public.imbalance(tx, since_at=tx.now + timedelta(seconds=1)) == {}
