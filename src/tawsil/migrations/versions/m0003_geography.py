"""The tables of geography."""

from tawsil.migrations.statements import run

revision = "0003_geography"
down_revision = "0002_identity"


def upgrade() -> None:
    run(
        """
        create schema geography;

        create table geography.tenant (
            id uuid primary key,
            slug text not null unique check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
            name text not null check (name <> '')
        );

        create table geography.city (
            id uuid primary key,
            tenant_id uuid not null references geography.tenant,
            slug text not null check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
            name_en text not null check (name_en <> ''),
            name_ar text not null check (name_ar <> ''),
            currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
            timezone text not null,
            centre_latitude double precision not null check (centre_latitude between -90 and 90),
            centre_longitude double precision not null
                check (centre_longitude between -180 and 180),
            rules jsonb not null default '{}' check (jsonb_typeof(rules) = 'object'),
            unique (tenant_id, slug)
        );

        create table geography.zone (
            id uuid primary key,
            tenant_id uuid not null references geography.tenant,
            city_id uuid not null references geography.city,
            slug text not null check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
            name_en text not null check (name_en <> ''),
            name_ar text not null check (name_ar <> ''),
            ring jsonb not null check (jsonb_typeof(ring) = 'array'),
            cell_count int not null check (cell_count > 0),
            unique (city_id, slug)
        );

        create table geography.zone_cell (
            cell bigint not null,
            zone_id uuid not null references geography.zone on delete cascade,
            primary key (cell, zone_id)
        );
        create index zone_cell_zone on geography.zone_cell (zone_id);
        """
    )
