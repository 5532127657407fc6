"""How tickets look over HTTP."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from tawsil.kernel.i18n import text
from tawsil.kernel.text import Prose
from tawsil.support.events import (
    Cause,
    Kind,
    OpenedBy,
    Priority,
    Resolution,
    SubjectKind,
    TicketStatus,
)
from tawsil.support.model import Ticket, legal_moves
from tawsil.support.store import Note

Words = Annotated[Prose, Meta(min_length=1, max_length=2_000, examples=["Half of it is missing."])]


class TicketBody(Struct, forbid_unknown_fields=True):
    """What is wrong with what. Priority is for staff to say; without it the kind's usual one."""

    kind: Kind
    subject_kind: SubjectKind
    subject_id: UUID
    words: Words
    priority: Priority | None = None


class AssignBody(Struct, forbid_unknown_fields=True):
    """To whom; without it, to the caller."""

    assignee_id: UUID | None = None


class NoteBody(Struct, forbid_unknown_fields=True):
    """`internal` notes are for staff; the customer reads the others."""

    words: Words
    internal: bool = True


class TicketStatusBody(Struct, forbid_unknown_fields=True):
    """A resolution is asked for with RESOLVED, and only then."""

    status: Annotated[TicketStatus, Meta(examples=["RESOLVED"])]
    resolution: Annotated[Resolution, Meta(examples=["solved"])] | None = None
    words: Annotated[str, Meta(max_length=2_000)] = ""
    internal: bool = True


class PriorityBody(Struct, forbid_unknown_fields=True):
    priority: Priority


class NoteView(Struct, frozen=True, kw_only=True):
    """What somebody wrote, or in the reader's language why the platform did."""

    at: datetime
    author_id: UUID | None
    author_role: str
    internal: bool
    cause: Cause | None
    words: str

    @classmethod
    def of(cls, note: Note) -> "NoteView":
        return cls(
            at=note.at,
            author_id=note.author_id,
            author_role=note.author_role,
            internal=note.internal,
            cause=note.cause,
            words=note.words if note.cause is None else _because(note.cause, note.detail),
        )


def _because(cause: Cause, detail: dict[str, Any]) -> str:
    lost = detail.get("cause")
    shown = {**detail, "cause": text(f"ticket.lost.{lost}")} if lost else detail
    return text(f"ticket.cause.{cause}", params=shown)


class TicketView(Struct, frozen=True, kw_only=True):
    """A ticket as staff see it, and as the customer does whose order it is about."""

    id: UUID
    city_id: UUID
    kind: Kind
    subject_kind: SubjectKind
    subject_id: UUID
    customer_id: UUID | None
    priority: Priority
    status: TicketStatus
    opened_by: OpenedBy
    opener_id: UUID | None
    assignee_id: UUID | None
    resolution: Resolution | None
    opened_at: datetime
    closed_at: datetime | None
    overdue_times: int
    next_deadline: str | None
    next_deadline_at: datetime | None
    legal_moves: list[str]
    notes: list[NoteView] | None = None

    @classmethod
    def of(cls, ticket: Ticket, *, notes: list[NoteView] | None = None) -> "TicketView":
        deadline = ticket.deadline
        return cls(
            id=ticket.id,
            city_id=ticket.city_id,
            kind=ticket.kind,
            subject_kind=ticket.subject_kind,
            subject_id=ticket.subject_id,
            customer_id=ticket.customer_id,
            priority=ticket.priority,
            status=ticket.status,
            opened_by=ticket.opened_by,
            opener_id=ticket.opener_id,
            assignee_id=ticket.assignee_id,
            resolution=ticket.resolution,
            opened_at=ticket.opened_at,
            closed_at=ticket.closed_at,
            overdue_times=ticket.overdue_times,
            next_deadline=deadline.kind if deadline else None,
            next_deadline_at=deadline.at if deadline else None,
            legal_moves=legal_moves(ticket),
            notes=notes,
        )
