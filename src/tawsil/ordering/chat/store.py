"""The tables of conversations and of what was written in them, and all SQL on them."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted
from tawsil.ordering.chat.model import Chat, Message
from tawsil.ordering.events import Thread, Writer

_READ: Final = tuple(f"{writer}_read" for writer in Writer)


async def of_orders(tx: Tx, order_ids: Sequence[UUID]) -> dict[tuple[UUID, Thread], Chat]:
    """The conversations about orders. Whoever changes them holds the locks of their orders."""
    rows = await tx.rows(
        "select * from ordering.chat where order_id = any($1::uuid[])", list(order_ids)
    )
    chats = [_chat(row) for row in rows]
    return {(chat.order_id, chat.thread): chat for chat in chats}


async def save(tx: Tx, changed: Sequence[Accepted[Chat]]) -> None:
    """Write conversations, new ones too, each only over the version it was decided on."""
    if not changed:
        return
    touched = await tx.execute(
        """
        insert into ordering.chat as c (id, version, tenant_id, city_id, order_id, thread,
            messages, customer_read, merchant_read, courier_read, support_read)
        select id, version, tenant_id, city_id, order_id, thread,
            messages, customer_read, merchant_read, courier_read, support_read
        from unnest($1::uuid[], $2::int[], $3::int[], $4::uuid[], $5::uuid[], $6::uuid[],
            $7::text[], $8::int[], $9::uuid[], $10::uuid[], $11::uuid[], $12::uuid[])
            as u (id, expected, version, tenant_id, city_id, order_id, thread, messages,
                customer_read, merchant_read, courier_read, support_read)
        on conflict (id) do update set version = excluded.version, messages = excluded.messages,
            customer_read = excluded.customer_read, merchant_read = excluded.merchant_read,
            courier_read = excluded.courier_read, support_read = excluded.support_read
        where c.version < excluded.version
        """,
        [c.state.id for c in changed],
        [c.expected_version for c in changed],
        [c.state.version for c in changed],
        [c.state.tenant_id for c in changed],
        [c.state.city_id for c in changed],
        [c.state.order_id for c in changed],
        [c.state.thread for c in changed],
        [c.state.messages for c in changed],
        *[[getattr(c.state, column) for c in changed] for column in _READ],
    )
    assert touched == len(changed), "a conversation changed under its order's lock"


async def add(tx: Tx, messages: Sequence[Message]) -> None:
    if messages:
        await tx.execute(
            """
            insert into ordering.message (id, tenant_id, chat_id, writer, writer_id, courier_id,
                quick, words, sent_at)
            select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[],
                $6::uuid[], $7::text[], $8::text[], $9::timestamptz[])
            """,
            [message.id for message in messages],
            [message.tenant_id for message in messages],
            [message.chat_id for message in messages],
            [message.writer for message in messages],
            [message.writer_id for message in messages],
            [message.courier_id for message in messages],
            [message.quick for message in messages],
            [message.words for message in messages],
            [message.sent_at for message in messages],
        )


async def messages(tx: Tx, chat_ids: Sequence[UUID]) -> dict[UUID, list[Message]]:
    """What was written in conversations, oldest first."""
    rows = await tx.rows(
        "select * from ordering.message where chat_id = any($1::uuid[]) order by id",
        list(chat_ids),
    )
    found: dict[UUID, list[Message]] = {chat_id: [] for chat_id in chat_ids}
    for row in rows:
        known = dict[str, Any](row)
        message = Message(writer=Writer(known.pop("writer")), **known)
        found[message.chat_id].append(message)
    return found


async def last_message(tx: Tx, *, chat_id: UUID, up_to: UUID) -> UUID | None:
    """The last message of a conversation that is not after another."""
    return await tx.value(
        "select id from ordering.message where chat_id = $1 and id <= $2 order by id desc limit 1",
        chat_id,
        up_to,
    )


async def unread(
    tx: Tx,
    *,
    order_ids: Sequence[UUID],
    thread: Thread,
    reader: Writer,
    courier_id: UUID | None = None,
) -> dict[UUID, int]:
    """How many messages of others a reader has yet to read, by order; none is left out.

    With a courier, those of the time when the order was theirs.
    """
    rows = await tx.rows(
        f"""
        select c.order_id, count(*) as n from ordering.chat c
        join ordering.message m on m.chat_id = c.id
            and (c.{reader}_read is null or m.id > c.{reader}_read)
        where c.order_id = any($1::uuid[]) and c.thread = $2 and m.writer <> $3
            and ($4::uuid is null or m.courier_id = $4)
        group by c.order_id
        """,  # noqa: S608 - one of four columns of ours
        list(order_ids),
        thread,
        reader,
        courier_id,
    )
    return {row["order_id"]: row["n"] for row in rows}


def _chat(row: Any) -> Chat:
    known = dict[str, Any](row)
    return Chat(thread=Thread(known.pop("thread")), **known)
