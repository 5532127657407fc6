"""Whatever is asked of several payments in one batch or another, the books add up after each."""

from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By
from tawsil.payments import public
from tawsil.payments.events import HOUSE, AccountKind, AccountRef, Method, Posting, Step
from tawsil.payments.model.payment import WAITS_FOR, Payment, ask_key
from tawsil.payments.model.psp import Absent, Charge, ChargeState, Refused, Unheard, Word
from tawsil.payments.service import faults
from tawsil.payments.service import paying as service

REFERENCES = [UUID(int=number) for number in range(101, 106)]
CURRENCIES = ("QAR", "KWD")
SHARERS = [
    AccountRef(kind, None if kind in HOUSE else UUID(int=11))
    for kind in (AccountKind.MERCHANT, AccountKind.COURIER, AccountKind.PLATFORM, AccountKind.TAX)
]


CREDIT = AccountRef(AccountKind.CUSTOMER, UUID(int=4))
POINTS = AccountRef(AccountKind.LOYALTY, UUID(int=4))
FUNDS = (Posting(CREDIT, 150), Posting(POINTS, 50))
"""Paid on top of every other amount, for as long as there is enough."""


class RolledBackError(Exception):
    """Ends an example without leaving anything behind."""


def shared(amount_minor: int, random: Random) -> tuple[Posting, ...]:
    """Shares that add up, some of them below zero, some to the same account."""
    parts = [random.randint(-50, 50) for _ in range(3)]
    parts.append(amount_minor - sum(parts))
    return tuple(Posting(random.choice(SHARERS), part) for part in parts)


def word(payment: Payment, random: Random) -> Word:
    """Something an acquirer may say of a payment, true to what it was asked."""
    fields: dict[str, Any] = {}
    match WAITS_FOR.get(payment.state):
        case Step.AUTHORISE:
            state = random.choice([ChargeState.AUTHORISED] * 4 + [ChargeState.DECLINED])
        case Step.CAPTURE:
            state = ChargeState.CAPTURED
            fields["captured_minor"] = payment.asks[0].amount_minor
        case Step.REFUND:
            state = ChargeState.CAPTURED
            fields["captured_minor"] = payment.captured_minor
            fields["refunds"] = frozenset({ask_key(payment, payment.asks[0])})
        case _:
            state = ChargeState.CLOSED
    charge = Charge(
        id="ch_1",
        state=state,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        **fields,
    )
    return random.choice([charge, charge, charge, Unheard("timeout"), Absent(), Refused("no")])


async def step(tx: Tx, by: By, random: Random) -> None:
    chosen = random.choices(REFERENCES, k=random.randint(1, 6))
    known = await public.of_references(tx, reference_ids=REFERENCES)
    match random.choice(["authorise", "capture", "capture", "refund", "release", "hear", "hear"]):
        case "authorise":
            await public.authorise(tx, [authorisation(by, one) for one in chosen])
        case "capture":
            captures: list[public.Capture] = []
            for one in chosen:
                cash = one in known and known[one].method is Method.CASH
                minor = random.randint(1, 1_000)
                funds_minor = known[one].funds_minor if one in known else 0
                captures.append(
                    public.Capture(
                        by=by,
                        reference_id=one,
                        amount_minor=minor,
                        postings=shared(minor + funds_minor, random),
                        collected_by=UUID(int=12) if cash else None,
                    )
                )
            await public.capture(tx, captures)
        case "refund":
            minor = random.randint(1, 500)
            await public.refund(
                tx,
                [
                    public.Refund(
                        by=by,
                        reference_id=one,
                        amount_minor=minor,
                        borne_by=shared(minor, random),
                        reason="cold",
                    )
                    for one in chosen
                ],
            )
        case "release":
            await public.release(tx, [public.Release(by=by, reference_id=chosen[0], reason="gone")])
        case _:
            for payment in known.values():
                key = payment.key if payment.state in WAITS_FOR else None
                if payment.has_psp:
                    await service.hear(
                        tx,
                        payment_id=payment.id,
                        word=word(payment, random),
                        key=key,
                        correlation_id=by.correlation_id,
                    )


