"""One linear history of the database, in the order of the stack. Forward only."""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.resources import as_file, files

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import make_url


def migrate(database_url: str) -> None:
    """Bring a database to the newest schema; does nothing when it is there already."""
    with _config() as config:
        config.attributes["url"] = make_url(database_url).set(drivername="postgresql+asyncpg")
        command.upgrade(config, "head")


def newest() -> str:
    """The revision a migrated database is at."""
    with _config() as config:
        head = ScriptDirectory.from_config(config).get_current_head()
    assert head is not None, "there are migrations"
    return head


async def revision(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    """The revision a database is at; None when it was never migrated."""
    if await connection.fetchval("select to_regclass('public.alembic_version')") is None:
        return None
    return await connection.fetchval("select version_num from public.alembic_version")


@contextmanager
def _config() -> Generator[Config, None, None]:
    with as_file(files("tawsil.migrations")) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        yield config
