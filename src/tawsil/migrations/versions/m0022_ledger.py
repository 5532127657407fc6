"""Clearing per provider; pending transfers; what must not be overdrawn; corrections."""

from typing import Final

from tawsil.migrations.statements import run

revision = "0022_ledger"
down_revision = "0021_tenants"


def upgrade() -> None:
    run(_PROVIDERS)
    run(_PENDING)
    run(_HOLDINGS)
    run(_BOOKS)
    run(_FUNDS)
    run(_CORRECTIONS)
    run(_ALARMS)


# What was written when there was one provider belongs to it: its name in the namespace of
# `payments.events.PROVIDERS`.
_PROVIDERS: Final = """
    update payments.account set owner_id = '0d9fa2f6-5f19-5c65-a373-9c5c7d031a56'
    where kind = 'psp_clearing';
"""

# The keys say what must agree: an entry with its transfer and its account, and a transfer with the
# pending one that it resolves. `resolves` is unique: once is exactly once.
_PENDING: Final = """
    alter table payments.transfer disable trigger transfer_is_append_only;
    alter table payments.entry disable trigger entry_is_append_only;
    drop trigger transfer_adds_up on payments.entry;
    drop function payments.refuse_imbalance();

    alter table payments.transfer
        add column currency char(3),
        add column pending boolean not null default false,
        add column resolves uuid unique,
        add column resolves_pending boolean
            generated always as (case when resolves is null then null else true end) stored,
        add constraint pending_or_resolving check (not pending or resolves is null);
    update payments.transfer t
    set currency = (select min(currency) from payments.entry e where e.transfer_id = t.id);
    alter table payments.transfer alter column currency set not null;

    alter table payments.entry
        add column tenant_id uuid,
        add column pending boolean not null default false;
    update payments.entry e set tenant_id = t.tenant_id
    from payments.transfer t where t.id = e.transfer_id;
    alter table payments.entry
        alter column tenant_id set not null,
        drop constraint entry_transfer_id_reference_id_fkey,
        drop constraint entry_account_id_currency_fkey;

    alter table payments.transfer
        drop constraint transfer_id_reference_id_key,
        add constraint transfer_is_about unique (id, reference_id, currency, pending),
        add constraint resolves_what_pends
            foreign key (resolves, reference_id, currency, resolves_pending)
            references payments.transfer (id, reference_id, currency, pending);
    alter table payments.account
        drop constraint account_id_currency_key,
        add constraint account_is_of unique (id, tenant_id, currency);
    alter table payments.entry
        add constraint entry_is_of_its_transfer
            foreign key (transfer_id, reference_id, currency, pending)
            references payments.transfer (id, reference_id, currency, pending),
        add constraint entry_is_of_its_account
            foreign key (account_id, tenant_id, currency)
            references payments.account (id, tenant_id, currency);

    drop index payments.entry_account;
    create index entry_account on payments.entry (account_id, transfer_id desc)
        include (amount_minor, pending);
    create index transfer_reference on payments.transfer (reference_id);
    select kernel.wall('payments.entry');

    alter table payments.transfer enable trigger transfer_is_append_only;
    alter table payments.entry enable trigger entry_is_append_only;
"""

_HOLDINGS: Final = """
    create table payments.holding (
        account_id uuid primary key references payments.account (id),
        tenant_id uuid not null,
        posted_minor bigint not null default 0,
        reserved_minor bigint not null default 0 check (reserved_minor >= 0),
        constraint nothing_is_overdrawn check (reserved_minor <= posted_minor)
    );
    select kernel.wall('payments.holding');
    comment on table payments.holding is
        'of accounts that may not be overdrawn: what is posted, and what pending transfers take';

    create function payments.open_holdings() returns trigger language plpgsql as $$
    begin
        insert into payments.holding (account_id, tenant_id)
        select id, tenant_id from fresh where kind in ('customer', 'loyalty', 'promotion');
        return null;
    end $$;
    create trigger account_has_its_holding after insert on payments.account
        referencing new table as fresh
        for each statement execute function payments.open_holdings();

    insert into payments.holding (account_id, tenant_id, posted_minor)
    select a.id, a.tenant_id, coalesce(sum(e.amount_minor), 0)
    from payments.account a left join payments.entry e on e.account_id = a.id
    where a.kind in ('customer', 'loyalty', 'promotion') group by a.id;
"""

