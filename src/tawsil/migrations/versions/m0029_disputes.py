"""The tables of disputes, and where a payer answers the bank."""

from tawsil.migrations.statements import run

revision = "0029_disputes"
down_revision = "0028_refunds"


def upgrade() -> None:
    run("alter table payments.payment add column challenge_url text")
    run(
        """
        create table payments.dispute (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            payment_id uuid not null references payments.payment,
            reference_id uuid not null,
            provider text not null check (provider in ('stripe', 'direct')),
            provider_dispute_id text not null,
            reason text not null,
            amount_minor bigint not null check (amount_minor >= 0),
            withdrawn_minor bigint not null check (withdrawn_minor >= 0),
            currency char(3) not null,
            state text not null check (state in ('inquiry', 'needs_response', 'under_review', 'won',
                'lost', 'closed')),
            borne_by jsonb not null,
            due_at timestamptz,
            warned boolean not null,
            answers int not null,
            accepted boolean not null,
            answered_at timestamptz,
            evidence jsonb, -- personal data, until the provider has it
            opened_at timestamptz not null,
            looked_at timestamptz not null,
            unique (provider, provider_dispute_id)
        );
        create index dispute_of_tenant on payments.dispute (tenant_id, opened_at desc);
        create index dispute_of_payment on payments.dispute (payment_id);
        select kernel.wall('payments.dispute');
        """
    )
