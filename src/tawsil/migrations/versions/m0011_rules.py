"""What cities decide for their dispatch, and rounds of offers."""

from tawsil.migrations.statements import run

revision = "0011_rules"
down_revision = "0010_ordering"


def upgrade() -> None:
    run(
        """
        create table dispatch.rules (
            id uuid primary key, -- in the order of time
            tenant_id uuid not null,
            city_id uuid not null,
            set_at timestamptz not null,
            set_by uuid,
            reason text not null,
            rules jsonb not null
        );
        create index rules_of_city on dispatch.rules (city_id, id desc);

        alter table dispatch.delivery
            add column rules_id uuid references dispatch.rules (id),
            add column incentive_minor bigint not null default 0 check (incentive_minor >= 0),
            drop constraint delivery_level_check,
            add constraint delivery_level_check check (level between 0 and 6);

        alter table dispatch.delivery rename column offer_id to round_id;
        alter table dispatch.offer
            add column round_id uuid,
            add column mode text not null default 'one_by_one'
                check (mode in ('one_by_one', 'batch', 'broadcast')),
            add column declined boolean not null default false;
        update dispatch.offer set round_id = id, declined = state in ('rejected', 'expired');
        alter table dispatch.offer alter column round_id set not null;
        create index offer_of_round on dispatch.offer (round_id);
        create index offer_of_late on dispatch.offer (made_at);

        create index delivery_asked on dispatch.delivery (city_id, requested_at);
        create table dispatch.suggestion (
            courier_id uuid primary key,
            id uuid not null unique,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            site_id uuid not null,
            latitude double precision not null,
            longitude double precision not null,
            made_at timestamptz not null
        );
        """
    )
