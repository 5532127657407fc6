"""The tables of pricing."""

from tawsil.migrations.statements import run

revision = "0005_pricing"
down_revision = "0004_catalog"


def upgrade() -> None:
    run("create schema pricing")
