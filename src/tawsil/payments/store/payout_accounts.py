"""Who is paid out, and by which plan."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.kernel.lists import Key, Slice, Sorts, Take, Where, rows
from tawsil.kernel.reach import Reach
from tawsil.payments.events import AccountKind, AccountRef, BlockedBecause, Provider
from tawsil.payments.model.payout_account import DEFAULT_PLANS, Destination, PayoutAccount, Plan

_encode: Final = msgspec.json.Encoder().encode
_plan: Final = msgspec.json.Decoder(Plan)


class AccountFilter(Struct, frozen=True, kw_only=True):
    """Which of those who are paid out: everything that is set narrows."""

    owner_kind: AccountKind | None = None
    owner_id: UUID | None = None
    city_id: UUID | None = None
    verified: bool | None = None
    blocked: bool | None = None


ACCOUNT_SORTS: Final = Sorts(keys={"id": Key("id", UUID)}, default="id")
_FILTERS: Final = {
    "owner_kind": "owner_kind = {}",
    "owner_id": "owner_id = {}",
    "city_id": "city_id = {}",
    "verified": "verified = {}",
    "blocked": "(blocked_because is not null) = {}",
}
_REACHED: Final = {
    "city_ids": "city_id = any({}::uuid[])",
    "user_id": "(owner_id = {} and owner_kind <> 'merchant')",
    "location_id": "(owner_id = {} and owner_kind = 'merchant')",
}
_COLUMNS: Final = """id, version, tenant_id, city_id, owner_kind, owner_id, currency, provider,
    token, label, verified, usable_from_at, plan, blocked_because, next_at"""


async def search(tx: Tx, *, reach: Reach, which: AccountFilter, take: Take) -> Slice[PayoutAccount]:
    where = Where().within(reach, _REACHED).matching(which, _FILTERS)
    found = await rows(
        tx, columns=_COLUMNS, source="payments.payout_account", where=where, take=take
    )
    return found.map(_account)


async def find(tx: Tx, *, tenant_id: UUID, owner: AccountRef) -> PayoutAccount | None:
    row = await tx.row(
        """
        select * from payments.payout_account
        where tenant_id = $1 and owner_kind = $2 and owner_id = $3
        """,
        tenant_id,
        owner.kind.value,
        owner.owner_id,
    )
    return None if row is None else _account(row)


async def get(tx: Tx, *, account_id: UUID) -> PayoutAccount | None:
    row = await tx.row("select * from payments.payout_account where id = $1", account_id)
    return None if row is None else _account(row)


async def lock(tx: Tx, *, account_ids: Sequence[UUID]) -> dict[UUID, PayoutAccount]:
    found = await tx.rows(
        "select * from payments.payout_account where id = any($1::uuid[]) order by id for update",
        list(account_ids),
    )
    return {row["id"]: _account(row) for row in found}


async def lock_owners(
    tx: Tx, *, tenant_id: UUID, owners: Sequence[AccountRef]
) -> dict[AccountRef, PayoutAccount]:
    found = await tx.rows(
        """
        select p.* from payments.payout_account p
        join unnest($2::text[], $3::uuid[]) as u (owner_kind, owner_id)
            using (owner_kind, owner_id)
        where p.tenant_id = $1 order by p.id for update of p
        """,
        tenant_id,
        [owner.kind.value for owner in owners],
        [owner.owner_id for owner in owners],
    )
    accounts = [_account(row) for row in found]
    return {account.owner: account for account in accounts}


async def lock_city(
    tx: Tx,
    *,
    tenant_id: UUID,
    city_id: UUID | None,
    owner_kind: AccountKind,
    owner_ids: Sequence[UUID] | None = None,
) -> dict[UUID, PayoutAccount]:
    """Those of a kind in a city, or of the tenant's, or some of them."""
    found = await tx.rows(
        """
        select * from payments.payout_account
        where tenant_id = $1 and ($2::uuid is null or city_id = $2) and owner_kind = $3
            and ($4::uuid[] is null or owner_id = any($4))
        order by id for update
        """,
        tenant_id,
        city_id,
        owner_kind.value,
        None if owner_ids is None else list(owner_ids),
    )
    return {row["id"]: _account(row) for row in found}


