"""What customers said about orders that were delivered."""

from tawsil.migrations.statements import run

revision = "0032_reviews"
down_revision = "0031_search"


def upgrade() -> None:
    run(
        """
        -- Words are personal data: erasable without touching what was thought of the order.
        create table ordering.review (
            id uuid primary key references ordering."order" (id), -- the order's
            version int not null,
            tenant_id uuid not null,
            city_id uuid not null,
            customer_id uuid not null,
            merchant_id uuid not null,
            courier_id uuid,
            merchant_rating int check (merchant_rating between 1 and 5),
            merchant_words text not null,
            courier_rating int check (courier_rating between 1 and 5),
            courier_words text not null,
            given_at timestamptz not null,
            changed_at timestamptz,
            check (merchant_rating is not null or courier_rating is not null)
        );
        create index review_merchant on ordering.review (merchant_id, given_at desc)
            where merchant_rating is not null;
        select kernel.wall('ordering.review');

        alter table catalog.merchant
            add column ratings int not null default 0,
            add column ratings_sum int not null default 0;
        alter table couriers.courier
            add column ratings int not null default 0,
            add column ratings_sum int not null default 0;
        """
    )
