"""The tables of refunds."""

revision = "0028_refunds"
down_revision = "0027_payouts"


def upgrade() -> None:
    pass
