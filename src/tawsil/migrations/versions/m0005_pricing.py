"""The tables of pricing."""

from tawsil.migrations.statements import run

revision = "0005_pricing"
down_revision = "0004_catalog"


def upgrade() -> None:
    run(
        """
        create schema pricing;

        create table pricing.quote (
            id uuid primary key,
            version int not null check (version >= 0),
            tenant_id uuid not null,
            city_id uuid not null,
            customer_id uuid not null,
            merchant_id uuid not null,
            status text not null check (status in ('issued', 'taken', 'expired')),
            currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
            lines jsonb not null check (jsonb_typeof(lines) = 'array'),
            subtotal_minor bigint not null check (subtotal_minor >= 0),
            delivery_fee_minor bigint not null check (delivery_fee_minor >= 0),
            service_fee_minor bigint not null check (service_fee_minor >= 0),
            small_order_fee_minor bigint not null check (small_order_fee_minor >= 0),
            discount_minor bigint not null check (discount_minor >= 0),
            tax_minor bigint not null check (tax_minor >= 0),
            tip_minor bigint not null check (tip_minor >= 0),
            total_minor bigint not null,
            merchant_share_minor bigint not null check (merchant_share_minor >= 0),
            courier_share_minor bigint not null check (courier_share_minor >= 0),
            platform_share_minor bigint not null,
            pickup_latitude double precision not null,
            pickup_longitude double precision not null,
            dropoff_latitude double precision not null,
            dropoff_longitude double precision not null,
            address text not null, -- personal; blank once taken or expired
            instructions text not null, -- personal; blank once taken or expired
            distance_m int not null check (distance_m >= 0),
            prep_time_s int not null check (prep_time_s >= 0),
            issued_at timestamptz not null,
            expires_at timestamptz not null check (expires_at > issued_at),
            check (total_minor = subtotal_minor + delivery_fee_minor + service_fee_minor
                + small_order_fee_minor - discount_minor + tax_minor + tip_minor),
            check (status = 'issued' or (address = '' and instructions = '')),
            check (total_minor = merchant_share_minor + courier_share_minor
                + platform_share_minor + tax_minor)
        );
        create index quote_customer on pricing.quote (customer_id);
        """
    )
