"""Addresses that customers keep on their account."""

from tawsil.migrations.statements import run

revision = "0040_addresses"
down_revision = "0039_documents"


def upgrade() -> None:
    run(
        """
        create table ordering.address (
            id uuid primary key,
            tenant_id uuid not null,
            customer_id uuid not null,
            name text not null check (length(name) between 1 and 60),
            address text not null check (length(address) between 1 and 120),
            latitude double precision not null check (latitude between -90 and 90),
            longitude double precision not null check (longitude between -180 and 180),
            instructions text not null,
            is_default boolean not null,
            kept_at timestamptz not null
        );
        create index address_book on ordering.address (customer_id, kept_at desc);
        create unique index address_default on ordering.address (customer_id) where is_default;
        select kernel.wall('ordering.address');
        """
    )
