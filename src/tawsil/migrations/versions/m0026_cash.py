"""The cash couriers carry: how much, its way to a hub, what was short; and what a job brings."""

from typing import Final

from tawsil.migrations.statements import run

revision = "0026_cash"
down_revision = "0025_promotions"

WALLED: Final = (
    "couriers.cash",
    "payments.cash_account",
    "payments.cash_hub",
    "payments.cash_deposit",
    "payments.cash_shortfall",
    "payments.earning",
)


def upgrade() -> None:
    run(_COURIERS)
    run(_DISPATCH)
    run(_ACCOUNTS)
    run(_DEPOSITS)
    run(_SHORTFALLS)
    run(_EARNINGS)
    for table in WALLED:
        run(f"select kernel.wall('{table}')")


_COURIERS: Final = """
    create table couriers.cash (
        courier_id uuid not null,
        currency char(3) not null,
        tenant_id uuid not null,
        held_minor bigint not null,
        limit_minor bigint check (limit_minor >= 0), -- null: the city's
        blocked boolean not null,
        primary key (courier_id, currency)
    );
"""

_DISPATCH: Final = """
    alter table dispatch.delivery
        add column collect_minor bigint not null default 0 check (collect_minor >= 0),
        add column pay jsonb not null default '{}'::jsonb,
        add column arrived_at timestamptz,
        add column collected_at timestamptz;
"""

_ACCOUNTS: Final = """
    create table payments.cash_account (
        id uuid primary key,
        version int not null,
        tenant_id uuid not null,
        city_id uuid not null,
        courier_id uuid not null,
        currency char(3) not null,
        held_minor bigint not null,
        limit_minor bigint check (limit_minor >= 0),
        level text not null check (level in ('well', 'near', 'full')),
        since_at timestamptz, -- of the oldest cash that is still held
        remind_at timestamptz,
        block_at timestamptz,
        reminded boolean not null,
        blocked boolean not null,
        unique (courier_id, currency),
        check (held_minor > 0 or (since_at is null and not blocked))
    );
    create index cash_account_held on payments.cash_account (tenant_id, held_minor desc, id);
"""

_DEPOSITS: Final = """
    create table payments.cash_hub (
        id uuid primary key,
        version int not null,
        tenant_id uuid not null,
        city_id uuid not null,
        name_en text not null,
        name_ar text not null,
        latitude double precision not null,
        longitude double precision not null,
        is_open boolean not null
    );
    create index cash_hub_city on payments.cash_hub (tenant_id, city_id);

    create table payments.cash_deposit (
        id uuid primary key,
        version int not null,
        tenant_id uuid not null,
        city_id uuid not null,
        courier_id uuid not null,
        hub_id uuid not null references payments.cash_hub (id),
        currency char(3) not null,
        announced_minor bigint not null check (announced_minor > 0),
        counted_minor bigint check (counted_minor > 0),
        state text not null check (state in ('announced', 'confirmed', 'refused')),
        announced_at timestamptz not null,
        decided_at timestamptz,
        decided_by uuid,
        check ((state = 'confirmed') = (counted_minor is not null)),
        check ((state = 'announced') = (decided_at is null))
    );
    create unique index cash_deposit_announced on payments.cash_deposit (courier_id)
        where state = 'announced';
    create index cash_deposit_courier on payments.cash_deposit (courier_id, announced_at desc);
    create index cash_deposit_tenant on payments.cash_deposit (tenant_id, announced_at desc, id);
"""

_SHORTFALLS: Final = """
    create table payments.cash_shortfall (
        id uuid primary key,
        version int not null,
        tenant_id uuid not null,
        city_id uuid not null,
        courier_id uuid not null,
        reference_id uuid not null unique,
        payer_id uuid not null,
        currency char(3) not null,
        short_minor bigint not null check (short_minor > 0),
        reason text not null check (reason in ('customer_had_less', 'no_change', 'other')),
        words text not null,
        state text not null check (state in ('reported', 'approved', 'rejected')),
        borne_by text check (borne_by in ('customer', 'platform')),
        reported_at timestamptz not null,
        decided_at timestamptz,
        decided_by uuid,
        check ((state = 'approved') = (borne_by is not null)),
        check ((state = 'reported') = (decided_at is null))
    );
    create index cash_shortfall_courier on payments.cash_shortfall (courier_id, reported_at desc);
    create index cash_shortfall_tenant on payments.cash_shortfall (tenant_id, reported_at desc, id);
"""

_EARNINGS: Final = """
    create table payments.earning (
        reference_id uuid not null,
        courier_id uuid not null,
        tenant_id uuid not null,
        city_id uuid not null,
        currency char(3) not null,
        base_minor bigint not null check (base_minor >= 0),
        distance_minor bigint not null check (distance_minor >= 0),
        surge_minor bigint not null check (surge_minor >= 0),
        tip_minor bigint not null check (tip_minor >= 0),
        wait_minor bigint not null check (wait_minor >= 0),
        incentive_minor bigint not null check (incentive_minor >= 0),
        earned_at timestamptz not null,
        primary key (reference_id, courier_id)
    );
    create index earning_courier on payments.earning (courier_id, earned_at desc);
    create index earning_time on payments.earning (earned_at);
"""
