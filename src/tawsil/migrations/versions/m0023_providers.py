"""The tables of providers."""

revision = "0023_providers"
down_revision = "0022_ledger"


def upgrade() -> None:
    pass
