"""Settle people in the streets: merchants, customers and couriers with names and addresses."""

from math import hypot
from random import Random
from typing import Final

from msgspec import Struct

from tawsil.kernel.places import Place
from tawsil.simulation.city.cuisine import Cuisine, cuisines, write_menu
from tawsil.simulation.city.dice import (
    Wheel,
    between,
    chance,
    pick,
    random_for,
    shuffled,
    spread,
    weighted,
    whole,
)
from tawsil.simulation.city.ground import District, Edge, Ground, StreetKind
from tawsil.simulation.city.layout import flat_m, moved
from tawsil.simulation.city.residents import (
    Address,
    Courier,
    Customer,
    Language,
    Merchant,
    Span,
    Vehicle,
)
from tawsil.simulation.city.words import Words, read_list

_EASTERN_DIGITS: Final = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_FRIDAY: Final = 4

# Opening hours by pattern: minutes of an ordinary day, and of Friday, which starts after prayer.
_HOURS: Final[dict[str, tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]]] = {
    "early": (((360, 1350),), ((360, 690), (810, 1380))),
    "day": (((660, 1410),), ((810, 1440),)),
    "late": (((630, 1560),), ((810, 1620),)),
    "long": (((420, 1440),), ((420, 690), (810, 1440))),
    "lunch_dinner": (((690, 930), (1080, 1410)), ((810, 960), (1080, 1440))),
    "always": (((0, 1440),), ((0, 1440),)),
}

# One courier after another takes the next of these, so that a small city is covered as well.
_SHIFTS: Final[tuple[tuple[tuple[int, int], ...], ...]] = (
    ((660, 900), (1080, 1380)),
    ((960, 1500),),
    ((540, 1080),),
    ((660, 900), (1080, 1380)),
    ((960, 1500),),
    ((360, 900),),
    ((660, 900), (1080, 1380)),
    ((1320, 1860),),
    ((960, 1500),),
    ((690, 930), (1050, 1410)),
)
_VEHICLES: Final = (
    Vehicle.MOTORBIKE,
    Vehicle.MOTORBIKE,
    Vehicle.CAR,
    Vehicle.MOTORBIKE,
    Vehicle.BICYCLE,
    Vehicle.MOTORBIKE,
    Vehicle.MOTORBIKE,
    Vehicle.CAR,
    Vehicle.MOTORBIKE,
    Vehicle.MOTORBIKE,
)
_SPEED_MPS: Final = {Vehicle.BICYCLE: 4.4, Vehicle.MOTORBIKE: 8.3, Vehicle.CAR: 8.9}


class _Group(Struct, frozen=True):
    key: str
    weight: float
    weight_as_courier: float
    arabic_speakers: float
    given: list[Words]
    family: list[Words]


class _Buildings(Struct, frozen=True):
    buildings: list[Words]
    instructions: list[Words]


class _People(Struct, frozen=True):
    groups: list[_Group]
    homes: _Buildings
    offices: _Buildings


class _Door(Struct, frozen=True):
    """A numbered spot beside a street."""

    number: int
    street: Words
    district: District
    place: Place


