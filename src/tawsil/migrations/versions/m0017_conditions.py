"""What a city charges and promises under pressure."""

revision = "0017_conditions"
down_revision = "0016_reassignment"


def upgrade() -> None:
    """Nothing yet."""
