"""A ticket: its states, the one table of legal moves, and what each step decides. No I/O, no clock.

Every ticket that is not closed has exactly one next deadline: somebody must take it up, get on with
it, or answer; or it closes by itself.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Deadline, Decision, Event, Refusal, accept, refuse, then
from tawsil.support import events
from tawsil.support.events import (
    Cause,
    Kind,
    OpenedBy,
    Priority,
    Resolution,
    SubjectKind,
    TicketStatus,
)

OPEN, IN_PROGRESS, WAITING, RESOLVED, CLOSED = TicketStatus

MOVES: Final[Mapping[TicketStatus, frozenset[TicketStatus]]] = {
    OPEN: frozenset({IN_PROGRESS, WAITING, RESOLVED}),
    IN_PROGRESS: frozenset({OPEN, WAITING, RESOLVED}),
    WAITING: frozenset({IN_PROGRESS, RESOLVED}),
    RESOLVED: frozenset({OPEN, IN_PROGRESS, CLOSED}),
    CLOSED: frozenset(),
}
AFTER_A_CAUSE: Final[Mapping[TicketStatus, TicketStatus]] = {WAITING: IN_PROGRESS, RESOLVED: OPEN}
"""Where a ticket goes when its cause comes up again; elsewhere it is being looked at already."""

SUBJECTS: Final[Mapping[Kind, frozenset[SubjectKind]]] = {
    Kind.UNASSIGNED_ORDER: frozenset({SubjectKind.ORDER}),
    Kind.FOOD_ON_BOARD: frozenset({SubjectKind.ORDER}),
    Kind.ORDER_PROBLEM: frozenset({SubjectKind.ORDER}),
    Kind.COURIER_PROBLEM: frozenset({SubjectKind.COURIER}),
    Kind.DISPATCH_ALERT: frozenset({SubjectKind.ORDER, SubjectKind.CITY}),
    Kind.OTHER: frozenset(SubjectKind),
}
USUAL_PRIORITY: Final[Mapping[Kind, Priority]] = {
    Kind.UNASSIGNED_ORDER: Priority.HIGH,
    Kind.FOOD_ON_BOARD: Priority.URGENT,
    Kind.ORDER_PROBLEM: Priority.NORMAL,
    Kind.COURIER_PROBLEM: Priority.NORMAL,
    Kind.DISPATCH_ALERT: Priority.HIGH,
    Kind.OTHER: Priority.LOW,
}
CUSTOMERS_MAY_OPEN: Final = frozenset({Kind.ORDER_PROBLEM, Kind.OTHER})

RESPOND_WITHIN: Final[Mapping[Priority, timedelta]] = {
    Priority.URGENT: timedelta(minutes=5),
    Priority.HIGH: timedelta(minutes=10),
    Priority.NORMAL: timedelta(hours=1),
    Priority.LOW: timedelta(hours=8),
}
PROGRESS_WITHIN: Final[Mapping[Priority, timedelta]] = {
    Priority.URGENT: timedelta(minutes=30),
    Priority.HIGH: timedelta(hours=2),
    Priority.NORMAL: timedelta(hours=24),
    Priority.LOW: timedelta(hours=72),
}
ANSWER_WITHIN: Final = timedelta(hours=72)
CLOSES_AFTER: Final = timedelta(hours=72)
REMIND_AT_LEAST_EVERY: Final = timedelta(days=1)
MOST_DOUBLINGS: Final = 9  # from five minutes, more than a day

_PRIORITIES: Final = tuple(Priority)


class Ticket(Struct, frozen=True, kw_only=True):
    """`customer_id` is whose order it is about; `waiting_since_at` when it last moved.

    `raised` says that lateness has made it more urgent, which happens once.
    """

    stream: ClassVar[str] = "ticket"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    kind: Kind
    subject_kind: SubjectKind
    subject_id: UUID
    customer_id: UUID | None = None
    priority: Priority
    status: TicketStatus = OPEN
    opened_by: OpenedBy
    opener_id: UUID | None = None
    assignee_id: UUID | None = None
    resolution: Resolution | None = None
    opened_at: datetime
    waiting_since_at: datetime
    closed_at: datetime | None = None
    overdue_times: int = 0
    raised: bool = False
    note_count: int = 1

    def __post_init__(self) -> None:
        assert (self.opened_by is OpenedBy.USER) == (self.opener_id is not None)
        assert (self.status in {RESOLVED, CLOSED}) == (self.resolution is not None)
        assert (self.status is CLOSED) == (self.closed_at is not None)
        assert self.status not in {IN_PROGRESS, WAITING} or self.assignee_id is not None

    @property
    def deadline(self) -> Deadline | None:
        """What must happen next, and by when; reminders come ever more seldom, down to a day."""
        if self.status is CLOSED:
            return None
        kind, within = self._waiting_for()
        later = within * 2 ** min(self.overdue_times, MOST_DOUBLINGS)
        return Deadline(
            kind=kind, at=self.waiting_since_at + min(later, max(within, REMIND_AT_LEAST_EVERY))
        )

    def _waiting_for(self) -> tuple[str, timedelta]:
        match self.status:
            case TicketStatus.OPEN:
                return "first_response", RESPOND_WITHIN[self.priority]
            case TicketStatus.IN_PROGRESS:
                return "progress", PROGRESS_WITHIN[self.priority]
            case TicketStatus.WAITING:
                return "answer", ANSWER_WITHIN
            case _:
                return "auto_close", CLOSES_AFTER


def open_ticket(ticket: Ticket, *, cause: Cause | None) -> Decision[Ticket]:
    if ticket.subject_kind not in SUBJECTS[ticket.kind]:
        return refuse(
            "ticket.wrong_subject",
            status=422,
            kind=ticket.kind,
            subject=ticket.subject_kind,
            legal=sorted(SUBJECTS[ticket.kind]),
        )
    return accept(
        ticket,
        events.TicketCreated(
            ticket_id=ticket.id,
            kind=ticket.kind,
            priority=ticket.priority,
            subject_kind=ticket.subject_kind,
            subject_id=ticket.subject_id,
            opened_by=ticket.opened_by,
            cause=cause,
        ),
    )


def happened_again(
    ticket: Ticket, *, priority: Priority, cause: Cause | None, internal: bool, now: datetime
) -> Decision[Ticket]:
    """A second cause for an open ticket: a note on it, as urgent as the more urgent of the two."""
    assert ticket.status is not CLOSED, "a closed ticket is not found again"
    noted = add_note(ticket, cause=cause, internal=internal, now=now)
    higher = max(ticket.priority, priority, key=_PRIORITIES.index)
    raised = then(noted, lambda t: prioritise(t, to=higher))
    to = AFTER_A_CAUSE.get(ticket.status)
    return then(raised, lambda t: _moved(t, to, now=now)) if to else raised


def add_note(
    ticket: Ticket, *, internal: bool, now: datetime, cause: Cause | None = None
) -> Decision[Ticket]:
    """Somebody wrote something. On a ticket under way that is progress."""
    if ticket.status is CLOSED:
        return refuse("ticket.closed")
    progress = ticket.status is IN_PROGRESS
    noted = replace(
        ticket,
        note_count=ticket.note_count + 1,
        waiting_since_at=now if progress else ticket.waiting_since_at,
        overdue_times=0 if progress else ticket.overdue_times,
    )
    added = events.TicketNoteAdded(
        ticket_id=ticket.id, position=ticket.note_count, internal=internal, cause=cause
    )
    return accept(noted, added)


def assign(ticket: Ticket, *, assignee_id: UUID, now: datetime) -> Decision[Ticket]:
    """Somebody's to work on, and so under way, even if it was resolved already."""
    if ticket.status is CLOSED:
        return _illegal(ticket, IN_PROGRESS)
    given = _given(ticket, assignee_id)
    if ticket.status in {IN_PROGRESS, WAITING}:
        return given
    return then(given, lambda t: _moved(t, IN_PROGRESS, now=now))


