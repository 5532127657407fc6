"""Areas: country, region, district, municipality."""

from tawsil.migrations.statements import run

revision = "0020_areas"
down_revision = "0019_machines"


def upgrade() -> None:
    run("select 1")
