"""The tables of fees."""

revision = "0024_fees"
down_revision = "0023_providers"


def upgrade() -> None:
    pass
