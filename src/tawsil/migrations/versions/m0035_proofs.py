"""Photos and signatures that show a handover, and what couriers did out of reach."""

revision = "0035_proofs"
down_revision = "0034_chat"


def upgrade() -> None:
    pass