async def add(tx: Tx, accounts: Sequence[PayoutAccount]) -> set[UUID]:
    """Add accounts; those that were new. Of two for one owner the first stands."""
    if not accounts:
        return set()
    found = await tx.rows(
        """
        insert into payments.payout_account (id, version, tenant_id, city_id, owner_kind, owner_id,
            currency, provider, token, label, verified, usable_from_at, next_at)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[],
            $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[], $12::timestamptz[],
            $13::timestamptz[])
        on conflict (tenant_id, owner_kind, owner_id) do nothing returning id
        """,
        [a.id for a in accounts],
        [a.version for a in accounts],
        [a.tenant_id for a in accounts],
        [a.city_id for a in accounts],
        [a.owner.kind.value for a in accounts],
        [a.owner_id for a in accounts],
        [a.currency for a in accounts],
        [a.destination.provider.value for a in accounts],
        [a.destination.token for a in accounts],
        [a.destination.label for a in accounts],
        [a.destination.verified for a in accounts],
        [a.usable_from_at for a in accounts],
        [a.next_at for a in accounts],
    )
    return {row["id"] for row in found}


async def save(tx: Tx, decided: Sequence[Accepted[PayoutAccount]]) -> None:
    """Write states over the versions that their decisions saw; events or none."""
    if not decided:
        return
    accounts = [one.state for one in decided]
    count = await tx.execute(
        """
        update payments.payout_account p
        set version = u.version, provider = u.provider, token = u.token, label = u.label,
            verified = u.verified, usable_from_at = u.usable_from_at, plan = u.plan,
            blocked_because = u.blocked_because, next_at = u.next_at
        from unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::text[], $6::text[],
            $7::boolean[], $8::timestamptz[], $9::jsonb[], $10::text[], $11::timestamptz[])
            as u (id, expected, version, provider, token, label, verified, usable_from_at, plan,
            blocked_because, next_at)
        where p.id = u.id and p.version = u.expected
        """,
        [a.id for a in accounts],
        [one.expected_version for one in decided],
        [a.version for a in accounts],
        [a.destination.provider.value for a in accounts],
        [a.destination.token for a in accounts],
        [a.destination.label for a in accounts],
        [a.destination.verified for a in accounts],
        [a.usable_from_at for a in accounts],
        [None if a.plan is None else _encode(a.plan).decode() for a in accounts],
        [a.blocked_because.value if a.blocked_because else None for a in accounts],
        [a.next_at for a in accounts],
    )
    assert count == len(accounts), "a locked account does not change under the lock"


def _account(row: asyncpg.Record | Mapping[str, Any]) -> PayoutAccount:
    fields: dict[str, Any] = dict(row)
    kind, owner_id = AccountKind(fields.pop("owner_kind")), fields.pop("owner_id")
    fields["owner"] = AccountRef(kind, owner_id)
    fields["destination"] = Destination(
        provider=Provider(fields.pop("provider")),
        token=fields.pop("token"),
        label=fields.pop("label"),
        verified=fields.pop("verified"),
    )
    plan, blocked = fields["plan"], fields["blocked_because"]
    fields["plan"] = None if plan is None else _plan.decode(plan)
    fields["blocked_because"] = BlockedBecause(blocked) if blocked else None
    return PayoutAccount(**fields)


# Plans


class Plans(Struct, frozen=True):
    """What tenants and cities have decided."""

    decided: Mapping[tuple[UUID, UUID | None, AccountKind], Plan]

    def of(self, account: PayoutAccount) -> Plan:
        """The owner's own, else the city's, else the tenant's, else what is usual."""
        return account.plan or self.of_city(account.tenant_id, account.city_id, account.owner.kind)

    def of_city(self, tenant_id: UUID, city_id: UUID | None, kind: AccountKind) -> Plan:
        return (
            self.decided.get((tenant_id, city_id, kind))
            or self.decided.get((tenant_id, None, kind))
            or DEFAULT_PLANS[kind]
        )


async def plans(tx: Tx, *, tenant_ids: Sequence[UUID]) -> Plans:
    found = await tx.rows(
        "select * from payments.payout_plan where tenant_id = any($1::uuid[])", list(tenant_ids)
    )
    return Plans(
        {
            (row["tenant_id"], row["city_id"], AccountKind(row["owner_kind"])): _plan.decode(
                row["plan"]
            )
            for row in found
        }
    )


async def put_plan(
    tx: Tx, *, tenant_id: UUID, city_id: UUID | None, owner_kind: AccountKind, plan: Plan
) -> None:
    await tx.execute(
        """
        insert into payments.payout_plan (tenant_id, city_id, owner_kind, plan)
        values ($1, $2, $3, $4)
        on conflict (tenant_id, city_id, owner_kind) do update set plan = excluded.plan
        """,
        tenant_id,
        city_id,
        owner_kind.value,
        _encode(plan).decode(),
    )
