"""The tables of cash."""

revision = "0026_cash"
down_revision = "0025_promotions"


def upgrade() -> None:
    pass
