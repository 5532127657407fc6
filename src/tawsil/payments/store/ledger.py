"""Accounts, transfers and entries.

Balances are summed from the entries when asked for, not kept: the accounts of the house take part
in every transfer, and a kept balance would make each capture wait for the one before it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from tawsil.kernel.db import Tx
from tawsil.payments.events import HOUSE, AccountKind, AccountRef
from tawsil.payments.model.ledger import Balance, Line, Statement, Transfer, TransferKind


async def post(tx: Tx, transfers: Sequence[Transfer]) -> list[Transfer]:
    """Write transfers with their entries, but for those that are written already; the new ones."""
    by_key = {transfer.id: transfer for transfer in reversed(transfers)}
    if not by_key:
        return []
    rows = await tx.rows(
        """
        insert into payments.transfer (id, key, tenant_id, kind, reference_id, at)
        select *, $6::timestamptz
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[])
        on conflict (key) do nothing returning id, key
        """,
        [tx.ids() for _ in by_key],
        list(by_key),
        [t.by.tenant_id for t in by_key.values()],
        [t.kind.value for t in by_key.values()],
        [t.reference_id for t in by_key.values()],
        tx.now,
    )
    lines = [
        (row["id"], t, posting)
        for row in rows
        for t in [by_key[row["key"]]]
        for posting in t.postings
    ]
    accounts = await _accounts(
        tx, [(t.by.tenant_id, posting.account, t.currency) for _, t, posting in lines]
    )
    await tx.execute(
        """
        insert into payments.entry (transfer_id, account_id, reference_id, amount_minor, currency)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[])
        """,
        [transfer_id for transfer_id, *_ in lines],
        [accounts[t.by.tenant_id, posting.account, t.currency] for _, t, posting in lines],
        [t.reference_id for _, t, _ in lines],
        [posting.amount_minor for *_, posting in lines],
        [t.currency for _, t, _ in lines],
    )
    return [by_key[row["key"]] for row in rows]


_AccountKey = tuple[UUID, AccountRef, str]


async def _accounts(tx: Tx, keys: Sequence[_AccountKey]) -> dict[_AccountKey, UUID]:
    """The ids of accounts; those that do not exist yet are opened."""
    wanted = sorted(set(keys), key=lambda k: (k[0], k[1].kind, str(k[1].owner_id), k[2]))
    known = await _find_accounts(tx, wanted)
    missing = [key for key in wanted if key not in known]
    if not missing:
        return known
    await tx.execute(
        """
        insert into payments.account (id, tenant_id, kind, owner_id, currency)
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[])
        on conflict (tenant_id, kind, owner_id, currency) do nothing
        """,
        [tx.ids() for _ in missing],
        *_columns(missing),
    )
    return known | await _find_accounts(tx, missing)


async def _find_accounts(tx: Tx, keys: Sequence[_AccountKey]) -> dict[_AccountKey, UUID]:
    rows = await tx.rows(
        """
        select a.* from payments.account a
        join unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[])
            as u (tenant_id, kind, owner_id, currency)
            on a.tenant_id = u.tenant_id and a.kind = u.kind and a.owner_id = u.owner_id
            and a.currency = u.currency
        """,
        *_columns(keys),
    )
    return {(row["tenant_id"], _account(row), row["currency"]): row["id"] for row in rows}


def _columns(keys: Sequence[_AccountKey]) -> tuple[list[Any], ...]:
    return (
        [tenant_id for tenant_id, _, _ in keys],
        [account.kind.value for _, account, _ in keys],
        [account.owner_id or tenant_id for tenant_id, account, _ in keys],
        [currency for *_, currency in keys],
    )


async def balances(tx: Tx, *, tenant_id: UUID, accounts: Sequence[AccountRef]) -> list[Balance]:
    """What each account stands at, per currency it was ever used in."""
    rows = await tx.rows(
        """
        select a.kind, a.owner_id, a.currency, coalesce(sum(e.amount_minor), 0)::bigint as balance
        from payments.account a
        join unnest($2::text[], $3::uuid[]) as u (kind, owner_id)
            on a.kind = u.kind and a.owner_id = u.owner_id
        left join payments.entry e on e.account_id = a.id
        where a.tenant_id = $1
        group by a.id order by a.kind, a.owner_id, a.currency
        """,
        tenant_id,
        [account.kind.value for account in accounts],
        [account.owner_id or tenant_id for account in accounts],
    )
    return [Balance(_account(row), row["currency"], row["balance"]) for row in rows]


async def statement(
    tx: Tx, *, tenant_id: UUID, accounts: Sequence[AccountRef], offset: int, limit: int
) -> Statement:
    """The lines of some accounts, newest first."""
    args = (
        tenant_id,
        [account.kind.value for account in accounts],
        [account.owner_id or tenant_id for account in accounts],
    )
    rows = await tx.rows(
        f"""
        select t.kind as transfer_kind, t.at, e.*, a.kind, a.owner_id {_OF_ACCOUNTS}
        join payments.transfer t on t.id = e.transfer_id
        order by e.transfer_id desc, e.account_id limit $4 offset $5
        """,
        *args,
        limit,
        offset,
    )
    total = await tx.value(f"select count(*) {_OF_ACCOUNTS}", *args)
    return Statement([_line(row) for row in rows], total)


_OF_ACCOUNTS: Final = """
    from payments.account a
    join unnest($2::text[], $3::uuid[]) as u (kind, owner_id)
        on a.kind = u.kind and a.owner_id = u.owner_id and a.tenant_id = $1
    join payments.entry e on e.account_id = a.id
"""


async def imbalance(tx: Tx, *, since_at: datetime | None = None) -> dict[str, int]:
    """By how much transfers of each currency are out of balance in all; zeros, always.

    What added up once adds up for ever, as entries do not change: with `since_at` only transfers
    made since then are added up. A transfer has one reference, so references add up when they do.
    """
    since_ms = 0 if since_at is None else int(since_at.timestamp() * 1000)
    rows = await tx.rows(
        """
        select currency, sum(abs(amount_minor))::bigint as imbalance from (
            select currency, sum(amount_minor) as amount_minor from payments.entry
            where transfer_id >= $1 group by transfer_id, currency
        ) per_transfer group by currency order by currency
        """,
        UUID(int=since_ms << 80),
    )
    return {row["currency"]: row["imbalance"] for row in rows}


def _account(row: asyncpg.Record) -> AccountRef:
    kind = AccountKind(row["kind"])
    return AccountRef(kind, None if kind in HOUSE else row["owner_id"])


def _line(row: asyncpg.Record) -> Line:
    return Line(
        transfer_id=row["transfer_id"],
        kind=TransferKind(row["transfer_kind"]),
        reference_id=row["reference_id"],
        account=_account(row),
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        at=row["at"],
    )
