"""The database a command works on: the one in the settings, or our own embedded server."""

import asyncio
import os
from collections.abc import Generator
from contextlib import contextmanager
from uuid import uuid4

import asyncpg
from pydantic import SecretStr
from sqlalchemy import make_url

from tawsil import migrations
from tawsil.kernel.postgres import EmbeddedPostgres, PostgresError
from tawsil.kernel.settings import Settings

NAME = "tawsil"


@contextmanager
def running_database(settings: Settings) -> Generator[Settings, None, None]:
    """Settings whose database is there and migrated; an embedded server stops with the command.

    Several commands may run at once on one data folder: they share its server.
    """
    if settings.database_url is not None:
        migrations.migrate(settings.database_url.get_secret_value())
        yield settings
        return
    with EmbeddedPostgres(data=settings.data / "postgres") as server:
        server.ensure_database(NAME)
        migrations.migrate(server.url(NAME))
        yield settings.model_copy(update={"database_url": SecretStr(server.url(NAME))})


@contextmanager
def scratch_database(settings: Settings, *, keep: str | None = None) -> Generator[str, None, None]:
    """The URL of an empty, migrated database on the server of the settings, dropped afterwards.

    With `keep` it has that name, and stays.
    """
    name = keep or f"{NAME}_scratch_{os.getpid()}_{uuid4().hex[:8]}"
    if settings.database_url is None:
        with EmbeddedPostgres(data=settings.data / "postgres") as server:
            server.create_database(name)
            try:
                migrations.migrate(server.url(name))
                yield server.url(name)
            finally:
                if keep is None:
                    server.drop_database(name)
        return
    given = settings.database_url.get_secret_value()
    url = make_url(given).set(database=name).render_as_string(hide_password=False)
    quoted = '"' + name.replace('"', '""') + '"'
    asyncio.run(_execute(given, f"create database {quoted}"))
    try:
        migrations.migrate(url)
        yield url
    finally:
        if keep is None:
            asyncio.run(_execute(given, f"drop database {quoted} with (force)"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    except asyncpg.PostgresError as error:
        raise PostgresError(f"the database refused: {error}") from error
    finally:
        await connection.close()
