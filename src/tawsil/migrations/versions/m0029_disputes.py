"""The tables of disputes."""

revision = "0029_disputes"
down_revision = "0028_refunds"


def upgrade() -> None:
    pass
