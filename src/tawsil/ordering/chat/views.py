"""How conversations look over HTTP: to each of its people, what is theirs to see."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.kernel.i18n import text
from tawsil.ordering.chat.model import (
    QUICK_REPLIES,
    THREADS,
    Chat,
    Message,
    ends_at,
    is_over,
    why_not,
)
from tawsil.ordering.events import Thread, Writer
from tawsil.ordering.model import Order

_READERS: Final = tuple(Writer)


class QuickReplyView(Struct, frozen=True, kw_only=True):
    code: str
    words: str


class MessageView(Struct, frozen=True, kw_only=True):
    """`words` are in the reader's language if it was a quick reply; `read_by` leaves out who wrote
    it.
    """

    id: UUID
    writer: Writer
    mine: bool
    quick: str | None
    words: str
    sent_at: datetime
    read_by: list[Writer]


class ThreadView(Struct, frozen=True, kw_only=True):
    """One conversation; `why_not` says why nobody may write in it now."""

    thread: Thread
    may_write: bool
    why_not: str | None
    unread: int
    messages: list[MessageView]
    quick_replies: list[QuickReplyView]


class ChatView(Struct, frozen=True, kw_only=True):
    """The conversations about an order that its viewer takes part in.

    `ends_at` is set once the order has ended; from then on nobody writes any more.
    """

    order_id: UUID
    writer: Writer
    over: bool
    ends_at: datetime | None
    may_call: list[Writer]
    threads: list[ThreadView]


class CallView(Struct, frozen=True, kw_only=True):
    """What to dial; commas are pauses. It is nobody's own number."""

    to: Writer
    number: str


def show_message(message: Message, *, viewer: Writer, chat: Chat | None = None) -> MessageView:
    quick = message.quick
    return MessageView(
        id=message.id,
        writer=message.writer,
        mine=message.writer is viewer,
        quick=quick,
        words=text(f"chat.quick.{quick}") if quick else message.words or "",
        sent_at=message.sent_at,
        read_by=[r for r in _READERS if r is not message.writer and _has_read(chat, r, message)],
    )


def show_chat(
    order: Order,
    *,
    viewer: Writer,
    viewer_id: UUID,
    chats: Mapping[tuple[UUID, Thread], Chat],
    messages: Mapping[UUID, Sequence[Message]],
    may_call: Sequence[Writer],
    now: datetime,
) -> ChatView:
    """A courier sees what was written while it was theirs, and nothing once it is over."""
    over = is_over(order, now=now)
    gone = over and viewer is Writer.COURIER
    threads: list[ThreadView] = []
    for thread in () if gone else THREADS[viewer]:
        chat = chats.get((order.id, thread))
        written = [
            message
            for message in (messages[chat.id] if chat else ())
            if viewer is not Writer.COURIER or message.courier_id == viewer_id
        ]
        threads.append(_show_thread(order, thread, chat, written, viewer=viewer, now=now))
    return ChatView(
        order_id=order.id,
        writer=viewer,
        over=over,
        ends_at=ends_at(order),
        may_call=list(may_call),
        threads=threads,
    )


def _show_thread(
    order: Order,
    thread: Thread,
    chat: Chat | None,
    written: Sequence[Message],
    *,
    viewer: Writer,
    now: datetime,
) -> ThreadView:
    refused = why_not(order, thread, now=now)
    return ThreadView(
        thread=thread,
        may_write=refused is None,
        why_not=refused.code if refused else None,
        unread=sum(m.writer is not viewer and not _has_read(chat, viewer, m) for m in written),
        messages=[show_message(message, viewer=viewer, chat=chat) for message in written],
        quick_replies=[
            QuickReplyView(code=code, words=text(f"chat.quick.{code}"))
            for code in QUICK_REPLIES[viewer, thread]
        ],
    )


def _has_read(chat: Chat | None, reader: Writer, message: Message) -> bool:
    read = chat.read_by(reader) if chat else None
    return read is not None and read >= message.id