def authorisation(by: By, reference_id: UUID) -> public.Authorise:
    number = reference_id.int
    return public.Authorise(
        by=by,
        reference_id=reference_id,
        city_id=UUID(int=3),
        payer_id=UUID(int=4),
        method=Method.CASH if number % 3 == 0 else Method.CARD,
        card_tokens=(public.CardToken(public.Provider.DIRECT, "tok_visa"),),
        amount_minor=1_000,
        currency=CURRENCIES[number % 2],
        funds=FUNDS if number % 4 < 2 else (),
    )


async def endow(tx: Tx, by: By) -> None:
    """Enough credit and points for two payments in each currency."""
    house = AccountRef(AccountKind.PLATFORM)
    await public.transfer(
        tx,
        [
            public.Transfer(
                by=by,
                id=tx.ids(),
                kind=public.TransferKind.ADJUSTMENT,
                reference_id=tx.ids(),
                currency=currency,
                postings=(
                    *(Posting(fund.account, 2 * fund.amount_minor) for fund in FUNDS),
                    Posting(house, -400),
                ),
            )
            for currency in CURRENCIES
        ],
    )


async def assert_adds_up(tx: Tx, by: By) -> None:
    assert await faults.check(tx) == []
    for balance in await public.balances(tx, tenant_id=by.tenant_id, accounts=[CREDIT, POINTS]):
        assert 0 <= balance.available_minor <= balance.posted_minor
    known = await public.of_references(tx, reference_ids=REFERENCES)
    for payment in known.values():
        assert payment.refunded_minor <= payment.paid_minor
        assert payment.captured_minor <= payment.amount_minor
    came_in = await tx.rows(
        """
        select t.reference_id, t.kind, -sum(e.amount_minor)::bigint as minor
        from payments.entry e join payments.account a on a.id = e.account_id
        join payments.transfer t on t.id = e.transfer_id
        where a.kind in ('psp_clearing', 'courier_cash', 'customer', 'loyalty') group by 1, 2
        """
    )
    booked = {(row["reference_id"], row["kind"]): row["minor"] for row in came_in}
    for reference_id, payment in known.items():
        assert booked.get((reference_id, "capture"), 0) == payment.captured_minor
        assert booked.get((reference_id, "refund"), 0) == -payment.refunded_minor


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(seed=st.integers(0, 2**32))
async def test_the_books_add_up_after_every_step(tx: Tx, by: By, seed: int) -> None:
    random = Random(seed)
    with pytest.raises(RolledBackError):
        async with tx.savepoint():
            await endow(tx, by)
            await public.authorise(tx, [authorisation(by, one) for one in REFERENCES])
            for _ in range(12):
                await step(tx, by, random)
                await assert_adds_up(tx, by)
            for reference_id in REFERENCES:
                await public.release(
                    tx, [public.Release(by=by, reference_id=reference_id, reason="over")]
                )
            await assert_adds_up(tx, by)
            raise RolledBackError


async def test_a_payout_moves_money_once_and_only_if_it_adds_up(tx: Tx, by: By) -> None:
    courier = AccountRef(AccountKind.COURIER, UUID(int=11))
    payout = public.Transfer(
        by=by,
        id=tx.ids(),
        kind=public.TransferKind.PAYOUT,
        reference_id=tx.ids(),
        currency="QAR",
        postings=(Posting(courier, -500), Posting(AccountRef(AccountKind.BANK), 500)),
    )
    await public.transfer(tx, [payout, payout])
    await public.transfer(tx, [payout])
    wrong = public.Transfer(
        by=by,
        id=tx.ids(),
        kind=public.TransferKind.PAYOUT,
        reference_id=tx.ids(),
        currency="QAR",
        postings=(Posting(courier, -500),),
    )
    (refused,) = await public.transfer(tx, [wrong])
    assert not isinstance(refused, public.Transfer)
    (balance,) = await public.balances(tx, tenant_id=by.tenant_id, accounts=[courier])
    assert balance.posted_minor == -500
    assert await public.imbalance(tx) == {"QAR": 0}
