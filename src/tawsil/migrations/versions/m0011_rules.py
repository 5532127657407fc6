"""What cities decide for their dispatch, and rounds of offers."""

revision = "0011_rules"
down_revision = "0010_ordering"


def upgrade() -> None:
    """Nothing yet."""
