"""What the people of an order hear of what they write to each other: that, never what."""

from collections.abc import Mapping
from typing import Any, Final

from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded
from tawsil.kernel.http.live import Audience, LiveMessage, Translate
from tawsil.ordering import events as orders


def _of_chat(event: orders.ChatEvent, recorded: Recorded[Any]) -> Audience:
    """The customer, and whom they write with; support looks on."""
    with_courier = event.thread is orders.Thread.COURIER
    users = {event.customer_id, event.courier_id if with_courier else None} - {None}
    return Audience(
        tenant_id=recorded.tenant_id,
        city_id=recorded.city_id,
        user_ids=frozenset(id_ for id_ in users if id_),
        location_ids=frozenset(() if with_courier else {event.merchant_id}),
    )


def _message_sent(recorded: Recorded[orders.MessageSent]) -> list[LiveMessage]:
    """That there is something to read; what it says is asked of the order."""
    event = recorded.event
    data = {
        "orderId": event.order_id,
        "messageId": event.message_id,
        "thread": event.thread,
        "writer": event.writer,
        "at": recorded.at,
    }
    return [LiveMessage(event="order_message", data=data, audience=_of_chat(event, recorded))]


def _messages_read(recorded: Recorded[orders.MessagesRead]) -> list[LiveMessage]:
    event = recorded.event
    data = {
        "orderId": event.order_id,
        "messageId": event.message_id,
        "thread": event.thread,
        "reader": event.reader,
    }
    told = _of_chat(event, recorded)
    return [LiveMessage(event="order_messages_read", data=data, audience=told)]


TRANSLATIONS: Final[Mapping[type[Event], Translate]] = {
    orders.MessageSent: _message_sent,
    orders.MessagesRead: _messages_read,
}
