from math import inf, nan, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tawsil.kernel.places import EARTH_RADIUS_M, Place, distance_m, distances_m

places = st.builds(Place, st.floats(-90, 90), st.floats(-180, 180))


@given(a=places, b=places, c=places)
def test_a_distance_is_one(a: Place, b: Place, c: Place) -> None:
    assert distance_m(a, a) == 0
    assert distance_m(a, b) == pytest.approx(distance_m(b, a), abs=1e-3)
    assert 0 <= distance_m(a, b) <= pi * EARTH_RADIUS_M
    assert distance_m(a, c) <= distance_m(a, b) + distance_m(b, c) + 1


@given(origins=st.lists(places, max_size=5), destinations=st.lists(places, max_size=5))
def test_many_distances_are_the_same_ones(origins: list[Place], destinations: list[Place]) -> None:
    table = distances_m(origins, destinations)
    assert table.shape == (len(origins), len(destinations))
    one_by_one = [[distance_m(a, b) for b in destinations] for a in origins]
    np.testing.assert_allclose(table, np.reshape(one_by_one, table.shape), rtol=1e-9, atol=0.5)


def test_a_degree_of_latitude() -> None:
    assert distance_m(Place(24, 54), Place(25, 54)) == pytest.approx(111_195, abs=1)


@pytest.mark.parametrize("latitude", [90.1, -91, inf, -inf, nan])
def test_no_place_beyond_the_poles(latitude: float) -> None:
    with pytest.raises(ValueError, match="latitude"):
        Place(latitude, 0)
    with pytest.raises(ValueError, match="longitude"):
        Place(0, latitude * 2)


@given(place=places, resolution=st.integers(0, 15))
def test_a_cell_fits_a_bigint(place: Place, resolution: int) -> None:
    assert 0 < place.cell(resolution=resolution) < 2**63
