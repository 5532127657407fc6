"""Merchants and dishes as they are searched for."""

revision = "0031_search"
down_revision = "0030_reconciliation"


def upgrade() -> None:
    pass
