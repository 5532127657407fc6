"""Tickets: opened, worked on, woken. Every step locks, decides, saves, records."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import Struct

from tawsil.identity import public as identity
from tawsil.kernel.db import Tx
from tawsil.kernel.deadlines import Due, still_due
from tawsil.kernel.decisions import (
    Accepted,
    By,
    Command,
    Decision,
    Refusal,
    accepted,
    refuse,
    then,
)
from tawsil.support import model, store
from tawsil.support.events import (
    Cause,
    Kind,
    OpenedBy,
    Priority,
    Resolution,
    SubjectKind,
    TicketStatus,
)
from tawsil.support.model import Ticket

NOT_FOUND: Final = refuse("request.not_found", status=404)
NOTHING: Final[Mapping[str, Any]] = {}


class Writing(Struct, frozen=True, kw_only=True):
    """What stands in a note: a cause with what fills its sentence, or somebody's words."""

    words: str = ""
    cause: Cause | None = None
    detail: Mapping[str, Any] = NOTHING
    internal: bool = True


class OpenTicket(Command, frozen=True, kw_only=True):
    """The subject is known to exist; `customer_id` is whose order it is about, if it is."""

    kind: Kind
    subject_kind: SubjectKind
    subject_id: UUID
    city_id: UUID
    customer_id: UUID | None = None
    priority: Priority
    writing: Writing


class TicketCommand(Command, frozen=True, kw_only=True):
    """A step that staff take on a ticket; `words` are what they say about it."""

    ticket_id: UUID
    words: str = ""
    internal: bool = True


class Assign(TicketCommand, frozen=True, kw_only=True):
    assignee_id: UUID


class AddNote(TicketCommand, frozen=True, kw_only=True):
    pass


class ChangeStatus(TicketCommand, frozen=True, kw_only=True):
    to: TicketStatus
    resolution: Resolution | None = None


class Prioritise(TicketCommand, frozen=True, kw_only=True):
    priority: Priority


class _Desk:
    """Tickets under lock, what is decided about them one after another, and what is written."""

    def __init__(self, tx: Tx, tickets: Mapping[UUID, Ticket]) -> None:
        self._tx = tx
        self.tickets = dict(tickets)
        self._stored = frozenset(tickets)
        self._changed: list[tuple[By, Accepted[Ticket]]] = []
        self._notes: list[store.Note] = []

    def decide(
        self, by: By, decision: Decision[Ticket], writing: Writing | None = None
    ) -> Ticket | Refusal:
        """Keep a decision; what is written is the newest note that it counts."""
        if isinstance(decision, Refusal):
            return decision
        ticket = self.tickets[decision.state.id] = decision.state
        if decision.events:
            self._changed.append((_story(by, ticket), decision))
        if writing is not None:
            self._notes.append(_note(self._tx, by, ticket, writing))
        return ticket

    async def save(self) -> None:
        last: dict[UUID, Accepted[Ticket]] = {}
        for _, decision in self._changed:
            before = last.get(decision.state.id)
            facts = before.events + decision.events if before else decision.events
            last[decision.state.id] = Accepted(state=decision.state, events=facts)
        decided = accepted(list(last.values()))
        await store.add(self._tx, [d.state for d in decided if d.state.id not in self._stored])
        await store.save(self._tx, [d for d in decided if d.state.id in self._stored])
        await store.add_notes(self._tx, self._notes)
        await self._tx.record(self._changed)


async def open_tickets(tx: Tx, commands: Sequence[OpenTicket]) -> list[Ticket | Refusal]:
    """One open ticket for each kind and subject: a second cause is a note on the first."""
    keys = [_key(c) for c in commands]
    await store.claim(tx, keys)
    known = await store.lock_open(tx, keys)
    desk = _Desk(tx, {ticket.id: ticket for ticket in known.values()})
    by_key = {key: ticket.id for key, ticket in known.items()}
    outcomes: list[Ticket | Refusal] = []
    for command in commands:
        writing = command.writing
        ticket_id = by_key.get(_key(command))
        if ticket_id is None:
            decision = model.open_ticket(_ticket(tx, command), cause=writing.cause)
        else:
            decision = model.happened_again(
                desk.tickets[ticket_id],
                priority=command.priority,
                cause=writing.cause,
                internal=writing.internal,
                now=tx.now,
            )
        outcome = desk.decide(command.by, decision, writing)
        if isinstance(outcome, Ticket):
            by_key[_key(command)] = outcome.id
        outcomes.append(outcome)
    await desk.save()
    return outcomes


async def assign(tx: Tx, commands: Sequence[Assign]) -> list[Ticket | Refusal]:
    """Give tickets to members of staff who may work on them."""
    workers: dict[UUID, identity.User] = {}
    for tenant_id in {c.by.tenant_id for c in commands}:
        ids = [c.assignee_id for c in commands if c.by.tenant_id == tenant_id]
        workers |= await identity.get_many(tx, tenant_id=tenant_id, ids=ids)

    def decide(ticket: Ticket, c: Assign) -> Decision[Ticket]:
        worker = workers.get(c.assignee_id)
        if worker is None or worker.tenant_id != ticket.tenant_id or not _may_work(worker):
            return refuse("ticket.assignee_unknown", status=422)
        return model.assign(ticket, assignee_id=c.assignee_id, now=tx.now)

    return await _move(tx, commands, decide)


