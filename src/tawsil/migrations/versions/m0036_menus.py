"""Menus as merchants write them: what is retired stays, what was read is not overwritten unseen."""

from tawsil.migrations.statements import run

revision = "0036_menus"
down_revision = "0035_proofs"


def upgrade() -> None:
    run(_WRITTEN)
    run(_HOURS)


# `edition` counts changes of what is written, `version` all that happens: whoever changes what they
# have read says which edition that was, and a dish that runs out meanwhile does not disturb them.
# What is retired keeps its row, for orders and quotes that name it, and its place in the menu.
_WRITTEN = """
    alter table catalog.category
        add column version int not null default 0 check (version >= 0),
        add column edition int not null default 1 check (edition > 0),
        add column retired_at timestamptz,
        drop constraint category_merchant_id_position_key,
        add constraint category_has_a_place unique (merchant_id, position)
            deferrable initially immediate;
    alter table catalog.product
        add column edition int not null default 1 check (edition > 0),
        add column prep_time_s int check (prep_time_s between 60 and 14400),
        add column retired_at timestamptz,
        drop constraint product_category_id_position_key,
        add constraint product_has_a_place unique (category_id, position)
            deferrable initially immediate;
    alter table catalog.option_group
        add column retired_at timestamptz,
        alter column position drop not null,
        add check ((position is null) = (retired_at is not null)),
        drop constraint option_group_product_id_position_key,
        add constraint option_group_has_a_place unique (product_id, position)
            deferrable initially immediate;
    alter table catalog.option
        add column retired_at timestamptz,
        alter column position drop not null,
        add check ((position is null) = (retired_at is not null)),
        drop constraint option_group_id_position_key,
        add constraint option_has_a_place unique (group_id, position)
            deferrable initially immediate;
"""

_HOURS = """
    alter table catalog.merchant
        add column edition int not null default 1 check (edition > 0),
        add column special_days jsonb not null default '[]'
            check (jsonb_typeof(special_days) = 'array');
"""
