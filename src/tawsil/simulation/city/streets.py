"""Draw the streets: lines on the paper, crossings where they meet, a few blocks left out."""

from collections.abc import Iterable, Sequence
from enum import Enum, auto
from itertools import pairwise
from random import Random
from typing import Final

from msgspec import Struct

from tawsil.kernel.places import Place
from tawsil.simulation.city import layout
from tawsil.simulation.city.dice import chance, normal, shuffled
from tawsil.simulation.city.ground import (
    Area,
    AreaKind,
    District,
    Edge,
    Ground,
    Street,
    StreetKind,
)
from tawsil.simulation.city.layout import Box, Paper, Spot
from tawsil.simulation.city.words import Words, read_list

_AVENUES_U: Final = (-2080.0, -1050.0, 0.0, 1020.0, 2060.0)
_ROADS_V: Final = (850.0, 1700.0, 2560.0)
_OLD_TOWN: Final = Box(-1050.0, 0.0, 0.0, 850.0)
_BLOCKS_BETWEEN_AVENUES: Final = 5
_BANK_M: Final = 55.0  # from the water's edge to the street beside it
_LEFT_OUT: Final = 0.17  # share of local pieces of street that were never built


class _MapWords(Struct, frozen=True):
    name: Words
    sea: Words
    creek: Words
    corniche: Words
    ring_road: Words
    boulevard: Words
    west_bank: Words
    east_bank: Words
    avenues: list[Words]
    roads: list[Words]
    districts: list[tuple[str, str, str]]
    parks: list[Words]
    lanes: list[Words]
    streets: list[Words]


class _Line(Struct, frozen=True):
    """One street of the grid: where it runs, and how far it reaches across the other axis."""

    at: float
    name: Words
    kind: StreetKind
    reach: tuple[float, float] = (-1e9, 1e9)

    def crosses(self, at: float) -> bool:
        return self.reach[0] <= at <= self.reach[1]


class _Slot(Enum):
    """Why a line has no crossing somewhere: `PASS` goes straight through, `GAP` interrupts."""

    PASS = auto()
    GAP = auto()


class _Draft:
    """Crossings, and streets as chains of them, while the map is being drawn."""

    def __init__(self) -> None:
        self.spots: list[Spot] = []
        self.chains: list[tuple[Words, StreetKind, list[tuple[int, int, bool]]]] = []

    def crossing(self, spot: Spot) -> int:
        self.spots.append(spot)
        return len(self.spots) - 1

    def street(
        self, name: Words, kind: StreetKind, pieces: Iterable[tuple[int, int, bool]]
    ) -> None:
        for known, _, chain in self.chains:
            if known == name:
                chain.extend(pieces)
                return
        self.chains.append((name, kind, list(pieces)))


