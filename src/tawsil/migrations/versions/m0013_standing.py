"""Couriers' preferences, and how they do."""

from tawsil.migrations.statements import run

revision = "0013_standing"
down_revision = "0012_support"


def upgrade() -> None:
    run(
        """
        alter table couriers.courier
            add column reason text,
            add column vehicle_unsafe_since_at timestamptz,
            add column fault text check (fault in ('brakes', 'tyres', 'lights', 'steering',
                'engine', 'accident', 'service_overdue', 'other')),
            add column preferred_zones uuid[] not null default '{}'
                check (cardinality(preferred_zones) <= 20),
            add check ((vehicle_unsafe_since_at is null) = (fault is null)),
            add check (fault is null or availability in ('OFFLINE', 'ENDING_SHIFT'));

        update couriers.courier c set reason = h.reason
        from couriers.availability_history h where h.courier_id = c.id and h.to_at is null;

        create table dispatch.promise (
            delivery_id uuid primary key,
            courier_id uuid not null,
            pickup_at timestamptz not null,
            dropoff_at timestamptz not null,
            arrived_at timestamptz,
            stranded text
        );

        create table dispatch.tally (
            id uuid primary key, -- the courier's
            version int not null check (version >= 0),
            tenant_id uuid not null,
            city_id uuid not null,
            as_of_at timestamptz not null,
            counters jsonb not null,
            told int check (told between 0 and 100)
        );
        create index tally_lowest_first on dispatch.tally (tenant_id, told, id);

        create table dispatch.incident (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            courier_id uuid not null,
            kind text not null check (kind in ('late_handover', 'job_cancelled', 'went_offline',
                'stalled', 'ran_late', 'offer_missed', 'offer_declined')),
            subject_id uuid not null,
            happened_at timestamptz not null,
            late_s int check (late_s > 0),
            state text not null check (state in ('noted', 'contested', 'upheld', 'struck')),
            contested_at timestamptz,
            contest_reason text,
            decided_at timestamptz,
            decision_reason text,
            check ((contested_at is null) = (state = 'noted')),
            check ((contest_reason is null) = (contested_at is null)),
            check ((decided_at is null) = (state in ('noted', 'contested')))
        );
        create index incident_of_courier on dispatch.incident (courier_id, happened_at, id);
        create index incident_contested on dispatch.incident (tenant_id, contested_at, id)
            where state = 'contested';
        """
    )
