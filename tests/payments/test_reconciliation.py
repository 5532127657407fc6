"""A day's file held against the day's books, on the real database."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from payments.test_service import PLATFORM, captured, heard
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, Posting, Provider
from tawsil.payments.model.payment import Payment, clearing
from tawsil.payments.model.reconciliation import FileLine, Kind, Moved
from tawsil.payments.service import reconciliation
from tawsil.payments.service.reconciliation import Explain, How, TakeIn


def line(tx: Tx, name: str, **changes: Any) -> FileLine:
    fields: dict[str, Any] = {
        "provider": Provider.DIRECT,
        "id": name,
        "moved": Moved.CHARGE,
        "charge_id": "ch_1",
        "amount_minor": 1_000,
        "currency": "QAR",
        "at": tx.now,
    }
    return FileLine(**fields | changes)


async def read(tx: Tx, by: By, *lines: FileLine, later_s: float = 0) -> Any:
    (run,) = await reconciliation.take_in(
        tx,
        [
            TakeIn(
                by=by,
                provider=Provider.DIRECT,
                since_at=tx.now - timedelta(days=1),
                until_at=tx.now + timedelta(seconds=later_s),
                lines=lines,
            )
        ],
    )
    return run


async def kinds(tx: Tx, by: By) -> list[Kind]:
    return [d.kind for d in await reconciliation.differences(tx, tenant_id=by.tenant_id)]


async def standing(tx: Tx, by: By, kind: AccountKind) -> int:
    account = clearing(Provider.DIRECT) if kind is AccountKind.PSP_CLEARING else AccountRef(kind)
    found = await public.balances(tx, tenant_id=by.tenant_id, accounts=[account])
    return sum(balance.posted_minor for balance in found)


@pytest.fixture(name="paid")
async def _paid(tx: Tx, by: By) -> Payment:
    return await captured(tx, by)


@pytest.mark.usefixtures("paid")
async def test_what_both_say_is_matched_once_however_often_it_is_read(tx: Tx, by: By):
    first = await read(tx, by, line(tx, "1"))
    assert (first.lines, first.new_lines, first.matched) == (1, 1, 1)
    again = await read(tx, by, line(tx, "1"), later_s=7_200)
    assert (again.new_lines, again.matched) == (0, 0)
    assert await kinds(tx, by) == []


@pytest.mark.usefixtures("paid")
async def test_what_stands_on_one_side_alone_is_open(tx: Tx, by: By):
    await read(tx, by, line(tx, "1", charge_id="ch_of_nobody"))
    assert await kinds(tx, by) == [Kind.MISSING_HERE]
    await read(tx, by, later_s=3_700)
    assert sorted(await kinds(tx, by)) == [Kind.MISSING_HERE, Kind.MISSING_THERE]
    await read(tx, by, line(tx, "late"))
    assert await kinds(tx, by) == [Kind.MISSING_HERE], "the file was only late"


@pytest.mark.usefixtures("paid")
async def test_fees_and_what_went_to_the_bank_are_booked_once(tx: Tx, by: By):
    bank = line(tx, "2", moved=Moved.SETTLEMENT, charge_id=None, amount_minor=-985)
    for _ in range(2):
        await read(tx, by, line(tx, "1", fee_minor=15), bank, later_s=7_200)
    assert await standing(tx, by, AccountKind.PSP_CLEARING) == 0
    assert await standing(tx, by, AccountKind.FEES) == -15
    assert await standing(tx, by, AccountKind.BANK) == -985
    assert await kinds(tx, by) == []
    assert await public.imbalance(tx) == {"QAR": 0}


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("how", How)
async def test_a_difference_is_closed_by_words_or_by_booking_it(tx: Tx, by: By, how: How):
    await read(tx, by, line(tx, "1", amount_minor=990))
    (found,) = await reconciliation.differences(tx, tenant_id=by.tenant_id)
    assert (found.kind, found.difference_minor) == (Kind.AMOUNT_DIFFERS, -10)
    assert found.booked is not None
    platform = await public.balances(tx, tenant_id=by.tenant_id, accounts=[PLATFORM])
    command = Explain(
        by=by,
        provider=Provider.DIRECT,
        line_id="1",
        transfer_id=found.booked.transfer_id,
        how=how,
        words="They kept 0.10 of it.",
    )
    explained, again = await reconciliation.explain(tx, [command, command])
    assert not isinstance(explained, Refusal)
    assert isinstance(again, Refusal)
    assert await kinds(tx, by) == []
    lost = -10 if how is How.BOOKED else 0
    assert await standing(tx, by, AccountKind.PSP_CLEARING) == -1_000 - lost
    after = await public.balances(tx, tenant_id=by.tenant_id, accounts=[PLATFORM])
    assert after[0].posted_minor - platform[0].posted_minor == lost
    await read(tx, by, line(tx, "1", amount_minor=990), later_s=7_200)
    assert await kinds(tx, by) == [], "what was closed stays closed"


async def test_a_refund_is_matched_with_its_own_line(tx: Tx, by: By, paid: Payment):
    (refunding,) = await public.refund(
        tx,
        [
            public.Refund(
                by=by,
                reference_id=paid.reference_id,
                amount_minor=200,
                borne_by=(Posting(PLATFORM, 200),),
                reason="late",
            )
        ],
    )
    assert isinstance(refunding, Payment)
    word = public.Charge(
        id="ch_1",
        state=public.ChargeState.CAPTURED,
        amount_minor=1_000,
        currency="QAR",
        captured_minor=1_000,
        refunds=frozenset({refunding.key}),
    )
    await heard(tx, refunding, word)
    run = await read(
        tx, by, line(tx, "1"), line(tx, "2", moved=Moved.REFUND, amount_minor=-200), later_s=7_200
    )
    assert run.matched == 2
    assert await kinds(tx, by) == []


@pytest.mark.usefixtures("paid")
async def test_another_tenant_sees_and_closes_nothing(tx: Tx, by: By):
    await read(tx, by, line(tx, "1", amount_minor=990))
    stranger = replace(by, tenant_id=tx.ids())
    assert await kinds(tx, stranger) == []
    command = Explain(
        by=stranger,
        provider=Provider.DIRECT,
        line_id="1",
        transfer_id=None,
        how=How.EXPLAINED,
        words="Not mine.",
    )
    assert isinstance((await reconciliation.explain(tx, [command]))[0], Refusal)