class _Grid:
    """Columns run inland, rows along the coast; both give way to the creek and to parks."""

    def __init__(self, paper: Paper, words: _MapWords, rng: Random) -> None:
        self._paper = paper
        self._rng = rng
        local = iter(shuffled(rng, words.streets))
        lanes = iter(shuffled(rng, words.lanes))
        self.columns = _columns(words, local, lanes)
        self.rows = _rows(words, local, lanes)
        self.parks = _parks(self.columns, self.rows, rng)
        self.draft = _Draft()
        self._at: dict[tuple[int, int], int] = {}
        self._banks: dict[tuple[str, int], int] = {}

    def draw(self, words: _MapWords) -> None:
        for r, row in enumerate(self.rows):
            for c, column in enumerate(self.columns):
                if self._slot(column, row) is None:
                    self._at[c, r] = self.draft.crossing(self._shaken(column, row))
            self._draw_banks(r, row)
        self._draw_columns()
        self._draw_rows()
        self._draw_bank_streets(words)
        self._draw_boulevard(words.boulevard)
        self._draw_ring(words.ring_road)

    def _slot(self, column: _Line, row: _Line) -> _Slot | None:
        """Nothing where the two lines do cross."""
        spot = Spot(column.at, row.at)
        main = column.kind is StreetKind.AVENUE or row.kind is not StreetKind.STREET
        if not (column.crosses(row.at) and row.crosses(column.at)):
            return _Slot.PASS
        if layout.ring_share(spot, margin_m=60 if main else 130) >= 1:
            return _Slot.GAP
        half = self._paper.creek_half_width(row.at)
        if half and abs(column.at - self._paper.creek_middle(row.at)) < half + _BANK_M + 75:
            return _Slot.PASS
        return _Slot.GAP if any(park.holds(spot) for park in self.parks) else None

    def _shaken(self, column: _Line, row: _Line) -> Spot:
        """Crossings of local streets stray from the ruler, most of all in the old town."""
        spot = Spot(column.at, row.at)
        loose = 12.0 if _OLD_TOWN.holds(spot) else 8.0
        along = 3.0 if column.kind is StreetKind.AVENUE else loose
        across = 3.0 if row.kind is not StreetKind.STREET else loose
        strayed = [max(-2.0, min(2.0, normal(self._rng, 0.0, 1.0))) for _ in range(2)]
        return Spot(spot.u + along * strayed[0], spot.v + across * strayed[1])

    def _draw_banks(self, r: int, row: _Line) -> None:
        half = self._paper.creek_half_width(row.at)
        middle = self._paper.creek_middle(row.at)
        if half == 0.0 or not row.crosses(middle):
            return
        self._banks["west", r] = self.draft.crossing(Spot(middle - half - _BANK_M, row.at))
        self._banks["east", r] = self.draft.crossing(Spot(middle + half + _BANK_M, row.at))

    def _draw_columns(self) -> None:
        for c, column in enumerate(self.columns):
            pieces: list[tuple[int, int, bool]] = []
            before: int | None = None
            for r, row in enumerate(self.rows):
                here = self._at.get((c, r))
                if here is not None and before is not None and not self._parted(before, here):
                    pieces.append((before, here, False))
                outside = not (column.crosses(row.at) and row.crosses(column.at))
                before = before if here is None and outside else here
            self.draft.street(column.name, column.kind, pieces)

    def _draw_rows(self) -> None:
        for r, row in enumerate(self.rows):
            stops: list[tuple[float, int | None, bool]] = []  # where, crossing, is a western bank
            for c, column in enumerate(self.columns):
                slot = self._slot(column, row)
                if slot is not _Slot.PASS:
                    stops.append((column.at, self._at.get((c, r)), False))
            for side in ("west", "east"):
                bank = self._banks.get((side, r))
                if bank is not None:
                    stops.append((self.draft.spots[bank].u, bank, side == "west"))
            stops.sort(key=lambda stop: stop[0])
            pieces: list[tuple[int, int, bool]] = []
            for (_, a, water), (_, b, _w) in pairwise(stops):
                if a is None or b is None or self._parted(a, b) or (water and _is_local(row)):
                    continue
                pieces.append((a, b, water))
            self.draft.street(row.name, row.kind, pieces)

    def _parted(self, a: int, b: int) -> bool:
        """Whether a park lies between two crossings."""
        (u, v), (to_u, to_v) = self.draft.spots[a], self.draft.spots[b]
        return any(park.holds(Spot((u + to_u) / 2, (v + to_v) / 2)) for park in self.parks)

    def _draw_bank_streets(self, words: _MapWords) -> None:
        beyond = next(r for r, row in enumerate(self.rows) if row.at > layout.CREEK_END_V)
        for side, name in (("west", words.west_bank), ("east", words.east_bank)):
            chain = [at for (s, _), at in self._banks.items() if s == side]
            last = self.draft.spots[chain[-1]]
            ends = [at for (_, r), at in self._at.items() if r == beyond]
            chain.append(min(ends, key=lambda at: abs(self.draft.spots[at].u - last.u)))
            pieces = [(a, b, False) for a, b in pairwise(chain)]
            self.draft.street(name, StreetKind.AVENUE, pieces)

    def _draw_boulevard(self, name: Words) -> None:
        """One diagonal, from the clock tower to the south-west."""
        full = [c for c, column in enumerate(self.columns) if column.reach[1] > layout.RING_V]
        whole = [r for r, row in enumerate(self.rows) if row.reach[1] > layout.RING_U]
        c = next(i for i, at in enumerate(full) if self.columns[at].at == _AVENUES_U[2])
        r = next(i for i, at in enumerate(whole) if self.rows[at].at == _ROADS_V[0])
        pieces: list[tuple[int, int, bool]] = []
        while c > 0 and self.rows[whole[r]].at < _ROADS_V[-1]:
            a = self._at.get((full[c], whole[r]))
            b = self._at.get((full[c - 1], whole[r + 1]))
            if a is None or b is None:
                break
            pieces.append((a, b, False))
            c, r = c - 1, r + 1
        self.draft.street(name, StreetKind.AVENUE, pieces)

    def _draw_ring(self, name: Words) -> None:
        """The ring road meets every avenue and road, and both ends of the corniche."""
        meets: dict[Spot, tuple[Words, StreetKind, int]] = {}
        for c, column in enumerate(self.columns):
            if column.kind is StreetKind.AVENUE:
                last = [at for (cc, _), at in self._at.items() if cc == c][-1]
                end = Spot(column.at, layout.ring_inland(column.at))
                meets[end] = (column.name, column.kind, last)
        for r, row in enumerate(self.rows):
            if row.kind is not StreetKind.STREET:
                met = [at for (_, rr), at in self._at.items() if rr == r]
                across = layout.ring_across(row.at)
                meets[Spot(-across, row.at)] = (row.name, row.kind, met[0])
                meets[Spot(across, row.at)] = (row.name, row.kind, met[-1])
        numbers = {spot: self.draft.crossing(spot) for spot in layout.ring_spots(meets)}
        ring = list(numbers.values())
        pieces = [(a, b, False) for a, b in pairwise(ring)]
        self.draft.street(name, StreetKind.RING, pieces)
        for spot, (met_name, kind, last) in meets.items():
            self.draft.street(met_name, kind, [(last, numbers[spot], False)])


