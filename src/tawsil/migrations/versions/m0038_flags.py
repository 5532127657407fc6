"""What is switched on where, and modules."""

revision = "0038_flags"
down_revision = "0037_map"


def upgrade() -> None:
    pass
