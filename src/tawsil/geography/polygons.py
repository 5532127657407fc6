"""What can be wrong with a polygon that somebody has drawn."""

from collections.abc import Sequence
from itertools import combinations, pairwise
from math import cos, radians
from typing import Final

from tawsil.kernel.places import Place

KM_PER_DEGREE: Final = 111.195
Point = tuple[float, float]


def corners(ring: Sequence[Place]) -> tuple[Place, ...]:
    """Its corners, each once; the last one is not the first again."""
    open_ring = ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring
    return tuple(b for a, b in pairwise((open_ring[-1], *open_ring)) if a != b)


def crosses_itself(ring: Sequence[Place]) -> bool:
    """Whether two of its sides meet anywhere but where one ends and the next begins."""
    points = [(place.longitude, place.latitude) for place in ring]
    sides = list(pairwise((*points, points[0])))
    last = len(sides) - 1
    for (n, side), (m, other) in combinations(enumerate(sides), 2):
        neighbours = m - n == 1 or (n == 0 and m == last)
        if _folded(side, other) if neighbours else _meet(side, other):
            return True
    return False


def area_km2(ring: Sequence[Place]) -> float:
    """About how large it is, as if the earth were flat there."""
    shrink = cos(radians(ring[0].latitude))
    first = ring[0]
    flat = [
        ((p.longitude - first.longitude) * shrink, p.latitude - first.latitude)  # in degrees
        for p in ring
    ]
    twice = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairwise((*flat, flat[0])))
    return abs(twice) / 2 * KM_PER_DEGREE**2


def _turn(a: Point, b: Point, c: Point) -> float:
    """More than 0 when a, b, c go round to the left, 0 when they are in line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Point, b: Point, c: Point) -> bool:
    """Whether c, in line with a and b, is between them."""
    return all(min(a[n], b[n]) <= c[n] <= max(a[n], b[n]) for n in (0, 1))


def _meet(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    (a, b), (c, d) = one, other
    turns = _turn(a, b, c), _turn(a, b, d), _turn(c, d, a), _turn(c, d, b)
    if turns[0] * turns[1] < 0 and turns[2] * turns[3] < 0:
        return True
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(turn == 0 and _between(*three) for turn, three in zip(turns, ends, strict=True))


def _folded(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    """Whether of two sides with a corner in common the second goes back over the first."""
    (a, b), (c, d) = (one, other) if one[1] == other[0] else (other, one)
    ahead = (b[0] - a[0]) * (d[0] - c[0]) + (b[1] - a[1]) * (d[1] - c[1])
    return _turn(a, b, d) == 0 and ahead < 0
