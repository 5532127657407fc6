"""How a courier does: what counts, how it fades, and the score that follows from it.

Everything that counts is one unit when it happens and half as much every thirty days after. Sums of
such units are kept as of an instant and brought to a later one by a single factor (exponential
decay is memoryless), so no history has to be read again.

A share is never taken at its face value: it starts from what is expected of anybody, as if that had
been seen twenty times already (a Beta prior), so that one bad day of a newcomer is one bad day.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from math import exp, log
from typing import ClassVar, Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from tawsil.dispatch.events import IncidentKind, PerformanceUpdated
from tawsil.kernel.decisions import Accepted, accept

HALF_LIFE: Final = timedelta(days=30)
LEAST_OFFERS: Final = 5
"""With fewer answers than this nobody speaks of an acceptance rate."""
BEST_RATING: Final = 5.0
WORST_RATING: Final = 1.0
QUICKEST_S: Final = 0.1
"""Shorter response times count as this: their logarithm is kept."""


class Measure(StrEnum):
    ON_TIME = "on_time"
    COMPLETION = "completion"
    ACCEPTANCE = "acceptance"


class Weighing(Struct, frozen=True, kw_only=True):
    """How much of the score a share makes up, and what is expected of whoever is new.

    `strength`: how many observations the expectation is worth. However low the share, it never
    counts as less than `floor`.
    """

    weight: float
    expected: float
    strength: float = 20.0
    floor: float = 0.0


# What is expected is about what couriers of the virtual city do.
WEIGHINGS: Final[Mapping[Measure, Weighing]] = {
    Measure.ON_TIME: Weighing(weight=0.4, expected=0.95),
    Measure.COMPLETION: Weighing(weight=0.3, expected=0.97),
    # Nobody has to take an offer: declining them all costs five points, and none beyond.
    Measure.ACCEPTANCE: Weighing(weight=0.1, expected=0.85, floor=0.5),
}
RATING_WEIGHT: Final = 0.2
assert abs(sum(w.weight for w in WEIGHINGS.values()) + RATING_WEIGHT - 1) < 1e-9

MEASURED: Final[Mapping[IncidentKind, Measure]] = {
    IncidentKind.LATE_HANDOVER: Measure.ON_TIME,
    IncidentKind.JOB_CANCELLED: Measure.COMPLETION,
    IncidentKind.WENT_OFFLINE: Measure.COMPLETION,
    IncidentKind.STALLED: Measure.COMPLETION,
    IncidentKind.RAN_LATE: Measure.COMPLETION,
    IncidentKind.OFFER_MISSED: Measure.ACCEPTANCE,
    IncidentKind.OFFER_DECLINED: Measure.ACCEPTANCE,
}


class Counter(Struct, frozen=True):
    """What went well and what did not: as faded sums, and as plain numbers of times."""

    good: float = 0.0
    bad: float = 0.0
    times_good: int = 0
    times_bad: int = 0

    def faded(self, by: float) -> "Counter":
        return replace(self, good=self.good * by, bad=self.bad * by)

    def plus(self, *, good: bool, weight: float, times: int = 1) -> "Counter":
        """With one more; with `times=-1` and the weight it has by now, without it again."""
        if good:
            return replace(
                self, good=max(0.0, self.good + times * weight), times_good=self.times_good + times
            )
        return replace(
            self, bad=max(0.0, self.bad + times * weight), times_bad=self.times_bad + times
        )

    def share(self, weighing: Weighing) -> float:
        """What is to be believed of the share that goes well, from 0 to 1."""
        told = weighing.strength
        return (self.good + told * weighing.expected) / (self.good + self.bad + told)


class Counters(Struct, frozen=True):
    """All sums of one courier. Response times are kept as logarithms: their mean is near the
    median of times that are skewed like these.
    """

    on_time: Counter = Counter()
    completion: Counter = Counter()
    acceptance: Counter = Counter()
    responses: float = 0.0
    response_logs: float = 0.0

    def of(self, measure: Measure) -> Counter:
        return getattr(self, measure.value)

    def faded(self, by: float) -> "Counters":
        return Counters(
            on_time=self.on_time.faded(by),
            completion=self.completion.faded(by),
            acceptance=self.acceptance.faded(by),
            responses=self.responses * by,
            response_logs=self.response_logs * by,
        )


class Fact(Struct, frozen=True, kw_only=True):
    """One thing that went well or did not. `response_s`: how long an answer took, if it is one."""

    measure: Measure
    good: bool
    at: datetime
    response_s: float | None = None


class Tally(Struct, frozen=True, kw_only=True):
    """What is known of how a courier does, as of an instant. `id` is the courier's.

    `told` is the score that was last told of in an event.
    """

    stream: ClassVar[str] = "performance"
    deadline: ClassVar[None] = None

    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    as_of_at: datetime
    counters: Counters = Counters()
    told: int | None = None

    def at(self, now: datetime) -> Counters:
        """The sums at an instant not before `as_of_at`."""
        return self.counters.faded(fading(now - self.as_of_at))


class Component(Struct, frozen=True, kw_only=True):
    """A part of the score: 100 points times `weight` and `value`."""

    measure: str
    weight: float
    value: float
    counter: Counter | None = None

    @property
    def points(self) -> float:
        return 100 * self.weight * self.value


class Standing(Struct, frozen=True, kw_only=True):
    """How a courier does, each from 0 to 1: for breaking ties, and never to leave anybody out."""

    courier_id: UUID
    score: float
    on_time: float
    completion: float
    acceptance: float | None
    """None until five offers were answered or missed."""
    response_time_s: float | None
    components: tuple[Component, ...]


def fading(age: timedelta) -> float:
    """What is left of a unit after a while; what is to come counts in full."""
    return 2.0 ** -max(0.0, age / HALF_LIFE)


def counted(tally: Tally, fact: Fact) -> Tally:
    """With one more fact, whenever it happened."""
    return _changed(tally, fact, times=1)


def without(tally: Tally, fact: Fact) -> Tally:
    """As if a fact that was counted had not been."""
    return _changed(tally, fact, times=-1)


def _changed(tally: Tally, fact: Fact, *, times: int) -> Tally:
    as_of_at = max(tally.as_of_at, fact.at)
    sums, weight = tally.at(as_of_at), fading(as_of_at - fact.at)
    counter = sums.of(fact.measure).plus(good=fact.good, weight=weight, times=times)
    changes: dict[str, object] = {fact.measure.value: counter}
    if fact.response_s is not None:
        logarithm = log(max(QUICKEST_S, fact.response_s))
        changes["responses"] = sums.responses + times * weight
        changes["response_logs"] = sums.response_logs + times * weight * logarithm
    return replace(tally, as_of_at=as_of_at, counters=replace(sums, **changes))


def standing(tally: Tally, *, rating: float, now: datetime) -> Standing:
    sums = tally.at(now)
    parts = tuple(
        Component(
            measure=measure,
            weight=weighing.weight,
            value=max(weighing.floor, sums.of(measure).share(weighing)),
            counter=sums.of(measure),
        )
        for measure, weighing in WEIGHINGS.items()
    )
    liked = (rating - WORST_RATING) / (BEST_RATING - WORST_RATING)
    parts = (*parts, Component(measure="rating", weight=RATING_WEIGHT, value=liked))
    return Standing(
        courier_id=tally.id,
        score=sum(part.points for part in parts) / 100,
        on_time=sums.on_time.share(WEIGHINGS[Measure.ON_TIME]),
        completion=sums.completion.share(WEIGHINGS[Measure.COMPLETION]),
        acceptance=_acceptance(sums.acceptance),
        response_time_s=exp(sums.response_logs / sums.responses) if sums.responses > 0 else None,
        components=parts,
    )


def _acceptance(counter: Counter) -> float | None:
    faded = counter.good + counter.bad
    if counter.times_good + counter.times_bad < LEAST_OFFERS or faded == 0:
        return None
    return counter.good / faded


def points_lost(
    tally: Tally, kind: IncidentKind, *, at: datetime, rating: float, now: datetime
) -> float:
    """How many points of 100 a courier would have more if this had not been counted."""
    fact = Fact(measure=MEASURED[kind], good=False, at=at)
    with_it = standing(tally, rating=rating, now=now).score
    return max(0.0, 100 * (standing(without(tally, fact), rating=rating, now=now).score - with_it))


def told(tally: Tally, *, rating: float, now: datetime) -> Accepted[Tally]:
    """Say what the score is, if its whole points are not those that were told last."""
    stands = standing(tally, rating=rating, now=now)
    score = round(100 * stands.score)
    if score == tally.told:
        return accept(tally)
    return accept(
        replace(tally, told=score),
        PerformanceUpdated(
            courier_id=tally.id,
            score=score,
            on_time=stands.on_time,
            completion=stands.completion,
            acceptance=stands.acceptance,
            response_time_s=stands.response_time_s,
        ),
    )


def observe(
    tally: Tally, facts: Iterable[Fact], *, rating: float, now: datetime
) -> Accepted[Tally]:
    for fact in facts:
        tally = counted(tally, fact)
    return told(tally, rating=rating, now=now)
