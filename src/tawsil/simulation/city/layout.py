"""The plan of the city on flat paper, before it is laid on the globe.

Paper coordinates are metres: `u` along the coast, from west to east, and `v` inland from the
corniche. A gentle warp bends them to `x` east and `y` north, so that streets near the sea follow
the shore and those inland straighten out.
"""

from collections.abc import Iterable, Sequence
from math import atan2, cos, exp, hypot, pi, sin
from random import Random
from typing import Final, NamedTuple

from tawsil.kernel.places import Place
from tawsil.simulation.city.dice import between

RING_U: Final = 3050.0
RING_V: Final = 3350.0
_RING_POWER: Final = 3.0
BEACH_V: Final = -110.0
OPEN_SEA_V: Final = -8000.0
CREEK_END_V: Final = 1960.0
_TILT: Final = 0.32  # the coast runs from west-south-west to east-north-east

# A thinly peopled stretch of the southern Gulf coast, where no real city is in the way.
CENTRE: Final = Place(24.12, 53.1)
_METRES_PER_DEGREE: Final = 111_195.08
_METRES_PER_DEGREE_EAST: Final = _METRES_PER_DEGREE * cos(24.12 * pi / 180)


class Spot(NamedTuple):
    """A point on the paper, metres."""

    u: float
    v: float


class Box(NamedTuple):
    west: float
    east: float
    coast: float
    inland: float

    def holds(self, spot: Spot) -> bool:
        return self.west < spot.u < self.east and self.coast < spot.v < self.inland

    def corners(self) -> list[Spot]:
        return [
            Spot(self.west, self.coast),
            Spot(self.east, self.coast),
            Spot(self.east, self.inland),
            Spot(self.west, self.inland),
        ]


class Paper:
    """The bends that make one seed's city differ from another's."""

    def __init__(self, rng: Random) -> None:
        self._bays = [between(rng, 0, 2 * pi) for _ in range(4)]
        self._creek_at = between(rng, 470, 540)
        self._creek_bends = between(rng, 0, 2 * pi)

    def place(self, spot: Spot) -> Place:
        """Where a point of the paper lies on the globe, to a tenth of a metre."""
        big, small, lean, roll = self._bays
        coast = 260 * sin(spot.u / 1450 + big) + 80 * sin(spot.u / 560 + small)
        inland = max(0.0, spot.v)
        x = spot.u + 110 * sin(inland / 850 + lean) - 110 * sin(lean)
        y = coast * max(0.0, 1 - inland / 3200) - spot.v
        y += 70 * sin(spot.u / 1200 + roll) * min(1.0, inland / 1500)
        y += 1450  # the middle of the city, not its shore, is the centre
        east = x * cos(_TILT) - y * sin(_TILT)
        north = x * sin(_TILT) + y * cos(_TILT)
        return moved(CENTRE, east_m=east, north_m=north)

    def creek_middle(self, v: float) -> float:
        return self._creek_at + 95 * sin(max(v, 0.0) / 420 + self._creek_bends)

    def creek_half_width(self, v: float) -> float:
        """Wide at the mouth, then narrow, then a lagoon; nothing beyond `CREEK_END_V`."""
        if v >= CREEK_END_V:
            return 0.0
        mouth = 55 * exp(-(max(v, 0.0) / 260))
        lagoon = 165 * exp(-(((v - 1620) / 230) ** 2))
        closing = min(1.0, (CREEK_END_V - v) / 120) ** 0.5
        return (62 + mouth + lagoon) * closing


def moved(place: Place, *, east_m: float, north_m: float) -> Place:
    """A place some metres away, in degrees rounded to a tenth of a metre."""
    return Place(
        round(place.latitude + north_m / _METRES_PER_DEGREE, 6),
        round(place.longitude + east_m / _METRES_PER_DEGREE_EAST, 6),
    )


def flat_m(a: Place, b: Place) -> tuple[float, float]:
    """Metres east and north from `a` to `b`, as if the city were flat."""
    return (
        (b.longitude - a.longitude) * _METRES_PER_DEGREE_EAST,
        (b.latitude - a.latitude) * _METRES_PER_DEGREE,
    )


def ring_share(spot: Spot, *, margin_m: float = 0.0) -> float:
    """Below one inside the ring road, above it outside (a superellipse)."""
    across = abs(spot.u) / (RING_U - margin_m)
    inland = max(0.0, spot.v) / (RING_V - margin_m)
    return across**_RING_POWER + inland**_RING_POWER


def ring_inland(u: float) -> float:
    """How far inland the ring road passes at `u`."""
    return RING_V * max(0.0, 1 - (abs(u) / RING_U) ** _RING_POWER) ** (1 / _RING_POWER)


def ring_across(v: float) -> float:
    """How far from the middle, on either side, the ring road passes at `v`."""
    return RING_U * max(0.0, 1 - (v / RING_V) ** _RING_POWER) ** (1 / _RING_POWER)


def ring_spots(crossings: Iterable[Spot]) -> list[Spot]:
    """The ring road from its western to its eastern end, through the given crossings."""
    fixed = list(crossings)
    bends: list[Spot] = []
    for step in range(1, 48):
        angle = pi * step / 48
        across, inland = -cos(angle), sin(angle)
        reach = ((abs(across) / RING_U) ** _RING_POWER + (inland / RING_V) ** _RING_POWER) ** (
            -1 / _RING_POWER
        )
        bend = Spot(across * reach, inland * reach)
        if all(hypot(bend.u - f.u, bend.v - f.v) > 110 for f in fixed):
            bends.append(bend)
    return sorted(fixed + bends, key=lambda spot: atan2(spot.v, -spot.u))


def clipped_to_ring(box: Box) -> list[Spot]:
    """The outline of a box, cut off by the ring road, with points close enough to bend well."""
    outline: list[Spot] = []
    corners = box.corners()
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        steps = max(1, round(hypot(b.u - a.u, b.v - a.v) / 210))
        for step in range(steps):
            share = step / steps
            outline.append(_pulled_in(Spot(a.u + (b.u - a.u) * share, a.v + (b.v - a.v) * share)))
    return without_repeats(outline)


def _pulled_in(spot: Spot) -> Spot:
    share = ring_share(spot) ** (1 / _RING_POWER)
    if share <= 1:
        return spot
    return Spot(spot.u / share, spot.v / share if spot.v > 0 else spot.v)


def without_repeats(spots: Sequence[Spot]) -> list[Spot]:
    kept: list[Spot] = []
    for spot in spots:
        if not kept or hypot(spot.u - kept[-1].u, spot.v - kept[-1].v) > 25:
            kept.append(spot)
    return kept
