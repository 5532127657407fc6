from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tawsil.geography.model import ZONE_RESOLUTION, CityRules, Zone, cells_of
from tawsil.geography.public import GreatCircle, road_distance_m
from tawsil.kernel.places import Place

NOBODY = UUID(int=0)
latitudes = st.floats(24.0, 24.3)
longitudes = st.floats(53.0, 53.3)
places = st.builds(Place, latitude=latitudes, longitude=longitudes)


def box(south: float, west: float, north: float, east: float) -> Zone:
    corners = [(south, west), (south, east), (north, east), (north, west)]
    return Zone(
        id=NOBODY,
        tenant_id=NOBODY,
        city_id=NOBODY,
        slug="box",
        name_en="Box",
        name_ar="صندوق",
        ring=tuple(Place(*corner) for corner in corners),
    )


def test_neighbouring_zones_share_no_cell() -> None:
    west = set(cells_of(box(24.0, 53.0, 24.05, 53.05)))
    east = set(cells_of(box(24.0, 53.05, 24.05, 53.1)))
    assert west
    assert east
    assert not west & east


def test_a_tiny_zone_has_the_cells_it_touches() -> None:
    cells = cells_of(box(24.0, 53.0, 24.00001, 53.00001))
    assert Place(24.0, 53.0).cell(resolution=ZONE_RESOLUTION) in cells


def test_a_ring_closes_once() -> None:
    zone = box(24.0, 53.0, 24.1, 53.1)
    assert len(zone.closed_ring) == 5
    assert zone.closed_ring[0] == zone.closed_ring[-1]


@given(st.lists(places, min_size=1, max_size=4), st.lists(places, min_size=1, max_size=4))
def test_travel_times_are_a_matrix_of_seconds_at_the_given_speed(
    origins: list[Place], destinations: list[Place]
) -> None:
    times = GreatCircle(detour_factor=1.5, speed_mps=5.0)(origins, destinations)
    assert times.shape == (len(origins), len(destinations))
    for i, a in enumerate(origins):
        for j, b in enumerate(destinations):
            assert np.isclose(times[i, j] * 5.0, road_distance_m(a, b, 1.5), atol=1e-3)


def test_great_circle_takes_its_numbers_from_the_city() -> None:
    rules = CityRules(detour_factor=1.2, courier_speed_mps=4.0)
    assert GreatCircle.of(rules) == GreatCircle(detour_factor=1.2, speed_mps=4.0)
