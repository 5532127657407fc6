"""The shape of a domain decision: a state and its events, or a refusal with a reason.

A model function takes a state and what is asked of it, and returns a `Decision`. The state carries
its own next deadline, so that the row, the events and the timer cannot disagree.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace


class Event(Struct, frozen=True, kw_only=True, tag_field="type"):
    """A fact, past tense, ids only. A subclass's tag is its name and version: `order.placed.v1`."""


class By(Struct, frozen=True, kw_only=True):
    """On whose behalf something is done, and what it follows from."""

    tenant_id: UUID
    correlation_id: UUID
    role: str = "system"
    actor_id: UUID | None = None
    causation_id: UUID | None = None

    def about(self, correlation_id: UUID) -> "By":
        """The same, as part of another story: what is recorded belongs to that correlation."""
        return replace(self, correlation_id=correlation_id)


class Command(Struct, frozen=True, kw_only=True):
    """Something asked of the platform; a handler takes a batch of them."""

    by: By


class Deadline(Struct, frozen=True):
    """The instant at which somebody must be woken if nothing has happened: `kind` says for what."""

    kind: str
    at: datetime


class Refusal(Struct, frozen=True, kw_only=True):
    """Why nothing was done. `code` names a sentence of the message catalogue; `detail` fills it."""

    code: str
    status: int = 409
    detail: Mapping[str, Any] = {}


class Subject(Protocol):
    """A state that decisions are made about. `version` counts the events recorded about it."""

    stream: ClassVar[str]

    @property
    def id(self) -> UUID: ...
    @property
    def version(self) -> int: ...
    @property
    def tenant_id(self) -> UUID: ...
    @property
    def city_id(self) -> UUID | None: ...
    @property
    def deadline(self) -> Deadline | None: ...


S = TypeVar("S")  # a Subject; a bound would make pyright resolve states in circles


class Accepted(Struct, Generic[S], frozen=True):
    """The state after the decision, its version already counting the events."""

    state: S
    events: tuple[Event, ...]

    @property
    def expected_version(self) -> int:
        """The version the stored row must still have for this decision to stand."""
        return cast("Subject", self.state).version - len(self.events)


Decision = Accepted[S] | Refusal


def accept(state: S, *events: Event) -> Accepted[S]:
    """The new state and the facts that made it; no facts means nothing changed."""
    return Accepted(state=_counted(state, len(events)), events=events)


def then(first: Decision[S], second: Callable[[S], Decision[S]]) -> Decision[S]:
    """Two decisions as one: both stand, or the refusal of either does."""
    if isinstance(first, Refusal):
        return first
    following = second(first.state)
    if isinstance(following, Refusal):
        return following
    return Accepted(state=following.state, events=first.events + following.events)


def refuse(code: str, *, status: int = 409, **detail: Any) -> Refusal:
    return Refusal(code=code, status=status, detail=detail)


def accepted(decisions: Sequence[Decision[S]]) -> list[Accepted[S]]:
    """Those decisions that change something and so must be saved and recorded."""
    return [d for d in decisions if isinstance(d, Accepted) and d.events]


def _counted(state: Any, by: int) -> Any:
    return replace(state, version=state.version + by) if by else state
