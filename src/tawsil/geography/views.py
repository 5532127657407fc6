"""Cities and zones as the API shows them."""

from typing import Literal
from uuid import UUID

from msgspec import Struct

from tawsil.geography.model import City, Zone
from tawsil.kernel.i18n import current_locale
from tawsil.kernel.places import Place


class Polygon(Struct, frozen=True):
    """GeoJSON (RFC 7946): one outer ring of [longitude, latitude], first and last the same."""

    coordinates: list[list[tuple[float, float]]]
    type: Literal["Polygon"] = "Polygon"


class ZoneProperties(Struct, frozen=True):
    """`cells`: of how many H3 cells of resolution 9 it is made."""

    slug: str
    name: str
    name_en: str
    name_ar: str
    cells: int


class ZoneFeature(Struct, frozen=True):
    id: UUID
    geometry: Polygon
    properties: ZoneProperties
    type: Literal["Feature"] = "Feature"

    @classmethod
    def of(cls, zone: Zone) -> "ZoneFeature":
        ring = [(place.longitude, place.latitude) for place in zone.closed_ring]
        return cls(
            id=zone.id,
            geometry=Polygon(coordinates=[ring]),
            properties=ZoneProperties(
                slug=zone.slug,
                name=name_of(zone),
                name_en=zone.name_en,
                name_ar=zone.name_ar,
                cells=zone.cell_count,
            ),
        )


class ZoneCollection(Struct, frozen=True):
    features: list[ZoneFeature]
    type: Literal["FeatureCollection"] = "FeatureCollection"


def name_of(named: City | Zone) -> str:
    """In the language of the request."""
    return named.name_ar if current_locale.get() == "ar" else named.name_en


class CityView(Struct, frozen=True):
    """A city; `name` is in the language of the request."""

    id: UUID
    tenant_id: UUID
    slug: str
    name: str
    name_en: str
    name_ar: str
    currency: str
    timezone: str
    centre: Place
    most_delivery_distance_m: int
    municipality_id: UUID | None

    @classmethod
    def of(cls, city: City) -> "CityView":
        return cls(
            id=city.id,
            tenant_id=city.tenant_id,
            slug=city.slug,
            name=name_of(city),
            name_en=city.name_en,
            name_ar=city.name_ar,
            currency=city.currency,
            timezone=city.timezone,
            centre=city.centre,
            most_delivery_distance_m=city.rules.most_delivery_distance_m,
            municipality_id=city.municipality_id,
        )
