"""The database a command works on: the one in the settings, or our own embedded server."""

from collections.abc import Generator
from contextlib import contextmanager

from pydantic import SecretStr

from tawsil import migrations
from tawsil.kernel.postgres import EmbeddedPostgres
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
