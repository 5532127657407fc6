"""A month's books: they add up at both ends, and a closed month stays as it was."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.test_reconciliation import line, read
from payments.test_service import captured
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.payments.events import AccountKind
from tawsil.payments.model.ledger import TransferKind
from tawsil.payments.model.months import bounds
from tawsil.payments.routes import routes
from tawsil.payments.service import months
from tawsil.payments.service.months import CloseMonth, Month


@given(year=st.integers(2020, 2100), month=st.integers(1, 12))
def test_months_follow_each_other_without_a_gap(year: int, month: int):
    since_at, until_at = bounds(date(year, month, 1))
    assert since_at.day == until_at.day == 1
    assert bounds(until_at.date())[0] == until_at
    assert 28 <= (until_at - since_at).days <= 31


async def shown(tx: Tx, by: By) -> Month:
    return await months.month(tx, tenant_id=by.tenant_id, month=tx.now.date().replace(day=1))


async def test_a_month_shows_what_came_and_went(tx: Tx, by: By):
    await captured(tx, by)
    await read(tx, by, line(tx, "1", fee_minor=15), later_s=7_200)
    report = (await shown(tx, by)).report
    closing = {totals.kind: totals.closing_minor for totals in report.accounts}
    assert closing[AccountKind.PSP_CLEARING] == -985
    assert closing[AccountKind.FEES] == -15
    assert sum(closing.values()) == 0
    kinds = {totals.kind: (totals.count, totals.moved_minor) for totals in report.transfers}
    assert kinds[TransferKind.CAPTURE] == (1, 1_000)
    assert kinds[TransferKind.PSP_FEE] == (1, 15)
    assert report.open_differences == 0


async def test_a_month_is_closed_once_when_it_is_over_and_explained(
    database: Database, by: By, clock: VirtualClock
):
    clock.set(datetime(2030, 1, 31, 23, tzinfo=UTC))
    january = CloseMonth(by=by, month=date(2030, 1, 1))
    async with database.transaction() as tx:
        await captured(tx, by)
        (early,) = await months.close(tx, [january])
    assert isinstance(early, Refusal)
    assert early.code == "books.month_not_over"
    clock.set(datetime(2030, 2, 2, tzinfo=UTC))
    async with database.transaction() as tx:
        await read(tx, by, line(tx, "1", charge_id="ch_of_nobody", at=january_31()))
        (differs,) = await months.close(tx, [january])
    assert isinstance(differs, Refusal)
    assert differs.code == "books.differences_open"
    async with database.transaction() as tx:
        await tx.execute("update payments.file_line set charge_id = 'ch_1'")
        await read(tx, by)
        first, again = await months.close(tx, [january, january])
        await captured(tx, by)
        kept = await months.month(tx, tenant_id=by.tenant_id, month=january.month)
        february = await shown(tx, by)
    assert isinstance(first, Month)
    assert isinstance(again, Refusal)
    assert again.code == "books.month_closed"
    assert (kept.closed, kept.report) == (True, first.report)
    opening = {totals.kind: totals.opening_minor for totals in february.report.accounts}
    assert opening == {totals.kind: totals.closing_minor for totals in kept.report.accounts}


def january_31() -> datetime:
    return datetime(2030, 1, 31, 23, tzinfo=UTC)


async def test_staff_look_at_a_month_and_others_do_not(
    serve: Any, callers: Any, database: Database, by: By, clock: VirtualClock
):
    async with database.transaction() as tx:
        await captured(tx, by)
    client = await serve(routes, psp_webhook_secret="s")
    month = f"{clock():%Y-%m}"

    def as_(*permissions: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {callers.token('admin', *permissions)}"}

    answer = await client.get(f"/v4/books/months/{month}", headers=as_("payment:read"))
    assert answer.status_code == 200
    assert sum(a["closing_minor"] for a in answer.json()["data"]["accounts"]) == 0
    answer = await client.get(f"/v4/books/months/{month}/accounts.csv", headers=as_("payment:read"))
    assert answer.text.splitlines()[0].startswith("kind,currency,opening_minor")
    answer = await client.get(f"/v4/books/months/{month}", headers=as_("payment:read:own"))
    assert answer.status_code == 403


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "26-01", "next", "2999-01", "2026-01-01"])
async def test_what_is_no_month_is_not_found(serve: Any, callers: Any, month: str):
    client = await serve(routes, psp_webhook_secret="s")
    token = callers.token("admin", "payment:read")
    answer = await client.get(
        f"/v4/books/months/{month}", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 404
