"""The tables of support."""

revision = "0012_support"
down_revision = "0011_rules"


def upgrade() -> None:
    """Nothing yet."""
