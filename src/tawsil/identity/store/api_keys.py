"""API keys."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from tawsil.identity.model.api_keys import ApiKey, KeysOf
from tawsil.identity.model.users import User
from tawsil.identity.store import users
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted

_KEY: Final = """id, version, tenant_id, owner_id, location_id, name, permissions, secret_hash,
    old_secret_hash, old_secret_until_at, created_at, expires_at, last_used_at, revoked_at"""


def _key(row: asyncpg.Record) -> ApiKey:
    fields: dict[str, Any] = dict(row)
    fields["permissions"] = tuple(row["permissions"])
    return ApiKey(**fields)


async def add(tx: Tx, keys: Sequence[ApiKey]) -> None:
    await tx.execute(
        """
        insert into identity.api_key (id, version, tenant_id, owner_id, location_id, name,
            permissions, secret_hash, created_at, expires_at)
        select id, version, tenant_id, owner_id, location_id, name,
            string_to_array(permissions, ' '), secret_hash, created_at, expires_at
        from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
                $7::text[], $8::bytea[], $9::timestamptz[], $10::timestamptz[])
            as k (id, version, tenant_id, owner_id, location_id, name, permissions, secret_hash,
                created_at, expires_at)
        """,
        [key.id for key in keys],
        [key.version for key in keys],
        [key.tenant_id for key in keys],
        [key.owner_id for key in keys],
        [key.location_id for key in keys],
        [key.name for key in keys],
        [" ".join(key.permissions) for key in keys],
        [key.secret_hash for key in keys],
        [key.created_at for key in keys],
        [key.expires_at for key in keys],
    )


async def lock(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, ApiKey]:
    rows = await tx.rows(
        f"""
        select {_KEY} from identity.api_key
        where id = any($1::uuid[]) order by id for update
        """,  # noqa: S608 - a constant
        list(ids),
    )
    return {row["id"]: _key(row) for row in rows}


async def save(tx: Tx, changed: Sequence[Accepted[ApiKey]]) -> None:
    count = await tx.execute(
        """
        update identity.api_key k set version = n.version, secret_hash = n.secret_hash,
            old_secret_hash = n.old_secret_hash, old_secret_until_at = n.old_secret_until_at,
            revoked_at = n.revoked_at
        from unnest($1::uuid[], $2::int[], $3::int[], $4::bytea[], $5::bytea[],
                $6::timestamptz[], $7::timestamptz[])
            as n (id, expected_version, version, secret_hash, old_secret_hash,
                old_secret_until_at, revoked_at)
        where k.id = n.id and k.version = n.expected_version
        """,
        [accepted.state.id for accepted in changed],
        [accepted.expected_version for accepted in changed],
        [accepted.state.version for accepted in changed],
        [accepted.state.secret_hash for accepted in changed],
        [accepted.state.old_secret_hash for accepted in changed],
        [accepted.state.old_secret_until_at for accepted in changed],
        [accepted.state.revoked_at for accepted in changed],
    )
    assert count == len(changed), "every key is saved once, from the version it was read at"


async def counts(tx: Tx, *, owner_ids: Iterable[UUID]) -> dict[UUID, int]:
    """How many keys that were not revoked each owner has."""
    rows = await tx.rows(
        """
        select owner_id, count(*) as keys from identity.api_key
        where owner_id = any($1::uuid[]) and revoked_at is null group by owner_id
        """,
        list(owner_ids),
    )
    return {row["owner_id"]: row["keys"] for row in rows}


async def page(tx: Tx, *, among: KeysOf, limit: int, offset: int) -> tuple[list[ApiKey], int]:
    """Keys that were not revoked, the newest first, and how many there are."""
    wanted = """
        from identity.api_key where tenant_id = $1 and revoked_at is null
            and ($2::uuid is null or location_id = $2) and ($3::uuid is null or owner_id = $3)
    """
    of = (among.tenant_id, among.location_id, among.owner_id)
    rows = await tx.rows(
        f"select {_KEY} {wanted} order by created_at desc, id desc limit $4 offset $5",
        *of,
        limit,
        offset,
    )
    return [_key(row) for row in rows], await tx.value(f"select count(*) {wanted}", *of)


async def with_owners(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, tuple[ApiKey, User]]:
    """Keys and whose they are."""
    rows = await tx.rows(
        f"select {_KEY} from identity.api_key where id = any($1::uuid[])",  # noqa: S608 - a constant
        list(ids),
    )
    keys = [_key(row) for row in rows]
    owners = await users.get_many(tx, {key.owner_id for key in keys})
    return {key.id: (key, owners[key.owner_id]) for key in keys}


async def note_use(tx: Tx, used_at: Mapping[UUID, datetime]) -> None:
    """When keys were last used; a row that somebody holds is left for the next time."""
    await tx.execute(
        """
        with free as (
            select id from identity.api_key where id = any($1::uuid[])
            order by id for update skip locked
        )
        update identity.api_key k set last_used_at = n.at
        from free join unnest($1::uuid[], $2::timestamptz[]) as n (id, at) using (id)
        where k.id = free.id and (k.last_used_at is null or k.last_used_at < n.at)
        """,
        list(used_at),
        list(used_at.values()),
    )
