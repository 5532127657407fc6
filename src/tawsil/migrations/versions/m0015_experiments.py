"""The tables of experiments."""

revision = "0015_experiments"
down_revision = "0014_policies"


def upgrade() -> None:
    """Nothing yet."""
