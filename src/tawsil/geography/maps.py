"""The maps port: how far and how long between places, whoever answers."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tawsil.geography.model import CityRules
from tawsil.kernel.places import Place, distance_m, distances_m


class TravelTimes(Protocol):
    """Seconds from each origin to each destination, shape (len(origins), len(destinations))."""

    def __call__(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]: ...


class GreatCircle(Struct, frozen=True, kw_only=True):
    """Travel times without a road network: the great circle, a detour and a steady speed."""

    detour_factor: float = 1.35
    speed_mps: float = 7.0

    @classmethod
    def of(cls, rules: CityRules) -> "GreatCircle":
        return cls(detour_factor=rules.detour_factor, speed_mps=rules.courier_speed_mps)

    def __call__(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        return distances_m(origins, destinations) * (self.detour_factor / self.speed_mps)


def road_distance_m(a: Place, b: Place, detour_factor: float) -> float:
    """An estimate of the metres by road between two places."""
    return distance_m(a, b) * detour_factor
