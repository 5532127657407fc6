"""What a page shows of a city at one instant: plain facts, nothing of how they were found."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.kernel.places import Place

STALE_AFTER: Final = timedelta(seconds=45)
"""A courier whose last position is older than this is shown as lost sight of."""
KPI_WINDOW: Final = timedelta(hours=1)


class Name(Struct, frozen=True):
    """A name in both languages; one that has no other form stands in both."""

    en: str
    ar: str

    def said_in(self, locale: str) -> str:
        return self.ar if locale == "ar" else self.en


class Presence(StrEnum):
    FREE = "free"
    OFFERED = "offered"
    BUSY = "busy"
    BREAK = "break"
    OFF = "off"


class Stage(StrEnum):
    """What the queue can be narrowed to."""

    ALL = "all"
    LATE = "late"
    UNASSIGNED = "unassigned"
    NEW = "new"
    KITCHEN = "kitchen"
    READY = "ready"
    ROAD = "road"
    RETURNING = "returning"


STATUSES: Final[Mapping[Stage, frozenset[str]]] = {
    Stage.NEW: frozenset({"PENDING"}),
    Stage.KITCHEN: frozenset({"ACCEPTED", "PREPARING"}),
    Stage.READY: frozenset({"READY_FOR_PICKUP"}),
    Stage.ROAD: frozenset({"PICKED_UP", "IN_TRANSIT"}),
    Stage.RETURNING: frozenset({"UNDELIVERABLE"}),
}
_NEEDS_COURIER: Final = STATUSES[Stage.KITCHEN] | STATUSES[Stage.READY]
_CARRIED: Final = STATUSES[Stage.ROAD]


class CityFacts(Struct, frozen=True, kw_only=True):
    id: UUID
    slug: str
    name: Name
    timezone: str
    centre: Place


class Step(StrEnum):
    """How far what is asked of a city's couriers goes beyond what they can do."""

    CALM = "calm"
    TIGHT = "tight"
    STRAINED = "strained"
    FLOODED = "flooded"


STEPS: Final = tuple(Step)


class ZoneMark(Struct, frozen=True):
    id: UUID
    name: Name


class Conditions(Struct, frozen=True, kw_only=True):
    """What customers of a city meet; as usual unless something is said."""

    step: Step = Step.CALM
    extra_wait_s: int = 0
    surge_bp: int = 0
    reach_m: int | None = None
    paused: tuple[ZoneMark, ...] = ()
    since_at: datetime | None = None
    held: bool = False
    held_until_at: datetime | None = None
    reason: str = ""

    @property
    def as_usual(self) -> bool:
        nothing = not (self.extra_wait_s or self.surge_bp or self.reach_m or self.paused)
        return nothing and self.step is Step.CALM and not self.held


class OrderMark(Struct, frozen=True, kw_only=True):
    """A live order as the queue and the map show it; `zone_id` is of its pick-up."""

    id: UUID
    number: int
    status: str
    merchant: Name
    courier: str | None = None
    courier_id: UUID | None = None
    pickup: Place
    dropoff: Place
    placed_at: datetime
    promised_at: datetime | None = None
    deadline_kind: str | None = None
    deadline_at: datetime | None = None
    zone_id: UUID | None = None

    def late(self, now: datetime) -> bool:
        """The promise to the customer is broken, or somebody should have acted by now."""
        times = (self.promised_at, self.deadline_at)
        return any(at is not None and at < now for at in times)

    @property
    def unassigned(self) -> bool:
        return self.courier_id is None and self.status in _NEEDS_COURIER

    @property
    def next_stop(self) -> Place:
        """Where its courier is heading."""
        return self.dropoff if self.status in _CARRIED else self.pickup

    def says(self, text: str) -> bool:
        """Whether a text, in small letters, is in its number or in a name."""
        names = (str(self.number), self.merchant.en, self.merchant.ar, self.courier or "")
        return any(text in name.casefold() for name in names)

    def within(self, stage: Stage, now: datetime) -> bool:
        match stage:
            case Stage.ALL:
                return True
            case Stage.LATE:
                return self.late(now)
            case Stage.UNASSIGNED:
                return self.unassigned
            case _:
                return self.status in STATUSES[stage]


class CourierMark(Struct, frozen=True, kw_only=True):
    """A courier on duty; without a place when no position was ever believed."""

    id: UUID
    name: str
    presence: Presence
    vehicle: str = ""
    place: Place | None = None
    seen_at: datetime | None = None
    zone_id: UUID | None = None

    def stale(self, now: datetime) -> bool:
        return self.seen_at is None or now - self.seen_at > STALE_AFTER


class MerchantMark(Struct, frozen=True, kw_only=True):
    id: UUID
    name: Name
    place: Place


class Narrowing(Struct, frozen=True, kw_only=True):
    """What of a city is looked at: orders of a stage, couriers of a kind, a zone, some text."""

    stage: Stage = Stage.ALL
    presence: Presence | None = None
    vehicle: str | None = None
    zone: UUID | None = None
    late: bool = False
    text: str = ""

    @property
    def query(self) -> Mapping[str, str]:
        """As an address says it; what is not narrowed is left out."""
        given = {
            "stage": "" if self.stage is Stage.ALL else self.stage.value,
            "presence": self.presence or "",
            "vehicle": self.vehicle or "",
            "zone": str(self.zone or ""),
            "late": "1" if self.late else "",
            "q": self.text,
        }
        return {name: value for name, value in given.items() if value}


class Picture(Struct, frozen=True, kw_only=True):
    """A city now. Orders stand in the order of what is due next."""

    city: CityFacts
    cities: tuple[CityFacts, ...]
    at: datetime
    orders: tuple[OrderMark, ...]
    couriers: tuple[CourierMark, ...]
    merchants: tuple[MerchantMark, ...]
    conditions: Conditions
    delivered: int
    median_s: float | None
    """From being placed to being delivered, of those delivered in the window."""

    zones: tuple[ZoneMark, ...] = ()

    def in_stage(self, stage: Stage) -> list[OrderMark]:
        return [order for order in self.orders if order.within(stage, self.at)]

    def narrowed(self, to: Narrowing) -> "Picture":
        """The same city, with no more in it than is looked at; its stages stay to choose from."""
        behind = {order.courier_id for order in self.orders if order.late(self.at)} - {None}
        text = to.text.casefold().lstrip("#")
        return replace(
            self,
            orders=tuple(
                order
                for order in self.orders
                if (to.zone is None or order.zone_id == to.zone)
                and (not to.late or order.late(self.at))
                and (not text or order.says(text))
            ),
            couriers=tuple(
                courier
                for courier in self.couriers
                if (to.presence is None or courier.presence is to.presence)
                and (to.vehicle is None or courier.vehicle == to.vehicle)
                and (to.zone is None or courier.zone_id == to.zone)
                and (not to.late or courier.id in behind)
                and (not text or text in courier.name.casefold())
            ),
        )

    def counted(self, presence: Presence) -> int:
        return sum(courier.presence is presence for courier in self.couriers)


def by_urgency(orders: Sequence[OrderMark]) -> tuple[OrderMark, ...]:
    """What is due first stands first; what nothing waits for stands last, oldest first."""
    return tuple(
        sorted(
            orders, key=lambda o: (o.deadline_at is None, o.deadline_at or o.placed_at, o.number)
        )
    )
