"""The tables of identity and all their SQL."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from tawsil.identity.events import RevokedBecause, Role
from tawsil.identity.model import RefreshToken, Session, SigningKey, User, email_key
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted

_USER: Final = """id, version, tenant_id, email, name, roles, phone, locale, location_id,
    created_at, disabled_at"""
_KEY_LOCK: Final = 7_216_001  # an advisory lock of identity's own


def _user(row: asyncpg.Record) -> User:
    return User(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        email=row["email"],
        name=row["name"],
        roles=tuple(map(Role, row["roles"])),
        phone=row["phone"],
        locale=row["locale"],
        location_id=row["location_id"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
    )


def _session(row: asyncpg.Record) -> Session:
    because = row["revoked_because"]
    return Session(
        id=row["id"],
        version=row["version"],
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        device_id=row["device_id"],
        started_at=row["started_at"],
        revoked_at=row["revoked_at"],
        revoked_because=RevokedBecause(because) if because else None,
    )


async def add_users(
    tx: Tx, users: Sequence[User], *, password_hashes: Sequence[str]
) -> frozenset[UUID]:
    """Insert users with their credentials; the ids of those whose e-mail address was free."""
    rows = await tx.rows(
        """
        with added as (
            insert into identity.app_user (id, version, tenant_id, email, email_key, name, roles,
                phone, locale, location_id, created_at)
            select id, version, tenant_id, email, email_key, name, string_to_array(roles, ' '),
                phone, locale, location_id, created_at
            from unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[],
                    $7::text[], $8::text[], $9::text[], $10::uuid[], $11::timestamptz[])
                with ordinality as u (id, version, tenant_id, email, email_key, name, roles, phone,
                    locale, location_id, created_at, n)
            order by tenant_id, email_key, n
            on conflict (tenant_id, email_key) do nothing
            returning id, created_at
        )
        insert into identity.credential (user_id, password_hash, changed_at)
        select added.id, hashed.password_hash, added.created_at from added
        join unnest($1::uuid[], $12::text[]) as hashed (id, password_hash) using (id)
        returning user_id
        """,
        [user.id for user in users],
        [user.version for user in users],
        [user.tenant_id for user in users],
        [user.email for user in users],
        [email_key(user.email) for user in users],
        [user.name for user in users],
        [" ".join(role.value for role in user.roles) for user in users],
        [user.phone for user in users],
        [user.locale for user in users],
        [user.location_id for user in users],
        [user.created_at for user in users],
        list(password_hashes),
    )
    return frozenset(row["user_id"] for row in rows)


async def users(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, User]:
    rows = await tx.rows(
        f"select {_USER} from identity.app_user where id = any($1::uuid[])",  # noqa: S608 - a constant
        list(ids),
    )
    return {row["id"]: _user(row) for row in rows}


async def credential(tx: Tx, *, tenant_id: UUID, email: str) -> tuple[User, str] | None:
    """The user with this e-mail address and the hash of its password."""
    row = await tx.row(
        f"""
        select {_USER}, password_hash from identity.app_user
        join identity.credential on user_id = id
        where tenant_id = $1 and email_key = $2
        """,  # noqa: S608 - a constant
        tenant_id,
        email_key(email),
    )
    return (_user(row), row["password_hash"]) if row else None


async def save_profiles(tx: Tx, changed: Sequence[User]) -> None:
    count = await tx.execute(
        """
        update identity.app_user u set name = n.name, phone = n.phone, locale = n.locale
        from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as n (id, name, phone, locale)
        where u.id = n.id
        """,
        [user.id for user in changed],
        [user.name for user in changed],
        [user.phone for user in changed],
        [user.locale for user in changed],
    )
    assert count == len(changed), "every user is saved once"


async def save_disabled(tx: Tx, disabled: Sequence[User]) -> None:
    count = await tx.execute(
        """
        update identity.app_user u set disabled_at = n.disabled_at
        from unnest($1::uuid[], $2::timestamptz[]) as n (id, disabled_at) where u.id = n.id
        """,
        [user.id for user in disabled],
        [user.disabled_at for user in disabled],
    )
    assert count == len(disabled), "every user is saved once"


async def lock_users(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, User]:
    rows = await tx.rows(
        f"""
        select {_USER} from identity.app_user
        where id = any($1::uuid[]) order by id for update
        """,  # noqa: S608 - a constant
        list(ids),
    )
    return {row["id"]: _user(row) for row in rows}


async def add_sessions(tx: Tx, sessions: Sequence[Session]) -> None:
    await tx.execute(
        """
        insert into identity.session (id, version, tenant_id, user_id, device_id, started_at)
        select * from unnest($1::uuid[], $2::int[], $3::uuid[], $4::uuid[], $5::text[],
            $6::timestamptz[])
        """,
        [session.id for session in sessions],
        [session.version for session in sessions],
        [session.tenant_id for session in sessions],
        [session.user_id for session in sessions],
        [session.device_id for session in sessions],
        [session.started_at for session in sessions],
    )


async def lock_sessions(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, Session]:
    rows = await tx.rows(
        """
        select id, version, tenant_id, user_id, device_id, started_at, revoked_at, revoked_because
        from identity.session where id = any($1::uuid[]) order by id for update
        """,
        list(ids),
    )
    return {row["id"]: _session(row) for row in rows}


async def live_sessions_of(tx: Tx, user_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The sessions of some users that were not revoked, each with its user."""
    rows = await tx.rows(
        """
        select id, user_id from identity.session
        where user_id = any($1::uuid[]) and revoked_at is null order by id
        """,
        user_ids,
    )
    return {row["id"]: row["user_id"] for row in rows}


async def forget_sessions(tx: Tx) -> int:
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


async def save_sessions(tx: Tx, changed: Sequence[Accepted[Session]]) -> None:
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


async def sessions_revoked_since(tx: Tx, since_at: datetime) -> dict[UUID, datetime]:
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


async def lock_signing_keys(tx: Tx) -> None:
    """Whoever adds a key waits here for whoever else does."""
    await tx.execute("select pg_advisory_xact_lock($1)", _KEY_LOCK)


async def signing_keys(tx: Tx) -> list[SigningKey]:
    """The keys that are valid now, the one that signs first."""
    rows = await tx.rows(
        """
        select kid, private_pem, created_at, retires_at from identity.signing_key
        where retires_at is null or retires_at > $1 order by retires_at desc nulls first
        """,
        tx.now,
    )
    return [SigningKey(**row) for row in rows]


async def add_signing_key(tx: Tx, key: SigningKey, *, others_retire_at: datetime) -> None:
    await tx.execute(
        "update identity.signing_key set retires_at = $1 where retires_at is null",
        others_retire_at,
    )
    await tx.execute(
        "insert into identity.signing_key (kid, private_pem, created_at) values ($1, $2, $3)",
        key.kid,
        key.private_pem,
        key.created_at,
    )
