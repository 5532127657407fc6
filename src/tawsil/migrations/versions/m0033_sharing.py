"""Links by which an order is followed without an account, and orders for later."""

revision = "0033_sharing"
down_revision = "0032_reviews"


def upgrade() -> None:
    pass
