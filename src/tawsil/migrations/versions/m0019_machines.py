"""Keys of integrations, services, and users of other providers."""

from tawsil.migrations.statements import run

revision = "0019_machines"
down_revision = "0018_accounts"


def upgrade() -> None:
    run("select 1")
