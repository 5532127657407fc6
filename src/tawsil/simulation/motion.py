"""A courier on the road, step by step: to the site, to each door, and free again there."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from msgspec import Struct

from tawsil.dispatch.planning import Services
from tawsil.kernel.places import Place

SHIFT_START: Final = "0"
"""How a move names the place where a courier's shift begins."""


class Roads(Protocol):
    def time(self, origin: Place, destination: Place) -> timedelta: ...


class Assignment(Struct, frozen=True):
    """One bundle: what a courier was told to pick up together, in the order it drops off."""

    courier: str
    orders: tuple[str, ...]
    assigned_at: datetime
    picked_up_at: datetime


class Delivery(Struct, frozen=True):
    order: str
    courier: str
    picked_up_at: datetime
    dropped_off_at: datetime


class Move(Struct, frozen=True):
    courier: str
    departed_at: datetime
    origin: str
    destination: str


class Stop(Struct, frozen=True):
    """Something to be collected: where it goes, and from when it can be had."""

    name: str
    place: Place
    ready_at: datetime


class CourierMotion:
    """One courier by the rules of the road, from wherever it is told to go to the next door.

    It picks up no earlier than everything is ready and half a pick-up service after arriving,
    leaves half a service later; it drops off half a drop-off service after arriving and leaves
    half a service later. What it carries may change until it picks up.
    """

    def __init__(
        self, *, name: str, place: Place, on_at: datetime, services: Services, travel: Roads
    ) -> None:
        self.name: Final = name
        self.place = place
        self.free_at = on_at
        self.stops: tuple[Stop, ...] = ()
        self.assigned_at = on_at
        self.assignments: list[Assignment] = []
        self.deliveries: list[Delivery] = []
        self.moves: list[Move] = []
        self._at = SHIFT_START
        self._travel = travel
        self._half_pickup = timedelta(seconds=services.pickup_s / 2)
        self._half_dropoff = timedelta(seconds=services.dropoff_s / 2)

    @property
    def at(self) -> str:
        """The last place it went to, or is on its way to."""
        return self._at

    @property
    def pickup_at(self) -> datetime:
        """When it will have in hand what it is on its way to collect."""
        assert self.stops
        served_at = max(self.assigned_at, self.free_at + self._half_pickup)
        return max(served_at, *(s.ready_at for s in self.stops))

    def send(self, *, to: str, place: Place, now: datetime) -> None:
        """Drive to a site, with or without something to collect there; stay if it is there."""
        assert now >= self.free_at, f"{self.name} is sent at {now} but free at {self.free_at}"
        if to != self._at:
            self._drive(to=to, place=place, departed_at=now)

    def expect(self, stops: Sequence[Stop], *, now: datetime) -> None:
        """Collect these, in this order of drop-off, where it is or is on its way to."""
        self.stops, self.assigned_at = tuple(stops), now

    def collect(self) -> None:
        """Pick up, and carry everything to its door; afterwards it is free at the last door."""
        picked_up_at = self.pickup_at
        assert self.assigned_at <= picked_up_at
        self.assignments.append(
            Assignment(
                courier=self.name,
                orders=tuple(s.name for s in self.stops),
                assigned_at=self.assigned_at,
                picked_up_at=picked_up_at,
            )
        )
        self.free_at = picked_up_at + self._half_pickup
        for stop in self.stops:
            self._drive(to=stop.name, place=stop.place, departed_at=self.free_at)
            dropped_off_at = self.free_at + self._half_dropoff
            self.free_at = dropped_off_at + self._half_dropoff
            self.deliveries.append(
                Delivery(
                    order=stop.name,
                    courier=self.name,
                    picked_up_at=picked_up_at,
                    dropped_off_at=dropped_off_at,
                )
            )
        self.stops = ()

    def _drive(self, *, to: str, place: Place, departed_at: datetime) -> None:
        self.moves.append(
            Move(courier=self.name, departed_at=departed_at, origin=self._at, destination=to)
        )
        self.free_at = departed_at + self._travel.time(self.place, place)
        self._at, self.place = to, place
