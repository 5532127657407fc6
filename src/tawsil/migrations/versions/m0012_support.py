"""The tables of support: tickets and what is written on them; and an order's open choice."""

from tawsil.migrations.statements import run

revision = "0012_support"
down_revision = "0011_rules"


def upgrade() -> None:
    run(
        """
        create schema support;

        create table support.ticket (
            id uuid primary key,
            version int not null,
            tenant_id uuid not null,
            city_id uuid not null,
            kind text not null check (kind in ('unassigned_order', 'food_on_board',
                'order_problem', 'courier_problem', 'dispatch_alert', 'other')),
            subject_kind text not null check (subject_kind in ('order', 'courier', 'city')),
            subject_id uuid not null,
            customer_id uuid,
            priority text not null check (priority in ('low', 'normal', 'high', 'urgent')),
            status text not null
                check (status in ('OPEN', 'IN_PROGRESS', 'WAITING', 'RESOLVED', 'CLOSED')),
            opened_by text not null check (opened_by in ('system', 'user')),
            opener_id uuid,
            assignee_id uuid,
            resolution text check (resolution in ('solved', 'cause_gone', 'duplicate',
                'not_actionable')),
            opened_at timestamptz not null,
            waiting_since_at timestamptz not null,
            closed_at timestamptz,
            overdue_times int not null check (overdue_times >= 0),
            raised boolean not null,
            note_count int not null check (note_count > 0),
            check ((opened_by = 'user') = (opener_id is not null)),
            check ((status in ('RESOLVED', 'CLOSED')) = (resolution is not null)),
            check ((status = 'CLOSED') = (closed_at is not null)),
            check (status not in ('IN_PROGRESS', 'WAITING') or assignee_id is not null)
        );
        create unique index ticket_one_open on support.ticket (tenant_id, kind, subject_id)
            where status <> 'CLOSED';
        create index ticket_tenant on support.ticket (tenant_id, opened_at desc, id desc);
        create index ticket_subject on support.ticket (subject_id, opened_at desc);
        create index ticket_assignee on support.ticket (assignee_id, opened_at desc)
            where assignee_id is not null;
        create index ticket_customer on support.ticket (customer_id, opened_at desc)
            where customer_id is not null;

        -- What people write in their own words: erasable, unlike the log.
        create table support.note (
            ticket_id uuid not null references support.ticket (id),
            position int not null,
            at timestamptz not null,
            author_id uuid,
            author_role text not null,
            internal boolean not null,
            cause text,
            detail jsonb not null,
            words text not null,
            primary key (ticket_id, position),
            check ((cause is not null) or words <> '')
        );

        -- Until when the customer of an order without a courier may choose; null: no choice.
        alter table ordering."order" add column choice_until_at timestamptz;
        """
    )
