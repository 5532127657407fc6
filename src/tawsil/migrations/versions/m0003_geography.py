"""The tables of geography."""

from tawsil.migrations.statements import run

revision = "0003_geography"
down_revision = "0002_identity"


def upgrade() -> None:
    run("create schema geography")
