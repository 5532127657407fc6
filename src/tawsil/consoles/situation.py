"""What the dispatch page shows of a city at one instant, and what is told of one decision."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from tawsil.consoles.picture import CityFacts, Conditions, Name, ZoneMark


class Load(Struct, frozen=True, kw_only=True):
    """Jobs at hand for each courier at hand; `steps`: the loads from which on each step is felt."""

    load: float
    wanted: int
    couriers: int
    measured_at: datetime
    steps: tuple[float, ...]

    @property
    def full_scale(self) -> float:
        """How far a gauge goes."""
        return max(self.steps[-1] * 1.3, self.load)

    def along(self, load: float) -> int:
        """Where on a gauge of a thousand a load stands."""
        return round(1_000 * min(1.0, load / self.full_scale))


class Subject(Struct, frozen=True, kw_only=True):
    """What a delivery is for: an order, unless it is somebody else's."""

    reference_id: UUID
    number: int | None = None
    merchant: Name | None = None


class Choice(Struct, frozen=True, kw_only=True):
    """A courier who is free, and how far from the pick-up; None when it is not known where."""

    id: UUID
    name: str
    distance_m: float | None


class Undoable(Struct, frozen=True, kw_only=True):
    """An operator decided it just now and may take it back; `courier`: who had it before."""

    until_at: datetime
    courier: str | None


class Climber(Struct, frozen=True, kw_only=True):
    """A delivery that nobody has, and where it stands on the ladder."""

    subject: Subject
    urgent_at: datetime
    offered: bool
    level: int
    rungs: int
    actions: tuple[str, ...]
    """What its rungs brought so far, each once."""
    next_at: datetime
    next_actions: tuple[str, ...]
    """What the next rung will bring; empty where giving up is next."""
    incentive: str | None
    lost_because: str | None
    choices: tuple[Choice, ...]
    undo: Undoable | None = None

    @property
    def last_rung(self) -> bool:
        return self.level >= self.rungs


class Doubt(Struct, frozen=True, kw_only=True):
    """A delivery whose courier may be lost, or who was decided by hand a moment ago."""

    subject: Subject
    courier: str
    collected: bool
    cause: str | None
    since_at: datetime | None
    ends_at: datetime | None
    """When the courier loses it; None when nothing more happens by itself."""
    stranded: bool
    choices: tuple[Choice, ...]
    undo: Undoable | None = None


class Case(Struct, frozen=True, kw_only=True):
    """What an operator may do about one delivery that is not over."""

    subject: Subject
    courier: str | None
    collected: bool
    can_escalate: bool
    choices: tuple[Choice, ...]
    undo: Undoable | None = None


class TickMark(Struct, frozen=True, kw_only=True):
    """A decision that told somebody something."""

    id: UUID
    at: datetime
    jobs: int
    couriers: int
    told: int
    policy: str
    solver_s: float


class PolicyMark(Struct, frozen=True, kw_only=True):
    """By what a city decides. Without `since_at` it never chose, and goes by the default."""

    name: str
    version: int
    since_at: datetime | None = None
    set_by: str | None = None
    override: bool = False


class Situation(Struct, frozen=True, kw_only=True):
    """A city's dispatch now. Who has waited longest stands first."""

    city: CityFacts
    cities: tuple[CityFacts, ...]
    zones: tuple[ZoneMark, ...]
    at: datetime
    conditions: Conditions
    load: Load | None
    ladder: tuple[Climber, ...]
    more_urgent: int
    """How many more are urgent than `ladder` shows."""
    not_urgent: int
    """How many nobody has, and nobody need set off for yet."""
    doubts: tuple[Doubt, ...]
    ticks: tuple[TickMark, ...]
    policy: PolicyMark


TERMS: Final = (
    "waiting",
    "courier_time",
    "soonest_free",
    "central",
    "paid_ahead",
    "stays_longer",
    "rating",
    "acceptance",
    "elsewhere",
    "idle",
)
"""Score terms in the order in which they are drawn and said."""


class Weighing(Struct, frozen=True, kw_only=True):
    """A courier who was thought of, and what each term counted, in seconds of waiting."""

    name: str
    chosen: bool
    pickup_at: datetime
    terms: Mapping[str, float]

    @property
    def cost_s(self) -> float:
        return sum(self.terms.values())

    @property
    def ordered(self) -> tuple[tuple[str, float], ...]:
        known = [name for name in TERMS if name in self.terms]
        return tuple((n, self.terms[n]) for n in [*known, *sorted(self.terms.keys() - set(known))])


class Segment(Struct, frozen=True):
    """A part of a bar, on a scale of a thousand."""

    term: str
    start: int
    width: int


class Verdict(Struct, frozen=True, kw_only=True):
    """What a decision said about one delivery: a courier was asked, or it was held, or neither."""

    subject: Subject
    sentence: str
    told: bool
    weighed: tuple[Weighing, ...]
    excluded: Mapping[str, int]

    @property
    def scale(self) -> tuple[float, float]:
        """The least and the most that any bar reaches, zero between them."""
        below = [sum(s for s in w.terms.values() if s < 0) for w in self.weighed]
        above = [sum(s for s in w.terms.values() if s > 0) for w in self.weighed]
        return min([0.0, *below]), max([1.0, *above])

    def zero(self) -> int:
        return self._along(0.0)

    def segments(self, weighing: Weighing) -> tuple[Segment, ...]:
        """What counts against a courier goes to one side of zero, what counts for them to the
        other.
        """
        below = above = 0.0
        drawn: list[Segment] = []
        for term, seconds in weighing.ordered:
            if seconds < 0:
                start, end = below + seconds, below
                below = start
            else:
                start, end = above, above + seconds
                above = end
            width = self._along(end) - self._along(start)
            if width:
                drawn.append(Segment(term, self._along(start), width))
        return tuple(drawn)

    def _along(self, seconds: float) -> int:
        least, most = self.scale
        return round(1_000 * (seconds - least) / (most - least))


class Ruling(Struct, frozen=True, kw_only=True):
    """One decision, explained."""

    id: UUID
    city: CityFacts
    at: datetime
    policy: str
    version: int
    solver_s: float
    jobs: int
    couriers: int
    expected: int
    """Of how many sites work was expected, for sending idle couriers there."""
    travel: str
    verdicts: tuple[Verdict, ...]
    more_held: int
    """How many more were held than `verdicts` shows."""
    excluded: Mapping[str, int]
    """How many couriers could not be asked at all, by reason."""
    plan: str
    """The beginning of the plan's hash: the same inputs give the same."""

    @property
    def told(self) -> int:
        return sum(verdict.told for verdict in self.verdicts)

    @property
    def terms(self) -> tuple[str, ...]:
        """Every term that is drawn anywhere."""
        drawn = {s.term for v in self.verdicts for w in v.weighed for s in v.segments(w)}
        known = [term for term in TERMS if term in drawn]
        return (*known, *sorted(drawn - set(known)))
