"""The tables of couriers: each one's duty, and the history of it."""

from tawsil.migrations.statements import run

revision = "0007_couriers"
down_revision = "0006_tracking"


def upgrade() -> None:
    run(
        """
        create schema couriers;

        create domain couriers.availability as text check (value in
            ('OFFLINE', 'AVAILABLE', 'ON_OFFER', 'ON_JOB', 'ON_BREAK', 'ENDING_SHIFT'));

        create table couriers.courier (
            id uuid primary key, -- the user's
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            vehicle text not null check (vehicle in ('bicycle', 'motorbike', 'car')),
            availability couriers.availability not null,
            since_at timestamptz not null,
            shift_ends_at timestamptz,
            break_ends_at timestamptz,
            rating double precision not null check (rating between 1 and 5),
            missed_offers int not null check (missed_offers between 0 and 2),
            check ((break_ends_at is not null) = (availability = 'ON_BREAK')),
            check (shift_ends_at is null or availability <> 'OFFLINE')
        );
        create index courier_on_duty on couriers.courier (city_id, id)
            where availability <> 'OFFLINE';
        create index courier_of_tenant on couriers.courier (tenant_id, city_id, id);

        create table couriers.availability_history (
            courier_id uuid not null references couriers.courier (id) on delete cascade,
            version int not null, -- the courier's, at the event that began it
            availability couriers.availability not null,
            reason text not null,
            from_at timestamptz not null,
            to_at timestamptz check (to_at >= from_at),
            primary key (courier_id, version)
        );
        create unique index availability_present on couriers.availability_history (courier_id)
            where to_at is null;
        create index availability_from on couriers.availability_history (courier_id, from_at);
        """
    )
