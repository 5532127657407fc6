"""Several providers: whose charge a payment is, which of them answer, and what they may hold."""

from typing import Final

from tawsil.migrations.statements import run

revision = "0023_providers"
down_revision = "0022_ledger"


def upgrade() -> None:
    run(_PAYMENTS)
    run(_BREAKERS)
    run(_STRAYS)
    run(_ORDERS)


# What was paid by card before there were several went through the direct one.
_PAYMENTS: Final = """
    alter table payments.payment
        add column provider text check (provider in ('stripe', 'direct')),
        add column card_tokens jsonb not null default '[]',
        add column tried jsonb not null default '[]',
        add column settled_minor bigint not null default 0
            constraint only_later_is_settled check (settled_minor between 0
                and case when method = 'later' then captured_minor else 0 end),
        drop constraint payment_method_check,
        add constraint payment_method_check check (method in ('card', 'cash', 'later'));
    update payments.payment set provider = 'direct', card_tokens = case
        when card_token is null then '[]'
        else jsonb_build_array(jsonb_build_object('provider', 'direct', 'token', card_token))
    end where method = 'card';
    alter table payments.payment
        drop column card_token,
        alter column card_tokens drop default,
        add constraint a_card_has_a_provider check ((method = 'card') = (provider is not null));
"""

_BREAKERS: Final = """
    create table payments.breaker (
        id uuid primary key,
        version int not null,
        tenant_id uuid not null,
        provider text not null check (provider in ('stripe', 'direct')),
        circuit text not null check (circuit in ('closed', 'open', 'half_open', 'paused')),
        strain double precision not null check (strain >= 0),
        strained_at timestamptz,
        times int not null check (times >= 0),
        since_at timestamptz not null,
        until_at timestamptz,
        reason text,
        unique (tenant_id, provider),
        constraint an_open_one_is_probed check (circuit <> 'open' or until_at is not null)
    );
    select kernel.wall('payments.breaker');
"""

_STRAYS: Final = """
    create table payments.stray (
        id uuid primary key,
        version int not null,
        tenant_id uuid not null,
        city_id uuid not null,
        payment_id uuid not null references payments.payment,
        reference_id uuid not null,
        provider text not null check (provider in ('stripe', 'direct')),
        state text not null check (state in ('lost', 'voiding', 'closed')),
        charge_id text,
        looks int not null,
        silences int not null,
        outcome text check (outcome in ('absent', 'voided', 'declined', 'captured')),
        created_at timestamptz not null,
        since_at timestamptz not null,
        unique (payment_id, provider),
        constraint what_is_voided_is_known check (state <> 'voiding' or charge_id is not null),
        constraint what_is_closed_has_an_outcome
            check ((state = 'closed') = (outcome is not null))
    );
    select kernel.wall('payments.stray');
"""

_ORDERS: Final = """
    alter table ordering."order"
        drop constraint order_paid_by_check,
        add constraint order_paid_by_check check (paid_by in ('card', 'cash', 'later'));
"""
