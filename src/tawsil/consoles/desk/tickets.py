"""Tickets: what somebody must look at, one after another, and what became of it.

Everything is asked of the platform's own API with the session of whoever looks or sends a form.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct

from tawsil.consoles import pages
from tawsil.consoles.access import TICKETS
from tawsil.consoles.assets import Asked
from tawsil.consoles.listed import listed
from tawsil.consoles.own_api import Refused, answered, ask_as_caller, refusal_of
from tawsil.kernel.http import allow, not_found
from tawsil.kernel.http.envelope import PageNumber
from tawsil.support.events import Kind, Priority, Resolution, TicketStatus

HERE: Final = "/tickets"
API: Final = "/v4/support/tickets"
UNDER_WAY: Final = (TicketStatus.OPEN, TicketStatus.IN_PROGRESS, TicketStatus.WAITING)
DONE: Final = frozenset({"assign", "note", "status", "priority"})
TONES: Final = {"low": "off", "normal": "", "high": "warn", "urgent": "bad"}


class Note(Struct, frozen=True, kw_only=True):
    at: datetime
    author_role: str
    internal: bool
    words: str


class Ticket(Struct, frozen=True, kw_only=True):
    id: UUID
    kind: str
    subject_kind: str
    subject_id: UUID
    priority: str
    status: str
    opened_by: str
    assignee_id: UUID | None
    resolution: str | None
    opened_at: datetime
    closed_at: datetime | None
    overdue_times: int
    next_deadline_at: datetime | None
    legal_moves: list[str]
    notes: list[Note] | None = None


@get(HERE, opt={"rule": allow(TICKETS)}, include_in_schema=False)
async def show_tickets(
    request: Asked,
    status: FromQuery[str | None] = None,
    kind: FromQuery[str | None] = None,
    priority: FromQuery[str | None] = None,
    mine: FromQuery[str | None] = None,
    page: PageNumber = 1,
) -> Response[str]:
    """What is under way, unless a status is asked for."""
    asked = {
        name: value
        for name, value, known in (
            ("status", status, set(TicketStatus)),
            ("kind", kind, set(Kind)),
            ("priority", priority, set(Priority)),
            ("mine", mine, {"1"}),
        )
        if value is not None and value in known
    }
    query = {
        "kind": asked.get("kind", ""),
        "priority": asked.get("priority", ""),
        "status": asked.get("status") or [status.value for status in UNDER_WAY],
        "assignee_id": str(request.user.user_id) if "mine" in asked else "",
        "page": str(page),
    }
    return pages.page(
        request,
        "desk/tickets.html",
        caller=request.user,
        tickets=await listed(request, API, Ticket, query=query, asked=asked),
        statuses=list(TicketStatus),
        kinds=list(Kind),
        priorities=list(Priority),
        tones=TONES,
    )


@get(f"{HERE}/{{ticket_id:uuid}}", opt={"rule": allow(TICKETS)}, include_in_schema=False)
async def show_ticket(
    request: Asked, ticket_id: FromPath[UUID], done: FromQuery[str | None] = None
) -> Response[str]:
    return await _ticket(request, ticket_id, done=done if done in DONE else None)


@post(
    f"{HERE}/{{ticket_id:uuid}}/{{act:str}}",
    opt={"rule": allow(TICKETS)},
    include_in_schema=False,
    status_code=303,
)
async def work_on_ticket(
    request: Asked, ticket_id: FromPath[UUID], act: FromPath[str]
) -> Response[Any]:
    if act not in DONE:
        raise not_found()
    form = await request.form()
    given = {name: str(value).strip() for name, value in form.items()}
    path, body = _wanted(act, given)
    answer = await ask_as_caller(request, "POST", f"{API}/{ticket_id}/{path}", json=body)
    if answer.is_success:
        return Redirect(f"{HERE}/{ticket_id}?done={act}", status_code=303)
    return await _ticket(request, ticket_id, refused=refusal_of(answer))


def _wanted(act: str, given: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Where the API takes it, and what it takes."""
    words, internal = given.get("words", ""), given.get("seen_by") != "customer"
    match act:
        case "note":
            return "notes", {"words": words, "internal": internal}
        case "priority":
            return "priority", {"priority": given.get("priority", "")}
        case "status":
            resolution = given.get("resolution") or None
            said = {"words": words, "internal": internal}
            return "status", {
                "status": given.get("status", ""),
                **({"resolution": resolution} if resolution else {}),
                **said,
            }
        case _:
            return "assign", {}


async def _ticket(
    request: Asked, ticket_id: UUID, *, done: str | None = None, refused: Refused | None = None
) -> Response[str]:
    ticket = answered(await ask_as_caller(request, "GET", f"{API}/{ticket_id}"), Ticket)
    return pages.page(
        request,
        "desk/ticket.html",
        status=refused.status if refused else 200,
        caller=request.user,
        here=f"{HERE}/{ticket_id}",
        ticket=ticket,
        mine=ticket.assignee_id == request.user.user_id,
        priorities=list(Priority),
        tones=TONES,
        resolutions=list(Resolution),
        done=done,
        refused=refused,
    )


pages_of_tickets: Final = [show_tickets, show_ticket, work_on_ticket]