def _is_local(line: _Line) -> bool:
    return line.kind is StreetKind.STREET


def _columns(words: _MapWords, local: Iterable[Words], lanes: Iterable[Words]) -> list[_Line]:
    names, crafts = iter(local), iter(lanes)
    lines = [
        _Line(u, name, StreetKind.AVENUE) for u, name in zip(_AVENUES_U, words.avenues, strict=True)
    ]
    edges = (-layout.RING_U, *_AVENUES_U, layout.RING_U)
    for west, east in pairwise(edges):
        for step in range(1, _BLOCKS_BETWEEN_AVENUES):
            share = step / _BLOCKS_BETWEEN_AVENUES
            lines.append(_Line(west + (east - west) * share, next(names), StreetKind.STREET))
            if west == _OLD_TOWN.west:
                lane_u = west + (east - west) * (step + 0.5) / _BLOCKS_BETWEEN_AVENUES
                coast = (0.0, _OLD_TOWN.inland)
                lines.append(_Line(lane_u, next(crafts), StreetKind.STREET, coast))
    return sorted(lines, key=lambda line: line.at)


def _rows(words: _MapWords, local: Iterable[Words], lanes: Iterable[Words]) -> list[_Line]:
    names, crafts = iter(local), iter(lanes)
    lines = [_Line(0.0, words.corniche, StreetKind.CORNICHE)]
    lines += [
        _Line(v, name, StreetKind.AVENUE) for v, name in zip(_ROADS_V, words.roads, strict=True)
    ]
    edges = (0.0, *_ROADS_V, layout.RING_V)
    for (coast, inland), blocks in zip(pairwise(edges), (5, 4, 4, 4), strict=True):
        for step in range(1, blocks):
            v = coast + (inland - coast) * step / blocks
            lines.append(_Line(v, next(names), StreetKind.STREET))
            if coast == 0.0:
                lane_v = coast + (inland - coast) * (step + 0.5) / blocks
                old = (_OLD_TOWN.west, _OLD_TOWN.east)
                lines.append(_Line(lane_v, next(crafts), StreetKind.STREET, old))
    return sorted(lines, key=lambda line: line.at)


def _parks(columns: Sequence[_Line], rows: Sequence[_Line], rng: Random) -> list[Box]:
    """Blocks of the grid joined into parks, and single blocks kept as squares."""
    us = [line.at for line in columns if line.reach[1] > layout.RING_V]
    vs = [line.at for line in rows if line.reach[1] > layout.RING_U]
    sizes = ((3, 2), (2, 2), (2, 1), (1, 1), (1, 1), (1, 2))
    west_of = (1020.0, -2080.0, -1050.0, 2060.0, -2080.0, -1050.0)
    coast_of = (850.0, 850.0, 1700.0, 0.0, 0.0, 2560.0)
    if chance(rng, 0.5):
        west_of = (1020.0, -1050.0, -2080.0, 2060.0, -2080.0, 1020.0)
    parks: list[Box] = []
    for (wide, deep), west, coast in zip(sizes, west_of, coast_of, strict=True):
        u, v = us.index(west) + 1, vs.index(coast) + 1
        parks.append(Box(us[u], us[u + wide], vs[v], vs[v + deep]))
    return parks


