"""Links by which an order is followed without an account, and orders for later."""

from tawsil.migrations.statements import run

revision = "0033_sharing"
down_revision = "0032_reviews"


def upgrade() -> None:
    run(
        """
        alter table pricing.quote
            add column scheduled_for timestamptz,
            add column begins_at timestamptz check ((begins_at is null) = (scheduled_for is null));
        alter table ordering."order" add column scheduled_for timestamptz;

        create table ordering.share (
            token_hash bytea primary key,
            order_id uuid not null references ordering."order" (id),
            tenant_id uuid not null,
            made_at timestamptz not null,
            until_at timestamptz not null,
            revoked_at timestamptz
        );
        create index share_order on ordering.share (order_id);
        select kernel.wall('ordering.share');
        """
    )
