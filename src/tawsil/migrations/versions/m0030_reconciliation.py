"""The tables of reconciliation."""

revision = "0030_reconciliation"
down_revision = "0029_disputes"


def upgrade() -> None:
    pass
