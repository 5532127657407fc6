"""The tables of ledger."""

revision = "0022_ledger"
down_revision = "0021_tenants"


def upgrade() -> None:
    pass
