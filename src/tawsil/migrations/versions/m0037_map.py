"""What operations draw on a city: zones change, and are retired."""

from tawsil.migrations.statements import run

revision = "0037_map"
down_revision = "0036_menus"


def upgrade() -> None:
    run(
        """
        alter table geography.zone
            add column version int not null default 0,
            add column retired_at timestamptz,
            drop constraint zone_city_id_slug_key;
        create unique index zone_slug on geography.zone (city_id, slug) where retired_at is null;
        """
    )
