"""One linear history of the database, in the order of the stack. Forward only."""

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from sqlalchemy import make_url


def migrate(database_url: str) -> None:
    """Bring a database to the newest schema; does nothing when it is there already."""
    with as_file(files("tawsil.migrations")) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["url"] = make_url(database_url).set(drivername="postgresql+asyncpg")
        command.upgrade(config, "head")
