from uuid import UUID

import pytest

from tawsil.geography.public import City, CityRules, Tenant, Zone
from tawsil.kernel.clock import Ids
from tawsil.kernel.places import Place

TENANT = UUID("01900000-0000-7000-8000-000000000001")
CITY = UUID("01900000-0000-7000-8000-000000000002")


@pytest.fixture
def tenant() -> Tenant:
    return Tenant(id=TENANT, slug="wasla", name="Wasla")


@pytest.fixture
def city() -> City:
    return City(
        id=CITY,
        tenant_id=TENANT,
        slug="marsa",
        name_en="Marsa",
        name_ar="المرسى",
        currency="AED",
        timezone="Asia/Dubai",
        centre=Place(24.12, 53.1),
        rules=CityRules(detour_factor=1.4),
    )


@pytest.fixture
def zones(ids: Ids) -> list[Zone]:
    return [
        zone(ids(), "west", "West", "الغرب", 53.05, 53.1),
        zone(ids(), "east", "East", "الشرق", 53.1, 53.15),
    ]


def zone(id_: UUID, slug: str, en: str, ar: str, west: float, east: float) -> Zone:
    corners = [(24.1, west), (24.1, east), (24.14, east), (24.14, west)]
    return Zone(
        id=id_,
        tenant_id=TENANT,
        city_id=CITY,
        slug=slug,
        name_en=en,
        name_ar=ar,
        ring=tuple(Place(*corner) for corner in corners),
    )
