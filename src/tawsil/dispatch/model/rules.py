"""What a city decides for its dispatch; what it leaves out is as here."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final
from uuid import UUID

from msgspec import Meta, Struct

from tawsil.dispatch import events
from tawsil.dispatch.events import Cause
from tawsil.kernel.decisions import Deadline, Decision, accept
from tawsil.pricing.public import Terms

Seconds = Annotated[int, Meta(ge=0, le=86_400)]
BasisPoints = Annotated[int, Meta(ge=0, le=20_000)]

LADDER_MAX: Final = 6


class Offering(StrEnum):
    """How many couriers are asked for the same thing at a time; the first yes wins."""

    ONE_BY_ONE = "one_by_one"
    BATCH = "batch"  # `wave` at a time, then the next ones
    BROADCAST = "broadcast"  # everybody in reach, `broadcast_most` at most


class Action(StrEnum):
    """What happens at a rung besides counting for more at every tick."""

    WIDEN = "widen"  # couriers from further away are asked
    RAISE = "raise"  # the incentive grows
    BROADCAST = "broadcast"  # it is offered to everybody in reach from here on
    TICKET = "ticket"
    ALERT = "alert"
    OFFER_CHOICE = "offer_choice"  # the customer may wait on or call it off free of charge


class Rung(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Climbed so long after a delivery without a courier became urgent."""

    after_s: Seconds
    actions: tuple[Action, ...] = ()


class Graces(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a courier has, by cause, until what they did not collect goes to another."""

    courier_offline_s: Seconds = 60
    courier_stalled_s: Seconds = 120
    courier_cancelled_s: Seconds = 0
    vehicle_unsafe_s: Seconds = 0
    too_late_s: Seconds = 300
    undo_s: Seconds = 30
    """An operator may take back a reassignment within this time."""

    def after(self, cause: Cause) -> timedelta:
        return timedelta(seconds=getattr(self, f"{cause}_s"))


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a city does from so much load on: jobs at hand for each courier at hand."""

    load: Annotated[float, Meta(gt=0, le=100)]
    terms: Terms


class BackPressure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When more is wanted than couriers can do: the steps are taken one at a time, and back.

    At most one step up for each `dwell_s`; a step back when the load fell below `relief` of what
    took the city there.
    """

    horizon_s: Seconds = 900
    """What is ready, and who is free, within this time is at hand."""
    dwell_s: Seconds = 180
    relief: Annotated[float, Meta(gt=0, lt=1)] = 0.8
    tight: Step = Step(load=1.2, terms=Terms(extra_wait_s=600))
    strained: Step = Step(load=1.6, terms=Terms(extra_wait_s=900, surge_bp=2_500))
    flooded: Step = Step(load=2.2, terms=Terms(extra_wait_s=1_200, surge_bp=5_000, reach_m=4_000))

    def __post_init__(self) -> None:
        if not self.tight.load < self.strained.load < self.flooded.load:
            raise ValueError("each step needs more load than the one before")

    @property
    def steps(self) -> tuple[Step, ...]:
        """From tight on: where the city goes from each pressure."""
        return (self.tight, self.strained, self.flooded)


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Once set they are never changed, only followed by others: a delivery keeps those under which
    it was asked for.
    """

    id: UUID | None = None
    """None: nothing was set, these are the defaults."""
    offering: Offering = Offering.ONE_BY_ONE
    offer_lasts_s: Annotated[int, Meta(ge=5, le=300)] = 30
    wave: Annotated[int, Meta(ge=2, le=50)] = 3
    broadcast_most: Annotated[int, Meta(ge=2, le=200)] = 20
    ladder: Annotated[tuple[Rung, ...], Meta(max_length=LADDER_MAX)] = (
        Rung(after_s=120, actions=(Action.WIDEN, Action.RAISE)),
        Rung(after_s=300, actions=(Action.WIDEN, Action.RAISE, Action.BROADCAST)),
        Rung(after_s=600, actions=(Action.TICKET, Action.ALERT, Action.OFFER_CHOICE)),
    )
    widen_factor: Annotated[float, Meta(ge=1.0, le=5.0)] = 1.5
    """How much further couriers may come from at each rung that widens."""
    raise_bp: BasisPoints = 1_500
    """What each rung that raises adds to the earning."""
    give_up_after_s: Seconds = 2_100
    """In a rush that couriers cannot keep up with, half an hour late is better than never."""
    graces: Graces = Graces()
    silent_after_s: Seconds = 120
    """A courier on a job who was not seen for longer is taken to be offline."""
    stalled_after_s: Seconds = 300
    """A courier who came no nearer to the next stop for so long is taken to have stalled."""
    late_after_s: Seconds = 600
    """How late for the pick-up is much too late."""
    back_pressure: BackPressure = BackPressure()

    def __post_init__(self) -> None:
        steps = [rung.after_s for rung in self.ladder]
        if steps != sorted(set(steps)) or (steps and steps[-1] >= self.give_up_after_s):
            raise ValueError("rungs follow each other, and giving up follows the last")

    def actions_to(self, level: int, action: Action) -> int:
        """How many of the first `level` rungs have this action."""
        return sum(action in rung.actions for rung in self.ladder[:level])


DEFAULT_RULES: Final = Rules()


class RulesSet(Struct, frozen=True, kw_only=True):
    """Rules of a city from an instant on, until it sets others."""

    stream: ClassVar[str] = "rules"

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    rules: Rules
    set_at: datetime
    set_by: UUID | None
    reason: str

    @property
    def deadline(self) -> Deadline | None:
        return None


def set_rules(rules_set: RulesSet) -> Decision[RulesSet]:
    return accept(rules_set, events.RulesChanged(rules_id=rules_set.id, city_id=rules_set.city_id))
