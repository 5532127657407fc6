"""Who lost a delivery, why, and what came of it."""

revision = "0016_reassignment"
down_revision = "0015_experiments"


def upgrade() -> None:
    """Nothing yet."""
