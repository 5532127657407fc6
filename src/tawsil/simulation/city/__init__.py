"""An invented city on the Gulf: streets, merchants and their menus, customers and couriers.

Everything follows from one seed; the same seed is the same city on every machine.
"""

from datetime import datetime
from functools import cached_property
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from tawsil.kernel.places import Place
from tawsil.simulation.city.dice import random_for
from tawsil.simulation.city.ground import Area, District, Ground, Street
from tawsil.simulation.city.residents import Courier, Customer, Language, Merchant
from tawsil.simulation.city.roads import Roads, Route
from tawsil.simulation.city.settling import Settler
from tawsil.simulation.city.streets import lay_ground
from tawsil.simulation.city.words import Words

__all__ = ["City", "CitySize", "DemoAccounts", "Operator", "build_city", "demo_accounts"]


class CitySize(Struct, frozen=True, kw_only=True):
    """How many live in the city; the streets stay the same."""

    merchants: int = 40
    customers: int = 400
    couriers: int = 40


DEFAULT_SIZE: Final = CitySize()


class City(Struct, frozen=True, kw_only=True, dict=True):
    """Places in WGS 84 degrees, prices in minor units of `currency`."""

    seed: int
    time_zone: str
    currency: str
    ground: Ground
    merchants: tuple[Merchant, ...]
    customers: tuple[Customer, ...]
    couriers: tuple[Courier, ...]

    @property
    def name(self) -> Words:
        return self.ground.name

    @property
    def centre(self) -> Place:
        return self.ground.centre

    @property
    def streets(self) -> tuple[Street, ...]:
        return self.ground.streets

    @property
    def areas(self) -> tuple[Area, ...]:
        return self.ground.areas

    @property
    def districts(self) -> tuple[District, ...]:
        return self.ground.districts

    def local(self, at: datetime) -> datetime:
        """An instant as the clocks of the city show it."""
        return at.astimezone(self._zone)

    def route(self, a: Place, b: Place) -> Route:
        """The shortest way along the streets, from door to door."""
        return self._roads.route(a, b)

    def district_at(self, place: Place) -> District | None:
        return next((district for district in self.districts if district.holds(place)), None)

    def geojson(self) -> dict[str, Any]:
        """Streets, water, parks and districts as a GeoJSON FeatureCollection, to a metre or so.

        Properties: `kind` (`sea`, `creek`, `park`, `district`, `street`, `avenue`, `corniche`,
        `ring`), `name_en`, `name_ar` and, for districts, `key`.
        """
        features = [_polygon(area.ring, area.kind, area.name) for area in self.areas]
        features += [
            _polygon(district.ring, "district", district.name, key=district.key)
            for district in self.districts
        ]
        features += [_lines(street) for street in self.streets]
        return {"type": "FeatureCollection", "features": features}

    @cached_property
    def _roads(self) -> Roads:
        return Roads(self.ground)

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class Operator(Struct, frozen=True):
    name: Words
    language: Language
    email: str
    phone: str


class DemoAccounts(Struct, frozen=True):
    """Whose sign-ins a demonstration prints."""

    customer: Customer
    merchant: Merchant
    courier: Courier
    operator: Operator


def build_city(seed: int, *, size: CitySize = DEFAULT_SIZE, time_zone: str = "Asia/Dubai") -> City:
    """The city of a seed.

    Growing one kind of resident leaves the others, and those already there, as they were.

    Raises:
        ValueError: when the size leaves out merchants, customers or couriers, or is absurd.
    """
    counts = (size.merchants, size.customers, size.couriers)
    if min(counts) < 1 or max(counts) >= 1_000_000:
        raise ValueError(f"a city needs between 1 and 999,999 of each kind, not {counts}")
    ground = lay_ground(random_for(seed, "ground"))
    settler = Settler(ground, seed=seed)
    return City(
        seed=seed,
        time_zone=time_zone,
        currency="AED",
        ground=ground,
        merchants=tuple(settler.merchant(i) for i in range(size.merchants)),
        customers=tuple(settler.customer(i) for i in range(size.customers)),
        couriers=tuple(settler.courier(i) for i in range(size.couriers)),
    )


def demo_accounts(city: City) -> DemoAccounts:
    """The first customer, merchant and courier, and somebody in operations."""
    return DemoAccounts(
        customer=city.customers[0],
        merchant=city.merchants[0],
        courier=city.couriers[0],
        operator=Operator(
            name=Words("Reem Al Mansoori", "ريم المنصوري"),
            language=Language.ENGLISH,
            email="operations@example.com",
            phone="+971560000001",
        ),
    )


def _polygon(ring: tuple[Place, ...], kind: str, name: Words, **more: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"kind": kind, "name_en": name.en, "name_ar": name.ar, **more},
        "geometry": {"type": "Polygon", "coordinates": [[_point(place) for place in ring]]},
    }


def _lines(street: Street) -> dict[str, Any]:
    lines = [[_point(place) for place in line] for line in street.lines]
    return {
        "type": "Feature",
        "properties": {
            "kind": street.kind,
            "name_en": street.name.en,
            "name_ar": street.name.ar,
        },
        "geometry": {"type": "MultiLineString", "coordinates": lines},
    }


def _point(place: Place) -> list[float]:
    return [round(place.longitude, 5), round(place.latitude, 5)]
