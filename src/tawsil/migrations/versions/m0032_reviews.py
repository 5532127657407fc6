"""What customers said about orders that were delivered."""

revision = "0032_reviews"
down_revision = "0031_search"


def upgrade() -> None:
    pass
