"""The tables of refunds, points and later tips; orders that are paid with points and credit."""

from tawsil.migrations.statements import run

revision = "0028_refunds"
down_revision = "0027_payouts"


def upgrade() -> None:
    run(_REFUNDS)
    run(_POINTS)
    run(_FUNDS)
    run(_TIPS)


_REFUNDS = """
    -- What a tenant decided otherwise than by default about a reason to give money back.
    create table ordering.refund_reason (
        tenant_id uuid not null,
        code text not null check (code ~ '^[a-z][a-z0-9_]{0,63}$'),
        merchant_bp int not null check (merchant_bp between 0 and 10000),
        courier_bp int not null check (courier_bp between 0 and 10000),
        platform_bp int not null check (platform_bp between 0 and 10000),
        fees text[] not null
            check (fees <@ array['delivery', 'service', 'small_order', 'tip']),
        self_service boolean not null,
        active boolean not null,
        primary key (tenant_id, code),
        check (merchant_bp + courier_bp + platform_bp = 10000)
    );
    select kernel.wall('ordering.refund_reason');

    create table ordering.refund (
        id uuid primary key,
        version int not null check (version > 0),
        tenant_id uuid not null,
        city_id uuid not null,
        order_id uuid not null references ordering."order" (id),
        customer_id uuid not null,
        merchant_id uuid not null,
        courier_id uuid,
        scope text not null check (scope in ('whole', 'items', 'amount')),
        paid_to text not null check (paid_to in ('original', 'credit')),
        reason text not null,
        currency char(3) not null,
        amount_minor bigint not null check (amount_minor > 0),
        items_minor bigint not null check (items_minor >= 0),
        pieces jsonb not null,
        fees text[] not null,
        merchant_minor bigint not null check (merchant_minor >= 0),
        courier_minor bigint not null check (courier_minor >= 0),
        platform_minor bigint not null check (platform_minor >= 0),
        tax_minor bigint not null check (tax_minor >= 0),
        state text not null
            check (state in ('requested', 'approved', 'refused', 'done', 'failed')),
        asked_as text not null,
        asked_by uuid,
        asked_at timestamptz not null,
        decided_by uuid,
        decided_at timestamptz,
        decided_because text,
        ended_at timestamptz,
        check (merchant_minor + courier_minor + platform_minor + tax_minor = amount_minor),
        check ((state = 'requested') = (decided_at is null)),
        check ((state in ('done', 'failed')) = (ended_at is not null)),
        check (asked_by is null or asked_as = 'customer' or state <> 'approved'
            or decided_by is not null)
    );
    create index refund_order on ordering.refund (order_id);
    create index refund_tenant on ordering.refund (tenant_id, asked_at desc, id desc);
    create index refund_customer on ordering.refund (customer_id, asked_at);
    create index refund_merchant on ordering.refund (merchant_id, asked_at);
    select kernel.wall('ordering.refund');
"""

# What is left of all lots of an account is its balance: they are written with the entries.
_POINTS = """
    create table payments.lot (
        id uuid primary key,
        version int not null default 0,
        tenant_id uuid not null,
        customer_id uuid not null,
        currency char(3) not null,
        lapses_at timestamptz not null,
        given_minor bigint not null,
        left_minor bigint not null check (left_minor between 0 and given_minor),
        reminded boolean not null default false,
        again_at timestamptz,
        unique (tenant_id, customer_id, currency, lapses_at)
    );
    create index lot_left on payments.lot (customer_id, lapses_at) where left_minor > 0;
    select kernel.wall('payments.lot');
    comment on table payments.lot is
        'points by the month in which they lapse; what is left adds up to the account';

    create table payments.points_adjustment (
        transfer_key uuid primary key,
        tenant_id uuid not null,
        customer_id uuid not null,
        currency char(3) not null,
        amount_minor bigint not null check (amount_minor <> 0),
        reason text not null check (reason ~ '^[a-z][a-z0-9_]{0,63}$'),
        adjusted_by uuid,
        at timestamptz not null
    );
    create index points_adjustment_customer on payments.points_adjustment (customer_id, at);
    select kernel.wall('payments.points_adjustment');
    create trigger points_adjustment_is_append_only
        before update or delete on payments.points_adjustment
        for each row execute function kernel.refuse_change();
"""

_FUNDS = """
    alter table pricing.quote
        add column points_minor bigint not null default 0 check (points_minor >= 0),
        add column credit_minor bigint not null default 0 check (credit_minor >= 0),
        add constraint funds_fit check (points_minor + credit_minor <= total_minor);
    alter table ordering."order"
        add column points_minor bigint not null default 0 check (points_minor >= 0),
        add column credit_minor bigint not null default 0 check (credit_minor >= 0),
        add constraint funds_fit check (points_minor + credit_minor <= total_minor);
"""

_TIPS = """
    create table ordering.tip (
        id uuid primary key,
        version int not null check (version > 0),
        tenant_id uuid not null,
        city_id uuid not null,
        order_id uuid not null references ordering."order" (id),
        customer_id uuid not null,
        courier_id uuid not null,
        amount_minor bigint not null check (amount_minor > 0),
        currency char(3) not null,
        paid_from text not null check (paid_from in ('card', 'credit')),
        state text not null check (state in ('asked', 'paid', 'declined')),
        decline_code text,
        asked_at timestamptz not null,
        ended_at timestamptz,
        check ((state = 'asked') = (ended_at is null)),
        check ((state = 'declined') = (decline_code is not null))
    );
    create index tip_order on ordering.tip (order_id);
    select kernel.wall('ordering.tip');
"""
