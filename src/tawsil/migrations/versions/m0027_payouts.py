"""The tables of payouts: plans, who is paid out and where to, runs, and each payout."""

from tawsil.migrations.statements import run

revision = "0027_payouts"
down_revision = "0026_cash"


def upgrade() -> None:
    run(
        """
        -- What a tenant, or one of its cities, has decided for a kind of owner.
        create table payments.payout_plan (
            tenant_id uuid not null,
            city_id uuid,
            owner_kind text not null check (owner_kind in ('merchant', 'courier', 'customer')),
            plan jsonb not null,
            unique nulls not distinct (tenant_id, city_id, owner_kind)
        );
        select kernel.wall('payments.payout_plan');

        create table payments.payout_account (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            owner_kind text not null check (owner_kind in ('merchant', 'courier', 'customer')),
            owner_id uuid not null,
            currency char(3) not null,
            provider text not null check (provider in ('stripe', 'direct')),
            token text not null,
            label text not null,
            verified boolean not null,
            usable_from_at timestamptz not null,
            plan jsonb,
            blocked_because text check (blocked_because in
                ('operator', 'payout_failed', 'payout_returned')),
            next_at timestamptz,
            unique (tenant_id, owner_kind, owner_id),
            -- a token of a provider's, never a number that a bank would know
            check (token ~ '^(acct|bank)_[A-Za-z0-9_]+$' and label !~ '[0-9]{5}')
        );
        create index payout_account_city on payments.payout_account (city_id, owner_kind);
        select kernel.wall('payments.payout_account');

        create table payments.payout_run (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            owner_kind text not null check (owner_kind in ('merchant', 'courier', 'customer')),
            state text not null check (state in ('awaiting_approval', 'approved', 'rejected')),
            started_by uuid,
            decided_by uuid,
            payouts int not null check (payouts >= 0),
            total_minor bigint not null check (total_minor >= 0),
            currency char(3) not null,
            created_at timestamptz not null,
            check (decided_by is null or state = 'rejected' or decided_by <> started_by)
        );
        create index payout_run_of_tenant on payments.payout_run (tenant_id, created_at desc);
        select kernel.wall('payments.payout_run');

        create table payments.payout (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            account_id uuid not null references payments.payout_account,
            owner_kind text not null check (owner_kind in ('merchant', 'courier', 'customer')),
            owner_id uuid not null,
            run_id uuid references payments.payout_run,
            retry_of uuid unique references payments.payout,
            cause text not null check (cause in ('schedule', 'instant', 'run', 'retry')),
            period date,
            amount_minor bigint not null check (amount_minor > 0),
            fee_minor bigint not null check (fee_minor >= 0),
            currency char(3) not null,
            provider text not null check (provider in ('stripe', 'direct')),
            token text not null,
            label text not null,
            awaits_approval boolean not null,
            state text not null check (state in
                ('scheduled', 'sent', 'unknown', 'paid', 'failed', 'returned', 'cancelled')),
            provider_payout_id text,
            code text,
            attempts int not null check (attempts >= 0),
            created_at timestamptz not null,
            since_at timestamptz not null,
            paid_at timestamptz,
            unique (account_id, period), -- of one period, one payout
            check ((cause = 'schedule') = (period is not null)),
            check ((cause = 'retry') = (retry_of is not null)),
            check (not awaits_approval or (state = 'scheduled' and run_id is not null)),
            check (state <> 'paid' or paid_at is not null)
        );
        create index payout_owner on payments.payout (owner_id, created_at desc);
        create index payout_tenant on payments.payout (tenant_id, created_at desc);
        create index payout_of_run on payments.payout (run_id);
        select kernel.wall('payments.payout');
        """
    )
