"""Writing about an order, and having read what was written."""

from collections.abc import Sequence
from uuid import UUID

from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Accepted, By, Command, Refusal
from tawsil.ordering import store as orders
from tawsil.ordering.chat import model, store
from tawsil.ordering.chat.model import Chat, Message
from tawsil.ordering.events import Thread, Writer
from tawsil.ordering.model import Order
from tawsil.ordering.steps import NOT_FOUND, Acting, concerns


class _ChatCommand(Command, frozen=True, kw_only=True):
    order_id: UUID
    acting: Acting
    thread: Thread

    @property
    def writer(self) -> Writer:
        return model.WRITERS[self.acting.party]


class SendMessage(_ChatCommand, frozen=True, kw_only=True):
    """Words of one's own, or the code of a quick reply."""

    words: str | None = None
    quick: str | None = None


class ReadMessages(_ChatCommand, frozen=True, kw_only=True):
    message_id: UUID


async def send(tx: Tx, commands: Sequence[SendMessage]) -> list[Message | Refusal]:
    known, chats = await _look_up(tx, commands)
    outcomes: list[Message | Refusal] = []
    sent: list[tuple[By, Accepted[Chat]]] = []
    for command in commands:
        order = known.get(command.order_id)
        if order is None or not _concerns(order, command):
            outcomes.append(NOT_FOUND)
            continue
        chat = chats.get((order.id, command.thread)) or _begun(tx, order, command.thread)
        message = _message(tx, command, order, chat)
        decision = model.send(chat, order, message=message, now=tx.now)
        if isinstance(decision, Refusal):
            outcomes.append(decision)
            continue
        chats[order.id, command.thread] = decision.state
        outcomes.append(message)
        sent.append((command.by.about(order.id), decision))
    await _save(tx, sent)
    await store.add(tx, [message for message in outcomes if isinstance(message, Message)])
    return outcomes


async def mark_read(tx: Tx, commands: Sequence[ReadMessages]) -> list[Chat | Refusal]:
    """As far as the message that is named; one of another conversation names nothing."""
    known, chats = await _look_up(tx, commands)
    outcomes: list[Chat | Refusal] = []
    marked: list[tuple[By, Accepted[Chat]]] = []
    for command in commands:
        order, chat = known.get(command.order_id), chats.get((command.order_id, command.thread))
        theirs = order is not None and _concerns(order, command)
        if order is None or chat is None or not theirs or not _takes_part(command):
            outcomes.append(NOT_FOUND)
            continue
        last = await store.last_message(tx, chat_id=chat.id, up_to=command.message_id)
        if last is None:
            outcomes.append(NOT_FOUND)
            continue
        decision = model.read(chat, order, reader=command.writer, message_id=last)
        outcomes.append(decision.state)
        if decision.events:
            chats[order.id, command.thread] = decision.state
            marked.append((command.by.about(order.id), decision))
    await _save(tx, marked)
    return outcomes


async def _look_up(
    tx: Tx, commands: Sequence[SendMessage] | Sequence[ReadMessages]
) -> tuple[dict[UUID, Order], dict[tuple[UUID, Thread], Chat]]:
    known = await orders.lock(tx, [c.order_id for c in commands])
    return known, await store.of_orders(tx, list(known))


def _concerns(order: Order, command: _ChatCommand) -> bool:
    return concerns(order, tenant_id=command.by.tenant_id, acting=command.acting)


def _takes_part(command: _ChatCommand) -> bool:
    return command.thread in model.THREADS[command.writer]


def _begun(tx: Tx, order: Order, thread: Thread) -> Chat:
    return Chat(
        id=tx.ids(),
        tenant_id=order.tenant_id,
        city_id=order.city_id,
        order_id=order.id,
        thread=thread,
    )


def _message(tx: Tx, command: SendMessage, order: Order, chat: Chat) -> Message:
    """Support may name a number; the others would give theirs away."""
    words = command.words
    if words is not None and command.writer is not Writer.SUPPORT:
        words = model.without_numbers(words)
    return Message(
        id=tx.ids(),
        tenant_id=order.tenant_id,
        chat_id=chat.id,
        writer=command.writer,
        writer_id=command.by.actor_id,
        courier_id=order.courier_id,
        quick=command.quick,
        words=words,
        sent_at=tx.now,
    )


async def _save(tx: Tx, changed: Sequence[tuple[By, Accepted[Chat]]]) -> None:
    """Each conversation as its last decision left it, and every decision recorded."""
    saved: dict[UUID, Accepted[Chat]] = {}
    for _, decision in changed:
        before = saved.get(decision.state.id)
        events = before.events + decision.events if before else decision.events
        saved[decision.state.id] = Accepted(state=decision.state, events=events)
    await store.save(tx, list(saved.values()))
    await tx.record(changed)
