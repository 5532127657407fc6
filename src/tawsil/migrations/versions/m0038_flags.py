"""What is switched on where, which modules a tenant uses, and tenants that are suspended."""

from tawsil.migrations.statements import run

revision = "0038_flags"
down_revision = "0037_map"


def upgrade() -> None:
    run(
        """
        alter table geography.tenant
            add column version int not null default 0 check (version >= 0),
            add column suspended_at timestamptz;

        create table identity.shut_tenant (
            tenant_id uuid primary key,
            since_at timestamptz not null
        );
        select kernel.wall('identity.shut_tenant');

        create table experiments.flag (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            key text not null check (key ~ '^[a-z][a-z0-9_]*$'),
            description text not null,
            everywhere jsonb not null check (jsonb_typeof(everywhere) = 'object'),
            cities jsonb not null check (jsonb_typeof(cities) = 'array'),
            changed_at timestamptz not null,
            unique (tenant_id, key)
        );
        select kernel.wall('experiments.flag');

        -- why somebody changed it is for colleagues, and may be erased
        create table experiments.flag_change (
            flag_id uuid not null references experiments.flag,
            version int not null check (version > 0),
            tenant_id uuid not null,
            at timestamptz not null,
            by_id uuid,
            by_role text not null,
            why text not null,
            everywhere jsonb not null,
            cities jsonb not null,
            primary key (flag_id, version)
        );
        select kernel.wall('experiments.flag_change');

        create table experiments.module (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            module text not null,
            "on" boolean not null,
            changed_at timestamptz not null,
            changed_by_id uuid,
            why text not null,
            unique (tenant_id, module)
        );
        select kernel.wall('experiments.module');
        """
    )
