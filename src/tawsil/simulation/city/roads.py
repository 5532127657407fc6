"""The way along the streets from one place to another."""

from bisect import bisect_right
from heapq import heappop, heappush
from itertools import pairwise
from math import floor, hypot, inf
from typing import Final, NamedTuple

from msgspec import Struct

from tawsil.kernel.places import Place, distance_m
from tawsil.simulation.city.ground import Ground
from tawsil.simulation.city.layout import flat_m

_CELL_DEGREES: Final = 0.0025  # about 250 m: a little longer than a block
_REMEMBERED_ROUTES: Final = 4096


class Route(Struct, frozen=True):
    """A line along the streets; `marks_m[i]` is how far along it `line[i]` lies."""

    line: tuple[Place, ...]
    marks_m: tuple[float, ...]

    @property
    def length_m(self) -> float:
        return self.marks_m[-1]

    def at(self, *, along_m: float) -> Place:
        """Where one is after so many metres; the ends when it is too few or too many."""
        if along_m <= 0:
            return self.line[0]
        if along_m >= self.length_m:
            return self.line[-1]
        after = bisect_right(self.marks_m, along_m)
        a, b = self.line[after - 1], self.line[after]
        share = (along_m - self.marks_m[after - 1]) / (
            self.marks_m[after] - self.marks_m[after - 1]
        )
        return Place(
            a.latitude + (b.latitude - a.latitude) * share,
            a.longitude + (b.longitude - a.longitude) * share,
        )


class _Foothold(NamedTuple):
    """The point of the street network nearest to a place, `share` of the way along an edge."""

    edge: int
    share: float
    place: Place


class Roads:
    """The street network, ready to be asked thousands of times.

    The tree of shortest ways (Dijkstra) from a crossing is computed when it is first needed and
    kept; so are the last few thousand answers.
    """

    def __init__(self, ground: Ground) -> None:
        self._crossings = ground.crossings
        self._edges = ground.edges
        self._lengths = [
            distance_m(ground.crossings[e.start], ground.crossings[e.end]) for e in ground.edges
        ]
        self._next: list[list[tuple[int, float]]] = [[] for _ in ground.crossings]
        for edge, length in zip(ground.edges, self._lengths, strict=True):
            self._next[edge.start].append((edge.end, length))
            self._next[edge.end].append((edge.start, length))
        self._cells = self._edges_by_cell()
        self._trees: dict[int, tuple[list[float], list[int]]] = {}
        self._footholds: dict[Place, _Foothold] = {}
        self._routes: dict[tuple[Place, Place], Route] = {}

    def route(self, a: Place, b: Place) -> Route:
        known = self._routes.get((a, b))
        if known is None:
            known = _measured(self._way(a, b))
            if len(self._routes) >= _REMEMBERED_ROUTES:
                del self._routes[next(iter(self._routes))]
            self._routes[a, b] = known
        return known

    def _way(self, a: Place, b: Place) -> list[Place]:
        start, end = self._foothold(a), self._foothold(b)
        if start.edge == end.edge:
            return [a, start.place, end.place, b]
        best, best_m = (0, 0), inf
        for leave, leave_m in self._exits(start):
            reach, _ = self._tree(leave)
            for enter, enter_m in self._exits(end):
                if leave_m + reach[enter] + enter_m < best_m:
                    best, best_m = (leave, enter), leave_m + reach[enter] + enter_m
        assert best_m < inf, "the street network is one piece"
        leave, enter = best
        _, back = self._tree(leave)
        middle = [enter]
        while middle[-1] != leave:
            middle.append(back[middle[-1]])
        crossings = [self._crossings[at] for at in reversed(middle)]
        return [a, start.place, *crossings, end.place, b]

    def _exits(self, foothold: _Foothold) -> tuple[tuple[int, float], tuple[int, float]]:
        edge, length = self._edges[foothold.edge], self._lengths[foothold.edge]
        return (
            (edge.start, length * foothold.share),
            (edge.end, length * (1 - foothold.share)),
        )

    def _tree(self, root: int) -> tuple[list[float], list[int]]:
        known = self._trees.get(root)
        if known is not None:
            return known
        reach = [inf] * len(self._crossings)
        back = [-1] * len(self._crossings)
        reach[root] = 0.0
        heap = [(0.0, root)]
        while heap:
            so_far, here = heappop(heap)
            if so_far > reach[here]:
                continue
            for there, length in self._next[here]:
                if so_far + length < reach[there]:
                    reach[there] = so_far + length
                    back[there] = here
                    heappush(heap, (so_far + length, there))
        self._trees[root] = (reach, back)
        return reach, back

    def _foothold(self, place: Place) -> _Foothold:
        known = self._footholds.get(place)
        if known is None:
            known = min(
                (self._nearest_on(edge, place) for edge in self._edges_around(place)),
                key=lambda found: found[0],
            )[1]
            if len(self._footholds) >= _REMEMBERED_ROUTES:
                del self._footholds[next(iter(self._footholds))]
            self._footholds[place] = known
        return known

    def _nearest_on(self, edge: int, place: Place) -> tuple[float, _Foothold]:
        a, b = self._crossings[self._edges[edge].start], self._crossings[self._edges[edge].end]
        (bx, by), (px, py) = flat_m(a, b), flat_m(a, place)
        share = max(0.0, min(1.0, (px * bx + py * by) / (bx * bx + by * by)))
        foot = Place(
            round(a.latitude + (b.latitude - a.latitude) * share, 6),
            round(a.longitude + (b.longitude - a.longitude) * share, 6),
        )
        return hypot(px - bx * share, py - by * share), _Foothold(edge, share, foot)

    def _edges_around(self, place: Place) -> list[int]:
        """Candidates from a square of cells, a bigger one while there are none."""
        row, column = _cell(place)
        for reach in range(2, 64):
            found = [
                edge
                for r in range(row - reach, row + reach + 1)
                for c in range(column - reach, column + reach + 1)
                for edge in self._cells.get((r, c), ())
            ]
            if found:
                return found
        return list(range(len(self._edges)))

    def _edges_by_cell(self) -> dict[tuple[int, int], list[int]]:
        cells: dict[tuple[int, int], list[int]] = {}
        for number, edge in enumerate(self._edges):
            (r0, c0), (r1, c1) = (
                _cell(self._crossings[edge.start]),
                _cell(self._crossings[edge.end]),
            )
            for r in range(min(r0, r1), max(r0, r1) + 1):
                for c in range(min(c0, c1), max(c0, c1) + 1):
                    cells.setdefault((r, c), []).append(number)
        return cells


def _cell(place: Place) -> tuple[int, int]:
    return floor(place.latitude / _CELL_DEGREES), floor(place.longitude / _CELL_DEGREES)


def _measured(line: list[Place]) -> Route:
    """Drop points that repeat, and add up the metres."""
    kept = [line[0]]
    marks = [0.0]
    for a, b in pairwise(line):
        length = distance_m(a, b)
        if length > 0:
            kept.append(b)
            marks.append(marks[-1] + length)
    if len(kept) == 1:
        kept.append(line[-1])
        marks.append(0.0)
    return Route(tuple(kept), tuple(marks))
