"""A window of what really happened, as a scenario: what the world did, without what dispatch did.

Read from the log of events, the couriers' history and their positions.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import Struct

from tawsil.couriers import public as couriers
from tawsil.couriers.public import Availability
from tawsil.dispatch import events as dispatched
from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.events import Recorded, Registry
from tawsil.kernel.places import Place, distance_m
from tawsil.simulation.rehearsal.scenario import Courier, Order, Scenario, Shift, Straight
from tawsil.simulation.rehearsal.score import Score
from tawsil.tracking import public as tracking
from tawsil.tracking.events import StopKind

DRAIN: Final = timedelta(hours=3)
"""How long after the window what was asked for in it is followed."""
SEEN_WITHIN: Final = timedelta(minutes=30)
AT_COUNTER_S: Final = 75.0
AT_DOOR_S: Final = 60.0
LONGEST_AT_A_DOOR_S: Final = 600.0
PACE_MIN, PACE_MAX = 0.3, 3.0

E = TypeVar("E")


class Past(Struct, frozen=True, kw_only=True):
    """`real` is what really came of it; where couriers rode, nobody measured."""

    scenario: Scenario
    real: dispatch.Metrics
    policies: tuple[dispatch.Policy, ...]
    """By which the window was decided, the most used first."""
    decisions: int


class _Life:
    """What happened to one delivery, by kind of event."""

    def __init__(self) -> None:
        self._events: dict[type[Any], list[Recorded[Any]]] = defaultdict(list)

    def add(self, recorded: Recorded[Any]) -> None:
        self._events[type(recorded.event)].append(recorded)

    def all(self, cls: type[E]) -> "list[Recorded[Any]]":
        return self._events[cls]

    def at(self, cls: type[E]) -> datetime | None:
        """When it first happened."""
        return next((r.at for r in self._events[cls]), None)

    def arrived_at(self, kind: StopKind) -> datetime | None:
        arrivals = self._events[dispatched.DeliveryArrived]
        return next((r.at for r in reversed(arrivals) if r.event.kind is kind), None)


async def recorded(
    tx: Tx, *, registry: Registry, city: geography.City, from_at: datetime, to_at: datetime
) -> Past:
    """All that was asked for in a window, and who was there to bring it.

    Raises:
        ValueError: nothing was decided in the window.
    """
    decided = await dispatch.policies_between(
        tx, tenant_id=city.tenant_id, city_id=city.id, from_at=from_at, to_at=to_at
    )
    if not decided:
        raise ValueError(
            f"nothing was decided in {city.slug} between {from_at} and {to_at}: choose a window "
            "in which the dispatcher worked"
        )
    lives, offers = await _lives(tx, registry, city, from_at, to_at + DRAIN)
    deliveries = await dispatch.requested_between(tx, city_id=city.id, from_at=from_at, to_at=to_at)
    orders = [_order(delivery, lives[delivery.id]) for delivery in deliveries]
    pace = _pace(deliveries, lives, city.rules)
    return Past(
        scenario=Scenario(
            name=f"{city.slug}, {from_at:%Y-%m-%d %H:%M} to {to_at:%Y-%m-%d %H:%M} UTC",
            start_at=from_at,
            orders=orders,
            couriers=await _couriers(tx, city, from_at, to_at, pace=pace),
            travel=dispatch.OnMap(geography.GreatCircle.of(city.rules)),
            roads=Straight(city.rules.detour_factor),
            rules=await dispatch.rules_of(tx, city_id=city.id),
        ),
        real=_really(orders, lives, offers),
        policies=tuple(policy for policy, _ in decided),
        decisions=sum(ticks for _, ticks in decided),
    )


async def _lives(
    tx: Tx, registry: Registry, city: geography.City, from_at: datetime, to_at: datetime
) -> tuple[dict[UUID, _Life], list[Recorded[Any]]]:
    rows = await tx.rows(
        """
        select * from kernel.event where stream in ('delivery', 'offer') and city_id = $1
            and at >= $2 and at < $3 order by seq
        """,
        city.id,
        from_at,
        to_at,
    )
    lives: dict[UUID, _Life] = defaultdict(_Life)
    offers: list[Recorded[Any]] = []
    for recorded_ in map(registry.recorded, rows):
        if recorded_.stream == "offer":
            offers.append(recorded_)
        else:
            lives[recorded_.stream_id].add(recorded_)
    return lives, offers


def _order(delivery: dispatch.Delivery, life: _Life) -> Order:
    requested = life.all(dispatched.DeliveryRequested)
    announced_at = requested[0].event.ready_at if requested else delivery.ready_at
    moves = life.all(dispatched.ReadyTimeMoved)
    news = tuple((r.at, r.event.ready_at) for r in moves)
    ready_at = news[-1][1] if news else announced_at
    collected_at = life.at(dispatched.DeliveryPickedUp)
    arrived_at = life.arrived_at(StopKind.PICKUP)
    there_at = max(ready_at, arrived_at) if arrived_at else None
    return Order(
        id=delivery.id,
        site=delivery.site_id,
        pickup=delivery.pickup,
        dropoff=delivery.dropoff,
        clicked_at=delivery.requested_at,
        requested_at=delivery.requested_at,
        announced_at=announced_at,
        news=news,
        ready_at=ready_at,
        gone_at=life.at(dispatched.DeliveryWithdrawn),
        at_counter_s=_between_s(there_at, collected_at, AT_COUNTER_S),
        at_door_s=_between_s(
            life.arrived_at(StopKind.DROPOFF), life.at(dispatched.DeliveryDone), AT_DOOR_S
        ),
        earning_minor=delivery.earning_minor,
    )


def _between_s(from_at: datetime | None, to_at: datetime | None, usual_s: float) -> float:
    if from_at is None or to_at is None or to_at < from_at:
        return usual_s
    return min(LONGEST_AT_A_DOOR_S, (to_at - from_at).total_seconds())


def _pace(
    deliveries: Iterable[dispatch.Delivery],
    lives: Mapping[UUID, _Life],
    rules: geography.CityRules,
) -> float:
    """How much faster couriers rode than the city's rule says, from counters to doors."""
    ratios: list[float] = []
    for delivery in deliveries:
        left_at = lives[delivery.id].at(dispatched.DeliveryPickedUp)
        there_at = lives[delivery.id].arrived_at(StopKind.DROPOFF)
        if left_at is None or there_at is None or there_at <= left_at:
            continue
        metres = distance_m(delivery.pickup, delivery.dropoff) * rules.detour_factor
        ratios.append(metres / rules.courier_speed_mps / (there_at - left_at).total_seconds())
    return min(PACE_MAX, max(PACE_MIN, median(ratios))) if ratios else 1.0


