"""The kernel's tables: events and who has heard them, deadlines, idempotency keys, jobs."""

from alembic import op

from tawsil.kernel.jobs import install_sql
from tawsil.migrations.statements import run

revision = "0001_kernel"
down_revision = None


def upgrade() -> None:
    run(
        """
        create schema kernel;

        create table kernel.event (
            tx xid8 not null default pg_current_xact_id(), -- before seq: see kernel/events.py
            seq bigint generated always as identity primary key,
            id uuid not null,
            stream text not null,
            stream_id uuid not null,
            version int not null check (version > 0),
            type text not null,
            data jsonb not null,
            actor_id uuid,
            actor_role text not null,
            tenant_id uuid not null,
            city_id uuid,
            correlation_id uuid not null,
            causation_id uuid,
            at timestamptz not null,
            -- a user and the courier they are share an id, but not a history
            constraint event_stream_id_version_key unique (stream_id, version, stream)
        );
        create index event_correlation on kernel.event (correlation_id, seq);
        create function kernel.refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception '%.% is append-only', tg_table_schema, tg_table_name;
        end $$;
        create trigger event_is_append_only before update or delete on kernel.event
            for each row execute function kernel.refuse_change();

        create table kernel.subscription (
            name text primary key,
            seq bigint not null default 0,
            at timestamptz
        );

        create table kernel.parked_event (
            subscription text not null,
            seq bigint not null,
            error text not null,
            at timestamptz not null,
            primary key (subscription, seq)
        );

        create table kernel.deadline (
            subject_id uuid not null,
            owner text not null,
            kind text not null,
            due_at timestamptz not null,
            attempts int not null default 0,
            primary key (subject_id, owner)
        );
        create index deadline_due on kernel.deadline (owner, due_at, subject_id);

        create table kernel.idempotency (
            user_id uuid not null,
            key text not null,
            request_hash bytea not null,
            status int,
            body bytea,
            at timestamptz not null,
            primary key (user_id, key)
        );
        create index idempotency_at on kernel.idempotency (at);
        """
    )
    op.execute("create schema jobs")
    run(install_sql())
