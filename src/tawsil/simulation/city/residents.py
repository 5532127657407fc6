"""Who lives, cooks and rides in the city."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from tawsil.kernel.places import Place
from tawsil.simulation.city.cuisine import Menu, Trade
from tawsil.simulation.city.words import Words

_DAY_MIN: Final = 24 * 60


class Span(Struct, frozen=True):
    """Minutes after local midnight of a weekday (Monday is 0); beyond 1440 is the next morning."""

    weekday: int
    start_min: int
    end_min: int


def covers(spans: tuple[Span, ...], local: datetime) -> bool:
    """Whether a local time falls into one of the spans, the night before included."""
    minute = local.hour * 60 + local.minute
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    return any(
        (span.weekday == today and span.start_min <= minute < span.end_min)
        or (span.weekday == yesterday and span.start_min <= minute + _DAY_MIN < span.end_min)
        for span in spans
    )


class Language(StrEnum):
    ENGLISH = "en"
    ARABIC = "ar"


class Address(Struct, frozen=True):
    """Where a door is, as one writes it on a parcel, and how to find it."""

    line: Words
    place: Place
    district: str
    instructions: Words | None = None


class Merchant(Struct, frozen=True):
    """`kitchen` is how many orders it prepares side by side before it falls behind."""

    index: int
    key: str
    name: Words
    about: Words
    cuisine: str
    trade: Trade
    phone: str
    email: str
    address: Address
    hours: tuple[Span, ...]
    prep_mean_s: int
    prep_sigma: float
    kitchen: int
    menu: Menu

    def open_at(self, local: datetime) -> bool:
        return covers(self.hours, local)


class Customer(Struct, frozen=True):
    """`appetite` says how often one orders compared with others; `tastes` are cuisine keys."""

    index: int
    key: str
    name: Words
    language: Language
    phone: str
    email: str
    home: Address
    work: Address | None
    appetite: float
    tastes: tuple[str, ...]


class Vehicle(StrEnum):
    BICYCLE = "bicycle"
    MOTORBIKE = "motorbike"
    CAR = "car"


class Courier(Struct, frozen=True):
    """`speed_mps` is what the courier makes on a free street, crossings included."""

    index: int
    key: str
    name: Words
    language: Language
    phone: str
    email: str
    vehicle: Vehicle
    speed_mps: float
    home: Address
    shifts: tuple[Span, ...]

    def on_shift(self, local: datetime) -> bool:
        return covers(self.shifts, local)
