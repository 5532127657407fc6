"""The tables of dispatch."""

from tawsil.migrations.statements import run

revision = "0008_dispatch"
down_revision = "0007_couriers"


def upgrade() -> None:
    run("create schema dispatch")
