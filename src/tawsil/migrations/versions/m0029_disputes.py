"""The tables of disputes, and where a payer answers the bank."""

from tawsil.migrations.statements import run

revision = "0029_disputes"
down_revision = "0028_refunds"


def upgrade() -> None:
    run("alter table payments.payment add column challenge_url text")
