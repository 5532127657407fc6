"""Accounts, transfers and entries.

Balances are summed from the entries when asked for, not kept: the accounts of the house take part
in every transfer, and a kept balance would make each capture wait for the one before it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from tawsil.kernel.db import Tx
from tawsil.payments.events import HOUSE, AccountKind, AccountRef, Posting
from tawsil.payments.model.ledger import Balance, Line, Pending, Statement, Transfer, TransferKind


async def post(tx: Tx, transfers: Sequence[Transfer]) -> list[Transfer]:
    """Write transfers with their entries, but for those that are written already; the new ones.

    A void of what is not pending, or not any more, is left out; anything else that resolves what
    is resolved already is an error.
    """
    by_key = {transfer.id: transfer for transfer in reversed(transfers)}
    first = await _write(tx, {key: t for key, t in by_key.items() if t.resolves is None})
    then = await _write(tx, {key: t for key, t in by_key.items() if t.resolves is not None})
    return [*first, *then]


async def _write(tx: Tx, by_key: Mapping[UUID, Transfer]) -> list[Transfer]:
    if not by_key:
        return []
    rows = await tx.rows(
        """
        insert into payments.transfer
            (id, key, tenant_id, kind, reference_id, currency, pending, resolves, at)
        select u.id, u.key, u.tenant_id, u.kind, u.reference_id, u.currency, u.pending, p.id,
            $9::timestamptz
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[],
            $7::bool[], $8::uuid[])
            as u (id, key, tenant_id, kind, reference_id, currency, pending, resolves)
        left join payments.transfer p on p.key = u.resolves
        where u.kind <> 'void'
            or p.id is not null
            and not exists (select from payments.transfer r where r.resolves = p.id)
        on conflict (key) do nothing returning id, key
        """,
        [tx.ids() for _ in by_key],
        list(by_key),
        [t.by.tenant_id for t in by_key.values()],
        [t.kind.value for t in by_key.values()],
        [t.reference_id for t in by_key.values()],
        [t.currency for t in by_key.values()],
        [t.pending for t in by_key.values()],
        [t.resolves for t in by_key.values()],
        tx.now,
    )
    lines = [
        (row["id"], t, posting)
        for row in rows
        for t in [by_key[row["key"]]]
        for posting in t.postings
    ]
    if not lines:
        return [by_key[row["key"]] for row in rows]
    accounts = await _accounts(
        tx, [(t.by.tenant_id, posting.account, t.currency) for _, t, posting in lines]
    )
    await tx.execute(
        """
        insert into payments.entry
            (transfer_id, account_id, tenant_id, reference_id, amount_minor, currency, pending)
        select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[],
            $6::text[], $7::bool[])
        """,
        [transfer_id for transfer_id, *_ in lines],
        [accounts[t.by.tenant_id, posting.account, t.currency] for _, t, posting in lines],
        [t.by.tenant_id for _, t, _ in lines],
        [t.reference_id for _, t, _ in lines],
        [posting.amount_minor for *_, posting in lines],
        [t.currency for _, t, _ in lines],
        [t.pending for _, t, _ in lines],
    )
    return [by_key[row["key"]] for row in rows]


async def lock_pending(tx: Tx, *, ids: Sequence[UUID]) -> dict[UUID, Pending]:
    """Pending transfers by the id they were asked for under, held until the transaction ends."""
    locked = await tx.rows(
        """
        select * from payments.transfer where key = any($1::uuid[]) and pending
        order by id for update
        """,
        list(ids),
    )
    rows = await tx.rows(
        """
        select e.transfer_id, e.amount_minor, a.kind, a.owner_id
        from payments.entry e join payments.account a on a.id = e.account_id
        where e.transfer_id = any($1::uuid[])
        """,
        [row["id"] for row in locked],
    )
    resolutions = await tx.rows(
        "select resolves, key from payments.transfer where resolves = any($1::uuid[])",
        [row["id"] for row in locked],
    )
    postings: dict[UUID, list[Posting]] = defaultdict(list)
    for row in rows:
        postings[row["transfer_id"]].append(Posting(account_of(row), row["amount_minor"]))
    resolved = {row["resolves"]: row["key"] for row in resolutions}
    return {
        row["key"]: Pending(
            id=row["key"],
            tenant_id=row["tenant_id"],
            reference_id=row["reference_id"],
            currency=row["currency"],
            postings=tuple(postings[row["id"]]),
            resolved_by=resolved.get(row["id"]),
        )
        for row in locked
    }


async def written(tx: Tx, *, ids: Sequence[UUID]) -> set[UUID]:
    """Which of the ids there is a transfer of."""
    rows = await tx.rows("select key from payments.transfer where key = any($1::uuid[])", list(ids))
    return {row["key"] for row in rows}


_AccountKey = tuple[UUID, AccountRef, str]


async def lock_available(tx: Tx, keys: Iterable[_AccountKey]) -> dict[_AccountKey, int]:
    """What accounts that may not be overdrawn have left, which only this transaction changes now.

    An account that nothing was ever posted to is not there, and has nothing.
    """
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return {}
    rows = await tx.rows(
        """
        select a.*, h.posted_minor - h.reserved_minor as available_minor
        from payments.account a
        join unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[])
            as u (tenant_id, kind, owner_id, currency)
            on a.tenant_id = u.tenant_id and a.kind = u.kind and a.owner_id = u.owner_id
            and a.currency = u.currency
        join payments.holding h on h.account_id = a.id
        order by a.id for update of h
        """,
        *_columns(wanted),
    )
    return {
        (row["tenant_id"], account_of(row), row["currency"]): row["available_minor"] for row in rows
    }


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
    return {(row["tenant_id"], account_of(row), row["currency"]): row["id"] for row in rows}


def _columns(keys: Sequence[_AccountKey]) -> tuple[list[Any], ...]:
    return (
        [tenant_id for tenant_id, _, _ in keys],
        [account.kind.value for _, account, _ in keys],
        [account.owner_id or tenant_id for tenant_id, account, _ in keys],
        [currency for *_, currency in keys],
    )


async def balances(tx: Tx, *, tenant_id: UUID, accounts: Sequence[AccountRef]) -> list[Balance]:
    """What each account stands at, per currency it was ever used in: posted and pending."""
    rows = await tx.rows(
        """
        select a.kind, a.owner_id, a.currency,
            coalesce(sum(e.amount_minor) filter (where not e.pending), 0)::bigint as posted,
            coalesce(sum(e.amount_minor) filter (where e.pending and r.id is null), 0)::bigint
                as pending,
            coalesce(
                sum(-e.amount_minor) filter (
                    where e.pending and r.id is null and e.amount_minor < 0
                ), 0
            )::bigint as reserved
        from payments.account a
        join unnest($2::text[], $3::uuid[]) as u (kind, owner_id)
            on a.kind = u.kind and a.owner_id = u.owner_id
        left join payments.entry e on e.account_id = a.id
        left join payments.transfer r on e.pending and r.resolves = e.transfer_id
        where a.tenant_id = $1
        group by a.id order by a.kind, a.owner_id, a.currency
        """,
        tenant_id,
        *named(accounts, tenant_id),
    )
    return [
        Balance(
            account=account_of(row),
            currency=row["currency"],
            posted_minor=row["posted"],
            pending_minor=row["pending"],
            reserved_minor=row["reserved"],
        )
        for row in rows
    ]


async def lock_balances(
    tx: Tx, *, tenant_id: UUID, accounts: Sequence[AccountRef]
) -> list[Balance]:
    """Balances that nobody else who asks for them so can act on until this transaction ends.

    Two payouts of one account so come one after the other. What is posted meanwhile without
    asking, such as a sale, does not wait.
    """
    await tx.execute(
        """
        select from payments.account a
        join unnest($2::text[], $3::uuid[]) as u (kind, owner_id)
            on a.kind = u.kind and a.owner_id = u.owner_id
        where a.tenant_id = $1
        order by a.id for no key update of a
        """,
        tenant_id,
        *named(accounts, tenant_id),
    )
    return await balances(tx, tenant_id=tenant_id, accounts=accounts)


def named(accounts: Sequence[AccountRef], tenant_id: UUID) -> tuple[list[str], list[UUID]]:
    return (
        [account.kind.value for account in accounts],
        [account.owner_id or tenant_id for account in accounts],
    )


async def statement(
    tx: Tx, *, tenant_id: UUID, accounts: Sequence[AccountRef], offset: int, limit: int
) -> Statement:
    """The lines of some accounts, newest first."""
    args = (tenant_id, *named(accounts, tenant_id))
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
    join payments.entry e on e.account_id = a.id and not e.pending
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


def account_of(row: asyncpg.Record | Mapping[str, Any]) -> AccountRef:
    kind = AccountKind(row["kind"])
    return AccountRef(kind, None if kind in HOUSE else row["owner_id"])


def _line(row: asyncpg.Record) -> Line:
    return Line(
        transfer_id=row["transfer_id"],
        kind=TransferKind(row["transfer_kind"]),
        reference_id=row["reference_id"],
        account=account_of(row),
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        at=row["at"],
    )
