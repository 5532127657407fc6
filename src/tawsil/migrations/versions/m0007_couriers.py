"""The tables of couriers."""

from tawsil.migrations.statements import run

revision = "0007_couriers"
down_revision = "0006_tracking"


def upgrade() -> None:
    run("create schema couriers")
