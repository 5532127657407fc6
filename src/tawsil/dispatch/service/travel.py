"""The maps port as the planner asks for it."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from tawsil.geography import public as geography
from tawsil.kernel.places import Place


class OnMap(Struct, frozen=True):
    """Driving times in seconds from whatever answers for geography's maps port."""

    times: geography.TravelTimes

    def matrix_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        """Shape (len(origins), len(destinations))."""
        if not origins or not destinations:
            return np.empty((len(origins), len(destinations)))
        return self.times(origins, destinations)

    def pairs_s(
        self, origins: Sequence[Place], destinations: Sequence[Place]
    ) -> NDArray[np.float64]:
        """To the destination at the same position; asked for once per distinct origin."""
        found = np.empty(len(origins))
        rows_of: dict[Place, list[int]] = {}
        for row, origin in enumerate(origins):
            rows_of.setdefault(origin, []).append(row)
        for origin, rows in rows_of.items():
            found[rows] = self.times([origin], [destinations[row] for row in rows])[0]
        return found
