"""The tables of catalog."""

from tawsil.migrations.statements import run

revision = "0004_catalog"
down_revision = "0003_geography"


def upgrade() -> None:
    run(
        """
        create schema catalog;

        create table catalog.merchant (
            id uuid primary key,
            version int not null check (version >= 0),
            tenant_id uuid not null,
            city_id uuid not null,
            name_en text not null check (name_en <> ''),
            name_ar text not null check (name_ar <> ''),
            description_en text not null,
            description_ar text not null,
            cuisine text not null,
            address_en text not null,
            address_ar text not null,
            place_latitude double precision not null check (place_latitude between -90 and 90),
            place_longitude double precision not null
                check (place_longitude between -180 and 180),
            phone text not null,
            currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
            commission_bp int check (commission_bp between 0 and 10000),
            hours jsonb not null
                check (jsonb_typeof(hours) = 'array' and jsonb_array_length(hours) = 7),
            prep_time_s int not null check (prep_time_s between 60 and 14400),
            busy_extra_s int not null default 0 check (busy_extra_s between 0 and 14400),
            paused_until timestamptz,
            rating double precision check (rating between 1 and 5),
            search_text text not null
        );
        create index merchant_city on catalog.merchant (city_id);
        create index merchant_place on catalog.merchant (place_latitude, place_longitude);

        create table catalog.category (
            id uuid primary key,
            merchant_id uuid not null references catalog.merchant,
            position int not null,
            name_en text not null check (name_en <> ''),
            name_ar text not null check (name_ar <> ''),
            unique (merchant_id, position)
        );

        create table catalog.product (
            id uuid primary key,
            version int not null check (version >= 0),
            merchant_id uuid not null references catalog.merchant,
            category_id uuid not null references catalog.category,
            position int not null,
            name_en text not null check (name_en <> ''),
            name_ar text not null check (name_ar <> ''),
            description_en text not null,
            description_ar text not null,
            price_minor bigint not null check (price_minor >= 0),
            image_url text,
            unavailable_until timestamptz,
            unique (category_id, position)
        );
        create index product_merchant on catalog.product (merchant_id);

        create table catalog.option_group (
            id uuid primary key,
            product_id uuid not null references catalog.product,
            position int not null,
            name_en text not null check (name_en <> ''),
            name_ar text not null check (name_ar <> ''),
            min_choices int not null check (min_choices >= 0),
            max_choices int not null check (max_choices >= greatest(min_choices, 1)),
            unique (product_id, position)
        );

        create table catalog.option (
            id uuid primary key,
            group_id uuid not null references catalog.option_group,
            position int not null,
            name_en text not null check (name_en <> ''),
            name_ar text not null check (name_ar <> ''),
            price_delta_minor bigint not null check (price_delta_minor >= 0),
            unique (group_id, position)
        );
        """
    )
