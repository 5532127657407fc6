"""Orders and couriers while they are lived through. Times are seconds from the scenario's start."""

from enum import Enum, auto
from math import inf
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.dispatch.planning import Job
from tawsil.dispatch.public import Action, Rules
from tawsil.kernel.money import share
from tawsil.kernel.places import Place
from tawsil.simulation.rehearsal.scenario import Courier, Order, Shift

COMMIT_AHEAD_S: Final = 180.0
"""From so long before it is ready a delivery is urgent; rungs are counted from there."""


class Phase(Enum):
    WAITING = auto()
    OFFERED = auto()
    ASSIGNED = auto()
    ON_BOARD = auto()
    ENDED = auto()


class Parcel:
    """An order on its way."""

    def __init__(
        self,
        order: Order,
        number: int,
        *,
        rules: Rules,
        requested_s: float,
        announced_s: float,
    ) -> None:
        self.order: Final = order
        self.number: Final = number
        self.rules: Final = rules
        self.phase = Phase.WAITING
        self.requested_s: Final = requested_s
        self.believed_s = announced_s
        self.is_ready = False
        self.level = 0
        self.declined_by: frozenset[UUID] = frozenset()
        self.agreed_minor = 0
        self.asked = 0
        """How many offers it has been in."""
        self.pickup_eta_s = inf
        self.dropoff_eta_s = inf
        self.arrival_eta_s = inf
        self.holder: Rider | None = None
        """Who is to collect it, or carries it."""
        self.job: Job | None = None
        """As the planner knows it; made anew when something changed."""

    @property
    def ladder_s(self) -> float:
        """When it climbs, or is given up, if nobody has it then."""
        urgent_s = max(self.requested_s, self.believed_s - COMMIT_AHEAD_S)
        if self.top_of_ladder:
            return urgent_s + self.rules.give_up_after_s
        return urgent_s + self.rules.ladder[self.level].after_s

    @property
    def top_of_ladder(self) -> bool:
        return self.level == len(self.rules.ladder)

    @property
    def reach(self) -> float:
        return self.rules.widen_factor ** self.rules.actions_to(self.level, Action.WIDEN)

    @property
    def pay_minor(self) -> int:
        """The earning, and what the rungs it climbed added to it."""
        raised_bp = self.rules.raise_bp * self.rules.actions_to(self.level, Action.RAISE)
        return self.order.earning_minor + share(self.order.earning_minor, basis_points=raised_bp)

    def believe(self, ready_s: float) -> None:
        """It is said to be ready at another time; who comes for it comes no sooner."""
        self.believed_s, self.job = ready_s, None
        if self.phase is Phase.ASSIGNED:
            pickup_s = max(ready_s, self.arrival_eta_s)
            self.dropoff_eta_s += pickup_s - self.pickup_eta_s
            self.pickup_eta_s = pickup_s


class Duty(Enum):
    OFF = auto()
    FREE = auto()
    ON_OFFER = auto()
    ON_JOB = auto()
    RESTING = auto()


class Rider:
    """A courier on the road."""

    def __init__(self, courier: Courier, number: int) -> None:
        self.courier: Final = courier
        self.number: Final = number
        self.duty = Duty.OFF
        self.place = courier.shifts[0].place if courier.shifts else Place(0.0, 0.0)
        self.shift: Shift | None = None
        self.off_s = inf
        self.free_since_s = 0.0
        self.rests: list[tuple[float, float]] = []
        """What is left of them today, the next one last."""
        self.missed = 0
        self.asked = False
        self.parcels: list[Parcel] = []
        """What it is to collect or carries, in the order of drop-off."""
        self.at_site_s: float | None = None
        self.serving = False
        self.carrying = False


class Ask(Struct, frozen=True):
    """A question to a courier: these besides what you have, on this route."""

    rider: Rider
    added: tuple[Parcel, ...]
    route: tuple[Parcel, ...]
    joins: bool
    arrival_s: float
    pickup_s: float
    dropoffs_s: tuple[float, ...]
    more_m: float
    """How much further than without."""
    pay_minor: int
