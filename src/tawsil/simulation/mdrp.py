"""Published days of meal delivery: the Meal Delivery Routing Problem of Grubhub.

Instances: grubhub/mdrplib; Reyes, Erera, Savelsbergh, Sahasrabudhe, O'Neil, *The Meal Delivery
Routing Problem*, 2018. Minutes and metres on a plane become instants of one day and places near
`ORIGIN`; `PlaneTravel` remembers where on the plane each place lies, so that travel times
computed from places are exactly those of the instance.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import cos, inf, isinf, radians
from pathlib import Path
from statistics import fmean
from typing import Final, TypeVar
from uuid import UUID

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from tawsil.dispatch.planning import (
    Commitment,
    Courier,
    Demand,
    Job,
    Policy,
    Services,
    plan,
    survey,
)
from tawsil.kernel.places import Place
from tawsil.simulation.motion import Assignment, CourierMotion, Delivery, Move, Stop

ORIGIN: Final = Place(latitude=24.6, longitude=46.6)
MIDNIGHT: Final = datetime(2018, 1, 1, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
RECENT: Final = 90 * MINUTE
RECENT_MIN: Final = 5
"""Fewer orders than this say nothing about the next."""
METRES_PER_DEGREE: Final = 111_195.0


POLICIES: Final[Mapping[str, Policy]] = {
    policy.name: policy
    for policy in (
        Policy(),
        Policy(name="at_once", lead_s=inf),
        Policy(name="one_by_one", bundle_max=1),
    )
}
"""What a day can be replayed under: the usual one, without holding back, without bundles."""

T = TypeVar("T")


class Order(Struct, frozen=True):
    id: str
    restaurant: str
    place: Place
    placed_at: datetime
    ready_at: datetime


class Restaurant(Struct, frozen=True):
    id: str
    place: Place


class Shift(Struct, frozen=True):
    """One courier's shift; `place` is where it begins."""

    courier: str
    place: Place
    on_at: datetime
    off_at: datetime


class PlaneTravel:
    """Travel by the rule of the instance: Euclid over the speed, rounded up to a minute."""

    def __init__(self, plane: Mapping[Place, tuple[float, float]], *, speed_m_min: float) -> None:
        self.plane: Final = plane
        self._row = {place: row for row, place in enumerate(plane)}
        points = np.array(list(plane.values()), dtype=np.float64).reshape(-1, 2)
        self._x, self._y = points[:, 0], points[:, 1]
        self._speed_m_min = speed_m_min

    def matrix_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        a = np.array([self._row[p] for p in origins], dtype=np.intp)
        b = np.array([self._row[p] for p in destinations], dtype=np.intp)
        dx = self._x[a][:, None] - self._x[b][None, :]
        dy = self._y[a][:, None] - self._y[b][None, :]
        return np.ceil(np.sqrt(dx * dx + dy * dy) / self._speed_m_min) * 60.0

    def pairs_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        a = np.array([self._row[p] for p in origins], dtype=np.intp)
        b = np.array([self._row[p] for p in destinations], dtype=np.intp)
        dx, dy = self._x[a] - self._x[b], self._y[a] - self._y[b]
        return np.ceil(np.sqrt(dx * dx + dy * dy) / self._speed_m_min) * 60.0

    def time(self, origin: Place, destination: Place) -> timedelta:
        return timedelta(seconds=float(self.matrix_s([origin], [destination])[0, 0]))


class Instance(Struct, frozen=True):
    name: str
    orders: tuple[Order, ...]
    restaurants: Mapping[str, Restaurant]
    shifts: tuple[Shift, ...]
    travel: PlaneTravel
    services: Services
    target_click_to_door: timedelta
    maximum_click_to_door: timedelta
    pay_per_order: float
    pay_per_hour: float


class Solution(Struct, frozen=True):
    assignments: tuple[Assignment, ...]
    deliveries: tuple[Delivery, ...]
    moves: tuple[Move, ...]


class Score(Struct, frozen=True):
    """Means in minutes; `eff_min` counts an undelivered order as the maximum click-to-door."""

    orders: int
    delivered: int
    undelivered_pct: float
    eff_min: float
    click_to_door_min: float
    click_to_door_p90_min: float
    ready_to_pickup_min: float
    pay_per_order: float
    orders_per_bundle: float


