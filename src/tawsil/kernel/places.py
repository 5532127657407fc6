"""Places on earth: WGS 84 degrees, great-circle metres, H3 cells."""

from collections.abc import Sequence
from math import asin, cos, isfinite, radians, sin, sqrt
from typing import Any, Final

import h3.api.basic_int
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

_h3: Any = h3.api.basic_int  # the library ships no types

EARTH_RADIUS_M: Final = 6_371_008.8  # mean radius, IUGG


class Place(Struct, frozen=True):
    """A point on earth in WGS 84 degrees, latitude first."""

    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        if not (isfinite(self.latitude) and -90 <= self.latitude <= 90):
            raise ValueError(f"latitude must be between -90 and 90, not {self.latitude}")
        if not (isfinite(self.longitude) and -180 <= self.longitude <= 180):
            raise ValueError(f"longitude must be between -180 and 180, not {self.longitude}")

    def cell(self, *, resolution: int) -> int:
        """The H3 cell that holds this place, as the 64-bit integer that fits a bigint column."""
        return int(_h3.latlng_to_cell(self.latitude, self.longitude, resolution))


def distance_m(a: Place, b: Place) -> float:
    """Great-circle distance in metres (haversine)."""
    lat_a, lat_b = radians(a.latitude), radians(b.latitude)
    half_lat = sin((lat_b - lat_a) / 2) ** 2
    half_lon = sin(radians(b.longitude - a.longitude) / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half_lat + cos(lat_a) * cos(lat_b) * half_lon)))


def distances_m(origins: Sequence[Place], destinations: Sequence[Place]) -> NDArray[np.float64]:
    """Great-circle distances in metres, shape (len(origins), len(destinations))."""
    a = np.radians([[p.latitude, p.longitude] for p in origins]).reshape(-1, 1, 2)
    b = np.radians([[p.latitude, p.longitude] for p in destinations]).reshape(1, -1, 2)
    half = np.sin((b - a) / 2) ** 2
    chord = half[..., 0] + np.cos(a[..., 0]) * np.cos(b[..., 0]) * half[..., 1]
    return 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.minimum(1.0, chord)))
