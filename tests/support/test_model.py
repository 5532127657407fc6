"""Everybody tries everything on a ticket, in any order, as time passes; what must hold, holds."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from tawsil.dispatch import events as dispatched
from tawsil.kernel.decisions import Accepted, Decision, Refusal
from tawsil.kernel.i18n import LOCALES, catalogues, text
from tawsil.support import events, model
from tawsil.support.events import (
    Cause,
    Kind,
    OpenedBy,
    Priority,
    Resolution,
    SubjectKind,
    TicketStatus,
)
from tawsil.support.model import (
    CLOSES_AFTER,
    MOVES,
    RESPOND_WITHIN,
    SUBJECTS,
    USUAL_PRIORITY,
    Ticket,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PEOPLE = [UUID(int=n) for n in (21, 22)]
RANK = list(Priority).index

kinds = st.sampled_from(Kind)
priorities = st.sampled_from(Priority)
statuses = st.sampled_from(TicketStatus)
people = st.sampled_from(PEOPLE)


def new_ticket(
    kind: Kind = Kind.UNASSIGNED_ORDER,
    *,
    subject_kind: SubjectKind | None = None,
    priority: Priority | None = None,
) -> Ticket:
    return Ticket(
        id=UUID(int=1),
        tenant_id=UUID(int=2),
        city_id=UUID(int=3),
        kind=kind,
        subject_kind=subject_kind or min(SUBJECTS[kind]),
        subject_id=UUID(int=4),
        priority=priority or USUAL_PRIORITY[kind],
        opened_by=OpenedBy.SYSTEM,
        opened_at=NOON,
        waiting_since_at=NOON,
    )


class ATicket(RuleBasedStateMachine):
    ticket: Ticket

    @initialize(kind=kinds, priority=priorities)
    def opened(self, kind: Kind, priority: Priority) -> None:
        self.now, self.recorded, self.notes, self.raised = NOON, 0, 1, 0
        self.ticket = new_ticket(kind, priority=priority)
        self.decided(model.open_ticket(self.ticket, cause=None))

    def decided(self, decision: Decision[Ticket]) -> None:
        """What every decision owes us; then it stands."""
        before = self.ticket
        if isinstance(decision, Refusal):
            self.refused(decision)
            return
        after, at = decision.state, before.status
        assert after.version == before.version + len(decision.events)
        if not decision.events:
            assert after == before, "nothing recorded, nothing changed"
        for event in decision.events:
            assert isinstance(event, events.TicketEvent)
            match event:
                case events.TicketStatusChanged(from_=from_, to=to):
                    assert from_ is at
                    assert to in MOVES[at]
                    at = to
                case events.TicketNoteAdded(position=position):
                    assert position == self.notes
                    self.notes += 1
                case _:
                    pass
        assert at is after.status, "every move is recorded"
        self.recorded += len(decision.events)
        self.ticket = after

    def refused(self, refusal: Refusal) -> None:
        for locale in LOCALES:
            sentence = text(refusal.code, params=refusal.detail, locale=locale)
            assert sentence != refusal.code
            assert "{" not in sentence, sentence
        if refusal.code == "ticket.illegal_move":
            assert refusal.detail["legal"] == sorted(MOVES[self.ticket.status])
            assert refusal.detail["wanted"] not in refusal.detail["legal"]

    @rule(minutes=st.integers(0, 3_000))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(internal=st.booleans())
    def somebody_writes(self, internal: bool) -> None:  # noqa: FBT001 - hypothesis names it
        decision = model.add_note(self.ticket, internal=internal, now=self.now)
        assert isinstance(decision, Refusal) == (self.ticket.status is TicketStatus.CLOSED)
        self.decided(decision)

    @rule(by_id=people)
    def somebody_has_it(self, by_id: UUID) -> None:
        decision = model.assign(self.ticket, assignee_id=by_id, now=self.now)
        if isinstance(decision, Accepted):
            assert decision.state.assignee_id == by_id
            assert decision.state.status is not TicketStatus.OPEN
        self.decided(decision)

    @rule(to=statuses, resolution=st.none() | st.sampled_from(Resolution), by_id=people)
    def somebody_moves_it(
        self, to: TicketStatus, resolution: Resolution | None, by_id: UUID
    ) -> None:
        before = self.ticket
        decision = model.change_status(
            before, to=to, resolution=resolution, by_id=by_id, now=self.now
        )
        told_rightly = (resolution is not None) == (to is TicketStatus.RESOLVED)
        assert isinstance(decision, Accepted) == (to in MOVES[before.status] and told_rightly)
        self.decided(decision)

    @rule(to=priorities)
    def somebody_says_how_urgent(self, to: Priority) -> None:
        self.decided(model.prioritise(self.ticket, to=to))

    @precondition(lambda self: self.ticket.status is not TicketStatus.CLOSED)
    @rule(priority=priorities)
    def it_happens_again(self, priority: Priority) -> None:
        before = self.ticket
        decision = model.happened_again(
            before, priority=priority, cause=Cause.ESCALATED, internal=True, now=self.now
        )
        self.decided(decision)
        assert RANK(self.ticket.priority) == max(RANK(before.priority), RANK(priority))
        assert self.ticket.status not in {TicketStatus.RESOLVED, TicketStatus.WAITING}

    @precondition(lambda self: self.ticket.status not in {"RESOLVED", "CLOSED"})
    @rule()
    def the_cause_goes(self) -> None:
        untouched = self.ticket.status is TicketStatus.OPEN
        self.decided(model.cause_gone(self.ticket, cause=Cause.COURIER_FOUND, now=self.now))
        assert (self.ticket.status is TicketStatus.RESOLVED) == untouched

    @precondition(lambda self: self.ticket.deadline is not None)
    @rule(late_s=st.integers(0, 3_600))
    def deadline_passes(self, late_s: int) -> None:
        before = self.ticket
        assert before.deadline is not None
        self.now = max(self.now, before.deadline.at) + timedelta(seconds=late_s)
        decision = model.wake(before, now=self.now)
        assert isinstance(decision, Accepted), "a ticket that waits can always be woken"
        assert decision.events, "waking leaves a trace"
        self.decided(decision)
        after = self.ticket.deadline
        assert after is None or after.at > self.now, "or it would fire for ever"
        if RANK(self.ticket.priority) > RANK(before.priority):
            self.raised += 1

    @invariant()
    def a_ticket_waits_for_one_thing_until_it_is_closed(self) -> None:
        closed = self.ticket.status is TicketStatus.CLOSED
        assert (self.ticket.deadline is None) == closed

    @invariant()
    def lateness_makes_it_more_urgent_at_most_once(self) -> None:
        assert self.raised <= 1

    @invariant()
    def it_counts_its_events_and_its_notes(self) -> None:
        assert self.ticket.version == self.recorded
        assert self.ticket.note_count == self.notes


ATicket.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestATicket = ATicket.TestCase


@pytest.mark.parametrize("priority", Priority)
def test_nobody_responds(priority: Priority) -> None:
    """Overdue at once, more urgent at once; then ever more seldom, and daily in the end."""
    ticket = new_ticket(priority=priority)
    assert ticket.deadline is not None
    assert ticket.deadline.kind == "first_response"
    assert ticket.deadline.at == NOON + RESPOND_WITHIN[priority]
    gaps: list[timedelta] = []
    for times in range(1, 15):
        assert ticket.deadline is not None
        now = ticket.deadline.at
        decision = model.wake(ticket, now=now)
        assert isinstance(decision, Accepted)
        ticket = decision.state
        assert ticket.overdue_times == times
        assert ticket.deadline is not None
        gaps.append(ticket.deadline.at - now)
    assert RANK(ticket.priority) == min(RANK(priority) + 1, RANK(Priority.URGENT))
    assert gaps == sorted(gaps)
    assert gaps[-1] == timedelta(days=1)


def test_what_is_resolved_closes_by_itself() -> None:
    resolved = model.change_status(
        new_ticket(),
        to=TicketStatus.RESOLVED,
        resolution=Resolution.SOLVED,
        by_id=PEOPLE[0],
        now=NOON,
    )
    assert isinstance(resolved, Accepted)
    assert resolved.state.assignee_id == PEOPLE[0], "who resolves it has had it"
    assert resolved.state.deadline is not None
    assert resolved.state.deadline.at == NOON + CLOSES_AFTER
    closed = model.wake(resolved.state, now=NOON + CLOSES_AFTER)
    assert isinstance(closed, Accepted)
    assert closed.state.status is TicketStatus.CLOSED
    assert closed.state.resolution is Resolution.SOLVED
    assert closed.state.deadline is None


def test_work_on_it_puts_its_deadline_off() -> None:
    taken = model.assign(new_ticket(), assignee_id=PEOPLE[0], now=NOON)
    assert isinstance(taken, Accepted)
    later = NOON + timedelta(hours=1)
    noted = model.add_note(taken.state, internal=True, now=later)
    assert isinstance(noted, Accepted)
    assert noted.state.deadline is not None
    assert taken.state.deadline is not None
    assert noted.state.deadline.at - taken.state.deadline.at == timedelta(hours=1)
    on_open = model.add_note(new_ticket(), internal=True, now=later)
    assert isinstance(on_open, Accepted)
    assert on_open.state.deadline == new_ticket().deadline, "writing is not taking it up"


@given(kind=kinds, subject_kind=st.sampled_from(SubjectKind))
def test_a_kind_is_about_what_it_can_be_about(kind: Kind, subject_kind: SubjectKind) -> None:
    decision = model.open_ticket(new_ticket(kind, subject_kind=subject_kind), cause=None)
    assert isinstance(decision, Accepted) == (subject_kind in SUBJECTS[kind])


def test_a_status_that_contradicts_itself_is_not_made() -> None:
    with pytest.raises(AssertionError):
        replace(new_ticket(), status=TicketStatus.CLOSED)
    with pytest.raises(AssertionError):
        replace(new_ticket(), status=TicketStatus.IN_PROGRESS)


def test_every_cause_has_its_sentence() -> None:
    for locale in LOCALES:
        assert all(catalogues[locale].has(f"ticket.cause.{cause}") for cause in Cause)
        stranding = set(dispatched.Cause) - {dispatched.Cause.BY_HAND, dispatched.Cause.UNDONE}
        assert all(catalogues[locale].has(f"ticket.lost.{cause}") for cause in stranding)


def test_events_carry_no_words_of_people() -> None:
    fields = {name for event in events.EVENTS for name in event.__struct_fields__}
    assert not fields & {"words", "text", "note", "notes", "name", "detail"}