def minute(at: datetime) -> int:
    """Whole minutes since midnight; refuse an instant between two minutes."""
    minutes, rest = divmod(at - MIDNIGHT, MINUTE)
    assert not rest, f"{at} is not a whole minute"
    return minutes


def place_on_earth(x: float, y: float) -> Place:
    """One place for each point of the plane, near `ORIGIN`, about as far apart as on the plane."""
    east = METRES_PER_DEGREE * cos(radians(ORIGIN.latitude))
    return Place(
        latitude=ORIGIN.latitude + y / METRES_PER_DEGREE, longitude=ORIGIN.longitude + x / east
    )


# Reading


def read_instance(folder: Path) -> Instance:
    """Read the four files of an instance.

    Raises:
        ValueError: a file is missing or malformed; the message names the file and the line.
    """
    plane: dict[Place, tuple[float, float]] = {}

    def place(x: str, y: str) -> Place:
        point = float(x), float(y)
        known = place_on_earth(*point)
        assert plane.setdefault(known, point) == point
        return known

    def restaurant(id_: str, x: str, y: str) -> Restaurant:
        return Restaurant(id=id_, place=place(x, y))

    restaurants = {r.id: r for r in _rows(folder / "restaurants.txt", 3, restaurant)}

    def order(id_: str, x: str, y: str, placed: str, at: str, ready: str) -> Order:
        if at not in restaurants:
            raise ValueError(f"unknown restaurant {at}")
        return Order(
            id=id_, restaurant=at, place=place(x, y), placed_at=_at(placed), ready_at=_at(ready)
        )

    def shift(id_: str, x: str, y: str, on: str, off: str) -> Shift:
        if int(on) > int(off):
            raise ValueError(f"courier {id_} goes off at {off}, before it comes on at {on}")
        return Shift(courier=id_, place=place(x, y), on_at=_at(on), off_at=_at(off))

    parameters = _rows(folder / "instance_parameters.txt", 7, lambda *f: [float(x) for x in f])
    if len(parameters) != 1 or parameters[0][0] <= 0:
        raise ValueError(f"{folder / 'instance_parameters.txt'}: one line with a positive speed")
    speed, pickup, dropoff, target, maximum, per_order, per_hour = parameters[0]
    if pickup % 2 or dropoff % 2 or pickup < 0 or dropoff < 0:
        raise ValueError(f"{folder / 'instance_parameters.txt'}:2: services take 0, 2, 4 … minutes")
    orders = _rows(folder / "orders.txt", 6, order)
    shifts = _rows(folder / "couriers.txt", 5, shift)
    _refuse_twins(folder / "orders.txt", [o.id for o in orders])
    _refuse_twins(folder / "couriers.txt", [s.courier for s in shifts])
    return Instance(
        name=folder.resolve().name,
        orders=tuple(sorted(orders, key=lambda o: o.placed_at)),
        restaurants=restaurants,
        shifts=tuple(shifts),
        travel=PlaneTravel(plane, speed_m_min=speed),
        services=Services(pickup_s=60 * pickup, dropoff_s=60 * dropoff),
        target_click_to_door=target * MINUTE,
        maximum_click_to_door=maximum * MINUTE,
        pay_per_order=per_order,
        pay_per_hour=per_hour,
    )


def _at(minutes: str) -> datetime:
    return MIDNIGHT + int(minutes) * MINUTE


def _rows(path: Path, columns: int, read: Callable[..., T]) -> list[T]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as problem:
        raise ValueError(f"{path}: {problem.strerror}") from problem
    rows: list[T] = []
    for number, line in enumerate(lines, start=1):
        fields = line.split("\t") if "\t" in line else line.split()
        if number == 1 or not line.strip():
            continue
        if len(fields) != columns:
            raise ValueError(f"{path}:{number}: {columns} columns expected, not {len(fields)}")
        try:
            rows.append(read(*fields))
        except ValueError as problem:
            raise ValueError(f"{path}:{number}: {problem}") from problem
    return rows


