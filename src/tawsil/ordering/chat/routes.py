"""Conversations about an order over HTTP, and calls without a number shown."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.geography import public as geography
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.http import Caller, Commands, Envelope, Problem, allow, envelope
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import Prose
from tawsil.ordering.access import acting, visible
from tawsil.ordering.chat import model, service, store
from tawsil.ordering.chat.relay import Relay
from tawsil.ordering.chat.views import (
    CallView,
    ChatView,
    MessageView,
    show_chat,
    show_message,
)
from tawsil.ordering.events import Thread, Writer
from tawsil.ordering.model import Order

TAGS: Final = ["Orders"]
_A_THREAD: Final = Meta(examples=["courier"])


class MessageBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Words of your own, or a quick reply by its code; to the courier, or to the merchant."""

    thread: Annotated[Thread, _A_THREAD]
    words: (
        Annotated[Prose, Meta(min_length=1, max_length=1_000, examples=["The blue door."])] | None
    ) = None
    quick: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$(?!\n)")] | None = None


class ReadBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Up to which message a conversation was read."""

    thread: Annotated[Thread, _A_THREAD]
    message_id: Annotated[UUID, Meta(examples=["01920000-0000-7000-8000-0000000000a1"])]


class CallBody(Struct, frozen=True, forbid_unknown_fields=True):
    to: Annotated[Writer, Meta(examples=["courier"])]


@get(
    "/v4/orders/{order_id:uuid}/messages",
    opt={"rule": allow("order:read")},
    tags=TAGS,
    summary="What the people of an order wrote to each other",
)
async def show_messages(
    order_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    state: State,
) -> Envelope[ChatView]:
    """The conversations you take part in: customer and courier, customer and merchant.

    Support sees both. A courier sees what was written while they are on the order.
    """
    async with database.transaction() as tx:
        order, party = await visible(tx, reach=reach, order_id=order_id)
        viewer = model.WRITERS[party]
        chats = await store.of_orders(tx, [order_id])
        messages = await store.messages(tx, [chat.id for chat in chats.values()])
        may_call = [
            to
            for to in Writer
            if _why_no_call(order, viewer, to, tx) is None
            and await _number(tx, state, order, to) is not None
        ]
    return envelope(
        show_chat(
            order,
            viewer=viewer,
            viewer_id=caller.user_id,
            chats=chats,
            messages=messages,
            may_call=may_call,
            now=tx.now,
        )
    )


@post(
    "/v4/orders/{order_id:uuid}/messages",
    opt={"rule": allow("order:update")},
    status_code=201,
    tags=TAGS,
    summary="Write to somebody about an order",
)
async def send_message(
    order_id: FromPath[UUID],
    data: JSONBody[MessageBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[MessageView]]:
    """Until an hour after the order. Send an Idempotency-Key: repeats then write nothing twice.

    What looks like a telephone number is hidden.
    """
    if (data.words is None) == (data.quick is None):
        raise Problem(422, "chat.words_or_quick")
    command = service.SendMessage(
        by=caller.by,
        order_id=order_id,
        acting=acting(caller, "order:update"),
        thread=data.thread,
        words=data.words,
        quick=data.quick,
    )
    return await commands.submit(
        service.send,
        command,
        view=lambda message: show_message(message, viewer=command.writer),
        status=201,
    )


@post(
    "/v4/orders/{order_id:uuid}/messages/read",
    opt={"rule": allow("order:update")},
    status_code=200,
    tags=TAGS,
    summary="Say up to which message you have read",
)
async def read_messages(
    order_id: FromPath[UUID],
    data: JSONBody[ReadBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ReadBody]]:
    """What was read stays read; the others see that it was."""
    command = service.ReadMessages(
        by=caller.by,
        order_id=order_id,
        acting=acting(caller, "order:update"),
        thread=data.thread,
        message_id=data.message_id,
    )
    return await commands.submit(
        service.mark_read,
        command,
        view=lambda chat: ReadBody(thread=chat.thread, message_id=chat.read_by(command.writer)),
    )


@post(
    "/v4/orders/{order_id:uuid}/call",
    opt={"rule": allow("order:update")},
    status_code=200,
    tags=TAGS,
    summary="What to dial to speak to somebody about an order",
)
async def call(
    order_id: FromPath[UUID],
    data: JSONBody[CallBody],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
    state: State,
) -> Envelope[CallView]:
    """The number of the city's relay: nobody's own is shown. Without a relay, write instead."""
    async with database.transaction() as tx:
        order, party = await visible(tx, reach=reach, order_id=order_id)
        if refused := _why_no_call(order, model.WRITERS[party], data.to, tx):
            raise Problem(409, refused)
        number = await _number(tx, state, order, data.to)
    if number is None:
        raise Problem(409, "chat.no_relay")
    return envelope(CallView(to=data.to, number=number))


def _why_no_call(order: Order, caller: Writer, to: Writer, tx: Tx) -> str | None:
    if to in {caller, Writer.SUPPORT}:
        return "chat.nobody_to_call"
    thread = Thread.COURIER if Writer.COURIER in {caller, to} else Thread.MERCHANT
    refused = model.why_not(order, thread, now=tx.now)
    return refused.code if refused else None


async def _number(tx: Tx, state: State, order: Order, to: Writer) -> str | None:
    relay: Relay | None = state.get("relay")
    city = (await geography.cities_by_id(tx, ids=[order.city_id])).get(order.city_id)
    if relay is None or city is None:
        return None
    return relay.number(city=city.slug, order_number=order.number, to=to)


routes: Final[list[Any]] = [show_messages, send_message, read_messages, call]
