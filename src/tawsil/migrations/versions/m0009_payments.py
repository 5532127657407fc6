"""The tables of payments: payments, webhooks heard, and the ledger."""

from tawsil.migrations.statements import run

revision = "0009_payments"
down_revision = "0008_dispatch"


def upgrade() -> None:
    run(_PAYMENTS)
    run(_LEDGER)


_PAYMENTS = """
    create schema payments;

    create table payments.payment (
        id uuid primary key,
        version int not null,
        tenant_id uuid not null,
        city_id uuid not null,
        reference_id uuid not null unique,
        payer_id uuid not null,
        method text not null check (method in ('card', 'cash')),
        card_token text,
        amount_minor bigint not null check (amount_minor >= 0),
        currency char(3) not null,
        captured_minor bigint not null check (captured_minor between 0 and amount_minor),
        refunded_minor bigint not null check (refunded_minor between 0 and captured_minor),
        state text not null check (state in ('authorising', 'unknown', 'challenged', 'authorised',
            'declined', 'capturing', 'captured', 'voiding', 'voided', 'refunding', 'refunded')),
        psp_charge_id text,
        decline_code text,
        release_reason text,
        attempts int not null,
        shares jsonb not null,
        asks jsonb not null,
        created_at timestamptz not null,
        since_at timestamptz not null,
        constraint only_what_is_captured_is_paid
            check (captured_minor = 0 or state in ('captured', 'refunding', 'refunded'))
    );

    create table payments.webhook (
        event_id text primary key,
        payment_id uuid,
        received_at timestamptz not null
    );
    create index webhook_received on payments.webhook (received_at);
"""

_LEDGER = """
    create table payments.account (
        id uuid primary key,
        tenant_id uuid not null,
        kind text not null,
        owner_id uuid not null, -- the tenant, for accounts of the house
        currency char(3) not null,
        unique (tenant_id, kind, owner_id, currency),
        unique (id, currency)
    );

    create table payments.transfer (
        id uuid primary key, -- in the order of time
        key uuid not null unique, -- who asks again under it changes nothing
        tenant_id uuid not null,
        kind text not null,
        reference_id uuid not null,
        at timestamptz not null,
        unique (id, reference_id)
    );

    -- Positive is owed to the account's owner, negative is owed by the owner.
    create table payments.entry (
        transfer_id uuid not null,
        account_id uuid not null,
        reference_id uuid not null,
        amount_minor bigint not null check (amount_minor <> 0),
        currency char(3) not null,
        primary key (transfer_id, account_id),
        foreign key (transfer_id, reference_id) references payments.transfer (id, reference_id),
        foreign key (account_id, currency) references payments.account (id, currency)
    );
    create index entry_account on payments.entry (account_id, transfer_id desc)
        include (amount_minor);

    create trigger entry_is_append_only before update or delete on payments.entry
        for each row execute function kernel.refuse_change();
    create trigger transfer_is_append_only before update or delete on payments.transfer
        for each row execute function kernel.refuse_change();

    create function payments.refuse_imbalance() returns trigger language plpgsql as $$
    declare imbalance bigint;
    begin
        select sum(amount_minor) into imbalance from payments.entry
        where transfer_id = new.transfer_id group by currency
        having sum(amount_minor) <> 0 limit 1;
        if found then
            raise exception 'transfer % is out of balance by %', new.transfer_id, imbalance
                using errcode = 'check_violation', constraint = 'transfer_adds_up';
        end if;
        return null;
    end $$;
    create constraint trigger transfer_adds_up after insert on payments.entry
        deferrable initially deferred
        for each row execute function payments.refuse_imbalance();
"""
