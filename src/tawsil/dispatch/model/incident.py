"""What counts against a courier, and what they can do about it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch import events
from tawsil.dispatch.events import IncidentKind
from tawsil.dispatch.model.performance import MEASURED, Fact
from tawsil.kernel.decisions import Accepted, Deadline, Decision, Refusal, accept, refuse

CONTESTABLE_FOR: Final = timedelta(days=30)
DECIDED_WITHIN: Final = timedelta(days=7)
"""A contested incident that nobody decides about in this time does not count any more."""


class IncidentState(StrEnum):
    NOTED = "noted"
    CONTESTED = "contested"
    UPHELD = "upheld"
    STRUCK = "struck"  # it does not count


NOTED, CONTESTED, UPHELD, STRUCK = IncidentState

INCIDENT_MOVES: Final[Mapping[IncidentState, frozenset[IncidentState]]] = {
    NOTED: frozenset({CONTESTED}),
    CONTESTED: frozenset({UPHELD, STRUCK}),
    UPHELD: frozenset(),
    STRUCK: frozenset(),
}


class Incident(Struct, frozen=True, kw_only=True):
    """Something that costs a courier points until it is struck, and less every day.

    `late_s`: how much later than promised, where that is what happened. What people say about it
    stays in this row, for it may have to be forgotten; events are for ever.
    """

    stream: ClassVar[str] = "incident"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    courier_id: UUID
    kind: IncidentKind
    subject_id: UUID
    happened_at: datetime
    late_s: int | None = None
    state: IncidentState = NOTED
    contested_at: datetime | None = None
    contest_reason: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None

    def __post_init__(self) -> None:
        assert (self.contested_at is None) == (self.state is NOTED)
        assert (self.decided_at is None) == (self.state in {NOTED, CONTESTED})

    @property
    def deadline(self) -> Deadline | None:
        if self.state is not CONTESTED or self.contested_at is None:
            return None
        return Deadline(kind="undecided", at=self.contested_at + DECIDED_WITHIN)

    @property
    def fact(self) -> Fact:
        """What of it stands in the tally."""
        return Fact(measure=MEASURED[self.kind], good=False, at=self.happened_at)


def note(incident: Incident) -> Accepted[Incident]:
    return accept(
        incident,
        _event(
            events.IncidentNoted,
            incident,
            subject_id=incident.subject_id,
            happened_at=incident.happened_at,
        ),
    )


def contest(incident: Incident, *, reason: str, now: datetime) -> Decision[Incident]:
    """Once for each incident, within a month."""
    if refused := _refused(incident, CONTESTED):
        return refused
    if now > incident.happened_at + CONTESTABLE_FOR:
        return refuse("dispatch.contest_too_late", days=CONTESTABLE_FOR.days)
    contested = replace(incident, state=CONTESTED, contested_at=now, contest_reason=reason)
    return accept(
        contested,
        _event(events.IncidentContested, contested, decide_by_at=now + DECIDED_WITHIN),
    )


def decide(
    incident: Incident, *, upheld: bool, reason: str, actor_id: UUID | None, now: datetime
) -> Decision[Incident]:
    """Let it count or strike it. Nobody decides in their own case."""
    if actor_id == incident.courier_id:
        return refuse("dispatch.own_incident", status=403)
    if refused := _refused(incident, UPHELD if upheld else STRUCK):
        return refused
    decided = replace(
        incident, state=UPHELD if upheld else STRUCK, decided_at=now, decision_reason=reason
    )
    if upheld:
        return accept(decided, _event(events.IncidentUpheld, decided))
    return accept(decided, _event(events.IncidentStruck, decided, by_clock=False))


def let_lapse(incident: Incident, *, now: datetime) -> Accepted[Incident]:
    """Nobody decided in time, so it is struck."""
    assert incident.state is CONTESTED, "only what is contested waits for a decision"
    struck = replace(incident, state=STRUCK, decided_at=now)
    return accept(struck, _event(events.IncidentStruck, struck, by_clock=True))


def _refused(incident: Incident, to: IncidentState) -> Refusal | None:
    may = INCIDENT_MOVES[incident.state]
    if to in may:
        return None
    return refuse(
        "dispatch.incident_move_not_allowed", state=incident.state, asked=to, legal=sorted(may)
    )


def _event(cls: Any, incident: Incident, **fields: Any) -> Any:
    return cls(
        incident_id=incident.id, courier_id=incident.courier_id, kind=incident.kind, **fields
    )
