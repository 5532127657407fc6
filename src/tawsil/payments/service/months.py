"""Closing a month: its report is kept, and what comes later stands in later months."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Command, Refusal, refuse
from tawsil.payments.model.months import MonthReport, bounds, may_close
from tawsil.payments.service import reconciliation
from tawsil.payments.store import months as store

ALREADY: Final = refuse("books.month_closed")


class CloseMonth(Command, frozen=True, kw_only=True):
    month: date


class Month(Struct, frozen=True):
    """A month's report: as it is now or, once closed, as it was then."""

    report: MonthReport
    closed: bool


async def month(tx: Tx, *, tenant_id: UUID, month: date) -> Month:
    """The report of a month that has begun."""
    kept = await store.closed(tx, tenant_id=tenant_id, month=month)
    if kept is not None:
        return Month(kept, closed=True)
    since_at, until_at = bounds(month)
    before = date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
    opening = await store.closed(tx, tenant_id=tenant_id, month=before)
    found = await reconciliation.differences(tx, tenant_id=tenant_id)
    report = MonthReport(
        month=month,
        accounts=await store.account_totals(
            tx, tenant_id=tenant_id, since_at=since_at, until_at=until_at, opening=opening
        ),
        transfers=await store.transfer_totals(
            tx, tenant_id=tenant_id, since_at=since_at, until_at=until_at
        ),
        open_differences=sum(difference.either.at < until_at for difference in found),
    )
    return Month(report, closed=False)


async def close(tx: Tx, commands: Sequence[CloseMonth]) -> list[Month | Refusal]:
    return [await _close(tx, command) for command in commands]


async def _close(tx: Tx, command: CloseMonth) -> Month | Refusal:
    found = await month(tx, tenant_id=command.by.tenant_id, month=command.month)
    if found.closed:
        return ALREADY
    if refused := may_close(found.report, now=tx.now):
        return refused
    first = await store.close(
        tx, tenant_id=command.by.tenant_id, report=found.report, actor_id=command.by.actor_id
    )
    return Month(found.report, closed=True) if first else ALREADY
