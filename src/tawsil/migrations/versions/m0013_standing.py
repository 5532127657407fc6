"""Couriers' preferences, and how they do."""

revision = "0013_standing"
down_revision = "0012_support"


def upgrade() -> None:
    """Nothing yet."""
