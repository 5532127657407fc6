"""What a user proves: an address, a second factor, who they are not."""

from tawsil.migrations.statements import run

revision = "0018_accounts"
down_revision = "0017_conditions"


def upgrade() -> None:
    run("select 1")
