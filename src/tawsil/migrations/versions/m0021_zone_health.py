"""How each zone of a city does."""

from tawsil.migrations.statements import run

revision = "0021_zone_health"
down_revision = "0020_areas"


def upgrade() -> None:
    run("select 1")