def change_status(
    ticket: Ticket,
    *,
    to: TicketStatus,
    resolution: Resolution | None,
    by_id: UUID,
    now: datetime,
) -> Decision[Ticket]:
    """Move a ticket on; who moves one that is nobody's has it from then on."""
    if to not in MOVES[ticket.status]:
        return _illegal(ticket, to)
    if to is RESOLVED and resolution is None:
        return refuse("ticket.resolution_missing", status=422, legal=list(Resolution))
    if to is not RESOLVED and resolution is not None:
        return refuse("ticket.resolution_unexpected", status=422, wanted=to)
    given = accept(ticket) if ticket.assignee_id or to is CLOSED else _given(ticket, by_id)
    return then(given, lambda t: _moved(t, to, resolution=resolution, now=now))


def prioritise(ticket: Ticket, *, to: Priority) -> Decision[Ticket]:
    if ticket.status is CLOSED:
        return refuse("ticket.closed")
    if to is ticket.priority:
        return accept(ticket)
    changed = events.TicketPriorityChanged(ticket_id=ticket.id, from_=ticket.priority, to=to)
    return accept(replace(ticket, priority=to), changed)


def cause_gone(ticket: Ticket, *, cause: Cause, now: datetime) -> Decision[Ticket]:
    """What it was about has solved itself: done, unless somebody is at work on it already."""
    noted = add_note(ticket, cause=cause, internal=True, now=now)
    if ticket.status is not OPEN:
        return noted
    return then(noted, lambda t: _moved(t, RESOLVED, resolution=Resolution.CAUSE_GONE, now=now))


