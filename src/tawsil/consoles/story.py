"""What is told of one order, and of one courier: plain facts, nothing of how they were found."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tawsil.consoles.picture import CityFacts, CourierMark, OrderMark
from tawsil.consoles.situation import Case


class Entry(Struct, frozen=True, kw_only=True):
    """One line of an order's story, said in the language of the request."""

    at: datetime
    sentence: str
    actor: str
    kind: str


class Weighed(Struct, frozen=True, kw_only=True):
    """A courier who was thought of: when they could collect, and what each term cost."""

    name: str
    chosen: bool
    pickup_at: datetime
    cost_s: float
    terms: Mapping[str, float]


class Why(Struct, frozen=True, kw_only=True):
    """A dispatch decision about an order; smaller costs are better."""

    decision_id: UUID
    at: datetime
    policy: str
    weighed: tuple[Weighed, ...]
    excluded: Mapping[str, int]
    """How many couriers were not thought of, by reason."""
    held_because: str | None = None


class Errand(Struct, frozen=True, kw_only=True):
    """What is to be known of an order's delivery besides its status."""

    incentive: str | None
    at_risk: str | None
    """Why its courier may be lost."""
    since_at: datetime | None
    ends_at: datetime | None
    """When another is looked for."""


class Story(Struct, frozen=True, kw_only=True):
    """An order and everything that was recorded about it."""

    city: CityFacts
    at: datetime
    order: OrderMark
    entries: tuple[Entry, ...]
    why: Why | None = None
    errand: Errand | None = None
    case: Case | None = None


class CourierStory(Struct, frozen=True, kw_only=True):
    """A courier on duty, and what they carry; `since_at`: since when they are as they are."""

    city: CityFacts
    at: datetime
    courier: CourierMark
    since_at: datetime
    rating: float
    orders: tuple[OrderMark, ...]
