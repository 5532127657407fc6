"""What the people of an order write to each other."""

revision = "0034_chat"
down_revision = "0033_sharing"


def upgrade() -> None:
    pass
