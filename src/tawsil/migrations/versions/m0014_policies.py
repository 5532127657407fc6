"""Dispatch policies, their trials, and which is live where."""

revision = "0014_policies"
down_revision = "0013_standing"


def upgrade() -> None:
    """Nothing yet."""
