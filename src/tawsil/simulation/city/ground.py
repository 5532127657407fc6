"""What the map of the city is made of."""

from enum import StrEnum
from itertools import pairwise

from msgspec import Struct

from tawsil.kernel.places import Place
from tawsil.simulation.city.words import Words


class StreetKind(StrEnum):
    CORNICHE = "corniche"
    RING = "ring"
    AVENUE = "avenue"
    STREET = "street"


class Street(Struct, frozen=True):
    """A named street and the unbroken lines it is drawn with."""

    name: Words
    kind: StreetKind
    lines: tuple[tuple[Place, ...], ...]


class Edge(Struct, frozen=True):
    """A straight piece of street between two crossings, given by their index."""

    start: int
    end: int
    street: int
    bridge: bool = False


class AreaKind(StrEnum):
    SEA = "sea"
    CREEK = "creek"
    PARK = "park"


class Area(Struct, frozen=True):
    """Water or a park; the ring is closed: it ends where it began."""

    name: Words
    kind: AreaKind
    ring: tuple[Place, ...]

    def holds(self, place: Place) -> bool:
        return inside(self.ring, place)


class District(Struct, frozen=True):
    """A part of the city; the ring is closed: it ends where it began."""

    key: str
    name: Words
    ring: tuple[Place, ...]

    def holds(self, place: Place) -> bool:
        return inside(self.ring, place)


class Ground(Struct, frozen=True):
    """The map: crossings, the pieces of street between them, water, parks and districts."""

    name: Words
    centre: Place
    crossings: tuple[Place, ...]
    edges: tuple[Edge, ...]
    streets: tuple[Street, ...]
    areas: tuple[Area, ...]
    districts: tuple[District, ...]


def inside(ring: tuple[Place, ...], place: Place) -> bool:
    """Whether a closed ring holds a place (even-odd rule)."""
    odd = False
    for a, b in pairwise(ring):
        if (a.latitude > place.latitude) != (b.latitude > place.latitude):
            share = (place.latitude - a.latitude) / (b.latitude - a.latitude)
            if place.longitude < a.longitude + share * (b.longitude - a.longitude):
                odd = not odd
    return odd