# A transfer's entries are written by one statement and add up there, so they always do; and as all
# of one transfer are of one reference and one currency, so does every reference and every currency.
_BOOKS: Final = """
    create function payments.keep_books() returns trigger language plpgsql as $$
    declare
        wrong record;
        touched uuid[];
    begin
        select transfer_id, sum(amount_minor) as by_minor into wrong
        from fresh group by transfer_id having sum(amount_minor) <> 0 limit 1;
        if found then
            raise exception 'transfer % is out of balance by %', wrong.transfer_id, wrong.by_minor
                using errcode = 'check_violation', constraint = 'transfer_adds_up';
        end if;
        touched := array(
            select account_id from payments.holding
            where account_id = any (array(select distinct account_id from fresh))
            order by account_id for update
        );
        if cardinality(touched) > 0 then
            update payments.holding h
            set posted_minor = h.posted_minor + change.posted_minor,
                reserved_minor = h.reserved_minor + change.reserved_minor
            from (
                select account_id,
                    coalesce(sum(amount_minor) filter (where not pending), 0) as posted_minor,
                    coalesce(sum(-amount_minor) filter (where pending and amount_minor < 0), 0)
                        as reserved_minor
                from fresh where account_id = any (touched) group by account_id
            ) change
            where h.account_id = change.account_id;
        end if;
        return null;
    end $$;
    create trigger books_are_kept after insert on payments.entry
        referencing new table as fresh
        for each statement execute function payments.keep_books();

    create function payments.free_what_was_reserved() returns trigger language plpgsql as $$
    declare
        resolved uuid[] := array(select resolves from fresh where resolves is not null);
        touched uuid[];
    begin
        if cardinality(resolved) = 0 then
            return null;
        end if;
        touched := array(
            select account_id from payments.holding
            where account_id = any (array(
                select account_id from payments.entry
                where transfer_id = any (resolved) and amount_minor < 0
            ))
            order by account_id for update
        );
        if cardinality(touched) > 0 then
            update payments.holding h set reserved_minor = h.reserved_minor - freed.minor
            from (
                select account_id, sum(-amount_minor) as minor from payments.entry
                where transfer_id = any (resolved) and amount_minor < 0
                    and account_id = any (touched)
                group by account_id
            ) freed
            where h.account_id = freed.account_id;
        end if;
        return null;
    end $$;
    create trigger resolved_is_free after insert on payments.transfer
        referencing new table as fresh
        for each statement execute function payments.free_what_was_reserved();
"""

_FUNDS: Final = """
    alter table payments.payment
        add column funds jsonb not null default '[]',
        add column funds_minor bigint not null default 0 check (funds_minor >= 0),
        add column returned jsonb not null default '[]',
        drop constraint payment_check1,
        add constraint no_more_back_than_was_paid
            check (refunded_minor between 0 and captured_minor + funds_minor);
"""

_CORRECTIONS: Final = """
    create table payments.correction (
        transfer_id uuid primary key references payments.transfer (id),
        tenant_id uuid not null,
        corrects uuid not null references payments.transfer (id),
        reverses boolean not null,
        reason text not null check (reason <> ''),
        corrected_by uuid,
        check (corrects <> transfer_id)
    );
    create unique index correction_reverses_once on payments.correction (corrects)
        where reverses;
    create index correction_corrects on payments.correction (corrects);
    select kernel.wall('payments.correction');
    create trigger correction_is_append_only before update or delete on payments.correction
        for each row execute function kernel.refuse_change();
"""

_ALARMS: Final = """
    create table payments.alarm (
        id uuid primary key,
        tenant_id uuid not null,
        city_id uuid,
        "check" text not null
            check ("check" in ('transfer', 'reference', 'currency', 'holding', 'pending', 'cash',
                'earning')),
        subject_id uuid not null,
        currency char(3) not null,
        amount_minor bigint not null,
        found_at timestamptz not null,
        gone_at timestamptz
    );
    create unique index alarm_is_raised_once
        on payments.alarm (tenant_id, "check", subject_id, currency) where gone_at is null;
    select kernel.wall('payments.alarm');
"""
