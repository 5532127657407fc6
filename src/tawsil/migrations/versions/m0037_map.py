"""What operations draw on a city."""

revision = "0037_map"
down_revision = "0036_menus"


def upgrade() -> None:
    pass
