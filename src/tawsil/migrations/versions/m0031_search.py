"""Merchants and dishes as they are searched for."""

from tawsil.migrations.statements import run

revision = "0031_search"
down_revision = "0030_reconciliation"

_PUBLIC = "holds what anybody may read; every search names its tenant, and arrays of words could not be looked up by index from behind a policy"  # noqa: E501 - one sentence


def upgrade() -> None:
    run(_OPEN_WEEK)
    run(_SEARCHED)
    for table in ("search_merchant", "search_dish", "search_word"):
        run(f"select kernel.leave_open('catalog.{table}', '{_PUBLIC}')")


# The minutes of the week, from Monday's midnight on the wall clock, in which a merchant is open.
_OPEN_WEEK = """
    alter table catalog.merchant add column open_week int4multirange;
    update catalog.merchant m set open_week = coalesce((
        with opening as (
            select (day.n - 1)::int * 1440 + (o.span ->> 0)::int as starts,
                (day.n - 1)::int * 1440 + (o.span ->> 1)::int
                    + case when (o.span ->> 1)::int > (o.span ->> 0)::int then 0 else 1440 end
                    as ends
            from jsonb_array_elements(m.hours) with ordinality day (openings, n),
                jsonb_array_elements(day.openings) o (span)
        )
        select range_agg(span) from (
            select int4range(starts, least(ends, 10080)) as span from opening
            union all
            select int4range(0, ends - 10080) from opening where ends > 10080
        ) spans
    ), '{}');
    alter table catalog.merchant alter column open_week set not null;
"""

_SEARCHED = """
    create table catalog.search_merchant (
        merchant_id uuid primary key references catalog.merchant on delete cascade,
        tenant_id uuid not null,
        city_id uuid not null,
        names text[] not null,  -- the words of its names
        words text[] not null,  -- those, and of its cuisine and its categories
        typical_minor bigint check (typical_minor >= 0)  -- what half of its dishes cost at most
    );
    create index search_merchant_words on catalog.search_merchant using gin (words);
    create index search_merchant_city on catalog.search_merchant (city_id, typical_minor);

    create table catalog.search_dish (
        product_id uuid primary key references catalog.product on delete cascade,
        merchant_id uuid not null references catalog.merchant on delete cascade,
        tenant_id uuid not null,
        names text[] not null,  -- the words of its names
        words text[] not null  -- those, and of its category, its description, and who sells it
    );
    create index search_dish_words on catalog.search_dish using gin (words);
    create index search_dish_merchant on catalog.search_dish (merchant_id);

    create table catalog.search_word (
        tenant_id uuid not null,
        word text not null,  -- as it is compared
        shown text not null,  -- as it was written when it was first seen
        near text[] not null,  -- what is left of it without some of its letters
        primary key (tenant_id, word)
    );
    create index search_word_beginning on catalog.search_word (tenant_id, word text_pattern_ops);
    create index search_word_near on catalog.search_word using gin (near);
"""