# Couriers


async def _couriers(
    tx: Tx, city: geography.City, from_at: datetime, to_at: datetime, *, pace: float
) -> list[Courier]:
    rows = await tx.rows(
        """
        select distinct stream_id as id from kernel.event
        where stream = 'courier' and city_id = $1 and at < $2 order by 1
        """,
        city.id,
        to_at,
    )
    ids = [row["id"] for row in rows]
    known = await couriers.get_many(tx, ids=ids)
    spans = await couriers.history(tx, courier_ids=ids, from_at=from_at, to_at=to_at)
    by_courier: dict[UUID, list[couriers.Span]] = defaultdict(list)
    for span in spans:
        by_courier[span.courier_id].append(span)
    found: list[Courier] = []
    for id_, theirs in sorted(by_courier.items()):
        shifts = [
            Shift(
                on_at=on_at,
                off_at=off_at,
                place=await _place(tx, id_, on_at) or city.centre,
                rests=tuple(_rests(theirs, on_at, off_at)),
            )
            for on_at, off_at in _on_duty(theirs, from_at, to_at)
        ]
        if shifts:
            found.append(
                Courier(
                    id=id_,
                    speed_mps=city.rules.courier_speed_mps * pace,
                    shifts=tuple(shifts),
                    rating=(known[id_].rating - 1) / 4 if id_ in known else None,
                )
            )
    return found


