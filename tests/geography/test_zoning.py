"""Zones are drawn, changed and retired; whatever cannot be one is refused."""

from datetime import UTC, datetime
from math import cos, pi, sin
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tawsil.geography import polygons, zoning
from tawsil.geography.events import ZoneChanged, ZoneCreated, ZoneRetired
from tawsil.geography.model import City, Zone, cells_of
from tawsil.geography.rules import CityRules, ZoneFee
from tawsil.kernel.decisions import Accepted, Refusal
from tawsil.kernel.places import Place

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SQUARE = ((24.1, 53.08), (24.1, 53.12), (24.14, 53.12), (24.14, 53.08))


def ring(*corners: tuple[float, float]) -> tuple[Place, ...]:
    return tuple(Place(*corner) for corner in corners)


@pytest.fixture
def drawn(city: City, ids: Any) -> Zone:
    return Zone(
        id=ids(),
        tenant_id=city.tenant_id,
        city_id=city.id,
        slug="old-port",
        name_en="Old port",
        name_ar="الميناء القديم",
        ring=ring(*SQUARE),
    )


def made(outcome: Any) -> Zone:
    assert isinstance(outcome, Accepted), outcome
    return outcome.state


def refused(outcome: Any) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


def test_a_zone_is_made_of_the_cells_in_it(city: City, drawn: Zone) -> None:
    outcome = zoning.create(city, drawn, among=[])
    zone = made(outcome)
    assert zone.cell_count == len(cells_of(drawn)) > 100
    (created,) = outcome.events
    assert isinstance(created, ZoneCreated)
    assert (created.cells, created.ring) == (zone.cell_count, drawn.ring)


def test_a_closed_ring_and_repeated_corners_are_the_same_zone(city: City, drawn: Zone) -> None:
    closed = replace(drawn, ring=ring(SQUARE[0], *SQUARE, SQUARE[0]))
    assert made(zoning.create(city, closed, among=[])).ring == drawn.ring


@pytest.mark.parametrize(
    ("corners", "code"),
    [
        (SQUARE[:2], "zone.too_few_corners"),
        ((SQUARE[0], SQUARE[1], SQUARE[0]), "zone.too_few_corners"),
        ((*SQUARE[:3], (25.0, 53.1)), "zone.outside_city"),
        ((SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]), "zone.crosses_itself"),
        ((*SQUARE[:2], (24.1, 53.1)), "zone.crosses_itself"),  # all in one line
        ((*SQUARE, (24.12, 53.12)), "zone.crosses_itself"),  # a corner on another side
        (((23.9, 52.9), (23.9, 53.3), (24.3, 53.3), (24.3, 52.9)), "zone.too_large"),
    ],
)
def test_what_is_no_zone_is_refused(
    city: City, drawn: Zone, corners: tuple[tuple[float, float], ...], code: str
) -> None:
    assert refused(zoning.create(city, replace(drawn, ring=ring(*corners)), among=[])) == code


@given(
    st.lists(st.floats(0, 2 * pi - 0.01), min_size=3, max_size=30, unique_by=lambda x: round(x, 2)),
    st.floats(0.001, 0.2),
)
def test_a_star_seen_from_its_middle_never_crosses_itself(
    angles: list[float], radius: float
) -> None:
    around = sorted([*angles, 0.0, 2.1, 4.2])  # the middle is always inside
    star = [
        Place(24 + radius * (1 + n % 2) * sin(a), 53 + radius * (1 + n % 2) * cos(a))
        for n, a in enumerate(around)
    ]
    corners = polygons.corners(star)
    assert not polygons.crosses_itself(corners)
    assert polygons.crosses_itself([*corners, *corners[:3]])


def test_area_is_about_right() -> None:
    assert polygons.area_km2(ring(*SQUARE)) == pytest.approx(4.448 * 4.06, rel=0.01)


def test_only_what_changes_is_recorded(city: City, drawn: Zone) -> None:
    zone = made(zoning.create(city, drawn, among=[]))
    again = zoning.change(city, zone, to=zone, among=[zone])
    assert isinstance(again, Accepted)
    assert again.events == ()
    renamed = zoning.change(city, zone, to=replace(zone, name_en="Port"), among=[zone])
    (changed,) = renamed.events if isinstance(renamed, Accepted) else ()
    assert isinstance(changed, ZoneChanged)
    assert changed.cells == zone.cell_count
    smaller = replace(zone, ring=ring(*SQUARE[:3]))
    assert made(zoning.change(city, zone, to=smaller, among=[zone])).cell_count < zone.cell_count


def test_a_name_is_taken_once_in_a_city(city: City, drawn: Zone, ids: Any) -> None:
    other = replace(drawn, id=ids())
    assert refused(zoning.create(city, drawn, among=[other])) == "zone.slug_taken"
    assert refused(zoning.change(city, replace(drawn, slug="x"), to=drawn, among=[other])) == (
        "zone.slug_taken"
    )


def test_a_zone_with_a_fee_of_its_own_stays(city: City, drawn: Zone) -> None:
    fee = ZoneFee(zone_id=drawn.id, surcharge_minor=100)
    dear = replace(city, rules=CityRules(delivery_zones=(fee,)))
    assert refused(zoning.retire(dear, drawn, now=NOW)) == "zone.has_fee"
    outcome = zoning.retire(city, drawn, now=NOW)
    assert made(outcome).retired_at == NOW
    assert isinstance(outcome.events[0], ZoneRetired)
