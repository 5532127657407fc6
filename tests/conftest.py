"""What every test stands on: a real PostgreSQL, a clock that stands still, ids from a seed."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx
import pytest
from hypothesis import settings

from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx, connect
from tawsil.kernel.decisions import By
from tawsil.kernel.http import Caller, Problem
from tawsil.kernel.http.app import create_app
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.postgres import EmbeddedPostgres
from tawsil.migrations import migrate
from tawsil.payments.public import Provider

if settings.get_current_profile_name() == "default":  # CI has its own, without a deadline as well
    settings.register_profile("any machine", deadline=None)
    settings.load_profile("any machine")

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TENANT = UUID("01900000-0000-7000-8000-000000000001")
CITY = UUID("01900000-0000-7000-8000-000000000002")


@pytest.fixture(scope="session")
def postgres_url(worker_id: str) -> Iterator[str]:
    """An empty, migrated database of this test worker's own; on `TEST_DATABASE_URL` if set."""
    given = os.environ.get("TEST_DATABASE_URL")
    data = Path(os.environ.get("TAWSIL_TEST_DATA", ".tawsil/test-postgres")) / worker_id
    if given:
        migrate(given)
        yield given
        return
    with EmbeddedPostgres(data=data, settings={"fsync": "off"}) as server:
        name = f"tawsil_test_{worker_id}_{os.getpid()}"
        server.create_database(name)
        try:
            migrate(server.url(name))
            yield server.url(name)
        finally:
            server.drop_database(name)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture
def ids(clock: VirtualClock) -> Ids:
    return Ids(clock, Random(7))


@pytest.fixture(scope="session")
async def pool(postgres_url: str) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    pool = await connect(postgres_url, most=8)
    yield pool
    await pool.close()


@pytest.fixture
def jobs() -> HeldJobs:
    """Jobs that were asked for, in order, instead of a worker."""
    return HeldJobs()


@pytest.fixture
async def tx(
    pool: "asyncpg.Pool[asyncpg.Record]", clock: VirtualClock, ids: Ids, jobs: HeldJobs
) -> AsyncIterator[Tx]:
    """One transaction that is rolled back in the end."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            yield Tx(connection, now=clock(), ids=ids, jobs=jobs)
        finally:
            await transaction.rollback()


@pytest.fixture
async def database(
    pool: "asyncpg.Pool[asyncpg.Record]", clock: VirtualClock, ids: Ids, jobs: HeldJobs
) -> AsyncIterator[Database]:
    """A database that commits, on the virtual clock, emptied after the test."""
    yield Database(pool, now=clock, ids=ids, jobs=jobs)
    await empty(pool)


async def empty(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    """As newly migrated, without the cost of truncating: that makes new files for each index.

    Only tables that hold rows are touched, and with no trigger in the way. What `vacuum` gives
    back is filled in order again, so that rows come as they came in, just as after `truncate`.
    """
    tables = await pool.fetch(
        """
        select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema', 'public')
        """
    )
    any_row = " union all ".join(
        f"select '{row['name']}' where exists (select from {row['name']})"  # noqa: S608 - our own
        for row in tables
    )
    held = [name for (name,) in await pool.fetch(any_row)]
    if not held:
        return
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local session_replication_role = replica")
        await connection.execute("; ".join(f"delete from {name}" for name in held))  # noqa: S608 - our own
        await connection.execute(
            """
            select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
            from pg_sequences where last_value is not null
            """
        )
    await pool.execute(f"vacuum (index_cleanup on, parallel 0) {', '.join(held)}")
    await pool.execute(  # what vacuum counted would make other plans than a new table's
        "update pg_class set reltuples = -1 where oid = any($1::text[]::regclass[])", held
    )


@pytest.fixture
def by(ids: Ids) -> By:
    return By(tenant_id=TENANT, correlation_id=ids())


class Callers:
    """Made-up callers: a token is as good as its being in this book."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._book: dict[str, Caller] = {}

    def token(self, role: str, *permissions: str, **fields: Any) -> str:
        caller = Caller(
            **{
                "user_id": self._ids(),
                "tenant_id": TENANT,
                "session_id": self._ids(),
                "roles": (role,),
                "permissions": frozenset(permissions),
                **fields,
            }
        )
        token = f"token-{len(self._book)}"
        self._book[token] = caller
        return token

    async def __call__(self, token: str) -> Caller:
        if token not in self._book:
            raise Problem(401, "request.token_invalid")
        return self._book[token]


@pytest.fixture
def callers(ids: Ids) -> Callers:
    return Callers(ids)


Serve = Callable[[Sequence[Any]], Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def serve(database: Database, callers: Callers) -> AsyncIterator[Any]:
    """Make an HTTP client for some routes: `client = await serve(routes, state={...})`."""
    async with AsyncExitStack() as opened:

        async def make(routes: Sequence[Any], **state: Any) -> httpx.AsyncClient:
            app = create_app(
                routes=routes,
                database=database,
                authenticate=callers,
                state={"providers": (Provider.DIRECT,)} | state,
                cities_below=geography.CitiesBelow(database),
            )
            # In this event loop, which the pool belongs to; Litestar's own client runs another.
            transport = httpx.ASGITransport(app=cast("Any", app), raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
            return await opened.enter_async_context(client)

        yield make


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many cells of the authorisation matrix were looked at, by whichever worker."""
    reports = terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", [])
    cells = sum(
        value
        for report in reports
        for name, value in report.user_properties
        if name == "cells" and report.when == "call"
    )
    if cells:
        terminalreporter.write_line(f"authorisation matrix: {cells} cells")
