"""The tables of ordering: carts, orders, their items, and what only the people on it may know."""

from tawsil.migrations.statements import run

revision = "0010_ordering"
down_revision = "0009_payments"


def upgrade() -> None:
    run(
        """
        create schema ordering;

        create table ordering.cart (
            customer_id uuid primary key,
            tenant_id uuid not null,
            merchant_id uuid not null,
            lines jsonb not null,
            changed_at timestamptz not null
        );

        create sequence ordering.order_number start with 10001;

        create table ordering."order" (
            id uuid primary key,
            version int not null,
            tenant_id uuid not null,
            city_id uuid not null,
            number bigint not null unique,
            quote_id uuid not null unique,
            customer_id uuid not null,
            merchant_id uuid not null,
            courier_id uuid,
            status text not null check (status in ('PENDING', 'ACCEPTED', 'PREPARING',
                'READY_FOR_PICKUP', 'PICKED_UP', 'IN_TRANSIT', 'DELIVERED', 'CANCELLED',
                'REFUNDED', 'DISPUTED', 'UNDELIVERABLE', 'RETURNED')),
            payment text not null
                check (payment in ('awaited', 'safe', 'failed', 'settled', 'returned')),
            paid_by text not null check (paid_by in ('card', 'cash')),
            currency char(3) not null,
            subtotal_minor bigint not null check (subtotal_minor >= 0),
            delivery_fee_minor bigint not null check (delivery_fee_minor >= 0),
            service_fee_minor bigint not null check (service_fee_minor >= 0),
            small_order_fee_minor bigint not null check (small_order_fee_minor >= 0),
            discount_minor bigint not null check (discount_minor >= 0),
            tax_minor bigint not null check (tax_minor >= 0),
            tip_minor bigint not null check (tip_minor >= 0),
            total_minor bigint not null,
            merchant_minor bigint not null,
            courier_minor bigint not null,
            platform_minor bigint not null,
            pickup_latitude double precision not null,
            pickup_longitude double precision not null,
            dropoff_latitude double precision not null,
            dropoff_longitude double precision not null,
            prep_time_s int not null,
            travel_time_s int not null,
            handover_pin text not null,
            placed_at timestamptz not null,
            offered_at timestamptz,
            accepted_at timestamptz,
            ready_at timestamptz,
            promised_at timestamptz,
            picked_up_at timestamptz,
            delivered_at timestamptz,
            ended_at timestamptz,
            ended_because text,
            reminders int not null default 0,
            check (total_minor = subtotal_minor + delivery_fee_minor + service_fee_minor
                + small_order_fee_minor - discount_minor + tax_minor + tip_minor),
            check (total_minor = merchant_minor + courier_minor + platform_minor + tax_minor)
        );
        create index order_customer on ordering."order" (customer_id, placed_at desc);
        create index order_merchant on ordering."order" (merchant_id, placed_at desc);
        create index order_courier on ordering."order" (courier_id, placed_at desc);
        create index order_tenant on ordering."order" (tenant_id, placed_at desc);
        create index order_live on ordering."order" (city_id, status)
            where status not in ('DELIVERED', 'CANCELLED', 'REFUNDED', 'RETURNED', 'DISPUTED');

        create table ordering.item (
            order_id uuid not null references ordering."order" (id),
            position int not null,
            product_id uuid not null,
            name_en text not null,
            name_ar text not null,
            quantity int not null check (quantity > 0),
            unit_price_minor bigint not null,
            options jsonb not null,
            total_minor bigint not null,
            primary key (order_id, position)
        );

        -- Personal data, erasable without touching the order.
        create table ordering.destination (
            order_id uuid primary key references ordering."order" (id),
            address text not null,
            instructions text not null,
            notes text not null
        );

        -- What people said about a step in their own words: erasable, unlike the log.
        create table ordering.remark (
            order_id uuid not null references ordering."order" (id),
            at timestamptz not null,
            actor_id uuid,
            actor_role text not null,
            words text not null
        );
        create index remark_order on ordering.remark (order_id, at);
        """
    )
