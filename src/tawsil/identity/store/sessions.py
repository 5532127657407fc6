"""Sessions and their refresh tokens."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from tawsil.identity.events import RevokedBecause
from tawsil.identity.model.sessions import Device, RefreshToken, Session
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted

_SESSION: Final = """id, version, tenant_id, user_id, device_id, address, user_agent, started_at,
    last_used_at, revoked_at, revoked_because"""


def _session(row: asyncpg.Record) -> Session:
    because = row["revoked_because"]
    return Session(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        device=Device(row["device_id"], row["address"], row["user_agent"]),
        started_at=row["started_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        revoked_because=RevokedBecause(because) if because else None,
    )


async def add(tx: Tx, sessions: Sequence[Session]) -> None:
    await tx.execute(
        """
        insert into identity.session (id, version, tenant_id, user_id, device_id, address,
            user_agent, started_at, last_used_at)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::text[],
            $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[])
        """,
        [session.id for session in sessions],
        [session.version for session in sessions],
        [session.tenant_id for session in sessions],
        [session.user_id for session in sessions],
        [session.device.id for session in sessions],
        [session.device.address for session in sessions],
        [session.device.user_agent for session in sessions],
        [session.started_at for session in sessions],
        [session.last_used_at for session in sessions],
    )


async def lock(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Session]:
    rows = await tx.rows(
        f"""
        select {_SESSION} from identity.session
        where id = any($1::uuid[]) order by id for update
        """,  # noqa: S608 - a constant
        list(ids),
    )
    return {row["id"]: _session(row) for row in rows}


async def touch(tx: Tx, used: Sequence[Session]) -> None:
    """Note from where and when sessions were last used."""
    await tx.execute(
        """
        update identity.session s set last_used_at = n.last_used_at, address = n.address,
            user_agent = n.user_agent
        from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[])
            as n (id, last_used_at, address, user_agent)
        where s.id = n.id
        """,
        [session.id for session in used],
        [session.last_used_at for session in used],
        [session.device.address for session in used],
        [session.device.user_agent for session in used],
    )


async def usable_of(tx: Tx, user_id: UUID) -> list[Session]:
    """The sessions of a user that may still be refreshed, the one used last first."""
    rows = await tx.rows(
        f"""
        select {_SESSION} from identity.session s
        where user_id = $1 and revoked_at is null and exists (
            select 1 from identity.refresh_token r
            where r.session_id = s.id and r.spent_at is null and r.expires_at > $2
        )
        order by last_used_at desc, id
        """,  # noqa: S608 - a constant
        user_id,
        tx.now,
    )
    return [_session(row) for row in rows]


async def live_of(tx: Tx, user_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The sessions of some users that were not revoked, each with its user."""
    rows = await tx.rows(
        """
        select id, user_id from identity.session
        where user_id = any($1::uuid[]) and revoked_at is null order by id
        """,
        user_ids,
    )
    return {row["id"]: row["user_id"] for row in rows}


async def forget(tx: Tx) -> int:
    """Delete the sessions none of whose refresh tokens is valid any more; how many."""
    return await tx.execute(
        """
        delete from identity.session s where not exists (
            select 1 from identity.refresh_token r
            where r.session_id = s.id and r.expires_at > $1
        )
        """,
        tx.now,
    )


async def save(tx: Tx, changed: Sequence[Accepted[Session]]) -> None:
    count = await tx.execute(
        """
        update identity.session s set version = n.version, revoked_at = n.revoked_at,
            revoked_because = n.revoked_because
        from unnest($1::uuid[], $2::int[], $3::int[], $4::timestamptz[], $5::text[])
            as n (id, expected_version, version, revoked_at, revoked_because)
        where s.id = n.id and s.version = n.expected_version
        """,
        [accepted.state.id for accepted in changed],
        [accepted.expected_version for accepted in changed],
        [accepted.state.version for accepted in changed],
        [accepted.state.revoked_at for accepted in changed],
        [accepted.state.revoked_because for accepted in changed],
    )
    assert count == len(changed), "every session is saved once, from the version it was read at"


async def revoked_since(tx: Tx, since_at: datetime) -> dict[UUID, datetime]:
    """The sessions revoked after an instant, and when."""
    rows = await tx.rows(
        "select id, revoked_at from identity.session where revoked_at > $1", since_at
    )
    return {row["id"]: row["revoked_at"] for row in rows}


async def refresh_tokens(tx: Tx, jtis: Iterable[UUID]) -> dict[UUID, RefreshToken]:
    rows = await tx.rows(
        """
        select jti, session_id, token_hash, issued_at, expires_at, spent_at
        from identity.refresh_token where jti = any($1::uuid[])
        """,
        list(jtis),
    )
    return {row["jti"]: RefreshToken(**row) for row in rows}


async def put_refresh_tokens(tx: Tx, tokens: Sequence[RefreshToken]) -> None:
    """Insert tokens and mark spent ones; the spent first, as a session has one unspent at most."""
    await tx.execute(
        """
        insert into identity.refresh_token (jti, session_id, token_hash, issued_at, expires_at,
            spent_at)
        select * from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::timestamptz[],
                $5::timestamptz[], $6::timestamptz[])
            as t (jti, session_id, token_hash, issued_at, expires_at, spent_at)
        order by spent_at nulls last, jti
        on conflict (jti) do update set spent_at = excluded.spent_at
        """,
        [token.jti for token in tokens],
        [token.session_id for token in tokens],
        [token.token_hash for token in tokens],
        [token.issued_at for token in tokens],
        [token.expires_at for token in tokens],
        [token.spent_at for token in tokens],
    )
