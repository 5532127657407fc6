"""Accounts and what stands on them, to read: never what anything is decided by."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from tawsil.kernel.clock import least_id
from tawsil.kernel.db import Tx
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.payments.events import AccountRef
from tawsil.payments.model.ledger import TransferKind
from tawsil.payments.model.statements import (
    Account,
    AccountFilter,
    LineFilter,
    Standing,
    StatementLine,
)
from tawsil.payments.store.ledger import account_of, named

ACCOUNT_SORTS: Final = Sorts(
    keys={"kind": Key("kind", str), "currency": Key("currency", str)}, default="kind,currency"
)
LINE_SORTS: Final = Sorts(
    keys={"at": Key("at", datetime), "amount": Key("amount_minor", int)}, default="-at"
)
_ACCOUNT_FILTERS: Final = {
    "kinds": "kind = any({}::text[])",
    "owner_id": "owner_id = {}",
    "currency": "currency = {}",
}
_LINE_FILTERS: Final = {
    "kinds": "kind = any({}::text[])",
    "from_at": "id >= {}",
    "to_at": "id < {}",
}
_ACCOUNT: Final = "id, tenant_id, kind, owner_id, currency"


async def search_accounts(
    tx: Tx, *, tenant_id: UUID, which: AccountFilter, take: Take
) -> Slice[Account]:
    """The tenant's accounts."""
    where = Where().add("tenant_id = {}", tenant_id).matching(which, _ACCOUNT_FILTERS)
    found = await rows(tx, columns=_ACCOUNT, source="payments.account", where=where, take=take)
    return found.map(_account)


async def find_account(tx: Tx, *, tenant_id: UUID, account_id: UUID) -> Account | None:
    row = await tx.row(
        f"select {_ACCOUNT} from payments.account where tenant_id = $1 and id = $2",  # noqa: S608 - a constant
        tenant_id,
        account_id,
    )
    return None if row is None else _account(row)


async def accounts_of(tx: Tx, *, tenant_id: UUID, owners: Sequence[AccountRef]) -> list[Account]:
    """Those that were ever used, in the order in which they are named."""
    found = await tx.rows(
        f"""
        select {_ACCOUNT} from payments.account a
        join unnest($2::text[], $3::uuid[]) with ordinality as u (kind, owner_id, position)
            using (kind, owner_id)
        where a.tenant_id = $1 order by position, currency
        """,  # noqa: S608 - a constant
        tenant_id,
        *named(owners, tenant_id),
    )
    return [_account(row) for row in found]


async def standings(
    tx: Tx,
    *,
    account_ids: Sequence[UUID],
    from_at: datetime | None = None,
    to_at: datetime | None = None,
) -> dict[UUID, Standing]:
    """What accounts opened and closed a time with, and what is pending on them now."""
    found = await tx.rows(
        """
        select a.id,
            coalesce(sum(e.amount_minor) filter (
                where not e.pending and e.transfer_id < $2
            ), 0)::bigint as opening_minor,
            coalesce(sum(e.amount_minor) filter (
                where not e.pending and ($3::uuid is null or e.transfer_id < $3)
            ), 0)::bigint as closing_minor,
            coalesce(sum(e.amount_minor) filter (where e.pending and r.id is null), 0)::bigint
                as pending_minor,
            coalesce(sum(-e.amount_minor) filter (
                where e.pending and r.id is null and e.amount_minor < 0
            ), 0)::bigint as reserved_minor
        from unnest($1::uuid[]) as a (id)
        left join payments.entry e on e.account_id = a.id
        left join payments.transfer r on e.pending and r.resolves = e.transfer_id
        group by a.id
        """,
        list(account_ids),
        least_id(from_at),
        None if to_at is None else least_id(to_at),
    )
    return {row["id"]: Standing(**{k: v for k, v in row.items() if k != "id"}) for row in found}


async def lines(tx: Tx, *, which: LineFilter, take: Take) -> Slice[StatementLine]:
    """What was posted on an account, each line with what the account stood at after it."""
    where = Where()
    account = where.parameter(which.account_id)
    source = f"""(
        select t.id, t.kind, t.reference_id, t.at, e.amount_minor, c.corrects,
            (sum(e.amount_minor) over (order by t.id))::bigint as balance_minor
        from payments.entry e join payments.transfer t on t.id = e.transfer_id
        left join payments.correction c on c.transfer_id = t.id
        where e.account_id = {account} and not e.pending
    ) line"""  # noqa: S608 - a parameter
    for field, fragment in _LINE_FILTERS.items():
        value = getattr(which, field)
        if value is not None:
            where.add(fragment, least_id(value) if isinstance(value, datetime) else value)
    found = await rows(
        tx,
        columns="id, kind, reference_id, at, amount_minor, balance_minor, corrects",
        source=source,
        where=where,
        take=take,
    )
    return found.map(
        lambda row: StatementLine(
            transfer_id=row["id"],
            kind=TransferKind(row["kind"]),
            reference_id=row["reference_id"],
            amount_minor=row["amount_minor"],
            balance_minor=row["balance_minor"],
            corrects=row["corrects"],
            at=row["at"],
        )
    )


def _account(row: asyncpg.Record | Mapping[str, Any]) -> Account:
    return Account(id=row["id"], ref=account_of(row), currency=row["currency"])
