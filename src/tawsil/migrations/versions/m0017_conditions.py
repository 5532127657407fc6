"""What a city charges and promises under pressure, and how the pressure is measured."""

from tawsil.migrations.statements import run

revision = "0017_conditions"
down_revision = "0016_reassignment"


def upgrade() -> None:
    run(
        """
        create table pricing.conditions (
            id uuid primary key, -- the city's
            version int not null check (version > 0),
            tenant_id uuid not null,
            pressure int not null check (pressure between 0 and 3),
            terms jsonb not null,
            since_at timestamptz not null,
            held boolean not null,
            held_until_at timestamptz,
            reason text not null,
            check (held or held_until_at is null)
        );

        alter table pricing.quote
            add column surge_minor bigint not null default 0
                check (surge_minor between 0 and delivery_fee_minor),
            add column extra_wait_s int not null default 0 check (extra_wait_s >= 0);

        create table dispatch.pressure (
            city_id uuid primary key,
            measured_at timestamptz not null,
            wanted int not null check (wanted >= 0),
            couriers int not null check (couriers >= 0),
            load double precision not null check (load >= 0) -- smoothed
        );
        """
    )
