"""The books added up once more, and the alarms that were raised.

Constraints see to it that nothing is ever found here; this is for what gets round constraints: a
database restored wrongly, a trigger disabled, a hand in the tables.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tawsil.kernel.clock import least_id
from tawsil.kernel.db import Tx
from tawsil.payments.model.faults import Alarm, Fault

_TRANSFERS: Final = """
    select 'transfer' as "check", tenant_id, transfer_id as subject_id, min(currency) as currency,
        sum(amount_minor)::bigint as amount_minor
    from payments.entry where transfer_id >= $1
    group by tenant_id, transfer_id
    having sum(amount_minor) <> 0 or count(distinct currency) > 1
"""
_REFERENCES: Final = """
    select 'reference', e.tenant_id, e.reference_id, e.currency, sum(e.amount_minor)
    from payments.transfer t join payments.entry e on e.transfer_id = t.id
    where t.reference_id in (select reference_id from payments.transfer where id >= $1)
    group by e.tenant_id, e.reference_id, e.currency having sum(e.amount_minor) <> 0
"""
_CURRENCIES: Final = """
    select 'currency', tenant_id, tenant_id, currency, sum(amount_minor)
    from payments.entry where transfer_id >= $1
    group by tenant_id, currency having sum(amount_minor) <> 0
"""
_HOLDINGS: Final = """
    select 'holding', a.tenant_id, a.id, a.currency,
        coalesce(h.posted_minor, 0) - booked.posted_minor
            + abs(coalesce(h.reserved_minor, 0) - booked.reserved_minor)
    from payments.account a
    left join payments.holding h on h.account_id = a.id
    cross join lateral (
        select coalesce(sum(e.amount_minor) filter (where not e.pending), 0) as posted_minor,
            coalesce(sum(-e.amount_minor) filter (
                where e.pending and e.amount_minor < 0 and r.id is null
            ), 0) as reserved_minor
        from payments.entry e
        left join payments.transfer r on e.pending and r.resolves = e.transfer_id
        where e.account_id = a.id
    ) booked
    where a.kind in ('customer', 'loyalty', 'promotion') and (
        $1 = '00000000-0000-0000-0000-000000000000'::uuid
        or a.id in (select account_id from payments.entry where transfer_id >= $1)
    ) and (coalesce(h.posted_minor, 0), coalesce(h.reserved_minor, 0))
        is distinct from (booked.posted_minor, booked.reserved_minor)
"""
# What was resolved twice, and what a payment promised and still does though it is over.
_PENDING: Final = """
    select 'pending', p.tenant_id, p.id, p.currency, (
        select coalesce(sum(amount_minor), 0) from payments.entry
        where transfer_id = p.id and amount_minor > 0
    )
    from payments.transfer p
    where p.pending and (
        p.id in (
            select resolves from payments.transfer where id >= $1 and resolves is not null
            group by resolves having count(*) > 1
        )
        or p.kind in ('authorisation', 'funds')
        and exists (
            select from payments.payment y where y.reference_id = p.reference_id
                and ($2::timestamptz is null or y.since_at >= $2)
                and y.state in ('declined', 'voided', 'captured', 'refunding', 'refunded')
        )
        and not exists (select from payments.transfer r where r.resolves = p.id)
    )
"""


async def faults(tx: Tx, *, since_at: datetime | None = None) -> list[Fault]:
    """All that does not add up; with `since_at` of what moved since then, without in all."""
    rows = await tx.rows(
        f"""
        select "check", tenant_id, subject_id, currency, amount_minor::bigint
        from ({_TRANSFERS} union all {_REFERENCES} union all {_CURRENCIES}
            union all {_HOLDINGS} union all {_PENDING}) found
        order by "check", subject_id, currency
        """,  # noqa: S608 - statements of ours
        least_id(since_at),
        since_at,
    )
    return msgspec.convert([dict(row) for row in rows], list[Fault])


async def cities(tx: Tx, found: Sequence[Fault]) -> dict[UUID, UUID]:
    """The cities of those subjects that a payment is about, directly or through a transfer."""
    rows = await tx.rows(
        """
        select u.subject_id, p.city_id
        from unnest($1::uuid[]) as u (subject_id)
        left join payments.transfer t on t.id = u.subject_id
        join payments.payment p on p.reference_id = coalesce(t.reference_id, u.subject_id)
        """,
        [fault.subject_id for fault in found],
    )
    return {row["subject_id"]: row["city_id"] for row in rows}


async def add(tx: Tx, alarms: Sequence[Alarm]) -> set[UUID]:
    """Keep alarms that are not raised already; the ids of the new ones."""
    rows = await tx.rows(
        """
        insert into payments.alarm
            (id, tenant_id, city_id, "check", subject_id, currency, amount_minor, found_at)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[],
            $6::text[], $7::bigint[], $8::timestamptz[])
        on conflict (tenant_id, "check", subject_id, currency) where gone_at is null do nothing
        returning id
        """,
        [alarm.id for alarm in alarms],
        [alarm.fault.tenant_id for alarm in alarms],
        [alarm.city_id for alarm in alarms],
        [alarm.fault.check.value for alarm in alarms],
        [alarm.fault.subject_id for alarm in alarms],
        [alarm.fault.currency for alarm in alarms],
        [alarm.fault.amount_minor for alarm in alarms],
        [alarm.found_at for alarm in alarms],
    )
    return {row["id"] for row in rows}


async def keep_only(tx: Tx, found: Sequence[Fault]) -> None:
    """What was found no more is gone; found again, it is a new alarm."""
    await tx.execute(
        """
        update payments.alarm a set gone_at = $1
        where gone_at is null and not exists (
            select from unnest($2::uuid[], $3::text[], $4::uuid[], $5::text[])
                as u (tenant_id, "check", subject_id, currency)
            where u.tenant_id = a.tenant_id and u."check" = a."check"
                and u.subject_id = a.subject_id and u.currency = a.currency
        )
        """,
        tx.now,
        [fault.tenant_id for fault in found],
        [fault.check.value for fault in found],
        [fault.subject_id for fault in found],
        [fault.currency for fault in found],
    )


async def standing(tx: Tx) -> list[Fault]:
    """What was found and is not known to be gone."""
    rows = await tx.rows(
        """
        select "check", tenant_id, subject_id, currency, amount_minor
        from payments.alarm where gone_at is null
        """
    )
    return msgspec.convert([dict(row) for row in rows], list[Fault])
