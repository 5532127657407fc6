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
        """
    )
