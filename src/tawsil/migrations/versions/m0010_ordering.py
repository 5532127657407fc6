"""The tables of ordering."""

from tawsil.migrations.statements import run

revision = "0010_ordering"
down_revision = "0009_payments"


def upgrade() -> None:
    run("create schema ordering")
