"""The tables of tracking."""

from tawsil.migrations.statements import run

revision = "0006_tracking"
down_revision = "0005_pricing"


def upgrade() -> None:
    run("create schema tracking")
