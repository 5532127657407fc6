"""Plain SQL in migrations: several statements in one text."""

from alembic import op
from sqlalchemy.util import await_only


def run(sql: str) -> None:
    """Run statements through the driver as they stand: no parameters, no colon escapes."""
    connection = op.get_bind().connection.dbapi_connection
    assert connection is not None, "migrations run on a live connection"
    await_only(connection.driver_connection.execute(sql))
