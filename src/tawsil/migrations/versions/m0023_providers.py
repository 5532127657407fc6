"""Several providers: whose charge a payment is."""

from typing import Final

from tawsil.migrations.statements import run

revision = "0023_providers"
down_revision = "0022_ledger"


def upgrade() -> None:
    run(_PAYMENTS)


# What was paid by card before there were several went through the direct one.
_PAYMENTS: Final = """
    alter table payments.payment
        add column provider text check (provider in ('stripe', 'direct')),
        add column card_tokens jsonb not null default '[]';
    update payments.payment set provider = 'direct', card_tokens = case
        when card_token is null then '[]'
        else jsonb_build_array(jsonb_build_object('provider', 'direct', 'token', card_token))
    end where method = 'card';
    alter table payments.payment
        drop column card_token,
        alter column card_tokens drop default,
        add constraint a_card_has_a_provider check ((method = 'card') = (provider is not null));
"""
