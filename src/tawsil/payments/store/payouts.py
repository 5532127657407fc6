"""Payouts and runs as they stand, and what of an account may be paid out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.kernel.reach import Reach
from tawsil.payments.events import AccountKind, AccountRef, PayoutCause, Provider
from tawsil.payments.model.payout import Payout, PayoutState, Run, RunState
from tawsil.payments.model.payout_account import Destination


class Filter(Struct, frozen=True, kw_only=True):
    """Which payouts: everything that is set narrows."""

    states: tuple[PayoutState, ...] | None = None
    causes: tuple[PayoutCause, ...] | None = None
    owner_kind: AccountKind | None = None
    owner_id: UUID | None = None
    city_id: UUID | None = None
    run_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


SORTS: Final = Sorts(
    keys={
        "created_at": Key("created_at", datetime),
        "amount": Key("amount_minor", int),
        "state": Key("state", str),
    },
    default="-created_at",
)
_FILTERS: Final = {
    "states": "state = any({}::text[])",
    "causes": "cause = any({}::text[])",
    "owner_kind": "owner_kind = {}",
    "owner_id": "owner_id = {}",
    "city_id": "city_id = {}",
    "run_id": "run_id = {}",
    "since": "created_at >= {}",
    "until": "created_at < {}",
}
_REACHED: Final = {
    "city_ids": "city_id = any({}::uuid[])",
    "user_id": "(owner_id = {} and owner_kind <> 'merchant')",
    "location_id": "(owner_id = {} and owner_kind = 'merchant')",
}
_COLUMNS: Final = """id, version, tenant_id, city_id, account_id, owner_kind, owner_id, run_id,
    retry_of, cause, period, amount_minor, fee_minor, currency, provider, token, label,
    awaits_approval, state, provider_payout_id, code, attempts, created_at, since_at, paid_at"""


async def search(tx: Tx, *, reach: Reach, which: Filter, take: Take) -> Slice[Payout]:
    where = Where().within(reach, _REACHED).matching(which, _FILTERS)
    found = await rows(tx, columns=_COLUMNS, source="payments.payout", where=where, take=take)
    return found.map(_payout)


async def reached(tx: Tx, *, reach: Reach, payout_id: UUID) -> Payout | None:
    where = Where().within(reach, _REACHED).add("id = {}", payout_id)
    row = await tx.row(f"select {_COLUMNS} from payments.payout where {where}", *where.args)  # noqa: S608 - fragments of ours
    return None if row is None else _payout(row)


async def find(tx: Tx, *, payout_id: UUID) -> Payout | None:
    row = await tx.row("select * from payments.payout where id = $1", payout_id)
    return None if row is None else _payout(row)


async def lock(tx: Tx, *, payout_ids: Sequence[UUID]) -> dict[UUID, Payout]:
    found = await tx.rows(
        "select * from payments.payout where id = any($1::uuid[]) order by id for update",
        list(payout_ids),
    )
    return {row["id"]: _payout(row) for row in found}


async def lock_run(tx: Tx, *, run_id: UUID) -> dict[UUID, Payout]:
    """The payouts of a run."""
    found = await tx.rows(
        "select * from payments.payout where run_id = $1 order by id for update", run_id
    )
    return {row["id"]: _payout(row) for row in found}


async def retried(tx: Tx, *, payout_id: UUID) -> UUID | None:
    """What a payout was tried again as."""
    return await tx.value("select id from payments.payout where retry_of = $1", payout_id)


async def instant_since(tx: Tx, *, account_id: UUID, since_at: datetime) -> int:
    """How many instant payouts somebody has had since, but for those that failed."""
    return await tx.value(
        """
        select count(*) from payments.payout
        where account_id = $1 and cause = 'instant' and created_at >= $2 and state <> 'failed'
        """,
        account_id,
        since_at,
    )


async def add(tx: Tx, payouts: Sequence[Payout]) -> None:
    if not payouts:
        return
    await tx.execute(
        """
        insert into payments.payout (id, version, tenant_id, city_id, account_id, owner_kind,
            owner_id, run_id, retry_of, cause, period, amount_minor, fee_minor, currency, provider,
            token, label, awaits_approval, state, attempts, created_at, since_at)
        select *, 0, $20::timestamptz, $20::timestamptz from unnest($1::uuid[], $2::int[],
            $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::uuid[], $8::uuid[], $9::uuid[],
            $10::text[], $11::date[], $12::bigint[], $13::bigint[], $14::text[], $15::text[],
            $16::text[], $17::text[], $18::boolean[], $19::text[])
        """,
        [p.id for p in payouts],
        [p.version for p in payouts],
        [p.tenant_id for p in payouts],
        [p.city_id for p in payouts],
        [p.account_id for p in payouts],
        [p.owner.kind.value for p in payouts],
        [p.owner.owner_id for p in payouts],
        [p.run_id for p in payouts],
        [p.retry_of for p in payouts],
        [p.cause.value for p in payouts],
        [p.period for p in payouts],
        [p.amount_minor for p in payouts],
        [p.fee_minor for p in payouts],
        [p.currency for p in payouts],
        [p.destination.provider.value for p in payouts],
        [p.destination.token for p in payouts],
        [p.destination.label for p in payouts],
        [p.awaits_approval for p in payouts],
        [p.state.value for p in payouts],
        tx.now,
    )


async def save(tx: Tx, decided: Sequence[Accepted[Payout]]) -> None:
    """Write states over the versions that their decisions saw; events or none."""
    if not decided:
        return
    payouts = [one.state for one in decided]
    count = await tx.execute(
        """
        update payments.payout p
        set version = u.version, state = u.state, awaits_approval = u.awaits_approval,
            provider_payout_id = u.provider_payout_id, code = u.code, attempts = u.attempts,
            since_at = u.since_at, paid_at = u.paid_at
        from unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::boolean[], $6::text[],
            $7::text[], $8::int[], $9::timestamptz[], $10::timestamptz[]) as u (id, expected,
            version, state, awaits_approval, provider_payout_id, code, attempts, since_at, paid_at)
        where p.id = u.id and p.version = u.expected
        """,
        [p.id for p in payouts],
        [one.expected_version for one in decided],
        [p.version for p in payouts],
        [p.state.value for p in payouts],
        [p.awaits_approval for p in payouts],
        [p.provider_payout_id for p in payouts],
        [p.code for p in payouts],
        [p.attempts for p in payouts],
        [p.since_at for p in payouts],
        [p.paid_at for p in payouts],
    )
    assert count == len(payouts), "a locked payout does not change under the lock"


def _payout(row: asyncpg.Record | Mapping[str, Any]) -> Payout:
    fields: dict[str, Any] = dict(row)
    kind, owner_id = AccountKind(fields.pop("owner_kind")), fields.pop("owner_id")
    fields["owner"] = AccountRef(kind, owner_id)
    fields["destination"] = Destination(
        provider=Provider(fields.pop("provider")),
        token=fields.pop("token"),
        label=fields.pop("label"),
        verified=True,
    )
    fields["cause"] = PayoutCause(fields["cause"])
    fields["state"] = PayoutState(fields["state"])
    return Payout(**fields)


# Runs


async def find_run(tx: Tx, *, tenant_id: UUID, run_id: UUID) -> Run | None:
    row = await tx.row(
        "select * from payments.payout_run where id = $1 and tenant_id = $2", run_id, tenant_id
    )
    return None if row is None else _run(row)


async def hold_run(tx: Tx, *, tenant_id: UUID, run_id: UUID) -> Run | None:
    """The run, which nobody else decides until the transaction ends."""
    row = await tx.row(
        "select * from payments.payout_run where id = $1 and tenant_id = $2 for update",
        run_id,
        tenant_id,
    )
    return None if row is None else _run(row)


def _run(row: asyncpg.Record) -> Run:
    fields: dict[str, Any] = dict(row)
    fields["owner_kind"] = AccountKind(fields["owner_kind"])
    fields["state"] = RunState(fields["state"])
    return Run(**fields)


async def add_run(tx: Tx, run: Run) -> None:
    await tx.execute(
        """
        insert into payments.payout_run (id, version, tenant_id, city_id, owner_kind, state,
            started_by, payouts, total_minor, currency, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        """,
        run.id,
        run.version,
        run.tenant_id,
        run.city_id,
        run.owner_kind.value,
        run.state.value,
        run.started_by,
        run.payouts,
        run.total_minor,
        run.currency,
        run.created_at,
    )


async def save_run(tx: Tx, decided: Accepted[Run]) -> None:
    run = decided.state
    count = await tx.execute(
        """
        update payments.payout_run set version = $3, state = $4, decided_by = $5
        where id = $1 and version = $2
        """,
        run.id,
        decided.expected_version,
        run.version,
        run.state.value,
        run.decided_by,
    )
    assert count == 1, "a locked run does not change under the lock"