class Settler:
    """Finds doors beside the streets and gives them to people; one `Random` per person."""

    def __init__(self, ground: Ground, *, seed: int) -> None:
        self._ground = ground
        self._seed = seed
        self._people = read_list("people.toml", _People)
        self._built = [edge for edge in ground.edges if _buildable(edge, ground)]
        self._on_main_streets = Wheel([self._weight(edge, main=3.0) for edge in self._built])
        self._on_quiet_streets = Wheel([self._weight(edge, main=0.35) for edge in self._built])

    def merchant(self, index: int) -> Merchant:
        rng = random_for(self._seed, "merchant", index)
        kinds = cuisines()
        cuisine = kinds[index % len(kinds)]
        name = self._merchant_name(cuisine, index // len(kinds))
        door = self._door(rng, self._on_main_streets)
        shop = whole(rng, 1, 12)
        key = f"merchant-{index + 1:04}"
        return Merchant(
            index=index,
            key=key,
            name=name,
            about=Words(
                f"{cuisine.name.en} in {door.district.name.en}",
                f"{cuisine.name.ar} في {door.district.name.ar}",
            ),
            cuisine=cuisine.key,
            trade=cuisine.trade,
            phone=f"+971540{index + 1:06}",
            email=f"{key}@example.com",
            address=_address(Words(f"Shop {shop}", f"محل {_eastern(shop)}"), door, None),
            hours=_opening_hours(cuisine.hours, rng),
            prep_mean_s=round(cuisine.prep_mean_s * between(rng, 0.85, 1.2) / 10) * 10,
            prep_sigma=round(between(rng, 0.12, 0.3), 3),
            kitchen=whole(rng, 4, 9),
            menu=write_menu(cuisine, rng=rng),
        )

    def customer(self, index: int) -> Customer:
        rng = random_for(self._seed, "customer", index)
        name, language = self._person(rng, [group.weight for group in self._people.groups])
        key = f"customer-{index + 1:05}"
        kinds = [cuisine.key for cuisine in cuisines()]
        return Customer(
            index=index,
            key=key,
            name=name,
            language=language,
            phone=f"+971500{index + 1:06}",
            email=_email(name, index),
            home=self._home(rng),
            work=self._office(rng) if chance(rng, 0.62) else None,
            appetite=round(spread(rng, 1.0, 0.7), 3),
            tastes=tuple(shuffled(rng, kinds)[: whole(rng, 3, 6)]),
        )

    def courier(self, index: int) -> Courier:
        rng = random_for(self._seed, "courier", index)
        name, language = self._person(
            rng, [group.weight_as_courier for group in self._people.groups]
        )
        vehicle = _VEHICLES[index % len(_VEHICLES)]
        day_off = index * 3 % 7
        return Courier(
            index=index,
            key=f"courier-{index + 1:04}",
            name=name,
            language=language,
            phone=f"+971520{index + 1:06}",
            email=_email(name, index, domain="couriers.example.com"),
            vehicle=vehicle,
            speed_mps=round(_SPEED_MPS[vehicle] * between(rng, 0.9, 1.1), 2),
            home=self._home(rng),
            shifts=tuple(
                Span(weekday, start, end)
                for weekday in range(7)
                if weekday != day_off
                for start, end in _SHIFTS[index % len(_SHIFTS)]
            ),
        )

    def _merchant_name(self, cuisine: Cuisine, turn: int) -> Words:
        """Every name once; after that, branches of the same names."""
        names = shuffled(random_for(self._seed, f"names of {cuisine.key}"), cuisine.merchants)
        branch, which = divmod(turn, len(names))
        if branch == 0:
            return names[which]
        return Words(
            f"{names[which].en}, branch {branch + 1}",
            f"{names[which].ar}، الفرع {_eastern(branch + 1)}",
        )

    def _person(self, rng: Random, weights: list[float]) -> tuple[Words, Language]:
        group = weighted(rng, self._people.groups, weights)
        given, family = pick(rng, group.given), pick(rng, group.family)
        speaks_arabic = chance(rng, group.arabic_speakers)
        return (
            Words(f"{given.en} {family.en}", f"{given.ar} {family.ar}"),
            Language.ARABIC if speaks_arabic else Language.ENGLISH,
        )

    def _home(self, rng: Random) -> Address:
        door = self._door(rng, self._on_quiet_streets)
        homes = self._people.homes
        instructions = pick(rng, homes.instructions) if chance(rng, 0.55) else None
        if chance(rng, 0.35):
            villa = whole(rng, 1, 60)
            return _address(Words(f"Villa {villa}", f"فيلا {_eastern(villa)}"), door, instructions)
        flat = whole(rng, 1, 18) * 100 + whole(rng, 1, 8)
        building = pick(rng, homes.buildings)
        unit = Words(f"Flat {flat}, {building.en}", f"شقة {_eastern(flat)}، {building.ar}")
        return _address(unit, door, instructions)

    def _office(self, rng: Random) -> Address:
        door = self._door(rng, self._on_main_streets)
        offices = self._people.offices
        floor = whole(rng, 1, 24)
        building = pick(rng, offices.buildings)
        unit = Words(f"Floor {floor}, {building.en}", f"الطابق {_eastern(floor)}، {building.ar}")
        return _address(unit, door, pick(rng, offices.instructions))

    def _door(self, rng: Random, streets: Wheel) -> _Door:
        """Fifteen to thirty metres off the middle of a street, on either side."""
        while True:
            edge = self._built[streets.spin(rng)]
            a, b = self._ground.crossings[edge.start], self._ground.crossings[edge.end]
            east, north = flat_m(a, b)
            length = hypot(east, north)
            along, aside = between(rng, 0.15, 0.85), between(rng, 15.0, 30.0)
            side = 1 if chance(rng, 0.5) else -1
            place = moved(
                a,
                east_m=east * along - side * aside * north / length,
                north_m=north * along + side * aside * east / length,
            )
            district = next((d for d in self._ground.districts if d.holds(place)), None)
            if district is None:
                continue
            street = self._ground.streets[edge.street].name
            return _Door(edge.start % 40 * 4 + whole(rng, 1, 8), street, district, place)

    def _weight(self, edge: Edge, *, main: float) -> float:
        a, b = self._ground.crossings[edge.start], self._ground.crossings[edge.end]
        is_main = self._ground.streets[edge.street].kind is not StreetKind.STREET
        return round(hypot(*flat_m(a, b)), 1) * (main if is_main else 1.0)


def _buildable(edge: Edge, ground: Ground) -> bool:
    return not edge.bridge and ground.streets[edge.street].kind is not StreetKind.RING


def _address(unit: Words, door: _Door, instructions: Words | None) -> Address:
    line = Words(
        f"{unit.en}, {door.number} {door.street.en}, {door.district.name.en}",
        f"{unit.ar}، {_eastern(door.number)} {door.street.ar}، {door.district.name.ar}",
    )
    return Address(line, door.place, door.district.key, instructions)


def _opening_hours(pattern: str, rng: Random) -> tuple[Span, ...]:
    """The pattern of the trade, with a closing time of the merchant's own."""
    ordinary, friday = _HOURS[pattern]
    later = 0 if pattern == "always" else 30 * whole(rng, -1, 1)
    spans: list[Span] = []
    for weekday in range(7):
        day = friday if weekday == _FRIDAY else ordinary
        for number, (start, end) in enumerate(day, start=1):
            spans.append(Span(weekday, start, end + (later if number == len(day) else 0)))
    return tuple(spans)


def _email(name: Words, index: int, *, domain: str = "example.com") -> str:
    return f"{name.en.lower().replace(' ', '.')}.{index + 1}@{domain}"


def _eastern(number: int) -> str:
    return str(number).translate(_EASTERN_DIGITS)
