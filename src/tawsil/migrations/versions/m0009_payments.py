"""The tables of payments."""

from tawsil.migrations.statements import run

revision = "0009_payments"
down_revision = "0008_dispatch"


def upgrade() -> None:
    run("create schema payments")
