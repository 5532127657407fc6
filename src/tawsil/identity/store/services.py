"""Service accounts, the assertions they have shown, and whose tokens have ended."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from tawsil.identity.events import Role
from tawsil.identity.model.services import ServiceAccount
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted

_ACCOUNT: Final = """id, version, tenant_id, name, roles, permissions, public_key, created_by,
    created_at, removed_at"""


def _account(row: asyncpg.Record) -> ServiceAccount:
    return ServiceAccount(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        name=row["name"],
        roles=tuple(map(Role, row["roles"])),
        permissions=tuple(row["permissions"]),
        public_key=msgspec.json.decode(row["public_key"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        removed_at=row["removed_at"],
    )


async def add(tx: Tx, accounts: Sequence[ServiceAccount]) -> None:
    await tx.execute(
        """
        insert into identity.service_account (id, version, tenant_id, name, roles, permissions,
            public_key, created_by, created_at)
        select id, version, tenant_id, name, string_to_array(roles, ' '),
            string_to_array(permissions, ' '), public_key, created_by, created_at
        from unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[],
                $7::jsonb[], $8::uuid[], $9::timestamptz[])
            as a (id, version, tenant_id, name, roles, permissions, public_key, created_by,
                created_at)
        """,
        [account.id for account in accounts],
        [account.version for account in accounts],
        [account.tenant_id for account in accounts],
        [account.name for account in accounts],
        [" ".join(role.value for role in account.roles) for account in accounts],
        [" ".join(account.permissions) for account in accounts],
        [msgspec.json.encode(account.public_key).decode() for account in accounts],
        [account.created_by for account in accounts],
        [account.created_at for account in accounts],
    )


async def get(tx: Tx, id_: UUID) -> ServiceAccount | None:
    """The account, unless it was removed."""
    row = await tx.row(
        f"select {_ACCOUNT} from identity.service_account where id = $1 and removed_at is null",  # noqa: S608 - a constant
        id_,
    )
    return _account(row) if row else None


async def lock(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, ServiceAccount]:
    rows = await tx.rows(
        f"""
        select {_ACCOUNT} from identity.service_account
        where id = any($1::uuid[]) order by id for update
        """,  # noqa: S608 - a constant
        list(ids),
    )
    return {row["id"]: _account(row) for row in rows}


async def page(
    tx: Tx, *, tenant_id: UUID, limit: int, offset: int
) -> tuple[list[ServiceAccount], int]:
    """Accounts that were not removed, the newest first, and how many there are."""
    wanted = "from identity.service_account where tenant_id = $1 and removed_at is null"
    rows = await tx.rows(
        f"select {_ACCOUNT} {wanted} order by created_at desc, id desc limit $2 offset $3",
        tenant_id,
        limit,
        offset,
    )
    total = await tx.value(f"select count(*) {wanted}", tenant_id)
    return [_account(row) for row in rows], total


async def save(tx: Tx, changed: Sequence[Accepted[ServiceAccount]]) -> None:
    count = await tx.execute(
        """
        update identity.service_account a set version = n.version, removed_at = n.removed_at
        from unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[])
            as n (id, expected_version, version, removed_at)
        where a.id = n.id and a.version = n.expected_version
        """,
        [accepted.state.id for accepted in changed],
        [accepted.expected_version for accepted in changed],
        [accepted.state.version for accepted in changed],
        [accepted.state.removed_at for accepted in changed],
    )
    assert count == len(changed), "every account is saved once, from the version it was read at"


async def spend_assertion(tx: Tx, *, account_id: UUID, jti: str, expires_at: datetime) -> bool:
    """Whether this assertion is shown for the first time."""
    spent = await tx.execute(
        """
        insert into identity.client_assertion (account_id, jti, expires_at) values ($1, $2, $3)
        on conflict do nothing
        """,
        account_id,
        jti,
        expires_at,
    )
    return spent == 1


async def forget_assertions(tx: Tx) -> int:
    return await tx.execute("delete from identity.client_assertion where expires_at < $1", tx.now)


async def ended_since(tx: Tx, since_at: datetime) -> dict[UUID, datetime]:
    """The services and API keys whose tokens are worth nothing since then, and since when."""
    rows = await tx.rows(
        """
        select id, removed_at as ended_at from identity.service_account where removed_at > $1
        union all
        select id, revoked_at from identity.api_key where revoked_at > $1
        union all
        select k.id, u.disabled_at from identity.app_user u
        join identity.api_key k on k.owner_id = u.id where u.disabled_at > $1
        """,
        since_at,
    )
    return {row["id"]: row["ended_at"] for row in rows}
