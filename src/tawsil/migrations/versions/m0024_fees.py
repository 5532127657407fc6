"""What prices are made of: tax by rate and line, the parts of a delivery fee, commissions."""

from typing import Final

from tawsil.migrations.statements import run

revision = "0024_fees"
down_revision = "0023_providers"

_TAXED_BEFORE: Final = """
    case when {0}.tax_minor = 0 then '[]'::jsonb else jsonb_build_array(jsonb_build_object(
        'name', 'VAT', 'name_ar', 'ضريبة القيمة المضافة',
        'rate_bp', coalesce((city.rules ->> 'tax_bp')::int, 500),
        'base_minor', {0}.total_minor - {0}.tax_minor - {0}.tip_minor,
        'tax_minor', {0}.tax_minor)) end
"""
"""There was one rate, added to everything but the tip."""

_PARTS: Final = """
    jsonb_build_object('base_minor', {0}.delivery_fee_minor - {1}, 'distance_minor', 0,
        'zone_minor', 0, 'time_minor', 0, 'surge_minor', {1}, 'waived_minor', 0)
"""

_ADDS_UP: Final = """
    add check (tax_minor = case jsonb_array_length(taxes)
        when 1 then (taxes -> 0 ->> 'tax_minor')::bigint -- nearly always, and far cheaper
        else kernel.sum_of(taxes, 'tax_minor') end),
    add check (delivery_tax_minor between 0 and tax_minor),
    add check (total_minor = subtotal_minor + delivery_fee_minor + service_fee_minor
        + small_order_fee_minor - discount_minor + tip_minor
        + case when tax_included then 0 else tax_minor end)
"""

_THINGS: Final = """
    create function kernel.sum_of(things jsonb, key text) returns bigint
    language sql immutable parallel safe as $$
        select coalesce(sum((thing ->> key)::bigint), 0)::bigint
        from jsonb_array_elements(things) thing
    $$;
    comment on function kernel.sum_of is 'one number of each object of an array, added up';

    alter table catalog.product
        add column tax_class text not null default 'standard'
            check (tax_class in ('standard', 'reduced', 'zero', 'exempt'));
    alter table catalog.product alter column tax_class drop default;
"""

_QUOTES: Final = """
    alter table pricing.quote
        drop constraint quote_check1, -- the tax was always added
        drop constraint quote_check4, -- no fee was ever waived
        add check (surge_minor >= 0),
        add column tax_included boolean not null default false,
        add column taxes jsonb not null default '[]',
        add column delivery_tax_minor bigint not null default 0,
        add column delivery_fee_parts jsonb,
        add column line_charges jsonb not null default '[]',
        add column suggested_tips_bp jsonb not null default '[]',
        add column commission_plan_id uuid,
        add column commission_bp int not null default 0
            check (commission_bp between 0 and 10000),
        add column commission_minor bigint not null default 0
            check (commission_minor between 0 and subtotal_minor);
    update pricing.quote set taxes = {taxed}, delivery_fee_parts = {parts}
    from geography.city where city.id = quote.city_id;
    alter table pricing.quote
        alter column delivery_fee_parts set not null,
        add check (delivery_fee_minor = (delivery_fee_parts ->> 'base_minor')::bigint
            + (delivery_fee_parts ->> 'distance_minor')::bigint
            + (delivery_fee_parts ->> 'zone_minor')::bigint
            + (delivery_fee_parts ->> 'time_minor')::bigint
            + (delivery_fee_parts ->> 'surge_minor')::bigint
            - (delivery_fee_parts ->> 'waived_minor')::bigint),
        {adds_up};
"""

_ORDERS: Final = """
    alter table ordering."order"
        drop constraint order_check, -- the tax was always added
        add column tax_included boolean not null default false,
        add column taxes jsonb not null default '[]',
        add column delivery_tax_minor bigint not null default 0,
        add column delivery_fee_parts jsonb;
    update ordering."order" o set taxes = {taxed}, delivery_fee_parts = {parts}
    from geography.city where city.id = o.city_id;
    alter table ordering."order"
        alter column delivery_fee_parts set not null,
        {adds_up};

    -- an order copies its quote's parts, and is written often: the quote is what is checked

    -- what of the discounts and the tax fell on each; not known of those sold before
    alter table ordering.item
        add column discount_minor bigint not null default 0
            check (discount_minor between 0 and total_minor),
        add column tax_minor bigint not null default 0 check (tax_minor >= 0);
"""

_CITIES: Final = """
    update geography.city set rules = rules - 'tax_bp' || jsonb_build_object('taxes',
        jsonb_build_object('included', false, 'rates', jsonb_build_array(jsonb_build_object(
            'name', 'VAT', 'name_ar', 'ضريبة القيمة المضافة', 'rate_bp', rules -> 'tax_bp',
            'applies_to', '["standard", "reduced", "delivery", "service", "small_order"]'::jsonb
        ))))
    where rules ? 'tax_bp';
"""

_COMMISSIONS: Final = """
    create table pricing.commission_plan (
        id uuid primary key,
        version int not null check (version > 0),
        tenant_id uuid not null,
        city_id uuid not null,
        merchant_id uuid not null,
        starts_at timestamptz not null,
        plan jsonb not null,
        reason text not null,
        set_at timestamptz not null,
        set_by_id uuid,
        check (starts_at >= set_at) -- what was quoted stays as it was
    );
    create index commission_plan_merchant
        on pricing.commission_plan (merchant_id, starts_at desc, id desc);
    create trigger commission_plan_is_append_only
        before update or delete on pricing.commission_plan
        for each row execute function kernel.refuse_change();
    select kernel.wall('pricing.commission_plan');

    -- A month's turnover. Not on the status, so that taking a quote touches no index.
    create index quote_merchant on pricing.quote (merchant_id, issued_at);
"""


def upgrade() -> None:
    run(_THINGS)
    for statements, row, surge in ((_QUOTES, "quote", "surge_minor"), (_ORDERS, "o", "0")):
        taxed, parts = _TAXED_BEFORE.format(row), _PARTS.format(row, surge)
        run(statements.format(taxed=taxed, parts=parts, adds_up=_ADDS_UP))
    run(_CITIES)
    run(_COMMISSIONS)
