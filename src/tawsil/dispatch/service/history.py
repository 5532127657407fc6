"""Who had a delivery, who lost it and why: told from what was recorded."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch import events
from tawsil.dispatch.events import Cause
from tawsil.dispatch.store import Remark
from tawsil.kernel.decisions import Event
from tawsil.kernel.events import Recorded


class How(StrEnum):
    """How a courier came to have a delivery."""

    ACCEPTED = "accepted"
    BY_HAND = "by_hand"
    HANDED_OVER = "handed_over"


class Outcome(StrEnum):
    UNDER_WAY = "under_way"
    LOST = "lost"
    HANDED_OVER = "handed_over"
    DELIVERED = "delivered"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


class DoubtOutcome(StrEnum):
    OPEN = "open"
    RECOVERED = "recovered"
    LOST = "lost"
    STRANDED = "stranded"


class Doubt(Struct, frozen=True, kw_only=True):
    """Something put it at risk; the courier had until `until_at`."""

    cause: Cause
    since_at: datetime
    until_at: datetime
    outcome: DoubtOutcome = DoubtOutcome.OPEN
    ended_at: datetime | None = None


class Person(Struct, frozen=True, kw_only=True):
    """Who did it; without an id, the platform itself."""

    id: UUID | None
    role: str


class Assignment(Struct, frozen=True, kw_only=True):
    """From when until when a courier had it. `words` is what people said when that changed."""

    courier_id: UUID
    how: How
    assigned_at: datetime
    assigned_by: Person
    collected: bool = False
    doubts: tuple[Doubt, ...] = ()
    outcome: Outcome = Outcome.UNDER_WAY
    cause: str | None = None
    ended_at: datetime | None = None
    ended_by: Person | None = None
    words: tuple[str, ...] = ()


_ENDS: Final[dict[type[Event], Outcome]] = {
    events.DeliveryUnassigned: Outcome.LOST,
    events.DeliveryHandedOver: Outcome.HANDED_OVER,
    events.DeliveryDone: Outcome.DELIVERED,
    events.DeliveryReturned: Outcome.RETURNED,
    events.DeliveryWithdrawn: Outcome.WITHDRAWN,
}


def told(recorded: Sequence[Recorded[Any]], remarks: Sequence[Remark]) -> list[Assignment]:
    """`recorded`: all about one delivery, in the order it happened."""
    found: list[Assignment] = []
    for one in recorded:
        event: Event = one.event
        outcome = _ENDS.get(type(event))
        if outcome is not None and found and found[-1].ended_at is None:
            found[-1] = _ended(found[-1], one, outcome)
        if isinstance(event, events.DeliveryAssigned | events.DeliveryHandedOver):
            found.append(_begun(one))
        elif found and found[-1].ended_at is None:
            found[-1] = _went_on(found[-1], one)
    return [_with_words(assignment, remarks) for assignment in found]


def _begun(one: Recorded[Any]) -> Assignment:
    event: events.DeliveryAssigned | events.DeliveryHandedOver = one.event
    how = How.ACCEPTED
    if isinstance(event, events.DeliveryHandedOver):
        how = How.HANDED_OVER
    elif one.actor_id is not None and one.actor_id != event.courier_id:
        how = How.BY_HAND
    return Assignment(
        courier_id=event.courier_id,
        how=how,
        assigned_at=one.at,
        assigned_by=_who(one),
        collected=how is How.HANDED_OVER,
    )


def _went_on(assignment: Assignment, one: Recorded[Any]) -> Assignment:
    match one.event:
        case events.DeliveryAtRisk() as event:
            doubt = Doubt(cause=event.cause, since_at=one.at, until_at=event.until_at)
            return replace(assignment, doubts=(*assignment.doubts, doubt))
        case events.DeliveryRecovered():
            return replace(assignment, doubts=_settled(assignment, one, DoubtOutcome.RECOVERED))
        case events.DeliveryStranded():
            return replace(assignment, doubts=_settled(assignment, one, DoubtOutcome.STRANDED))
        case events.DeliveryPickedUp():
            return replace(assignment, collected=True)
        case _:
            return assignment


def _ended(assignment: Assignment, one: Recorded[Any], outcome: Outcome) -> Assignment:
    lost = outcome is Outcome.LOST
    return replace(
        assignment,
        outcome=outcome,
        cause=getattr(one.event, "reason", None),
        ended_at=one.at,
        ended_by=_who(one),
        doubts=_settled(assignment, one, DoubtOutcome.LOST) if lost else assignment.doubts,
    )


def _settled(
    assignment: Assignment, one: Recorded[Any], outcome: DoubtOutcome
) -> tuple[Doubt, ...]:
    """Of what is in doubt, how it came out."""
    return tuple(
        replace(doubt, outcome=outcome, ended_at=one.at)
        if doubt.outcome is DoubtOutcome.OPEN
        else doubt
        for doubt in assignment.doubts
    )


def _with_words(assignment: Assignment, remarks: Sequence[Remark]) -> Assignment:
    """What was said in the transactions that began and ended it."""
    at = {assignment.assigned_at, assignment.ended_at}
    return replace(assignment, words=tuple(r.words for r in remarks if r.at in at))


def _who(one: Recorded[Any]) -> Person:
    return Person(id=one.actor_id, role=one.actor_role)
