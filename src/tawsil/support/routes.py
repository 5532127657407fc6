"""Support over HTTP: customers ask for help about their orders, staff work on tickets."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    Caller,
    Commands,
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    allow,
    envelope,
    not_found,
    page_envelope,
)
from tawsil.support import requests, service, store
from tawsil.support.events import Kind, Priority, TicketStatus
from tawsil.support.model import CUSTOMERS_MAY_OPEN, Ticket
from tawsil.support.views import (
    AssignBody,
    NoteBody,
    NoteView,
    PriorityBody,
    TicketBody,
    TicketStatusBody,
    TicketView,
)

READ: Final = "ticket:read"
TAGS: Final = ["Support"]


def _staff(caller: Caller, permission: str) -> bool:
    return "all" in caller.scopes(permission)


def _visible(caller: Caller, ticket: Ticket) -> bool:
    """Staff see their tenant's; customers what is asked about their orders by people."""
    if ticket.tenant_id != caller.tenant_id:
        return False
    theirs = ticket.customer_id == caller.user_id and ticket.kind in CUSTOMERS_MAY_OPEN
    return theirs or _staff(caller, READ)


@post(
    "/v4/support/tickets",
    opt={"rule": allow("ticket:create")},
    status_code=201,
    tags=TAGS,
    summary="Ask for help",
)
async def create_ticket(
    data: JSONBody[TicketBody], caller: NamedDependency[Caller], commands: NamedDependency[Commands]
) -> Response[Envelope[TicketView]]:
    """Open a ticket. When one of its kind is open about the same already, what you say is added.

    Customers ask about their own orders: kinds order_problem and other.
    """
    staff = _staff(caller, "ticket:create")
    return await commands.submit(
        requests.ask_for_help,
        requests.AskForHelp(
            by=caller.by,
            kind=data.kind,
            subject_kind=data.subject_kind,
            subject_id=data.subject_id,
            words=data.words,
            priority=data.priority,
            customer_id=None if staff else caller.user_id,
        ),
        view=TicketView.of,
        status=201,
    )


@get("/v4/support/tickets", opt={"rule": allow(READ)}, tags=TAGS, summary="List tickets")
async def list_tickets(
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    status: FromQuery[list[TicketStatus] | None] = None,
    kind: FromQuery[list[Kind] | None] = None,
    priority: FromQuery[list[Priority] | None] = None,
    assignee_id: FromQuery[UUID | None] = None,
    subject_id: FromQuery[UUID | None] = None,
    city_id: FromQuery[UUID | None] = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[TicketView]]:
    """The tickets the caller may see, newest first. A filter may be given several times."""
    query = PageQuery(page=page, limit=limit)
    which = store.Filter(
        tenant_id=caller.tenant_id,
        customer_id=None if _staff(caller, READ) else caller.user_id,
        statuses=status,
        kinds=kind if _staff(caller, READ) else _theirs(kind),
        priorities=priority,
        assignee_id=assignee_id,
        subject_id=subject_id,
        city_id=city_id,
    )
    async with database.transaction() as tx:
        tickets, total = await store.page(tx, which, limit=query.limit, offset=query.offset)
    return page_envelope(Page(items=[TicketView.of(t) for t in tickets], total=total), query)


def _theirs(kinds: Sequence[Kind] | None) -> list[Kind]:
    return sorted(CUSTOMERS_MAY_OPEN.intersection(kinds or Kind))


@get(
    "/v4/support/tickets/{ticket_id:uuid}",
    opt={"rule": allow(READ)},
    tags=TAGS,
    summary="One ticket",
)
async def get_ticket(
    ticket_id: FromPath[UUID], caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[TicketView]:
    """A ticket with its notes, oldest first; internal notes are for staff alone."""
    async with database.transaction() as tx:
        ticket = (await store.get(tx, [ticket_id])).get(ticket_id)
        if ticket is None or not _visible(caller, ticket):
            raise not_found()
        notes = await store.notes(tx, ticket_id)
    staff = _staff(caller, READ)
    shown = [NoteView.of(note) for note in notes if staff or not note.internal]
    return envelope(TicketView.of(ticket, notes=shown))


@post(
    "/v4/support/tickets/{ticket_id:uuid}/assign",
    opt={"rule": allow("ticket:update")},
    status_code=200,
    tags=TAGS,
    summary="Give a ticket to somebody",
)
async def assign_ticket(
    ticket_id: FromPath[UUID],
    data: JSONBody[AssignBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[TicketView]]:
    """To a member of staff, or to oneself. A ticket that nobody had is under way from then on."""
    return await commands.submit(
        service.assign,
        service.Assign(
            by=caller.by, ticket_id=ticket_id, assignee_id=data.assignee_id or caller.user_id
        ),
        view=TicketView.of,
    )


@post(
    "/v4/support/tickets/{ticket_id:uuid}/notes",
    opt={"rule": allow("ticket:update")},
    status_code=201,
    tags=TAGS,
    summary="Write on a ticket",
)
async def add_note(
    ticket_id: FromPath[UUID],
    data: JSONBody[NoteBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[TicketView]]:
    """Notes are only ever added. Those that are not internal are an answer to the customer."""
    return await commands.submit(
        service.add_note,
        service.AddNote(
            by=caller.by, ticket_id=ticket_id, words=data.words, internal=data.internal
        ),
        view=TicketView.of,
        status=201,
    )


@post(
    "/v4/support/tickets/{ticket_id:uuid}/status",
    opt={"rule": allow("ticket:update")},
    status_code=200,
    tags=TAGS,
    summary="Move a ticket on",
)
async def change_status(
    ticket_id: FromPath[UUID],
    data: JSONBody[TicketStatusBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[TicketView]]:
    """An illegal move is a 409 that names the legal ones. RESOLVED asks for a resolution."""
    return await commands.submit(
        service.change_status,
        service.ChangeStatus(
            by=caller.by,
            ticket_id=ticket_id,
            to=data.status,
            resolution=data.resolution,
            words=data.words.strip(),
            internal=data.internal,
        ),
        view=TicketView.of,
    )


@post(
    "/v4/support/tickets/{ticket_id:uuid}/priority",
    opt={"rule": allow("ticket:update")},
    status_code=200,
    tags=TAGS,
    summary="Say how urgent a ticket is",
)
async def prioritise(
    ticket_id: FromPath[UUID],
    data: JSONBody[PriorityBody],
    caller: NamedDependency[Caller],
    commands: NamedDependency[Commands],
) -> Response[Envelope[TicketView]]:
    """Its next deadline moves with it."""
    return await commands.submit(
        service.prioritise,
        service.Prioritise(by=caller.by, ticket_id=ticket_id, priority=data.priority),
        view=TicketView.of,
    )


routes: Final = [
    create_ticket,
    list_tickets,
    get_ticket,
    assign_ticket,
    add_note,
    change_status,
    prioritise,
]
