"""Clearing per provider; pending transfers; what must not be overdrawn; corrections."""

from typing import Final

from tawsil.migrations.statements import run

revision = "0022_ledger"
down_revision = "0021_tenants"


def upgrade() -> None:
    run(_PROVIDERS)


# What was written when there was one provider belongs to it: its name in the namespace of
# `payments.events.PROVIDERS`.
_PROVIDERS: Final = """
    update payments.account set owner_id = '0d9fa2f6-5f19-5c65-a373-9c5c7d031a56'
    where kind = 'psp_clearing';
"""