def _on_duty(
    spans: Sequence[couriers.Span], from_at: datetime, to_at: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """From when to when; whoever had work in hand at the beginning begins when it was done."""
    begun: datetime | None = None
    for span in spans:
        if span.availability is Availability.OFFLINE:
            if begun is not None and begun < span.from_at:
                yield begun, span.from_at
            begun = None
        elif begun is None:
            busy = span.availability in {Availability.ON_JOB, Availability.ENDING_SHIFT}
            began_before = span.from_at < from_at
            begun = max(from_at, span.from_at)
            if busy and began_before:
                begun = span.to_at if span.to_at is not None else to_at
    if begun is not None and begun < to_at:
        yield begun, to_at + DRAIN


def _rests(
    spans: Sequence[couriers.Span], on_at: datetime, off_at: datetime
) -> Iterator[tuple[datetime, float]]:
    """Breaks that couriers took of themselves."""
    for span in spans:
        own = span.reason is not couriers.Reason.OFFERS_MISSED_IN_A_ROW
        if span.availability is Availability.ON_BREAK and own and on_at <= span.from_at < off_at:
            ended_at = span.to_at or off_at
            yield span.from_at, (ended_at - span.from_at).total_seconds()


async def _place(tx: Tx, courier_id: UUID, at: datetime) -> Place | None:
    """Where somebody was then: the last position before, or else the first after."""
    trail = await tracking.trail(
        tx, courier_id=courier_id, from_at=at - SEEN_WITHIN, to_at=at + SEEN_WITHIN
    )
    before = [p for p in trail if p.at <= at]
    seen = before[-1] if before else next(iter(trail), None)
    return seen.place if seen is not None else None


# What really came of it


def _really(
    orders: Sequence[Order], lives: Mapping[UUID, _Life], offers: Iterable[Recorded[Any]]
) -> dispatch.Metrics:
    score = Score()
    trips: set[tuple[UUID, datetime]] = set()
    for number, order in enumerate(orders):
        score.orders += 1
        life = lives[order.id]
        _assigned(score, number, order, life)
        if life.all(dispatched.DeliveryGivenUp):
            score.unassigned.add(number)
        collected = life.all(dispatched.DeliveryPickedUp)
        done_at = life.at(dispatched.DeliveryDone)
        if order.gone_at is not None and not collected:
            score.called_off += 1
        if collected:
            there_at = max(order.ready_at, life.arrived_at(StopKind.PICKUP) or order.ready_at)
            waited = collected[0].at - order.ready_at
            score.ready_to_pickup_s.append(max(0.0, waited.total_seconds()))
            arrived_at = life.arrived_at(StopKind.PICKUP) or there_at
            score.courier_wait_s += max(0.0, (there_at - arrived_at).total_seconds())
            trips.add((collected[0].event.courier_id, collected[0].at))
        if done_at is not None:
            score.click_to_door_s.append((done_at - order.clicked_at).total_seconds())
            score.paid_minor += order.earning_minor
    score.trips = len(trips)
    _answered(score, orders, offers)
    return score.metrics()


def _answered(score: Score, orders: Sequence[Order], offers: Iterable[Recorded[Any]]) -> None:
    asked = {order.id for order in orders}
    for offer in offers:
        if asked.isdisjoint(offer.event.delivery_ids):
            continue
        match offer.event:
            case dispatched.OfferAccepted():
                score.offers["accepted"] += 1
            case dispatched.OfferRejected():
                score.offers["declined"] += 1
            case dispatched.OfferExpired():
                score.offers["missed"] += 1
            case _:
                pass


def _assigned(score: Score, number: int, order: Order, life: _Life) -> None:
    assigned = life.all(dispatched.DeliveryAssigned)
    if not assigned:
        return
    first = assigned[0]
    believed_at = order.announced_at
    for at, ready_at in order.news:
        if at <= first.at:
            believed_at = ready_at
    start_at = order.requested_at
    score.assigned(
        number,
        now_s=(first.at - start_at).total_seconds(),
        requested_s=0.0,
        ready_s=(believed_at - start_at).total_seconds(),
        pickup_s=(first.event.pickup_eta_at - start_at).total_seconds(),
    )
