"""What a city charges and promises while couriers are short, until they are not: pure.

The steps follow each other: longer promises, then a surcharge on the delivery fee, then no more
orders from far away. What is promised or quoted already stays as it is.
"""

from datetime import datetime
from enum import IntEnum
from typing import Annotated, ClassVar, Final
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from tawsil.kernel.decisions import Deadline, Decision, accept
from tawsil.pricing.events import ConditionsChanged

HELD_OVER: Final = "held_over"


class Pressure(IntEnum):
    """How far what is asked of a city's couriers goes beyond what they can do."""

    CALM = 0
    TIGHT = 1
    STRAINED = 2
    FLOODED = 3


class Terms(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What customers of a city meet. Nothing is added when it is calm."""

    extra_wait_s: Annotated[int, Meta(ge=0, le=7_200)] = 0
    """By how much longer deliveries are promised to take."""
    surge_bp: Annotated[int, Meta(ge=0, le=30_000)] = 0
    """On top of the delivery fee."""
    reach_m: Annotated[int, Meta(ge=500, le=100_000)] | None = None
    """No delivery goes further than so many metres by road."""
    paused_zone_ids: Annotated[tuple[UUID, ...], Meta(max_length=200)] = ()
    """Nothing is delivered into these."""


CALM: Final = Terms()


class Conditions(Struct, frozen=True, kw_only=True):
    """A city's terms since an instant. `held`: an operator set them, and pressure does not move
    them, until `held_until_at` or for as long as nobody lets go.
    """

    stream: ClassVar[str] = "conditions"

    id: UUID
    """The city's."""
    version: int = 0
    tenant_id: UUID
    pressure: Pressure = Pressure.CALM
    terms: Terms = CALM
    since_at: datetime
    held: bool = False
    held_until_at: datetime | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        assert self.held or self.held_until_at is None

    @property
    def city_id(self) -> UUID:
        return self.id

    @property
    def deadline(self) -> Deadline | None:
        return Deadline(HELD_OVER, self.held_until_at) if self.held_until_at else None


def feel(
    conditions: Conditions, *, pressure: Pressure, terms: Terms, now: datetime
) -> Decision[Conditions]:
    """What the pressure asks for; held conditions only note it."""
    if conditions.held:
        return accept(conditions)
    changed = replace(conditions, pressure=pressure, terms=terms, reason="")
    return _changed(conditions, changed, now=now)


def hold(
    conditions: Conditions, *, terms: Terms, until: datetime | None, reason: str, now: datetime
) -> Decision[Conditions]:
    """An operator knows better, for a while or until further notice."""
    held = replace(conditions, terms=terms, held=True, held_until_at=until, reason=reason)
    return _changed(conditions, held, now=now)


def let_go(conditions: Conditions, *, now: datetime) -> Decision[Conditions]:
    """Back to what pressure says, beginning from calm."""
    if not conditions.held:
        return accept(conditions)
    free = replace(
        conditions,
        pressure=Pressure.CALM,
        terms=CALM,
        held=False,
        held_until_at=None,
        reason="",
    )
    return _changed(conditions, free, now=now)


def reach_deadline(conditions: Conditions, *, now: datetime) -> Decision[Conditions]:
    deadline = conditions.deadline
    if deadline is None or deadline.at > now:
        return accept(conditions)
    return let_go(conditions, now=now)


def _changed(before: Conditions, after: Conditions, *, now: datetime) -> Decision[Conditions]:
    if after == before:
        return accept(before)
    after = replace(after, since_at=now)
    return accept(
        after,
        ConditionsChanged(
            city_id=after.city_id,
            pressure=int(after.pressure),
            extra_wait_s=after.terms.extra_wait_s,
            surge_bp=after.terms.surge_bp,
            reach_m=after.terms.reach_m,
            paused_zone_ids=after.terms.paused_zone_ids,
            held=after.held,
        ),
    )
