"""The tables of dispatch."""

from tawsil.migrations.statements import run

revision = "0008_dispatch"
down_revision = "0007_couriers"


def upgrade() -> None:
    run(
        """
        create schema dispatch;

        create table dispatch.delivery (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            correlation_id uuid not null,
            reference_id uuid not null unique,
            site_id uuid not null,
            pickup_latitude double precision not null,
            pickup_longitude double precision not null,
            dropoff_latitude double precision not null,
            dropoff_longitude double precision not null,
            ready_at timestamptz not null,
            requested_at timestamptz not null,
            searched_since_at timestamptz not null,
            earning_minor bigint not null check (earning_minor >= 0),
            currency char(3) not null,
            state text not null check (state in ('waiting', 'offered', 'assigned', 'at_pickup',
                'picked_up', 'at_dropoff', 'done', 'failed', 'returned', 'withdrawn')),
            level int not null check (level between 0 and 3),
            courier_id uuid,
            offer_id uuid,
            declined_by uuid[] not null,
            first_offered_at timestamptz,
            assigned_at timestamptz,
            arrival_eta_at timestamptz,
            pickup_eta_at timestamptz,
            dropoff_eta_at timestamptz,
            ended_at timestamptz,
            ended_because text,
            check ((courier_id is not null) = (state in ('assigned', 'at_pickup', 'picked_up',
                'at_dropoff', 'done', 'failed', 'returned'))),
            check (num_nulls(arrival_eta_at, pickup_eta_at, dropoff_eta_at) in (0, 3)),
            check ((courier_id is null) = (pickup_eta_at is null)),
            check (state <> 'offered' or offer_id is not null)
        );
        create index delivery_searched on dispatch.delivery (city_id, id)
            where state in ('waiting', 'offered');
        create index delivery_unassigned on dispatch.delivery (tenant_id, searched_since_at, id)
            where state in ('waiting', 'offered');
        create index delivery_carried on dispatch.delivery (courier_id)
            where state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed');
        create index delivery_carried_in on dispatch.delivery (city_id)
            where state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed');
        create index delivery_offered on dispatch.delivery (offer_id) where state = 'offered';

        create table dispatch.offer (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            correlation_id uuid not null,
            courier_id uuid not null,
            delivery_ids uuid[] not null check (cardinality(delivery_ids) > 0),
            reference_ids uuid[] not null
                check (cardinality(reference_ids) = cardinality(delivery_ids)),
            arrival_at timestamptz not null,
            payload jsonb not null,
            joins boolean not null,
            made_at timestamptz not null,
            expires_at timestamptz not null check (expires_at > made_at),
            state text not null
                check (state in ('pending', 'accepted', 'rejected', 'expired', 'withdrawn')),
            answered_at timestamptz,
            reason text
        );
        create unique index offer_one_at_a_time on dispatch.offer (courier_id)
            where state = 'pending';
        create index offer_pending on dispatch.offer (city_id) where state = 'pending';
        create index offer_of_delivery on dispatch.offer using gin (delivery_ids);
        create index offer_of_courier on dispatch.offer (courier_id, made_at desc);

        create table dispatch.decision (
            id uuid primary key,
            tenant_id uuid not null,
            city_id uuid not null,
            at timestamptz not null,
            policy text not null,
            policy_version int not null,
            delivery_ids uuid[] not null,
            inputs jsonb not null,
            candidates jsonb not null,
            exclusions jsonb not null,
            outcome jsonb not null
        );
        create index decision_window on dispatch.decision (city_id, at);
        create index decision_of_delivery on dispatch.decision using gin (delivery_ids);
        """
    )
