"""Areas: country, region, district, municipality; and the lists that stand on them."""

from tawsil.migrations.statements import run

revision = "0020_areas"
down_revision = "0019_machines"


def upgrade() -> None:
    run(
        """
        -- A parent is of the same tenant and one level up: the foreign key holds it, so that
        -- there are no circles either.
        create table geography.area (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null references geography.tenant,
            level text not null check (level in ('country', 'region', 'district', 'municipality')),
            parent_id uuid,
            parent_level text generated always as (case level
                when 'municipality' then 'district'
                when 'district' then 'region'
                when 'region' then 'country' end) stored,
            slug text not null check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
            name_en text not null check (name_en <> ''),
            name_ar text not null check (name_ar <> ''),
            unique (id, tenant_id, level),
            unique nulls not distinct (tenant_id, parent_id, slug),
            check ((parent_id is null) = (level = 'country')),
            foreign key (parent_id, tenant_id, parent_level)
                references geography.area (id, tenant_id, level)
        );
        create index area_parent on geography.area (parent_id);

        alter table geography.city
            add column version int not null default 0 check (version >= 0),
            add column municipality_id uuid,
            add column municipality_level text generated always as ('municipality') stored,
            add foreign key (municipality_id, tenant_id, municipality_level)
                references geography.area (id, tenant_id, level);
        create index city_municipality on geography.city (municipality_id);

        -- Lists read on by cursor: what tells rows of one instant apart stands in the index too.
        drop index ordering.order_tenant;
        create index order_tenant on ordering."order" (tenant_id, placed_at desc, id desc);
        create index order_city on ordering."order" (city_id, placed_at desc, id desc);

        -- Whoever was listed before takes orders already.
        alter table catalog.merchant
            add column standing text not null default 'ACTIVE'
                check (standing in ('UNVERIFIED', 'ACTIVE', 'SUSPENDED')),
            add column suspended_because text,
            add check ((suspended_because is not null) = (standing = 'SUSPENDED'));
        alter table catalog.merchant alter column standing drop default;
        create index merchant_tenant on catalog.merchant (tenant_id, name_en, id);

        -- People are searched by how their names, addresses and numbers begin.
        create index app_user_name on identity.app_user
            (tenant_id, lower(name) text_pattern_ops);
        create index app_user_email on identity.app_user (tenant_id, email_key text_pattern_ops);
        create index app_user_phone on identity.app_user (tenant_id, phone text_pattern_ops);
        """
    )
