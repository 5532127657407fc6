"""What the world does of itself, whatever dispatch decides."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch.planning import TravelTimes
from tawsil.dispatch.public import Rules
from tawsil.kernel.places import Place, distance_m


class Order(Struct, frozen=True, kw_only=True):
    """Something to be fetched. The kitchen says when it will be ready, and may be wrong.

    `clicked_at` is when the customer began to wait, `requested_at` when a courier was asked for.
    """

    id: UUID
    site: UUID
    pickup: Place
    dropoff: Place
    clicked_at: datetime
    requested_at: datetime
    announced_at: datetime
    """When it was said to be ready, at the request."""
    news: tuple[tuple[datetime, datetime], ...] = ()
    """At what instant it was said to be ready at what other instant, in order."""
    ready_at: datetime
    """When it really was."""
    gone_at: datetime | None = None
    """When nobody wanted it any more, unless it was collected by then."""
    at_counter_s: float = 75.0
    at_door_s: float = 60.0
    earning_minor: int = 0


class Shift(Struct, frozen=True, kw_only=True):
    """On duty from one place. A rest is (from when on, for how many seconds), once free."""

    on_at: datetime
    off_at: datetime
    place: Place
    rests: tuple[tuple[datetime, float], ...] = ()


class Courier(Struct, frozen=True, kw_only=True):
    id: UUID
    speed_mps: float
    shifts: tuple[Shift, ...]
    rating: float | None = None
    """From 0 to 1."""


class Roads(Protocol):
    """The ways that couriers really go."""

    def length_m(self, a: Place, b: Place) -> float: ...


class Straight(Struct, frozen=True):
    """As the crow flies, times a detour."""

    detour_factor: float

    def length_m(self, a: Place, b: Place) -> float:
        return distance_m(a, b) * self.detour_factor


class Scenario(Struct, frozen=True, kw_only=True):
    """`travel` is what the planner believes, `roads` what there is."""

    name: str
    start_at: datetime
    orders: Sequence[Order]
    couriers: Sequence[Courier]
    travel: TravelTimes
    roads: Roads
    rules: Rules = Rules()
    """How the city offers and escalates; couriers are asked one by one whatever they say."""
