# ruff: noqa: S608 - the names in these statements are the catalogue's
"""Every table says whose rows it holds, and the database holds every caller to it.

The second half puts a row of each of two tenants into every walled table, whatever its shape, and
lets one of them try to see, change, remove and add what is the other's.
"""

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import asyncpg
import pytest
from msgspec import Struct

from conftest import TENANT
from tawsil.kernel.db import Connection
from tawsil.migrations.versions.m0021_tenants import TENANTS, THROUGH

OTHER: Final = UUID("01900000-0000-7000-8000-0000000000ff")
THIRD: Final = UUID("01900000-0000-7000-8000-0000000000fe")

TABLES: Final = """
    select c.oid::regclass::text as name, relrowsecurity as walled, relforcerowsecurity as forced,
        coalesce(obj_description(c.oid, 'pg_class'), '') as said,
        has_table_privilege('tawsil_tenant', c.oid, 'select, insert, update, delete') as reached,
        array(select polname::text || ' ' || polcmd::text from pg_policy where polrelid = c.oid)
            as policies
    from pg_class c join pg_namespace n on n.oid = relnamespace
    where relkind in ('r', 'p', 'm', 'v', 'f') and nspname not in ('public', 'information_schema')
        and nspname !~ '^pg_'
    order by 1
"""


async def test_every_table_is_walled_or_says_why_not(pool: "asyncpg.Pool[asyncpg.Record]"):
    """A new table asks `kernel.wall` for it in its migration, or gives a reason against."""
    tables = await pool.fetch(TABLES)
    assert sum(table["walled"] for table in tables) > 35
    for table in tables:
        name, said = table["name"], table["said"]
        if table["walled"]:
            assert table["policies"] == ["tenants *"], name
            assert table["reached"], name
        elif said.startswith("open to every tenant: "):
            assert table["reached"], name
        else:
            assert said.startswith("shut to tenants: "), f"{name} is neither walled nor excepted"
            assert not table["reached"], name
        assert table["walled"] or len(said.partition(": ")[2]) > 20, f"{name} needs a reason"


async def test_the_role_is_nobody(pool: "asyncpg.Pool[asyncpg.Record]"):
    """Nobody signs in as it, it goes round no wall, and it owns nothing."""
    role = await pool.fetchrow("select * from pg_roles where rolname = 'tawsil_tenant'")
    assert role is not None
    for power in ("canlogin", "super", "bypassrls", "createrole", "createdb", "replication"):
        assert not role[f"rol{power}"]
    assert (
        await pool.fetchval("select count(*) from pg_class where relowner = $1", role["oid"]) == 0
    )
    allowed = "select has_schema_privilege('tawsil_tenant', oid, 'create') from pg_namespace"
    assert not any(row[0] for row in await pool.fetch(allowed))


LOOSENED: Final = """
    do $$ declare rule record; begin
        for rule in
            select format('alter domain %s', contypid::regtype) as of, conname
            from pg_constraint where contypid <> 0 and contype = 'c'
            union all
            select format('alter table %s', conrelid::regclass), conname
            from pg_constraint join pg_class c on c.oid = conrelid
            where relrowsecurity and contype in ('c', 'f')
        loop
            execute format('%s drop constraint %I', rule.of, rule.conname);
        end loop;
        for rule in select oid::regclass as name from pg_class where relrowsecurity
        loop
            execute format('alter table %s disable trigger user', rule.name);
        end loop;
    end $$
"""
"""Without what a row must look like: here it only matters whose it is."""


class Row(Struct, frozen=True):
    """A walled table, and where in it the row of each tenant lies."""

    table: str
    columns: tuple[str, ...]
    ours: str
    theirs: str


class World(Struct, frozen=True):
    connection: Connection
    rows: list[Row]


VALUES: Final = {
    "uuid": "gen_random_uuid()",
    "text": "md5(random()::text)",
    "bpchar": "left(md5(random()::text), 3)",
    "bool": "true",
    "int2": "(random() * 1e4)::int2",
    "int4": "(random() * 1e9)::int4",
    "int8": "(random() * 1e18)::int8",
    "float8": "random()",
    "numeric": "random()",
    "timestamptz": "now() + random() * interval '1 day'",
    "date": "current_date",
    "interval": "interval '1 day'",
    "jsonb": "'{}'::jsonb",
    "bytea": "sha256(random()::text::bytea)",
    "inet": "'127.0.0.1'::inet",
    "_text": "array[md5(random()::text)]",
    "_uuid": "array[gen_random_uuid()]",
    "_int8": "array[1]::int8[]",
    "_int4": "array[1]::int4[]",
    "int4multirange": "'{}'::int4multirange",
}


