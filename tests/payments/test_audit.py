"""What gets round the constraints is found, and people are told of it once."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
import structlog

from tawsil.apps import wiring
from tawsil.kernel import metrics
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By
from tawsil.payments import public
from tawsil.payments.events import AccountKind, AccountRef, BooksCheck, Method, Posting
from tawsil.payments.jobs.books import Auditor, check_books
from tawsil.payments.model.faults import Alarm, Fault
from tawsil.payments.public import Transfer, TransferKind
from tawsil.payments.service import faults
from tawsil.payments.store import faults as store

CITY = UUID(int=3)
CREDIT = AccountRef(AccountKind.CUSTOMER, UUID(int=4))
PLATFORM = AccountRef(AccountKind.PLATFORM)
MERCHANT = AccountRef(AccountKind.MERCHANT, UUID(int=21))


async def business(tx: Tx, by: By, *, reference_id: UUID) -> None:
    """A customer with some credit spends part of it on something, and promises more."""
    await public.transfer(
        tx,
        [
            Transfer(
                by=by,
                id=tx.ids(),
                kind=TransferKind.ADJUSTMENT,
                reference_id=tx.ids(),
                currency="QAR",
                postings=(Posting(PLATFORM, -500), Posting(CREDIT, 500)),
            )
        ],
    )
    await public.authorise(
        tx,
        [
            public.Authorise(
                by=by,
                reference_id=reference,
                city_id=CITY,
                payer_id=UUID(int=4),
                method=Method.CASH,
                amount_minor=800,
                currency="QAR",
                funds=(Posting(CREDIT, 200),),
            )
            for reference in (reference_id, tx.ids())
        ],
    )
    await public.capture(
        tx,
        [
            public.Capture(
                by=by,
                reference_id=reference_id,
                postings=(Posting(MERCHANT, 1_000),),
                collected_by=UUID(int=22),
            )
        ],
    )


async def corrupt(tx: Tx, *statements: str) -> None:
    """What nothing in the platform does: constraints and triggers are off for a moment."""
    await tx.execute("set local session_replication_role = replica")
    for statement in statements:
        assert await tx.execute(statement) > 0, statement
    await tx.execute("set local session_replication_role = origin")


async def test_sound_books_raise_nothing(tx: Tx, by: By) -> None:
    await business(tx, by, reference_id=tx.ids())
    assert await faults.check(tx) == []
    assert await faults.check(tx, since_at=tx.now) == []


AGAIN = """
    insert into payments.transfer (id, key, tenant_id, kind, reference_id, currency, resolves, at)
    select key, id, tenant_id, kind, reference_id, currency, resolves, at
    from payments.transfer where kind = 'capture'
"""
ENTRY = "update payments.entry set {} where amount_minor = 1000 and not pending"


@pytest.mark.parametrize(
    ("statements", "found"),
    [
        ([ENTRY.format("amount_minor = 1007")], {"transfer": 7, "reference": 7, "currency": 7}),
        ([ENTRY.format("currency = 'KWD'")], {"transfer": 0, "reference": 0, "currency": 0}),
        (["update payments.holding set posted_minor = posted_minor + 9"], {"holding": 9}),
        (["update payments.holding set reserved_minor = reserved_minor - 9"], {"holding": 9}),
        (["delete from payments.holding"], {"holding": -100}),
        (
            [
                "update payments.transfer set resolves = null where kind = 'capture'",
                "update payments.transfer set resolves = null where kind='funds' and not pending",
            ],
            {"pending": 1_000, "holding": 200},
        ),
        (
            [
                "alter table payments.transfer drop constraint transfer_resolves_key",
                AGAIN,
            ],
            {"pending": 800},
        ),
    ],
)
async def test_what_gets_round_the_constraints_is_found(
    tx: Tx, by: By, statements: Sequence[str], found: dict[str, int]
) -> None:
    await business(tx, by, reference_id=tx.ids())
    for statement in statements:
        if statement.startswith("alter"):
            await tx.execute(statement)
    await corrupt(tx, *[s for s in statements if not s.startswith("alter")])
    for since_at in (None, tx.now):
        seen: dict[str, int] = {}
        for fault in await faults.check(tx, since_at=since_at):
            seen[fault.check] = seen.get(fault.check, 0) + fault.amount_minor
        assert set(seen) == set(found)
        assert {check: seen[check] for check in found if found[check]} == {
            check: minor for check, minor in found.items() if minor
        }


async def test_an_alarm_is_a_metric_a_log_an_event_and_a_ticket_once(
    database: Database, by: By, clock: VirtualClock
) -> None:
    reference_id = database.ids()
    async with database.transaction() as tx:
        await business(tx, by, reference_id=reference_id)
    auditor = Auditor(database)
    await auditor.check()
    assert metrics.ledger_faults.labels("transfer")._value.get() == 0
    async with database.transaction() as tx:
        await corrupt(tx, ENTRY.format("amount_minor = 1007"))
    clock.advance(timedelta(minutes=1))
    with structlog.testing.capture_logs() as logs:
        await auditor.check()
        clock.advance(timedelta(minutes=1))
        await auditor.check()
    said = [entry for entry in logs if entry["event"] == "ledger.imbalance_found"]
    assert {(entry["log_level"], entry["check"]) for entry in said} == {
        ("error", "transfer"),
        ("error", "reference"),
        ("error", "currency"),
    }
    assert len(said) == 3, "each once, however often it is seen"
    assert metrics.ledger_faults.labels("transfer")._value.get() == 1
    assert metrics.ledger_imbalance.labels("QAR")._value.get() == 7
    clock.advance(timedelta(minutes=30))
    await auditor.check()
    assert metrics.ledger_imbalance.labels("QAR")._value.get() == 7, "though nothing is new"
    assert metrics.ledger_faults.labels("transfer")._value.get() == 1
    (support,) = [one for one in wiring.subscriptions() if one.name == "support"]
    while await support.advance(database):
        pass
    async with database.transaction() as tx:
        (ticket,) = await tx.rows("select * from support.ticket")
        notes = await tx.rows("select cause from support.note")
    assert (ticket["city_id"], ticket["priority"]) == (CITY, "urgent")
    assert {note["cause"] for note in notes} == {"books_wrong"}


@pytest.mark.parametrize("check", BooksCheck)
async def test_every_check_can_raise_an_alarm(tx: Tx, by: By, check: BooksCheck) -> None:
    fault = Fault(
        check=check,
        tenant_id=by.tenant_id,
        subject_id=tx.ids(),
        currency="QAR",
        amount_minor=7,
    )
    alarms = [Alarm(id=tx.ids(), fault=fault, city_id=None, found_at=tx.now) for _ in range(2)]
    assert await store.add(tx, alarms) == {alarms[0].id}
    assert await store.standing(tx) == [fault]


WRONG = "update payments.holding set posted_minor = {}"


async def test_what_was_gone_and_comes_back_is_a_new_alarm(database: Database, by: By) -> None:
    async with database.transaction() as tx:
        await business(tx, by, reference_id=tx.ids())
    raised: list[int] = []
    for minor in (509, 500, 509, 500):
        async with database.transaction() as tx:
            await corrupt(tx, WRONG.format(minor - 200))
        found = await check_books(database)
        assert [fault.check for fault in found] == [BooksCheck.HOLDING] * (minor == 509)
        async with database.transaction() as tx:
            raised.append(await tx.value("select count(*) from payments.alarm"))
    assert raised == [1, 1, 2, 2]
