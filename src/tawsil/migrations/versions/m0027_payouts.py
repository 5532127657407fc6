"""The tables of payouts."""

revision = "0027_payouts"
down_revision = "0026_cash"


def upgrade() -> None:
    pass
