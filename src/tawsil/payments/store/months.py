"""Sums of a month's entries, and months that are closed."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from tawsil.kernel.clock import least_id
from tawsil.kernel.db import Tx
from tawsil.payments.model.months import AccountTotals, MonthReport, TransferTotals


async def account_totals(
    tx: Tx, *, tenant_id: UUID, since_at: datetime, until_at: datetime, opening: MonthReport | None
) -> tuple[AccountTotals, ...]:
    """By kind and currency. It opens with what `opening` closed with; without, with all before."""
    carried = opening.accounts if opening else ()
    rows = await tx.rows(
        """
        with carried as (
            select * from unnest($4::text[], $5::text[], $6::bigint[])
                as c (kind, currency, minor)
        ), moved as (
            select a.kind, a.currency,
                sum(e.amount_minor) filter (where e.transfer_id < $2) as before_minor,
                sum(e.amount_minor) filter (where e.transfer_id >= $2 and e.amount_minor > 0)
                    as in_minor,
                sum(-e.amount_minor) filter (where e.transfer_id >= $2 and e.amount_minor < 0)
                    as out_minor
            from payments.account a join payments.entry e on e.account_id = a.id
            where a.tenant_id = $1 and not e.pending and e.transfer_id < $3
                and e.transfer_id >= $7
            group by a.kind, a.currency
        )
        select coalesce(m.kind, c.kind) as kind, coalesce(m.currency, c.currency) as currency,
            (coalesce(m.before_minor, 0) + coalesce(c.minor, 0))::bigint as opening_minor,
            coalesce(m.in_minor, 0)::bigint as in_minor,
            coalesce(m.out_minor, 0)::bigint as out_minor
        from moved m
        full join carried c on c.kind = m.kind and c.currency = m.currency
        order by currency, kind
        """,
        tenant_id,
        least_id(since_at),
        least_id(until_at),
        [totals.kind.value for totals in carried],
        [totals.currency for totals in carried],
        [totals.closing_minor for totals in carried],
        least_id(since_at if opening else None),
    )
    return msgspec.convert([dict(row) for row in rows], tuple[AccountTotals, ...])


async def transfer_totals(
    tx: Tx, *, tenant_id: UUID, since_at: datetime, until_at: datetime
) -> tuple[TransferTotals, ...]:
    rows = await tx.rows(
        """
        select t.kind, e.currency, count(distinct t.id) as count,
            coalesce(sum(e.amount_minor) filter (where e.amount_minor > 0), 0)::bigint
                as moved_minor
        from payments.transfer t join payments.entry e on e.transfer_id = t.id
        where t.tenant_id = $1 and not t.pending and t.id >= $2 and t.id < $3
        group by t.kind, e.currency order by e.currency, t.kind
        """,
        tenant_id,
        least_id(since_at),
        least_id(until_at),
    )
    return msgspec.convert([dict(row) for row in rows], tuple[TransferTotals, ...])


async def close(tx: Tx, *, tenant_id: UUID, report: MonthReport, actor_id: UUID | None) -> bool:
    """Keep a month's report for good; whether it was open."""
    count = await tx.execute(
        """
        insert into payments.closed_month (tenant_id, month, report, actor_id, at)
        values ($1, $2, $3::jsonb, $4, $5) on conflict do nothing
        """,
        tenant_id,
        report.month,
        msgspec.json.encode(report).decode(),
        actor_id,
        tx.now,
    )
    return count == 1


async def closed(tx: Tx, *, tenant_id: UUID, month: date) -> MonthReport | None:
    """A month as it was when it was closed."""
    text = await tx.value(
        "select report::text from payments.closed_month where tenant_id = $1 and month = $2",
        tenant_id,
        month,
    )
    return None if text is None else msgspec.json.decode(text, type=MonthReport)
