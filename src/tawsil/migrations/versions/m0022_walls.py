"""What the walls around the API keep."""

from tawsil.migrations.statements import run

revision = "0022_walls"
down_revision = "0021_zone_health"


def upgrade() -> None:
    run("select 1")
