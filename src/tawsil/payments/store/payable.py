"""What of somebody's account may be paid out."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.payments.model.payout_account import PayoutAccount, Plan


class Wanted(Struct, frozen=True):
    """Whose money is looked at; what came in after `held_since_at` is held."""

    account: PayoutAccount
    held_since_at: datetime


def wanted(account: PayoutAccount, plan: Plan, *, at: datetime) -> Wanted:
    return Wanted(account, at - timedelta(days=plan.hold_days))


class Funds(Struct, frozen=True, kw_only=True):
    """What somebody stands at: all of it, what of it is too young, what is promised already.

    `cash_owed_minor` is the cash that a courier has collected and not handed in.
    """

    balance_minor: int = 0
    held_minor: int = 0
    reserved_minor: int = 0
    cash_owed_minor: int = 0

    @property
    def own_minor(self) -> int:
        """Old enough, and promised to nobody."""
        return self.balance_minor - self.held_minor - self.reserved_minor

    @property
    def free_minor(self) -> int:
        """What is left when the cash is paid; below zero when more is owed than there is."""
        return self.own_minor - self.cash_owed_minor


async def lock_funds(tx: Tx, wanted: Sequence[Wanted]) -> dict[UUID, Funds]:
    """As `funds`, and nobody else pays these accounts out until the transaction ends.

    Entries are written under no such lock: captures go on meanwhile.
    """
    await tx.rows(
        """
        select a.id from payments.account a
        join unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[])
            as u (tenant_id, kind, owner_id, currency)
            on a.tenant_id = u.tenant_id and a.owner_id = u.owner_id and a.currency = u.currency
            and (a.kind = u.kind or (a.kind = 'courier_cash' and u.kind = 'courier'))
        order by a.id for no key update of a
        """,
        *_owners(wanted),
    )
    await tx.rows(  # of these, promises are made under locks of their own
        """
        select h.account_id from payments.holding h join payments.account a on a.id = h.account_id
        join unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[])
            as u (tenant_id, kind, owner_id, currency)
            on a.tenant_id = u.tenant_id and a.kind = u.kind and a.owner_id = u.owner_id
            and a.currency = u.currency
        order by h.account_id for update of h
        """,
        *_owners(wanted),
    )
    return await funds(tx, wanted)


async def funds(tx: Tx, wanted: Sequence[Wanted]) -> dict[UUID, Funds]:
    """What may be paid out, by payout account.

    Held is what a reference has brought since, refunds of it deducted; what a payout gave back was
    old enough before.
    """
    found = await tx.rows(
        """
        with wanted as (
            select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::uuid[],
                $6::timestamptz[], $7::uuid[])
                as u (tenant_id, kind, owner_id, currency, id, held_since_at, least_id)
        )
        select w.id,
            coalesce((
                select sum(e.amount_minor) from payments.account a
                join payments.entry e on e.account_id = a.id and not e.pending
                where a.tenant_id = w.tenant_id and a.kind = w.kind and a.owner_id = w.owner_id
                    and a.currency = w.currency
            ), 0)::bigint as balance,
            coalesce((
                select -sum(e.amount_minor) from payments.account a
                join payments.entry e on e.account_id = a.id and e.pending and e.amount_minor < 0
                where a.tenant_id = w.tenant_id and a.kind = w.kind and a.owner_id = w.owner_id
                    and a.currency = w.currency
                    and not exists (
                        select from payments.transfer r where r.resolves = e.transfer_id
                    )
            ), 0)::bigint as reserved,
            coalesce((
                select sum(greatest(minor, 0)) from (
                    select sum(e.amount_minor) as minor from payments.account a
                    join payments.entry e on e.account_id = a.id and not e.pending
                        and e.transfer_id >= w.least_id
                    join payments.transfer t on t.id = e.transfer_id and t.at > w.held_since_at
                    where a.tenant_id = w.tenant_id and a.kind = w.kind
                        and a.owner_id = w.owner_id and a.currency = w.currency
                        and t.kind not in ('payout', 'payout_return')
                    group by e.reference_id
                ) per_reference
            ), 0)::bigint as held,
            coalesce((
                select -sum(e.amount_minor) from payments.account a
                join payments.entry e on e.account_id = a.id and not e.pending
                where a.tenant_id = w.tenant_id and a.kind = 'courier_cash' and w.kind = 'courier'
                    and a.owner_id = w.owner_id and a.currency = w.currency
            ), 0)::bigint as cash_owed
        from wanted w
        """,
        *_owners(wanted),
        [w.account.id for w in wanted],
        [w.held_since_at for w in wanted],
        [_least_id(w.held_since_at) for w in wanted],
    )
    return {
        row["id"]: Funds(
            balance_minor=row["balance"],
            held_minor=row["held"],
            reserved_minor=row["reserved"],
            cash_owed_minor=max(0, row["cash_owed"]),
        )
        for row in found
    }


def _owners(wanted: Sequence[Wanted]) -> tuple[list[Any], ...]:
    return (
        [w.account.tenant_id for w in wanted],
        [w.account.owner.kind.value for w in wanted],
        [w.account.owner_id for w in wanted],
        [w.account.currency for w in wanted],
    )


def _least_id(at: datetime) -> UUID:
    """Transfers' ids are in the order of time: those made since begin here."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
