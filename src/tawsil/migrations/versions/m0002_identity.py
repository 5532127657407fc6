"""The tables of identity."""

from tawsil.migrations.statements import run

revision = "0002_identity"
down_revision = "0001_kernel"


def upgrade() -> None:
    run("create schema identity")
