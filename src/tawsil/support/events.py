"""What happens to a ticket. What people write stands in notes, never here."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event


class Kind(StrEnum):
    """What a ticket is about."""

    UNASSIGNED_ORDER = "unassigned_order"
    FOOD_ON_BOARD = "food_on_board"
    ORDER_PROBLEM = "order_problem"
    COURIER_PROBLEM = "courier_problem"
    DISPATCH_ALERT = "dispatch_alert"
    OTHER = "other"


class SubjectKind(StrEnum):
    """What a ticket's subject is: an order (by its reference), a courier, or a whole city."""

    ORDER = "order"
    COURIER = "courier"
    CITY = "city"


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


class TicketStatus(StrEnum):
    """OPEN: nobody has taken it up. WAITING: for somebody outside. RESOLVED may be reopened."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    WAITING = "WAITING"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class OpenedBy(StrEnum):
    SYSTEM = "system"
    USER = "user"


class Resolution(StrEnum):
    """How a ticket ended; the words to it are a note."""

    SOLVED = "solved"
    CAUSE_GONE = "cause_gone"
    DUPLICATE = "duplicate"
    NOT_ACTIONABLE = "not_actionable"


class Cause(StrEnum):
    """Why the platform wrote a note; each has a sentence in both languages."""

    ESCALATED = "escalated"
    GIVEN_UP = "given_up"
    STRANDED = "stranded"
    COURIER_FOUND = "courier_found"
    CALLED_OFF = "called_off"
    RECOVERED = "recovered"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"
    BROUGHT_BACK = "brought_back"
    CASH_KEPT = "cash_kept"
    CASH_HANDED_IN = "cash_handed_in"
    BOOKS_WRONG = "books_wrong"
    DISPUTE_DUE = "dispute_due"
    OUT_OF_STEP = "out_of_step"


class TicketEvent(Event, frozen=True, kw_only=True):
    ticket_id: UUID


class TicketCreated(TicketEvent, frozen=True, kw_only=True, tag="ticket.created.v1"):
    kind: Kind
    priority: Priority
    subject_kind: SubjectKind
    subject_id: UUID
    opened_by: OpenedBy
    cause: Cause | None


class TicketAssigned(TicketEvent, frozen=True, kw_only=True, tag="ticket.assigned.v1"):
    assignee_id: UUID


class TicketNoteAdded(TicketEvent, frozen=True, kw_only=True, tag="ticket.note_added.v1"):
    """`position` finds the note, as long as it has not been erased."""

    position: int
    internal: bool
    cause: Cause | None


class TicketStatusChanged(TicketEvent, frozen=True, kw_only=True, tag="ticket.status_changed.v1"):
    from_: TicketStatus
    to: TicketStatus
    resolution: Resolution | None


class TicketPriorityChanged(
    TicketEvent, frozen=True, kw_only=True, tag="ticket.priority_changed.v1"
):
    from_: Priority
    to: Priority


class TicketOverdue(TicketEvent, frozen=True, kw_only=True, tag="ticket.overdue.v1"):
    """Nobody did in time what the ticket waits for: `first_response`, `progress` or `answer`."""

    waiting_for: str
    times: int
    priority: Priority


EVENTS: Final = (
    TicketCreated,
    TicketAssigned,
    TicketNoteAdded,
    TicketStatusChanged,
    TicketPriorityChanged,
    TicketOverdue,
)