def _kept(draft: _Draft, rng: Random) -> list[list[tuple[int, int, bool]]]:
    """Leave out some local pieces, but none that would cut anything off (union-find)."""
    leader = list(range(len(draft.spots)))

    def find(at: int) -> int:
        while leader[at] != at:
            leader[at] = leader[leader[at]]
            at = leader[at]
        return at

    doubtful: list[tuple[int, tuple[int, int, bool]]] = []
    kept: list[list[tuple[int, int, bool]]] = [[] for _ in draft.chains]
    for number, (_, kind, pieces) in enumerate(draft.chains):
        for piece in pieces:
            if kind is StreetKind.STREET and chance(rng, _LEFT_OUT):
                doubtful.append((number, piece))
            else:
                kept[number].append(piece)
                leader[find(piece[0])] = find(piece[1])
    for number, piece in doubtful:
        if find(piece[0]) != find(piece[1]):
            leader[find(piece[0])] = find(piece[1])
            kept[number].append(piece)
    return kept


def _lines(
    pieces: Sequence[tuple[int, int, bool]], order: Sequence[Place]
) -> tuple[tuple[Place, ...], ...]:
    """Chain pieces that follow one another into unbroken lines."""
    lines: list[list[int]] = []
    for a, b, _ in pieces:
        if lines and lines[-1][-1] == a:
            lines[-1].append(b)
        else:
            lines.append([a, b])
    return tuple(tuple(order[at] for at in line) for line in lines)


def _water(paper: Paper, words: _MapWords) -> list[Area]:
    shore = [Spot(u, layout.BEACH_V) for u in range(-12000, 12001, 200)]
    sea = [*shore, Spot(12000, layout.OPEN_SEA_V), Spot(-12000, layout.OPEN_SEA_V)]
    depths = [layout.BEACH_V - 40.0, *(float(v) for v in range(-90, 1960, 60)), 1945.0]
    west = [Spot(paper.creek_middle(v) - paper.creek_half_width(v), v) for v in depths]
    east = [Spot(paper.creek_middle(v) + paper.creek_half_width(v), v) for v in depths]
    return [
        Area(words.sea, AreaKind.SEA, _ring(paper, sea)),
        Area(words.creek, AreaKind.CREEK, _ring(paper, [*west, *reversed(east)])),
    ]


def _ring(paper: Paper, spots: Sequence[Spot]) -> tuple[Place, ...]:
    places = [paper.place(spot) for spot in spots]
    return (*places, places[0])


def _park_areas(paper: Paper, parks: Sequence[Box], words: _MapWords) -> list[Area]:
    areas: list[Area] = []
    for box, name in zip(parks, words.parks, strict=True):
        lawn = Box(box.west + 28, box.east - 28, box.coast + 28, box.inland - 28)
        areas.append(Area(name, AreaKind.PARK, _ring(paper, lawn.corners())))
    return areas


def _districts(paper: Paper, words: _MapWords) -> tuple[District, ...]:
    across = (-layout.RING_U - 60, _AVENUES_U[1], _AVENUES_U[2], _AVENUES_U[3], layout.RING_U + 60)
    inland = (layout.BEACH_V, _ROADS_V[0], _ROADS_V[1], layout.RING_V)
    boxes = [
        Box(west, east, coast, deep)
        for coast, deep in pairwise(inland)
        for west, east in pairwise(across)
    ]
    return tuple(
        District(key, Words(en, ar), _ring(paper, layout.clipped_to_ring(box)))
        for box, (key, en, ar) in zip(boxes, words.districts, strict=True)
    )


def lay_ground(rng: Random) -> Ground:
    """Draw the whole map of a city from one source of chance."""
    words = read_list("streets.toml", _MapWords)
    paper = Paper(rng)
    grid = _Grid(paper, words, rng)
    grid.draw(words)
    kept = _kept(grid.draft, rng)
    used = sorted({at for pieces in kept for a, b, _ in pieces for at in (a, b)})
    number = {at: i for i, at in enumerate(used)}
    places = [paper.place(spot) for spot in grid.draft.spots]
    streets: list[Street] = []
    edges: list[Edge] = []
    for (name, kind, _), pieces in zip(grid.draft.chains, kept, strict=True):
        if not pieces:
            continue
        edges += [Edge(number[a], number[b], len(streets), bridge) for a, b, bridge in pieces]
        streets.append(Street(name, kind, _lines(pieces, places)))
    areas = [*_water(paper, words), *_park_areas(paper, grid.parks, words)]
    return Ground(
        name=words.name,
        centre=layout.CENTRE,
        crossings=tuple(places[at] for at in used),
        edges=tuple(edges),
        streets=tuple(streets),
        areas=tuple(areas),
        districts=_districts(paper, words),
    )
