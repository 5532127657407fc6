"""What is promised is kept or given up once, and nobody spends what they do not have."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, Method, Posting
from tawsil.payments.model.payment import Payment, PaymentState
from tawsil.payments.model.psp import Charge, ChargeState, Refused
from tawsil.payments.public import Transfer, TransferKind
from tawsil.payments.service import paying as service

PAYER = UUID(int=4)
CREDIT = AccountRef(AccountKind.CUSTOMER, PAYER)
POINTS = AccountRef(AccountKind.LOYALTY, PAYER)
MERCHANT = AccountRef(AccountKind.MERCHANT, UUID(int=21))
PLATFORM = AccountRef(AccountKind.PLATFORM)
HELD = AccountRef(AccountKind.HELD)
CASH_DUE = AccountRef(AccountKind.CASH_DUE)
CARD = public.clearing(public.Provider.DIRECT)
Standing = tuple[int, int, int]


def moved(by: By, id_: UUID, *postings: Posting, **fields: Any) -> Transfer:
    return Transfer(
        by=by,
        id=id_,
        postings=postings,
        **{
            "kind": TransferKind.ADJUSTMENT,
            "reference_id": UUID(int=77),
            "currency": "QAR",
            **fields,
        },
    )


async def give(tx: Tx, by: By, account: AccountRef, minor: int) -> None:
    (given,) = await public.transfer(
        tx, [moved(by, tx.ids(), Posting(PLATFORM, -minor), Posting(account, minor))]
    )
    assert isinstance(given, Transfer)


def asked(by: By, reference_id: UUID, *funds: Posting, **changes: Any) -> public.Authorise:
    return public.Authorise(
        by=by,
        reference_id=reference_id,
        funds=funds,
        **{
            "city_id": UUID(int=3),
            "payer_id": PAYER,
            "method": Method.CARD,
            "card_tokens": (public.CardToken(public.Provider.DIRECT, "tok_visa"),),
            "amount_minor": 1_000,
            "currency": "QAR",
            **changes,
        },
    )


async def heard(tx: Tx, payment: Payment, state: ChargeState, **fields: Any) -> Payment:
    word = Charge(
        id="ch_1",
        state=state,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        **fields,
    )
    after = await service.hear(tx, payment_id=payment.id, word=word, correlation_id=tx.ids())
    assert after is not None
    return after


async def authorised(tx: Tx, by: By, *funds: Posting, **changes: Any) -> Payment:
    (payment,) = await public.authorise(tx, [asked(by, tx.ids(), *funds, **changes)])
    assert isinstance(payment, Payment), payment
    if payment.state is PaymentState.AUTHORISED:
        return payment
    return await heard(tx, payment, ChargeState.AUTHORISED)


async def capturing(tx: Tx, payment: Payment, by: By, **fields: Any) -> Payment:
    minor = fields.get("amount_minor", payment.amount_minor) + payment.funds_minor
    (outcome,) = await public.capture(
        tx,
        [
            public.Capture(
                by=by,
                reference_id=payment.reference_id,
                postings=(Posting(MERCHANT, minor - 100), Posting(PLATFORM, 100)),
                **fields,
            )
        ],
    )
    assert isinstance(outcome, Payment), outcome
    return outcome


async def refunding(tx: Tx, payment: Payment, by: By, minor: int) -> Payment:
    (outcome,) = await public.refund(
        tx,
        [
            public.Refund(
                by=by,
                reference_id=payment.reference_id,
                amount_minor=minor,
                borne_by=(Posting(PLATFORM, minor),),
                reason="cold",
            )
        ],
    )
    assert isinstance(outcome, Payment), outcome
    return outcome


async def standing(tx: Tx, by: By, *accounts: AccountRef) -> list[Standing]:
    """Posted, pending and available of each, zeros where nothing ever happened."""
    found = await public.balances(tx, tenant_id=by.tenant_id, accounts=accounts)
    stood = {b.account: (b.posted_minor, b.pending_minor, b.available_minor) for b in found}
    return [stood.get(account, (0, 0, 0)) for account in accounts]


async def test_a_card_is_pending_until_its_capture_posts_it(tx: Tx, by: By) -> None:
    payment = await authorised(tx, by)
    assert await standing(tx, by, CARD, HELD) == [(0, -1_000, -1_000), (0, 1_000, 0)]
    under_way = await capturing(tx, payment, by, amount_minor=600)
    assert await standing(tx, by, CARD, HELD) == [(0, -1_000, -1_000), (0, 1_000, 0)]
    await heard(tx, under_way, ChargeState.CAPTURED, captured_minor=600)
    assert await standing(tx, by, CARD, HELD, MERCHANT) == [
        (-600, 0, -600),
        (0, 0, 0),
        (500, 0, 500),
    ]


async def test_what_is_declined_voided_or_expired_releases_what_it_reserved(tx: Tx, by: By) -> None:
    await give(tx, by, CREDIT, 300)
    funds = Posting(CREDIT, 300)
    reserved, free = (300, -300, 0), (300, 0, 300)

    (begun,) = await public.authorise(tx, [asked(by, tx.ids(), funds)])
    assert isinstance(begun, Payment)
    assert await standing(tx, by, CREDIT, CARD) == [reserved, (0, 0, 0)]
    await heard(tx, begun, ChargeState.DECLINED, decline_code="card_declined")
    assert await standing(tx, by, CREDIT) == [free]

    voided = await authorised(tx, by, funds)
    void = public.Void(by=by, reference_id=voided.reference_id, reason="changed")
    (voiding,) = await public.void(tx, [void])
    assert isinstance(voiding, Payment)
    assert await standing(tx, by, CREDIT) == [reserved]
    await heard(tx, voiding, ChargeState.CLOSED)
    assert await standing(tx, by, CREDIT, CARD, HELD) == [free, (0, 0, 0), (0, 0, 0)]

    expired = await capturing(tx, await authorised(tx, by, funds), by)
    await heard(tx, expired, ChargeState.CLOSED)
    assert await standing(tx, by, CREDIT, CARD, HELD) == [free, (0, 0, 0), (0, 0, 0)]


async def test_a_refused_capture_leaves_everything_reserved(tx: Tx, by: By) -> None:
    await give(tx, by, CREDIT, 300)
    payment = await authorised(tx, by, Posting(CREDIT, 300))
    under_way = await capturing(tx, payment, by)
    back = await service.hear(
        tx,
        payment_id=payment.id,
        word=Refused("acquirer_says_no"),
        key=under_way.key,
        correlation_id=tx.ids(),
    )
    assert back is not None
    assert back.state is PaymentState.AUTHORISED
    assert await standing(tx, by, CREDIT, CARD) == [(300, -300, 0), (0, -1_000, -1_000)]
    again = await capturing(tx, back, by)
    await heard(tx, again, ChargeState.CAPTURED, captured_minor=1_000)
    assert await standing(tx, by, CREDIT, CARD, HELD, MERCHANT) == [
        (0, 0, 0),
        (-1_000, 0, -1_000),
        (0, 0, 0),
        (1_200, 0, 1_200),
    ]


async def test_cash_is_due_until_it_is_collected(tx: Tx, by: By) -> None:
    payment = await authorised(tx, by, method=Method.CASH)
    assert await standing(tx, by, CASH_DUE, HELD) == [(0, -1_000, -1_000), (0, 1_000, 0)]
    courier_id = UUID(int=22)
    await capturing(tx, payment, by, collected_by=courier_id)
    in_hand = AccountRef(AccountKind.COURIER_CASH, courier_id)
    assert await standing(tx, by, CASH_DUE, HELD, in_hand) == [
        (0, 0, 0),
        (0, 0, 0),
        (-1_000, 0, -1_000),
    ]


async def test_what_credit_and_points_pay_for_needs_no_acquirer(tx: Tx, by: By, jobs: Any) -> None:
    await give(tx, by, CREDIT, 300)
    await give(tx, by, POINTS, 300)
    funds = (Posting(POINTS, 200), Posting(CREDIT, 300))
    payment = await authorised(tx, by, *funds, amount_minor=0)
    paid = await capturing(tx, payment, by)
    assert paid.state is PaymentState.CAPTURED
    assert await standing(tx, by, CREDIT, POINTS, HELD, MERCHANT) == [
        (0, 0, 0),
        (100, 0, 100),
        (0, 0, 0),
        (400, 0, 400),
    ]
    back = await refunding(tx, paid, by, 350)
    assert (back.state, back.refunded_minor) == (PaymentState.CAPTURED, 350)
    assert await standing(tx, by, CREDIT, POINTS) == [(300, 0, 300), (150, 0, 150)]
    (undone,) = await public.release(
        tx, [public.Release(by=by, reference_id=payment.reference_id, reason="late")]
    )
    assert isinstance(undone, Payment)
    assert undone.state is PaymentState.REFUNDED
    assert await standing(tx, by, CREDIT, POINTS) == [(300, 0, 300), (300, 0, 300)]
    assert not jobs.waiting


async def test_a_refund_goes_to_the_card_then_to_credit_then_to_points(tx: Tx, by: By) -> None:
    await give(tx, by, CREDIT, 300)
    await give(tx, by, POINTS, 200)
    payment = await authorised(tx, by, Posting(CREDIT, 300), Posting(POINTS, 200))
    under_way = await capturing(tx, payment, by)
    for minor in (900, 200, 250):  # the second is card and credit, the third is neither's alone
        under_way = await refunding(tx, under_way, by, minor)
    assert [(a.amount_minor, a.whole_minor) for a in under_way.asks[1:]] == [
        (900, 900),
        (100, 200),
        (0, 250),
    ]
    under_way = await heard(tx, under_way, ChargeState.CAPTURED, captured_minor=1_000)
    refused = Refused("acquirer_says_no")
    after = await service.hear(
        tx, payment_id=payment.id, word=refused, key=under_way.key, correlation_id=tx.ids()
    )
    assert after is not None
    assert (after.refundable_minor, after.refunded_minor) == (1_050, 0)
    refunds = frozenset({after.key})
    done = await heard(tx, after, ChargeState.CAPTURED, captured_minor=1_000, refunds=refunds)
    assert (done.state, done.refunded_minor) == (PaymentState.CAPTURED, 450)
    assert await standing(tx, by, CREDIT, POINTS, CARD) == [
        (300, 0, 300),
        (50, 0, 50),
        (-900, 0, -900),
    ]


async def test_funds_are_the_payers_own_and_there(tx: Tx, by: By) -> None:
    await give(tx, by, CREDIT, 300)
    for account, minor in (
        (AccountRef(AccountKind.CUSTOMER, UUID(int=5)), 1),
        (MERCHANT, 1),
        (CREDIT, 0),
        (CREDIT, -5),
    ):
        (refused,) = await public.authorise(tx, [asked(by, tx.ids(), Posting(account, minor))])
        assert isinstance(refused, Refusal)
        assert refused.code == "payment.funds_invalid"
    first, second = tx.ids(), tx.ids()
    commands = [
        asked(by, first, Posting(CREDIT, 200)),
        asked(by, second, Posting(CREDIT, 101)),
        asked(by, first, Posting(CREDIT, 200)),
    ]
    begun, lacking, same = await public.authorise(tx, commands)
    assert begun == same
    assert isinstance(lacking, Refusal)
    assert (lacking.code, lacking.status) == ("payment.balance_insufficient", 409)
    assert lacking.detail["available_minor"] == 100
    (again,) = await public.authorise(tx, commands[:1])
    assert again == begun
    assert second not in await public.of_references(tx, reference_ids=[second])
    (other,) = await public.authorise(tx, [asked(by, first, Posting(CREDIT, 100))])
    assert isinstance(other, Refusal)
    assert other.code == "payment.reference_taken"


async def test_of_fifty_at_once_exactly_what_fits_is_reserved(database: Database, by: By) -> None:
    async with database.transaction() as tx:
        await give(tx, by, CREDIT, 1_000)

    async def reserve() -> bool:
        async with database.transaction() as tx:
            command = asked(by, tx.ids(), Posting(CREDIT, 70), method=Method.CASH)
            (outcome,) = await public.authorise(tx, [command])
            return isinstance(outcome, Payment)

    outcomes = await asyncio.gather(*(reserve() for _ in range(50)))
    assert sum(outcomes) == 14
    async with database.transaction() as tx:
        assert await standing(tx, by, CREDIT) == [(1_000, -980, 20)]
        rows = await tx.rows("select posted_minor, reserved_minor from payments.holding")
        assert [tuple(row) for row in rows] == [(1_000, 980)]


async def test_a_pending_transfer_ends_once(tx: Tx, by: By) -> None:
    def promised() -> Transfer:
        return moved(by, tx.ids(), Posting(MERCHANT, -500), Posting(HELD, 500), pending=True)

    def kept(of: Transfer, *postings: Posting) -> public.Resolve:
        return public.Resolve(
            by=by,
            id=tx.ids(),
            pending_id=of.id,
            kind=TransferKind.PAYOUT,
            postings=postings or None,
        )

    whole, part, gone = promised(), promised(), promised()
    await public.transfer(tx, [whole, part, gone])
    assert await standing(tx, by, MERCHANT) == [(0, -1_500, -1_500)]
    bank = AccountRef(AccountKind.BANK)
    resolves = [kept(whole), kept(part, Posting(MERCHANT, -200), Posting(bank, 200))]
    too_much = kept(gone, Posting(MERCHANT, -501), Posting(bank, 501))
    lopsided = kept(gone, Posting(MERCHANT, -50), Posting(bank, 51))
    *_, refused, unbalanced = await public.resolve(tx, [*resolves, too_much, lopsided])
    assert isinstance(refused, Refusal)
    assert refused.code == "ledger.pending_exceeded"
    assert isinstance(unbalanced, Refusal)
    assert unbalanced.code == "payment.shares_unbalanced"
    void = public.VoidPending(by=by, pending_id=gone.id)
    assert await public.void_pending(tx, [void, void]) == [
        *await public.void_pending(tx, [void]),
        *await public.void_pending(tx, [void]),
    ]
    assert await public.resolve(tx, resolves) == await public.resolve(tx, resolves)
    for late in (
        await public.resolve(tx, [kept(whole), kept(gone)]),
        await public.void_pending(tx, [public.VoidPending(by=by, pending_id=part.id)]),
    ):
        assert [one.code for one in late if isinstance(one, Refusal)] == [
            "ledger.resolved_already"
        ] * len(late)
    assert await standing(tx, by, MERCHANT, HELD, bank) == [
        (-700, 0, -700),
        (500, 0, 500),
        (200, 0, 200),
    ]
    stranger = By(tenant_id=tx.ids(), correlation_id=tx.ids())
    (missing,) = await public.void_pending(
        tx, [public.VoidPending(by=stranger, pending_id=whole.id)]
    )
    assert isinstance(missing, Refusal)
    assert missing.status == 404


async def test_the_database_lets_nothing_be_resolved_twice(tx: Tx, by: By) -> None:
    promised = moved(by, tx.ids(), Posting(MERCHANT, -5), Posting(HELD, 5), pending=True)
    await public.transfer(tx, [promised])
    await public.void_pending(tx, [public.VoidPending(by=by, pending_id=promised.id)])
    again = moved(by, tx.ids(), Posting(MERCHANT, -5), Posting(HELD, 5), resolves=promised.id)
    with pytest.raises(Exception, match="transfer_resolves_key"):
        await public.transfer(tx, [again])


@pytest.mark.parametrize("kind", sorted(public.NEVER_OVERDRAWN))
async def test_what_may_not_be_overdrawn_is_not(tx: Tx, by: By, kind: AccountKind) -> None:
    account = AccountRef(kind, UUID(int=31))
    spend = moved(by, tx.ids(), Posting(account, -300), Posting(PLATFORM, 300))
    (nothing,) = await public.transfer(tx, [spend])
    assert isinstance(nothing, Refusal)
    assert nothing.code == "payment.balance_insufficient"
    await give(tx, by, account, 500)
    more = moved(by, tx.ids(), Posting(account, -300), Posting(PLATFORM, 300), pending=True)
    outcomes = await public.transfer(tx, [spend, more, spend])
    assert outcomes[0] == outcomes[2] == spend
    assert isinstance(outcomes[1], Refusal)
    assert outcomes[1].detail["available_minor"] == 200
    assert await public.transfer(tx, [spend]) == [spend]
    with pytest.raises(Exception, match="nothing_is_overdrawn"):
        await tx.execute("update payments.holding set reserved_minor = 201")


async def test_two_who_pay_out_one_account_come_one_after_the_other(
    database: Database, by: By
) -> None:
    async with database.transaction() as tx:
        await give(tx, by, MERCHANT, 500)

    async def pay_out() -> None:
        async with database.transaction() as tx:
            (balance,) = await public.lock_balances(tx, tenant_id=by.tenant_id, accounts=[MERCHANT])
            await asyncio.sleep(0.02)
            if balance.available_minor >= 500:
                out = AccountRef(AccountKind.PAYOUT)
                await public.transfer(
                    tx,
                    [moved(by, tx.ids(), Posting(MERCHANT, -500), Posting(out, 500), pending=True)],
                )

    await asyncio.gather(*(pay_out() for _ in range(4)))
    async with database.transaction() as tx:
        assert await standing(tx, by, MERCHANT) == [(500, -500, 0)]


async def statements(tx: Tx, by: By, connection: Any, *, count: int) -> list[int]:
    """How many statements it takes to begin, and to take, so many payments at once."""
    payers = [tx.ids() for _ in range(count)]
    purses = [AccountRef(AccountKind.CUSTOMER, payer) for payer in payers]
    for account in purses:
        await give(tx, by, account, 100)
    commands = [
        asked(by, tx.ids(), Posting(account, 100), payer_id=payer, method=Method.CASH)
        for account, payer in zip(purses, payers, strict=True)
    ]
    captures = [
        public.Capture(
            by=by,
            reference_id=command.reference_id,
            postings=(Posting(AccountRef(AccountKind.MERCHANT, payer), 1_100),),
            collected_by=payer,
        )
        for command, payer in zip(commands, payers, strict=True)
    ]
    taken: list[int] = []
    for run in (public.authorise(tx, commands), public.capture(tx, captures)):
        said: list[str] = []
        with connection.query_logger(lambda record, said=said: said.append(record.query)):
            outcomes = await run
        assert all(isinstance(outcome, Payment) for outcome in outcomes)
        taken.append(len(said))
    return taken


async def test_a_batch_of_256_takes_as_many_statements_as_one_of_two(
    pool: "asyncpg.Pool[asyncpg.Record]", clock: Any, ids: Any, jobs: Any, by: By
) -> None:
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        tx = Tx(connection, now=clock(), ids=ids, jobs=jobs)
        try:  # the first opens accounts of the house, and has the connection learn types
            _, few, many = [
                await statements(tx, by, connection, count=count) for count in (2, 2, 256)
            ]
        finally:
            await transaction.rollback()
    assert few == many
    assert max(many) <= 16
