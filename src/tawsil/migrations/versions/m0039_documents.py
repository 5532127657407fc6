"""What couriers must show before they ride."""

revision = "0039_documents"
down_revision = "0038_flags"


def upgrade() -> None:
    pass