def wake(ticket: Ticket, *, now: datetime) -> Decision[Ticket]:
    """The deadline has passed: close what was resolved; say what is overdue, raise it once."""
    waits_for = ticket.deadline
    assert waits_for is not None, "a closed ticket is not woken"
    if waits_for.kind == "auto_close":
        return _moved(ticket, CLOSED, now=now)
    overdue = replace(
        ticket, overdue_times=ticket.overdue_times + 1, waiting_since_at=now, raised=True
    )
    said = accept(
        overdue,
        events.TicketOverdue(
            ticket_id=ticket.id,
            waiting_for=waits_for.kind,
            times=overdue.overdue_times,
            priority=ticket.priority,
        ),
    )
    if ticket.raised or ticket.priority is Priority.URGENT:
        return said
    higher = _PRIORITIES[_PRIORITIES.index(ticket.priority) + 1]
    return then(said, lambda t: prioritise(t, to=higher))


def legal_moves(ticket: Ticket) -> list[str]:
    return sorted(MOVES[ticket.status])


def _given(ticket: Ticket, assignee_id: UUID) -> Decision[Ticket]:
    if ticket.assignee_id == assignee_id:
        return accept(ticket)
    return accept(
        replace(ticket, assignee_id=assignee_id),
        events.TicketAssigned(ticket_id=ticket.id, assignee_id=assignee_id),
    )


def _moved(
    ticket: Ticket, to: TicketStatus, *, resolution: Resolution | None = None, now: datetime
) -> Decision[Ticket]:
    assert to in MOVES[ticket.status], f"{ticket.status} does not become {to}"
    kept = ticket.resolution if to is CLOSED else resolution
    moved = replace(
        ticket,
        status=to,
        resolution=kept,
        assignee_id=None if to is OPEN else ticket.assignee_id,
        waiting_since_at=now,
        closed_at=now if to is CLOSED else None,
        overdue_times=0,
    )
    changed: Event = events.TicketStatusChanged(
        ticket_id=ticket.id, from_=ticket.status, to=to, resolution=kept
    )
    return accept(moved, changed)


def _illegal(ticket: Ticket, wanted: TicketStatus) -> Refusal:
    return refuse(
        "ticket.illegal_move", status_now=ticket.status, wanted=wanted, legal=legal_moves(ticket)
    )
