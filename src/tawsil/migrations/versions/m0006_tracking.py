"""The tables of tracking: where couriers were and are, and the stops they are watched at."""

from tawsil.migrations.statements import run

revision = "0006_tracking"
down_revision = "0005_pricing"


def upgrade() -> None:
    run(
        """
        create schema tracking;

        create table tracking.position (
            courier_id uuid not null,
            at timestamptz not null, -- by the phone's clock
            tenant_id uuid not null,
            latitude double precision not null check (latitude between -90 and 90),
            longitude double precision not null check (longitude between -180 and 180),
            accuracy_m double precision not null check (accuracy_m >= 0),
            speed_mps double precision check (speed_mps >= 0),
            heading_deg double precision check (heading_deg between 0 and 360),
            seq int,
            suspect boolean not null,
            received_at timestamptz not null,
            primary key (courier_id, at)
        );
        create index position_at on tracking.position using brin (at);

        create table tracking.live_position (
            courier_id uuid primary key,
            at timestamptz not null,
            tenant_id uuid not null,
            latitude double precision not null,
            longitude double precision not null,
            accuracy_m double precision not null,
            speed_mps double precision,
            heading_deg double precision,
            seq int,
            received_at timestamptz not null
        ) with (fillfactor = 70); -- every row changes every few seconds

        create table tracking.geofence (
            id uuid primary key,
            version int not null check (version >= 0),
            tenant_id uuid not null,
            city_id uuid,
            reference_id uuid not null,
            courier_id uuid not null,
            kind text not null check (kind in ('pickup', 'dropoff')),
            latitude double precision not null check (latitude between -90 and 90),
            longitude double precision not null check (longitude between -180 and 180),
            radius_m double precision not null check (radius_m > 0),
            since_at timestamptz not null,
            entered_at timestamptz,
            left_at timestamptz,
            check (left_at is null or (entered_at is not null and entered_at < left_at)),
            unique (reference_id, kind)
        );
        create index geofence_watched on tracking.geofence (courier_id) where left_at is null;
        """
    )
