"""The tables of promotions, and what quotes and orders say of them."""

from tawsil.migrations.statements import run

revision = "0025_promotions"
down_revision = "0024_fees"


def upgrade() -> None:
    run(_PROMOTIONS)
    run(_REDEMPTIONS)
    run(_QUOTES_AND_ORDERS)


_PROMOTIONS = """
    -- budget_minor counts whole discounts; funded_minor is what the platform put aside of it
    create table pricing.promotion (
        id uuid primary key,
        version int not null check (version >= 0),
        tenant_id uuid not null,
        merchant_id uuid,
        currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
        terms jsonb not null check (jsonb_typeof(terms) = 'object'),
        name_en text not null,
        automatic boolean not null,
        status text not null
            check (status in ('draft', 'active', 'paused', 'exhausted', 'ended')),
        budget_minor bigint check (budget_minor > 0),
        funded_minor bigint not null check (funded_minor >= 0),
        taken_minor bigint not null check (taken_minor >= 0),
        borne_minor bigint not null check (borne_minor >= 0 and borne_minor <= taken_minor),
        redemptions int not null check (redemptions >= 0),
        most_redemptions int,
        from_at timestamptz not null,
        until_at timestamptz,
        created_at timestamptz not null,
        ended_at timestamptz,
        constraint promotion_not_overspent check (taken_minor <= budget_minor),
        constraint promotion_not_overdrawn check (funded_minor = 0 or borne_minor <= funded_minor),
        constraint promotion_not_overused check (redemptions <= most_redemptions),
        check ((status = 'ended') = (ended_at is not null))
    );
    create index promotion_tenant on pricing.promotion (tenant_id, created_at desc, id);
    create index promotion_automatic on pricing.promotion (tenant_id)
        where automatic and status = 'active';
    select kernel.wall('pricing.promotion');

    -- a code is written in its normal form; used_by is the quote that took one for a single use
    create table pricing.promotion_code (
        tenant_id uuid not null,
        code text not null check (code ~ '^[A-Z0-9]{3,40}$'),
        promotion_id uuid not null references pricing.promotion,
        single_use boolean not null,
        used_by uuid check (used_by is null or single_use),
        primary key (tenant_id, code)
    );
    create index promotion_code_promotion on pricing.promotion_code (promotion_id, code);
    select kernel.wall('pricing.promotion_code');
"""

_REDEMPTIONS = """
    create table pricing.redemption (
        quote_id uuid not null references pricing.quote,
        promotion_id uuid not null references pricing.promotion,
        tenant_id uuid not null,
        customer_id uuid not null,
        code text,
        first_order boolean not null,
        amount_minor bigint not null check (amount_minor > 0),
        borne_minor bigint not null check (borne_minor between 0 and amount_minor),
        outcome text not null check (outcome in ('reserved', 'spent', 'given_back')),
        at timestamptz not null,
        ended_at timestamptz,
        primary key (quote_id, promotion_id),
        check ((outcome = 'reserved') = (ended_at is null))
    );
    create index redemption_promotion on pricing.redemption (promotion_id, at);
    create index redemption_customer on pricing.redemption (customer_id, promotion_id);
    create unique index redemption_first on pricing.redemption (customer_id)
        where first_order and outcome <> 'given_back';
    select kernel.wall('pricing.redemption');

    create function pricing.refuse_second_outcome() returns trigger language plpgsql as $$
    begin
        if old.outcome <> 'reserved' then
            raise exception 'a redemption has one outcome: % cannot become %',
                old.outcome, new.outcome;
        end if;
        return new;
    end $$;
    create trigger redemption_has_one_outcome before update on pricing.redemption
        for each row execute function pricing.refuse_second_outcome();

    -- Signals of who redeemed, as keyed digests of personal data: erasable.
    create table pricing.trace (
        quote_id uuid not null references pricing.quote,
        promotion_id uuid not null references pricing.promotion,
        tenant_id uuid not null,
        customer_id uuid not null,
        signal text not null check (signal in ('device', 'card', 'address', 'network')),
        digest bytea not null check (length(digest) = 32),
        first_order boolean not null,
        primary key (quote_id, promotion_id, signal)
    );
    create index trace_digest on pricing.trace (digest);
    create index trace_customer on pricing.trace (customer_id);
    select kernel.wall('pricing.trace');

    -- What looked like an abuse: refused, or let through and flagged, until somebody has looked.
    create table pricing.review (
        id uuid primary key,
        tenant_id uuid not null,
        promotion_id uuid not null references pricing.promotion,
        customer_id uuid not null,
        quote_id uuid not null references pricing.quote,
        signals text[] not null check (cardinality(signals) > 0),
        refused boolean not null,
        at timestamptz not null,
        verdict text not null check (verdict in ('open', 'cleared', 'upheld')),
        unique (promotion_id, customer_id)
    );
    create index review_tenant on pricing.review (tenant_id, at desc, id);
    select kernel.wall('pricing.review');
"""

_QUOTES_AND_ORDERS = """
    alter table pricing.quote
        add column discounts jsonb not null default '[]' check (jsonb_typeof(discounts) = 'array'),
        add column not_applied jsonb not null default '[]'
            check (jsonb_typeof(not_applied) = 'array'),
        add column ended_unpaid boolean not null default false;
    create index quote_taken on pricing.quote (customer_id)
        where status = 'taken' and not ended_unpaid;

    alter table ordering."order"
        add column discounts jsonb not null default '[]' check (jsonb_typeof(discounts) = 'array'),
        add column promotion_minor bigint not null default 0
            check (promotion_minor between 0 and discount_minor);
"""