async def add_note(tx: Tx, commands: Sequence[AddNote]) -> list[Ticket | Refusal]:
    return await _move(tx, commands, lambda ticket, _: Accepted(state=ticket, events=()))


async def change_status(tx: Tx, commands: Sequence[ChangeStatus]) -> list[Ticket | Refusal]:
    def decide(ticket: Ticket, c: ChangeStatus) -> Decision[Ticket]:
        assert c.by.actor_id is not None, "it is people who move tickets"
        return model.change_status(
            ticket, to=c.to, resolution=c.resolution, by_id=c.by.actor_id, now=tx.now
        )

    return await _move(tx, commands, decide)


async def prioritise(tx: Tx, commands: Sequence[Prioritise]) -> list[Ticket | Refusal]:
    return await _move(tx, commands, lambda ticket, c: model.prioritise(ticket, to=c.priority))


async def cause_gone(
    tx: Tx, gone: Sequence[tuple[By, UUID]], *, kind: Kind, cause: Cause
) -> list[Ticket | Refusal]:
    """What tickets of a kind about some subjects were opened for is no longer so."""
    known = await store.lock_open(tx, [store.Key(by.tenant_id, kind, id_) for by, id_ in gone])
    desk = _Desk(tx, {ticket.id: ticket for ticket in known.values()})
    outcomes: list[Ticket | Refusal] = []
    for by, subject_id in gone:
        ticket = known.get(store.Key(by.tenant_id, kind, subject_id))
        if ticket is None or desk.tickets[ticket.id].status is TicketStatus.RESOLVED:
            continue
        decision = model.cause_gone(desk.tickets[ticket.id], cause=cause, now=tx.now)
        outcomes.append(desk.decide(by, decision, Writing(cause=cause)))
    await desk.save()
    return outcomes


async def on_due(tx: Tx, due: Sequence[Due]) -> None:
    """Tickets whose deadline has passed."""
    desk = _Desk(tx, await store.lock(tx, [d.subject_id for d in due]))
    for ticket in still_due(due, desk.tickets, now=tx.now):
        by = By(tenant_id=ticket.tenant_id, correlation_id=ticket.id)
        desk.decide(by, model.wake(ticket, now=tx.now))
    await desk.save()


# ── what the steps share ───────────────────────────────────────────────────────────────────────


C = TypeVar("C", bound=TicketCommand)


async def _move(
    tx: Tx, commands: Sequence[C], decide: Callable[[Ticket, C], Decision[Ticket]]
) -> list[Ticket | Refusal]:
    """Commands about one ticket follow one another; what is said with a step is a note on it."""
    desk = _Desk(tx, await store.lock(tx, [c.ticket_id for c in commands]))
    outcomes: list[Ticket | Refusal] = []
    for command in commands:
        ticket = desk.tickets.get(command.ticket_id)
        if ticket is None or ticket.tenant_id != command.by.tenant_id:
            outcomes.append(NOT_FOUND)
            continue
        outcomes.append(desk.decide(command.by, *_decided(tx, ticket, command, decide)))
    await desk.save()
    return outcomes


def _decided(
    tx: Tx, ticket: Ticket, command: C, decide: Callable[[Ticket, C], Decision[Ticket]]
) -> tuple[Decision[Ticket], Writing | None]:
    """The step with what is said about it: both, or neither."""
    if not command.words:
        return decide(ticket, command), None
    noted = model.add_note(ticket, internal=command.internal, now=tx.now)
    writing = Writing(words=command.words, internal=command.internal)
    return then(noted, lambda t: decide(t, command)), writing


def _key(command: OpenTicket) -> store.Key:
    return store.Key(command.by.tenant_id, command.kind, command.subject_id)


def _story(by: By, ticket: Ticket) -> By:
    """A ticket about an order is part of the order's story."""
    return by.about(ticket.subject_id if ticket.subject_kind is SubjectKind.ORDER else ticket.id)


def _ticket(tx: Tx, command: OpenTicket) -> Ticket:
    return Ticket(
        id=tx.ids(),
        tenant_id=command.by.tenant_id,
        city_id=command.city_id,
        kind=command.kind,
        subject_kind=command.subject_kind,
        subject_id=command.subject_id,
        customer_id=command.customer_id,
        priority=command.priority,
        opened_by=OpenedBy.SYSTEM if command.by.actor_id is None else OpenedBy.USER,
        opener_id=command.by.actor_id,
        opened_at=tx.now,
        waiting_since_at=tx.now,
    )


def _note(tx: Tx, by: By, ticket: Ticket, writing: Writing) -> store.Note:
    return store.Note(
        ticket_id=ticket.id,
        position=ticket.note_count - 1,
        at=tx.now,
        author_id=by.actor_id,
        author_role=by.role,
        internal=writing.internal,
        cause=writing.cause,
        detail=dict(writing.detail),
        words=writing.words,
    )


def _may_work(user: identity.User) -> bool:
    """Whether one of the user's roles grants `ticket:update`, and the user is not kept out."""
    granted = [permission.split(":") for permission in identity.permissions_of(user.roles)]
    may = any(p[0] in {"ticket", "*"} and p[1] in {"update", "*"} for p in granted)
    return may and user.disabled_at is None
