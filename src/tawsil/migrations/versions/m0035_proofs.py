"""Photos and signatures that show a handover, and what couriers did out of reach."""

from tawsil.migrations.statements import run

revision = "0035_proofs"
down_revision = "0034_chat"


def upgrade() -> None:
    run(
        """
        -- Personal data: the picture goes when its time is over, that there was one stays.
        create table ordering.proof (
            id uuid not null,
            version int not null check (version > 0),
            order_id uuid not null references ordering."order" (id),
            tenant_id uuid not null,
            city_id uuid not null,
            courier_id uuid not null,
            kind text not null check (kind in ('photo', 'signature')),
            media_type text not null
                check (media_type in ('image/jpeg', 'image/png', 'image/webp')),
            size_bytes int not null check (size_bytes > 0),
            sha256 bytea not null check (octet_length(sha256) = 32),
            taken_at timestamptz not null,
            received_at timestamptz not null,
            kept_until_at timestamptz not null,
            content bytea check (octet_length(content) = size_bytes),
            primary key (order_id, id),
            unique (id)
        );
        alter table ordering.proof alter column content set storage external;
        select kernel.wall('ordering.proof');

        create table ordering.outbox_device (
            courier_id uuid not null,
            device_id uuid not null,
            tenant_id uuid not null,
            next_seq bigint not null check (next_seq > 0),
            last_at timestamptz,
            primary key (courier_id, device_id)
        );
        select kernel.wall('ordering.outbox_device');
        comment on table ordering.outbox_device is
            'how far the outbox of each phone was taken in, and the newest instant in it';

        create table ordering.courier_action (
            courier_id uuid not null,
            id uuid not null,
            tenant_id uuid not null,
            device_id uuid not null,
            seq bigint not null check (seq > 0),
            does text not null,
            order_id uuid,
            digest bytea not null check (octet_length(digest) = 32),
            said_at timestamptz not null,
            happened_at timestamptz not null,
            received_at timestamptz not null,
            outcome text not null check (outcome in ('applied', 'already_applied', 'refused')),
            code text,
            detail jsonb not null,
            kept boolean not null,
            primary key (courier_id, id),
            unique (courier_id, device_id, seq),
            check ((outcome = 'refused') = (code is not null)),
            check (not kept or (outcome = 'refused' and order_id is not null)),
            check (happened_at <= received_at)
        );
        create index courier_action_order on ordering.courier_action (order_id)
            where order_id is not null;
        select kernel.wall('ordering.courier_action');
        """
    )
