"""What jobs brought couriers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.payments.events import AccountKind, BooksCheck
from tawsil.payments.model.earning import DayOfEarnings, Earning
from tawsil.payments.model.faults import Fault
from tawsil.payments.model.ledger import TransferKind

_SHARE: Final = (TransferKind.CAPTURE, TransferKind.ADJUSTMENT)
"""How the customer's part, or what the platform pays instead of it, is booked."""
_OWN: Final = (*_SHARE, TransferKind.WAIT, TransferKind.INCENTIVE)


def _kinds(kinds: Sequence[TransferKind]) -> str:
    return ", ".join(f"'{kind.value}'" for kind in kinds)


_BOOKED: Final = f"""
    select coalesce(sum(l.amount_minor) filter (where l.kind not in ({_kinds(_OWN)})), 0)::bigint
            as adjustment_minor,
        coalesce(sum(l.amount_minor) filter (where l.kind in ({_kinds(_SHARE)})), 0)::bigint
            as share_minor,
        coalesce(sum(l.amount_minor) filter (where l.kind = '{TransferKind.WAIT.value}'), 0)::bigint
            as waited_minor,
        coalesce(sum(l.amount_minor) filter (where l.kind = '{TransferKind.INCENTIVE.value}'), 0)
            ::bigint as added_minor
    from (
        select t.kind, n.amount_minor from payments.transfer t
        join payments.entry n on n.transfer_id = t.id and not n.pending
        join payments.account a on a.id = n.account_id and a.owner_id = e.courier_id
            and a.kind = '{AccountKind.COURIER.value}'
        where t.reference_id = e.reference_id
    ) l
"""  # noqa: S608 - kinds of ours
_EARNED: Final = f"""
    (select e.*, b.*,
        b.share_minor = e.base_minor + e.distance_minor + e.surge_minor + e.tip_minor as settled
    from payments.earning e cross join lateral ({_BOOKED}) b) earned
"""  # noqa: S608 - fragments of ours
_COLUMNS: Final = """reference_id, courier_id, tenant_id, city_id, currency, base_minor,
    distance_minor, surge_minor, tip_minor, wait_minor, incentive_minor, adjustment_minor,
    earned_at, settled"""

_IS_A_JOB: Final = "base_minor + distance_minor + surge_minor > 0 or tip_minor = 0"
"""A tip that was given after delivery is an earning of its own, and no job."""

SORTS: Final = Sorts(
    keys={"earned_at": Key("earned_at", datetime)},
    default="-earned_at",
    unique=Key("reference_id", UUID),
)


class EarningFilter(Struct, frozen=True, kw_only=True):
    """A courier's jobs, of a time."""

    courier_id: UUID
    from_at: datetime | None = None
    to_at: datetime | None = None


_FILTERS: Final = {
    "courier_id": "courier_id = {}",
    "from_at": "earned_at >= {}",
    "to_at": "earned_at < {}",
}


async def add(tx: Tx, earnings: Sequence[Earning]) -> None:
    """Keep what jobs bring; what a job brought once is kept as it is."""
    await tx.execute(
        """
        insert into payments.earning (reference_id, courier_id, tenant_id, city_id, currency,
            base_minor, distance_minor, surge_minor, tip_minor, wait_minor, incentive_minor,
            earned_at)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[],
            $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[],
            $12::timestamptz[])
        on conflict do nothing
        """,
        [e.reference_id for e in earnings],
        [e.courier_id for e in earnings],
        [e.tenant_id for e in earnings],
        [e.city_id for e in earnings],
        [e.currency for e in earnings],
        [e.base_minor for e in earnings],
        [e.distance_minor for e in earnings],
        [e.surge_minor for e in earnings],
        [e.tip_minor for e in earnings],
        [e.wait_minor for e in earnings],
        [e.incentive_minor for e in earnings],
        [e.earned_at for e in earnings],
    )


async def search(tx: Tx, *, which: EarningFilter, take: Take) -> Slice[Earning]:
    where = Where().matching(which, _FILTERS)
    found = await rows(tx, columns=_COLUMNS, source=_EARNED, where=where, take=take)
    return found.map(_earning)


async def days(tx: Tx, *, which: EarningFilter, timezone: str) -> list[DayOfEarnings]:
    """The sums of each day of a zone's calendar, the newest first."""
    where = Where().matching(which, _FILTERS)
    zone = where.parameter(timezone)
    sums = ", ".join(
        f"sum({name}_minor)::bigint as {name}_minor"
        for name in ("base", "distance", "surge", "tip", "wait", "incentive", "adjustment")
    )
    found = await tx.rows(
        f"""
        select (earned_at at time zone {zone})::date::text as day, currency,
            count(*) filter (where {_IS_A_JOB}) as jobs,
            {sums}
        from {_EARNED} where {where} group by 1, 2 order by 1 desc, 2
        """,  # noqa: S608 - fragments of ours
        *where.args,
    )
    return [DayOfEarnings(**dict(row)) for row in found]


async def faults(tx: Tx, *, since_at: datetime | None = None) -> list[Fault]:
    """Jobs whose parts are not what is booked for them; none, always.

    A share that is not booked yet waits for its capture.
    """
    found = await tx.rows(
        f"""
        select tenant_id, reference_id, currency, share_minor + waited_minor + added_minor
            - base_minor - distance_minor - surge_minor - tip_minor - wait_minor - incentive_minor
            as amount_minor
        from {_EARNED} where ($1::timestamptz is null or earned_at >= $1)
            and (wait_minor <> waited_minor or incentive_minor <> added_minor
                or (share_minor <> 0 and not settled))
        """,  # noqa: S608 - fragments of ours
        since_at,
    )
    return [
        Fault(
            check=BooksCheck.EARNING,
            tenant_id=row["tenant_id"],
            subject_id=row["reference_id"],
            currency=row["currency"],
            amount_minor=row["amount_minor"],
        )
        for row in found
    ]


def _earning(row: dict[str, Any]) -> Earning:
    return Earning(**row)
