"""Country, region, district and municipality above a city, for tests of what managers see."""

from uuid import UUID

from tawsil.geography import public as geography
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By


async def grow_above(tx: Tx, by: By, *, city_id: UUID) -> list[UUID]:
    """The areas, the country first; the city, which exists, is placed in the last."""
    areas: list[UUID] = []
    for level in geography.Level:
        command = geography.CreateArea(
            by=by,
            parent_id=areas[-1] if areas else None,
            slug=level.value,
            name_en=level.value,
            name_ar=level.value,
        )
        (area,) = await geography.create_area(tx, [command])
        assert isinstance(area, geography.Area)
        areas.append(area.id)
    place = geography.PlaceCity(by=by, city_id=city_id, municipality_id=areas[-1])
    (placed,) = await geography.place_city(tx, [place])
    assert isinstance(placed, geography.City)
    return areas
