"""A conversation about an order: who may say what in it, and until when. No I/O, no clock."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Accepted, Deadline, Decision, Event, Refusal, accept, refuse
from tawsil.ordering import events
from tawsil.ordering.events import Thread, Writer
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party

OPEN_AFTER: Final = timedelta(hours=1)
"""How long after an order its people may still write: something was left behind."""
MOST_MESSAGES: Final = 200

WRITERS: Final[Mapping[Party, Writer]] = {
    Party.CUSTOMER: Writer.CUSTOMER,
    Party.MERCHANT: Writer.MERCHANT,
    Party.COURIER: Writer.COURIER,
    Party.OPERATOR: Writer.SUPPORT,
}
THREADS: Final[Mapping[Writer, tuple[Thread, ...]]] = {
    Writer.CUSTOMER: (Thread.COURIER, Thread.MERCHANT),
    Writer.MERCHANT: (Thread.MERCHANT,),
    Writer.COURIER: (Thread.COURIER,),
    Writer.SUPPORT: (Thread.COURIER, Thread.MERCHANT),
}
QUICK_REPLIES: Final[Mapping[tuple[Writer, Thread], tuple[str, ...]]] = {
    (Writer.CUSTOMER, Thread.COURIER): (
        "leave_at_door",
        "coming_down",
        "call_when_here",
        "at_the_gate",
        "thank_you",
    ),
    (Writer.CUSTOMER, Thread.MERCHANT): ("no_cutlery", "how_long", "replace_if_out", "thank_you"),
    (Writer.COURIER, Thread.COURIER): (
        "on_my_way",
        "here_downstairs",
        "at_your_door",
        "stuck_in_traffic",
        "cannot_find_you",
    ),
    (Writer.MERCHANT, Thread.MERCHANT): (
        "few_more_minutes",
        "item_ran_out",
        "noted",
        "thank_you",
    ),
    (Writer.SUPPORT, Thread.COURIER): ("looking_into_it", "solved"),
    (Writer.SUPPORT, Thread.MERCHANT): ("looking_into_it", "solved"),
}
"""Sentences that need no typing: the code is kept, and each reads it in their language."""

_NUMBER: Final = re.compile(r"\+?\d(?:[\s().-]{0,2}\d){7,}")
HIDDEN: Final = "•••"


class Chat(Struct, frozen=True, kw_only=True):
    """One conversation; `*_read` is the last message that each has read."""

    stream: ClassVar[str] = "chat"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    order_id: UUID
    thread: Thread
    messages: int = 0
    customer_read: UUID | None = None
    merchant_read: UUID | None = None
    courier_read: UUID | None = None
    support_read: UUID | None = None

    @property
    def deadline(self) -> Deadline | None:
        return None  # it ends by itself, some time after its order

    def read_by(self, writer: Writer) -> UUID | None:
        return getattr(self, f"{writer}_read")


class Message(Struct, frozen=True, kw_only=True):
    """What somebody wrote: words of their own, or the code of a quick reply. Personal data."""

    id: UUID
    tenant_id: UUID
    chat_id: UUID
    writer: Writer
    writer_id: UUID | None
    courier_id: UUID | None
    quick: str | None
    words: str | None
    sent_at: datetime


def is_over(order: Order, *, now: datetime) -> bool:
    return not order.live and (over_at := ends_at(order)) is not None and now >= over_at


def ends_at(order: Order) -> datetime | None:
    """When nobody may write any more; None while the order lives."""
    if order.live or order.ended_at is None:
        return None
    return order.ended_at + OPEN_AFTER


def why_not(order: Order, thread: Thread, *, now: datetime) -> Refusal | None:
    """Why nobody may write in a thread now."""
    if is_over(order, now=now):
        return refuse("chat.over")
    if thread is Thread.COURIER and order.courier_id is None:
        return refuse("chat.no_courier")
    if thread is Thread.MERCHANT and order.offered_at is None:
        return refuse("chat.merchant_not_asked")
    return None


def send(chat: Chat, order: Order, *, message: Message, now: datetime) -> Decision[Chat]:
    if chat.thread not in THREADS[message.writer]:
        return refuse("chat.not_yours", status=403, thread=chat.thread)
    if refused := why_not(order, chat.thread, now=now):
        return refused
    if chat.messages >= MOST_MESSAGES:
        return refuse("chat.full", most=MOST_MESSAGES)
    known = QUICK_REPLIES[message.writer, chat.thread]
    if message.quick is not None and message.quick not in known:
        return refuse("chat.unknown_quick_reply", status=422, known=list(known))
    return accept(
        _having_read(chat, message.writer, message.id, messages=chat.messages + 1),
        _event(events.MessageSent, chat, order, writer=message.writer, message_id=message.id),
    )


def read(chat: Chat, order: Order, *, reader: Writer, message_id: UUID) -> Accepted[Chat]:
    """Somebody has read up to a message. What was read stays read."""
    before = chat.read_by(reader)
    if before is not None and before >= message_id:
        return accept(chat)
    return accept(
        _having_read(chat, reader, message_id),
        _event(events.MessagesRead, chat, order, reader=reader, message_id=message_id),
    )


def without_numbers(words: str) -> str:
    """What people type, without what looks like a telephone number: calls go through a relay."""
    return _NUMBER.sub(HIDDEN, words)


def _having_read(chat: Chat, reader: Writer, message_id: UUID, **more: Any) -> Chat:
    return replace(chat, **{f"{reader}_read": message_id}, **more)


def _event(cls: Any, chat: Chat, order: Order, **fields: Any) -> Event:
    return cls(
        chat_id=chat.id,
        order_id=order.id,
        thread=chat.thread,
        customer_id=order.customer_id,
        merchant_id=order.merchant_id,
        courier_id=order.courier_id,
        **fields,
    )
