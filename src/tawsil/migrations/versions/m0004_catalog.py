"""The tables of catalog."""

from tawsil.migrations.statements import run

revision = "0004_catalog"
down_revision = "0003_geography"


def upgrade() -> None:
    run("create schema catalog")
