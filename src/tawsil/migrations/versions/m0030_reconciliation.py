"""What acquirers' balance files say, what was explained of it, and months that are closed."""

from tawsil.migrations.statements import run

revision = "0030_reconciliation"
down_revision = "0029_disputes"


def upgrade() -> None:
    run(
        """
        create table payments.file_line (
            provider text not null,
            id text not null,
            tenant_id uuid not null,
            moved text not null check (moved in ('charge', 'refund', 'dispute', 'dispute_won',
                'transfer', 'transfer_back', 'fee', 'settlement', 'other')),
            charge_id text,
            amount_minor bigint not null,
            fee_minor bigint not null,
            currency char(3) not null,
            at timestamptz not null,
            transfer_id uuid unique, -- the transfer that it is the other side of
            primary key (provider, id)
        );
        create index file_line_open on payments.file_line (tenant_id, provider, at)
            where transfer_id is null;

        -- What people said about a difference: of a line, a transfer, or one of each.
        create table payments.explanation (
            id uuid primary key,
            tenant_id uuid not null,
            provider text not null,
            line_id text,
            transfer_id uuid unique,
            booked boolean not null, -- whether a transfer under the same id made the books agree
            difference_minor bigint not null,
            currency char(3) not null,
            words text not null,
            actor_id uuid,
            at timestamptz not null,
            unique (provider, line_id),
            check (line_id is not null or transfer_id is not null)
        );
        create index explanation_tenant on payments.explanation (tenant_id, at desc);

        create table payments.reconciliation (
            id uuid primary key,
            tenant_id uuid not null,
            provider text not null,
            since_at timestamptz not null,
            until_at timestamptz not null check (until_at > since_at),
            lines int not null,
            new_lines int not null,
            matched int not null,
            open_since_at timestamptz not null,
            actor_id uuid,
            at timestamptz not null
        );
        create index reconciliation_tenant on payments.reconciliation
            (tenant_id, provider, until_at desc);

        create table payments.closed_month (
            tenant_id uuid not null,
            month date not null check (extract(day from month) = 1),
            report jsonb not null,
            actor_id uuid,
            at timestamptz not null,
            primary key (tenant_id, month)
        );

        create index payment_charge on payments.payment (psp_charge_id)
            where psp_charge_id is not null;

        select kernel.wall('payments.file_line');
        select kernel.wall('payments.explanation');
        select kernel.wall('payments.reconciliation');
        select kernel.wall('payments.closed_month');
        """
    )