def _refuse_twins(path: Path, ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for row, id_ in enumerate(ids):
        if id_ in seen:
            raise ValueError(f"{path}:{row + 2}: {id_} appears twice")
        seen.add(id_)


# Replay


def fast_replay(instance: Instance, policy: Policy) -> Solution:
    """Live through the day in memory, one decision a minute, every offer accepted.

    An order is shown to the policy from the minute it is placed, and not before.
    """
    day = _Day(instance, policy)
    now = min((o.placed_at for o in instance.orders), default=MIDNIGHT)
    end = max((s.off_at for s in instance.shifts), default=MIDNIGHT)
    while now <= end:
        day.tick(now)
        now += MINUTE
    return day.solution()


def length(instance: Instance) -> timedelta:
    """From the first thing that happens of itself, a shift or an order, to the last."""
    ats = [o.placed_at for o in instance.orders] + [s.on_at for s in instance.shifts]
    return max(ats, default=MIDNIGHT) - min(ats, default=MIDNIGHT)


def fitted(policy: Policy, instance: Instance) -> Policy:
    """A policy for decisions once a minute about couriers who always say yes, at once."""
    lead_s = policy.lead_s if isinf(policy.lead_s) else 0.0
    return replace(policy, services=instance.services, tick_s=60.0, lead_s=lead_s)


def site_ids(instance: Instance) -> dict[str, UUID]:
    """The site that stands for each restaurant."""
    return {name: UUID(int=number) for number, name in enumerate(instance.restaurants)}


def recent_demand(instance: Instance, orders: Iterable[Order], *, now: datetime) -> list[Demand]:
    """What each restaurant was asked for lately: a forecast from the orders placed so far."""
    sites = site_ids(instance)
    asked = Counter(o.restaurant for o in orders if now - RECENT < o.placed_at <= now)
    if asked.total() < RECENT_MIN:
        return []
    return [
        Demand(
            site=sites[name],
            place=instance.restaurants[name].place,
            jobs_per_hour=count / (RECENT / timedelta(hours=1)),
        )
        for name, count in sorted(asked.items())
    ]


class _Day:
    def __init__(self, instance: Instance, policy: Policy) -> None:
        self.instance = instance
        self.policy = fitted(policy, instance)
        self.unseen = list(reversed(instance.orders))
        self.site_ids = site_ids(instance)
        self.restaurant_of = {site: name for name, site in self.site_ids.items()}
        self.orders: dict[UUID, Order] = {}
        self.open: dict[UUID, Job] = {}
        self.offs = {UUID(int=k): s.off_at for k, s in enumerate(instance.shifts)}
        self.motions = {
            UUID(int=k): CourierMotion(
                name=s.courier,
                place=s.place,
                on_at=s.on_at,
                services=instance.services,
                travel=instance.travel,
            )
            for k, s in enumerate(instance.shifts)
        }
        self.collecting: dict[UUID, tuple[UUID, ...]] = {}

    def tick(self, now: datetime) -> None:
        while self.unseen and self.unseen[-1].placed_at <= now:
            self._place(self.unseen.pop())
        if self.orders:
            snapshot = survey(
                now=now,
                jobs=self.open.values(),
                couriers=[
                    self._courier(id_, motion)
                    for id_, motion in self.motions.items()
                    if now <= self.offs[id_]
                ],
                travel=self.instance.travel,
                demand=recent_demand(self.instance, self.orders.values(), now=now),
                notice_s=[(o.ready_at - o.placed_at).total_seconds() for o in self.orders.values()],
            )
            decision = plan(snapshot, self.policy)
            for commitment in decision.commitments:
                self._carry_out(commitment, now)
            for move in decision.moves:
                restaurant = self.restaurant_of[move.site]
                self.motions[move.courier].send(to=restaurant, place=move.place, now=now)
        for id_, ids in list(self.collecting.items()):
            if self.motions[id_].pickup_at <= now:
                self.motions[id_].collect()
                del self.collecting[id_]
                for order in ids:
                    del self.open[order]

    def _place(self, order: Order) -> None:
        id_ = UUID(int=len(self.orders))
        self.orders[id_] = order
        self.open[id_] = Job(
            id=id_,
            site=self.site_ids[order.restaurant],
            pickup=self.instance.restaurants[order.restaurant].place,
            dropoff=order.place,
            placed_at=order.placed_at,
            ready_at=order.ready_at,
        )

    def _courier(self, id_: UUID, motion: CourierMotion) -> Courier:
        guaranteed = self.instance.pay_per_hour * self._hours(id_) / self.instance.pay_per_order
        done = len(motion.deliveries) + len(motion.stops)
        return Courier(
            id=id_,
            place=motion.place,
            free_at=motion.free_at,
            off_at=self.offs[id_],
            collecting=self.collecting.get(id_, ()),
            waiting_at=self.site_ids.get(motion.at),
            paid_ahead=guaranteed - done,
        )

    def _hours(self, id_: UUID) -> float:
        shift = self.instance.shifts[id_.int]
        return (shift.off_at - shift.on_at) / timedelta(hours=1)

    def _carry_out(self, commitment: Commitment, now: datetime) -> None:
        motion = self.motions[commitment.courier]
        if commitment.courier not in self.collecting:
            restaurant = self.orders[commitment.jobs[0]].restaurant
            place = self.instance.restaurants[restaurant].place
            motion.send(to=restaurant, place=place, now=now)
        stops = [
            Stop(name=o.id, place=o.place, ready_at=o.ready_at)
            for o in (self.orders[job] for job in commitment.jobs)
        ]
        motion.expect(stops, now=now)
        assert motion.pickup_at == commitment.pickup_at
        self.collecting[commitment.courier] = commitment.jobs

    def solution(self) -> Solution:
        for id_ in self.collecting:
            self.motions[id_].collect()
        self.collecting.clear()
        fleet = self.motions.values()
        return Solution(
            assignments=tuple(a for m in fleet for a in m.assignments),
            deliveries=tuple(d for m in fleet for d in m.deliveries),
            moves=tuple(move for m in fleet for move in m.moves),
        )


# Writing and scoring


def write_solution(folder: Path, *, instance: Instance, solution: Solution) -> None:
    """Write the three files that describe a solution."""
    folder.mkdir(parents=True, exist_ok=True)
    orders = {o.id: o for o in instance.orders}
    _write(
        folder / "solution_info_assignments.txt",
        "assignment_time pickup_time courier orders",
        (
            (minute(a.assigned_at), minute(a.picked_up_at), a.courier, *a.orders)
            for a in sorted(solution.assignments, key=lambda a: a.picked_up_at)
        ),
    )
    _write(
        folder / "solution_info_orders.txt",
        "order placement_time ready_time pickup_time dropoff_time courier",
        (
            (
                d.order,
                minute(orders[d.order].placed_at),
                minute(orders[d.order].ready_at),
                minute(d.picked_up_at),
                minute(d.dropped_off_at),
                d.courier,
            )
            for d in solution.deliveries
        ),
    )
    _write(
        folder / "solution_info_couriers.txt",
        "courier departure_time origin destination",
        ((m.courier, minute(m.departed_at), m.origin, m.destination) for m in solution.moves),
    )


def _write(path: Path, header: str, rows: Iterable[tuple[object, ...]]) -> None:
    lines = [header, *(" ".join(str(field) for field in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def score(*, instance: Instance, solution: Solution) -> Score:
    orders = {o.id: o for o in instance.orders}
    waits = [(d.dropped_off_at - orders[d.order].placed_at) / MINUTE for d in solution.deliveries]
    lost = len(orders) - len(waits)
    maximum = instance.maximum_click_to_door / MINUTE
    served: dict[str, int] = {}
    for d in solution.deliveries:
        served[d.courier] = served.get(d.courier, 0) + 1
    pay = sum(
        max(
            instance.pay_per_order * served.get(s.courier, 0),
            instance.pay_per_hour * ((s.off_at - s.on_at) / timedelta(hours=1)),
        )
        for s in instance.shifts
    )
    return Score(
        orders=len(orders),
        delivered=len(waits),
        undelivered_pct=100 * lost / len(orders),
        eff_min=(sum(waits) + maximum * lost) / len(orders),
        click_to_door_min=fmean(waits) if waits else 0.0,
        click_to_door_p90_min=float(np.percentile(waits, 90)) if waits else 0.0,
        ready_to_pickup_min=fmean(
            (d.picked_up_at - orders[d.order].ready_at) / MINUTE for d in solution.deliveries
        )
        if waits
        else 0.0,
        pay_per_order=pay / max(len(waits), 1),
        orders_per_bundle=len(waits) / max(len(solution.assignments), 1),
    )
