"""The tables of promotions."""

revision = "0025_promotions"
down_revision = "0024_fees"


def upgrade() -> None:
    pass
