"""Alembic's entry: one connection, one transaction for the whole upgrade, under one lock."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

LOCK: Final = 0x7A757A11  # any number that nobody else locks: two migrations never run at once


def _run(connection: Connection) -> None:
    context.configure(connection=connection, version_table_schema="public")
    with context.begin_transaction():
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()


async def _main() -> None:
    engine = create_async_engine(context.config.attributes["url"], poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


# Alembic loads this file synchronously, perhaps from inside a running event loop.
with ThreadPoolExecutor(max_workers=1) as thread:
    thread.submit(asyncio.run, _main()).result()
