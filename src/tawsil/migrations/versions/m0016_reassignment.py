"""What puts a delivery's courier in doubt, who lost it, and what people said about that."""

from tawsil.migrations.statements import run

revision = "0016_reassignment"
down_revision = "0015_experiments"


def upgrade() -> None:
    run(
        """
        alter table dispatch.delivery
            add column lost_by uuid[] not null default '{}',
            add column lost_because text,
            add column looked_at timestamptz,
            add column seen_at timestamptz,
            add column nearest_m double precision check (nearest_m >= 0),
            add column nearer_at timestamptz,
            add column at_risk text,
            add column at_risk_since_at timestamptz,
            add column stranded text[] not null default '{}',
            add column undo_until_at timestamptz,
            add column undo_courier_id uuid;

        -- Who is on the way already is looked at from now on.
        update dispatch.delivery set looked_at = now(), seen_at = now(), nearer_at = now()
        where state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed');
        insert into kernel.deadline (subject_id, owner, kind, due_at)
        select id, 'delivery', 'look', now() + interval '1 minute' from dispatch.delivery
        where state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed')
        on conflict (subject_id, owner) do update
        set kind = excluded.kind, due_at = excluded.due_at;

        alter table dispatch.delivery
            add check ((state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed'))
                = (looked_at is not null)),
            add check (num_nulls(looked_at, seen_at, nearer_at) in (0, 3)),
            add check (nearest_m is null or looked_at is not null),
            add check ((at_risk is null) = (at_risk_since_at is null)),
            add check (at_risk is null or looked_at is not null),
            add check (lost_because is null or courier_id is null),
            add check (lost_by <@ declined_by),
            add check (undo_courier_id is null or undo_until_at is not null);

        -- What people said about a step in their own words: erasable, unlike the log.
        create table dispatch.remark (
            delivery_id uuid not null references dispatch.delivery (id),
            at timestamptz not null,
            actor_id uuid,
            actor_role text not null,
            words text not null check (words <> '')
        );
        create index remark_delivery on dispatch.remark (delivery_id, at);
        """
    )
