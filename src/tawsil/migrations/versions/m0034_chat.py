"""What the people of an order write to each other."""

from tawsil.migrations.statements import run

revision = "0034_chat"
down_revision = "0033_sharing"


def upgrade() -> None:
    run(
        """
        create table ordering.chat (
            id uuid primary key,
            version int not null check (version > 0),
            tenant_id uuid not null,
            city_id uuid not null,
            order_id uuid not null references ordering."order" (id),
            thread text not null check (thread in ('courier', 'merchant')),
            messages int not null check (messages >= 0),
            -- the last message that each has read
            customer_read uuid,
            merchant_read uuid,
            courier_read uuid,
            support_read uuid,
            unique (order_id, thread)
        );

        -- Personal data.
        create table ordering.message (
            id uuid primary key,
            tenant_id uuid not null,
            chat_id uuid not null references ordering.chat (id),
            writer text not null check (writer in ('customer', 'merchant', 'courier', 'support')),
            writer_id uuid,
            courier_id uuid, -- who was on the order when it was written
            quick text,
            words text,
            sent_at timestamptz not null,
            check ((quick is null) <> (words is null))
        );
        create index message_chat on ordering.message (chat_id, id);

        select kernel.wall('ordering.chat');
        select kernel.wall('ordering.message');
        """
    )
