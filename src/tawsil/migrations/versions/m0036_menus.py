"""Menus as merchants write them."""

revision = "0036_menus"
down_revision = "0035_proofs"


def upgrade() -> None:
    pass
