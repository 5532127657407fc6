"""A published day as it was given: orders, restaurants, shifts, and a plane to drive on.

Minutes and metres on a plane become instants of one day and places near `ORIGIN`; `PlaneTravel`
remembers where on the plane each place lies, so that travel times computed from places are
exactly those of the instance.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import cos, radians
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tawsil.dispatch.planning import Services
from tawsil.kernel.places import Place

ORIGIN: Final = Place(latitude=24.6, longitude=46.6)
MIDNIGHT: Final = datetime(2018, 1, 1, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
METRES_PER_DEGREE: Final = 111_195.0

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


def length(instance: Instance) -> timedelta:
    """From the first thing that happens of itself, a shift or an order, to the last."""
    ats = [o.placed_at for o in instance.orders] + [s.on_at for s in instance.shifts]
    return max(ats, default=MIDNIGHT) - min(ats, default=MIDNIGHT)


def site_ids(instance: Instance) -> dict[str, UUID]:
    """The site that stands for each restaurant."""
    return {name: UUID(int=number) for number, name in enumerate(instance.restaurants)}