@pytest.fixture(scope="module")
async def world(pool: "asyncpg.Pool[asyncpg.Record]") -> AsyncIterator[World]:
    """A row of each of three tenants in every walled table; rolled back in the end."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            yield await _built(connection)
        finally:
            await transaction.rollback()


async def _built(connection: Connection) -> World:
    walled = [t["name"] for t in await connection.fetch(TABLES) if t["walled"]]
    parents = await _parents(connection)
    await connection.execute(LOOSENED)
    lies: dict[tuple[str, UUID], str] = {}

    async def put(table: str, tenant_id: UUID) -> None:
        if (table, tenant_id) in lies:
            return
        values = await _required(connection, table)
        columns = await _columns(connection, table)
        for column, (parent, other) in parents.get(table, {}).items():
            if parent in walled and parent != table and column in columns:
                await put(parent, tenant_id)
                where = lies[parent, tenant_id]
                values[column] = f"(select {other} from {parent} where ctid = '{where}')"
        if "tenant_id" in columns:
            values["tenant_id"] = f"'{tenant_id}'"
        if table == TENANTS:
            values["id"] = f"'{tenant_id}'"
        lies[table, tenant_id] = await connection.fetchval(
            f"insert into {table} ({', '.join(values)}) values ({', '.join(values.values())})"
            " returning ctid::text"
        )

    for table in walled:
        for tenant_id in (TENANT, OTHER, THIRD):
            await put(table, tenant_id)
    return World(
        connection=connection,
        rows=[
            Row(
                table,
                tuple(await _columns(connection, table)),
                lies[table, TENANT],
                lies[table, OTHER],
            )
            for table in walled
        ],
    )


async def _parents(
    connection: Connection,
) -> dict[str, dict[str, tuple[str, str]]]:
    """By table and column, whose key it holds."""
    found: dict[str, dict[str, tuple[str, str]]] = {
        table: {column: (parent, "id")} for table, (column, parent) in THROUGH.items()
    }
    keys = await connection.fetch(
        """
        select conrelid::regclass::text as child, c.attname as own,
            confrelid::regclass::text as parent, p.attname as other
        from pg_constraint cross join unnest(conkey, confkey) pair (own, other)
        join pg_attribute c on c.attrelid = conrelid and c.attnum = pair.own
        join pg_attribute p on p.attrelid = confrelid and p.attnum = pair.other
        where contype = 'f'
        """
    )
    for key in keys:
        found.setdefault(key["child"], {}).setdefault(key["own"], (key["parent"], key["other"]))
    return found


async def _columns(connection: Connection, table: str) -> list[str]:
    """What an insert may name."""
    rows = await connection.fetch(
        """
        select quote_ident(attname) as name from pg_attribute
        where attrelid = $1::text::regclass and attnum > 0 and not attisdropped
            and attidentity = '' and attgenerated = ''
        """,
        table,
    )
    return [row["name"] for row in rows]


async def _required(connection: Connection, table: str) -> dict[str, str]:
    rows = await connection.fetch(
        """
        select quote_ident(attname) as name, coalesce(base.typname, t.typname) as typname
        from pg_attribute join pg_type t on t.oid = atttypid
        left join pg_type base on base.oid = t.typbasetype
        where attrelid = $1::text::regclass and attnum > 0 and not attisdropped and attnotnull
            and not atthasdef and attidentity = '' and attgenerated = ''
        """,
        table,
    )
    return {row["name"]: VALUES[row["typname"]] for row in rows}


class Bound:
    """A savepoint in which only our tenant's rows exist; what is done in it is undone."""

    def __init__(self, world: World) -> None:
        self._connection = world.connection

    async def __aenter__(self) -> Connection:
        self._savepoint = self._connection.transaction()
        await self._savepoint.start()
        await self._connection.execute(
            f"set local role tawsil_tenant; set local tawsil.tenants = '{{{TENANT}}}'"
        )
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._savepoint.rollback()


async def test_of_each_table_a_tenant_sees_its_own_rows_and_no_others(world: World):
    for row in world.rows:
        assert await world.connection.fetchval(f"select count(*) from {row.table}") == 3, row
        async with Bound(world) as connection:
            seen = await connection.fetch(f"select ctid::text as at from {row.table}")
            assert [one["at"] for one in seen] == [row.ours], row


async def test_of_each_table_a_tenant_changes_and_removes_its_own_rows_and_no_others(world: World):
    for row in world.rows:
        for sql in (
            f"update {row.table} set {row.columns[0]} = {row.columns[0]}",
            f"delete from {row.table}",
        ):
            async with Bound(world) as connection:
                assert await connection.execute(sql) in {"UPDATE 1", "DELETE 1"}, sql
        async with Bound(world) as connection:
            theirs = f"delete from {row.table} where ctid = '{row.theirs}'"
            assert await connection.execute(theirs) == "DELETE 0", row


async def test_into_no_table_a_tenant_puts_rows_of_another(world: World):
    """Their row once more, as it is: the wall is asked before any unique index."""
    for row in world.rows:
        names = ", ".join(row.columns)
        theirs = await world.connection.fetchval(
            f"select to_jsonb(t) from {row.table} t where ctid = '{row.theirs}'"
        )
        ours = await world.connection.fetchval(
            f"select to_jsonb(t) from {row.table} t where ctid = '{row.ours}'"
        )
        put = (
            f"insert into {row.table} ({names})"
            f" select {names} from jsonb_populate_record(null::{row.table}, $1)"
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with Bound(world) as connection:
                await connection.execute(put, theirs)
        async with Bound(world) as connection:
            await connection.execute(f"delete from {row.table}")
            assert await connection.execute(put, ours) == "INSERT 0 1", row


async def test_no_row_of_ones_own_is_given_away(world: World):
    given = [row for row in world.rows if "tenant_id" in row.columns]
    assert len(given) > 20
    for row in given:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with Bound(world) as connection:
                await connection.execute(f"update {row.table} set tenant_id = '{OTHER}'")
