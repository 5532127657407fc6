"""Users and their credentials."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from tawsil.identity.events import Role
from tawsil.identity.model.users import User, email_key
from tawsil.kernel.db import Tx

_USER: Final = """id, version, tenant_id, email, name, roles, phone, locale, location_id,
    city_id, created_at, email_verified_at, disabled_at"""


def user_of(row: Mapping[str, Any]) -> User:
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
        city_id=row["city_id"],
        created_at=row["created_at"],
        email_verified_at=row["email_verified_at"],
        disabled_at=row["disabled_at"],
    )


async def add(
    tx: Tx, users: Sequence[User], *, password_hashes: Sequence[str | None]
) -> frozenset[UUID]:
    """Insert users with their credentials; the ids of those whose e-mail address was free."""
    rows = await tx.rows(
        """
        with added as (
            insert into identity.app_user (id, version, tenant_id, email, email_key, name, roles,
                phone, locale, location_id, city_id, created_at, email_verified_at)
            select id, version, tenant_id, email, email_key, name, string_to_array(roles, ' '),
                phone, locale, location_id, city_id, created_at, email_verified_at
            from unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[],
                    $7::text[], $8::text[], $9::text[], $10::uuid[], $11::uuid[],
                    $12::timestamptz[], $13::timestamptz[])
                with ordinality as u (id, version, tenant_id, email, email_key, name, roles, phone,
                    locale, location_id, city_id, created_at, email_verified_at, n)
            order by tenant_id, email_key, n
            on conflict (tenant_id, email_key) do nothing
            returning id, created_at
        ), with_passwords as (
            insert into identity.credential (user_id, password_hash, changed_at)
            select added.id, hashed.password_hash, added.created_at from added
            join unnest($1::uuid[], $14::text[]) as hashed (id, password_hash) using (id)
            where hashed.password_hash is not null
        )
        select id from added
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
        [user.city_id for user in users],
        [user.created_at for user in users],
        [user.email_verified_at for user in users],
        list(password_hashes),
    )
    return frozenset(row["id"] for row in rows)


async def get_many(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, User]:
    rows = await tx.rows(
        f"select {_USER} from identity.app_user where id = any($1::uuid[])",  # noqa: S608 - a constant
        list(ids),
    )
    return {row["id"]: user_of(dict(row)) for row in rows}


async def credential(tx: Tx, *, tenant_id: UUID, email: str) -> tuple[User, str | None] | None:
    """The user with this e-mail address, and the hash of its password if it has one."""
    row = await tx.row(
        f"""
        select {_USER}, password_hash from identity.app_user
        left join identity.credential on user_id = id
        where tenant_id = $1 and email_key = $2
        """,  # noqa: S608 - a constant
        tenant_id,
        email_key(email),
    )
    return (user_of(dict(row)), row["password_hash"]) if row else None


async def password_hash(tx: Tx, user_id: UUID) -> str | None:
    return await tx.value(
        "select password_hash from identity.credential where user_id = $1", user_id
    )


async def save_password(tx: Tx, *, user_id: UUID, password_hash: str) -> None:
    await tx.execute(
        """
        insert into identity.credential (user_id, password_hash, changed_at) values ($1, $2, $3)
        on conflict (user_id) do update
        set password_hash = excluded.password_hash, changed_at = excluded.changed_at
        """,
        user_id,
        password_hash,
        tx.now,
    )


async def save(tx: Tx, changed: Sequence[User]) -> None:
    """Save users that are locked: what may change of them."""
    count = await tx.execute(
        """
        update identity.app_user u set version = n.version, name = n.name, phone = n.phone,
            locale = n.locale, roles = string_to_array(n.roles, ' '), location_id = n.location_id,
            city_id = n.city_id, email_verified_at = n.email_verified_at,
            disabled_at = n.disabled_at
        from unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[],
                $7::uuid[], $8::uuid[], $9::timestamptz[], $10::timestamptz[])
            as n (id, version, name, phone, locale, roles, location_id, city_id,
                email_verified_at, disabled_at)
        where u.id = n.id
        """,
        [user.id for user in changed],
        [user.version for user in changed],
        [user.name for user in changed],
        [user.phone for user in changed],
        [user.locale for user in changed],
        [" ".join(user.roles) for user in changed],
        [user.location_id for user in changed],
        [user.city_id for user in changed],
        [user.email_verified_at for user in changed],
        [user.disabled_at for user in changed],
    )
    assert count == len(changed), "every user is saved once"


async def lock(tx: Tx, ids: Iterable[UUID]) -> dict[UUID, User]:
    rows = await tx.rows(
        f"""
        select {_USER} from identity.app_user
        where id = any($1::uuid[]) order by id for update
        """,  # noqa: S608 - a constant
        list(ids),
    )
    return {row["id"]: user_of(dict(row)) for row in rows}
