"""The second wall: in a bound transaction the rows of other tenants do not exist."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, Final
from uuid import UUID

import asyncpg
import pytest
from litestar import Response, get, post
from litestar.di import NamedDependency
from msgspec import Struct
from sqlalchemy import make_url

from conftest import TENANT, Callers
from tawsil.kernel.batches import Batcher
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx, breach, connect
from tawsil.kernel.decisions import By, Command
from tawsil.kernel.http import PUBLIC, SIGNED_IN, Caller, Commands, Envelope, envelope
from tawsil.kernel.idempotency import Answer
from tawsil.kernel.jobs import HeldJobs
from tawsil.migrations import migrate

OTHER: Final = UUID("01900000-0000-7000-8000-0000000000ff")
CITIES: Final = {"ours": TENANT, "theirs": OTHER}


@pytest.fixture
async def cities(database: Database) -> Database:
    """One city of each of two tenants."""
    async with database.transaction() as tx:
        for slug, tenant_id in CITIES.items():
            await tx.execute(
                "insert into geography.tenant (id, slug, name) values ($1, $2, $2)", tenant_id, slug
            )
            await tx.execute(
                """
                insert into geography.city (id, tenant_id, slug, name_en, name_ar, currency,
                    timezone, centre_latitude, centre_longitude)
                values ($1, $2, $3, $3, $3, 'JOD', 'Asia/Amman', 31.9, 35.9)
                """,
                database.ids(),
                tenant_id,
                slug,
            )
    return database


async def slugs(tx: Tx) -> list[str]:
    """What a query that forgot the tenant finds."""
    return [row["slug"] for row in await tx.rows("select slug from geography.city order by slug")]


@pytest.mark.parametrize(
    ("tenants", "seen"),
    [
        ([TENANT], ["ours"]),
        ([OTHER], ["theirs"]),
        ([TENANT, OTHER], ["ours", "theirs"]),
        ([UUID(int=7)], []),
        ([], []),
    ],
)
async def test_only_rows_of_its_tenants_exist_for_a_bound_transaction(
    cities: Database, tenants: list[UUID], seen: list[str]
):
    async with cities.within(tenants).transaction() as tx:
        assert await slugs(tx) == seen


async def test_a_role_without_a_tenant_sees_nothing(cities: Database):
    async with cities.transaction() as tx:
        await tx.execute("set local role tawsil_tenant")
        assert await slugs(tx) == []


async def test_the_binding_ends_with_its_transaction(postgres_url: str, cities: Database):
    pool = await connect(postgres_url, most=1)
    alone = Database(pool, now=cities.now, ids=cities.ids, jobs=HeldJobs())
    try:
        for undone in (False, True):
            with pytest.raises(ArithmeticError) if undone else nullcontext():
                async with alone.within([TENANT]).transaction() as tx:
                    assert await slugs(tx) == ["ours"]
                    if undone:
                        raise ArithmeticError
            async with alone.transaction() as tx:
                assert await slugs(tx) == ["ours", "theirs"]
                assert not await tx.value("select current_setting('tawsil.tenants', true)")
    finally:
        await pool.close()


async def test_a_savepoint_does_not_loosen_the_binding(cities: Database):
    async with cities.within([TENANT]).transaction() as tx:
        with pytest.raises(ArithmeticError):
            async with tx.savepoint():
                raise ArithmeticError
        assert await slugs(tx) == ["ours"]


async def test_a_server_that_keeps_tenants_apart_is_told_from_one_that_does_not(
    pool: "asyncpg.Pool[asyncpg.Record]",
):
    async with pool.acquire() as connection:
        assert await breach(connection) is None
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("drop policy tenants on kernel.event")
        await connection.execute("create policy tenants on kernel.event using (true)")
        await connection.execute(
            """
            insert into kernel.event (id, stream, stream_id, version, type, data, actor_role,
                tenant_id, correlation_id, at)
            values ($1, 'a', $1, 1, 'a', '{}', 'system', $1, $1, now())
            """,
            TENANT,
        )
        assert await breach(connection) == "a transaction that is nobody's sees rows"
        await transaction.rollback()


async def test_what_is_shut_cannot_be_read_for_a_tenant(database: Database):
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.within([TENANT]).transaction() as tx:
            await tx.rows("select private_pem from identity.signing_key")


async def test_a_new_table_is_out_of_reach_until_it_is_walled(database: Database):
    async with database.transaction() as tx:
        await tx.execute("create table geography.lake (tenant_id uuid not null)")
        await tx.execute("insert into geography.lake values ($1), ($2)", TENANT, OTHER)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with tx.savepoint():
                await _bound(tx)
                await tx.rows("select * from geography.lake")
        await tx.execute("select kernel.wall('geography.lake')")
        await _bound(tx)
        assert await tx.rows("select * from geography.lake") == [(TENANT,)]
        await tx.execute("reset role")
        await tx.execute("drop table geography.lake")


async def test_a_table_that_belongs_to_nobody_cannot_be_walled(database: Database):
    async with database.transaction() as tx:
        with pytest.raises(asyncpg.RaiseError, match="neither a tenant_id nor a parent"):
            async with tx.savepoint():
                await tx.execute("create table geography.lake (tenant_id uuid)")
                await tx.execute("select kernel.wall('geography.lake')")


class Found(Struct):
    slugs: list[str]


class Rename(Command, frozen=True, kw_only=True):
    slug: str


async def rename(tx: Tx, commands: Sequence[Rename]) -> list[int]:
    """Forgets the tenant too."""
    return [
        await tx.execute("update geography.city set slug = $1 || '-' || slug", command.slug)
        for command in commands
    ]


@get("/everybody", opt={"rule": PUBLIC})
async def show_everybody(database: NamedDependency[Database]) -> Envelope[Found]:
    async with database.transaction() as tx:
        return envelope(Found(await slugs(tx)))


@get("/mine", opt={"rule": SIGNED_IN})
async def show_mine(database: NamedDependency[Database]) -> Envelope[Found]:
    async with database.transaction() as tx:
        return envelope(Found(await slugs(tx)))


@post("/rename", opt={"rule": SIGNED_IN})
async def rename_all(
    caller: NamedDependency[Caller], commands: NamedDependency[Commands]
) -> Response[Envelope[int]]:
    return await commands.submit(rename, Rename(by=caller.by, slug="new"), view=int)


@pytest.mark.usefixtures("cities")
async def test_a_route_that_forgets_the_tenant_shows_and_changes_only_the_callers(
    serve: Any, callers: Callers
):
    client = await serve([show_everybody, show_mine, rename_all])
    theirs = {"Authorization": f"Bearer {callers.token('admin', tenant_id=OTHER)}"}
    assert (await client.get("/mine", headers=theirs)).json()["data"] == {"slugs": ["theirs"]}
    assert (await client.post("/rename", headers=theirs)).json()["data"] == 1
    everybody = (await client.get("/everybody", headers=theirs)).json()["data"]
    assert everybody == {"slugs": ["new-theirs", "ours"]}


async def test_a_batch_is_bound_to_the_tenants_of_its_commands(cities: Database, ids: Ids):
    """Those who come together may see each other's rows, never those of a third."""
    batcher = Batcher(rename, database=cities)

    def command(tenant_id: UUID) -> Rename:
        return Rename(by=By(tenant_id=tenant_id, correlation_id=ids()), slug="new")

    def render(outcome: Any) -> Answer:
        return Answer(status=200, body=str(outcome).encode())

    nobodys = await batcher.submit(command(UUID(int=7)), render=render)
    assert nobodys.body == b"0"
    both = await asyncio.gather(
        *[batcher.submit(command(tenant_id), render=render) for tenant_id in CITIES.values()]
    )
    assert [answer.body for answer in both] == [b"2", b"2"]


async def test_a_user_of_the_server_that_is_no_superuser_can_keep_the_wall(
    postgres_url: str, clock: VirtualClock, ids: Ids
):
    """As on a managed server: it owns its database, and was granted the role that was there."""
    admin = await asyncpg.connect(postgres_url)
    name = f"{make_url(postgres_url).database}_managed"
    url = make_url(postgres_url).set(username=name, password="managed", database=name)
    try:
        await admin.execute(f"create role {name} login password 'managed'")
        await admin.execute(f"grant tawsil_tenant to {name}")
        await admin.execute(f"create database {name} owner {name}")
        await asyncio.to_thread(migrate, url.render_as_string(hide_password=False))
        pool = await connect(url.render_as_string(hide_password=False), most=1)
        managed = Database(pool, now=clock, ids=ids, jobs=HeldJobs())
        async with managed.within([TENANT]).transaction() as tx:
            assert await tx.value("select current_user") == "tawsil_tenant"
            assert await slugs(tx) == []
        await pool.close()
    finally:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.execute(f"drop role if exists {name}")
        await admin.close()


async def _bound(tx: Tx) -> None:
    await tx.execute("set local role tawsil_tenant")
    await tx.execute(f"set local tawsil.tenants = '{{{TENANT}}}'")
