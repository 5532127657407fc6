"""Geography over HTTP: cities and zones are open to everybody."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from tawsil.geography import area_routes, public, rules_routes
from tawsil.geography.model import City, Zone
from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, Envelope, envelope, not_found
from tawsil.kernel.i18n import current_locale
from tawsil.kernel.places import Place

SLUG: Final = r"^[a-z0-9-]+$(?!\n)"


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

    @classmethod
    def of(cls, city: City) -> "CityView":
        return cls(
            id=city.id,
            tenant_id=city.tenant_id,
            slug=city.slug,
            name=_name(city),
            name_en=city.name_en,
            name_ar=city.name_ar,
            currency=city.currency,
            timezone=city.timezone,
            centre=city.centre,
            most_delivery_distance_m=city.rules.most_delivery_distance_m,
        )


class Polygon(Struct, frozen=True):
    """GeoJSON (RFC 7946): one outer ring of [longitude, latitude], first and last the same."""

    coordinates: list[list[tuple[float, float]]]
    type: Literal["Polygon"] = "Polygon"


class ZoneProperties(Struct, frozen=True):
    slug: str
    name: str
    name_en: str
    name_ar: str


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
                slug=zone.slug, name=_name(zone), name_en=zone.name_en, name_ar=zone.name_ar
            ),
        )


class ZoneCollection(Struct, frozen=True):
    features: list[ZoneFeature]
    type: Literal["FeatureCollection"] = "FeatureCollection"


def _name(named: City | Zone) -> str:
    return named.name_ar if current_locale.get() == "ar" else named.name_en


@get("/v4/cities", opt={"rule": PUBLIC}, tags=["Geography"], summary="Cities we deliver in")
async def list_cities(
    database: NamedDependency[Database],
    tenant: Annotated[
        str | None,
        QueryParameter(pattern=SLUG, description="Only cities of this tenant, by its slug."),
    ] = None,
) -> Envelope[list[CityView]]:
    """All cities, or those of one tenant."""
    async with database.transaction() as tx:
        tenant_id = None
        if tenant is not None:
            found = await public.tenant(tx, slug=tenant)
            if found is None:
                raise not_found()
            tenant_id = found.id
        cities = await public.cities(tx, tenant_id=tenant_id)
    return envelope([CityView.of(city) for city in cities])


@get("/v4/cities/{city_id:uuid}", opt={"rule": PUBLIC}, tags=["Geography"], summary="One city")
async def show_city(
    city_id: FromPath[UUID], database: NamedDependency[Database]
) -> Envelope[CityView]:
    async with database.transaction() as tx:
        city = await public.city(tx, city_id=city_id)
    if city is None:
        raise not_found()
    return envelope(CityView.of(city))


@get(
    "/v4/cities/{city_id:uuid}/zones",
    opt={"rule": PUBLIC},
    tags=["Geography"],
    summary="The zones of a city, as GeoJSON",
)
async def list_zones(
    city_id: FromPath[UUID], database: NamedDependency[Database]
) -> Envelope[ZoneCollection]:
    async with database.transaction() as tx:
        if await public.city(tx, city_id=city_id) is None:
            raise not_found()
        zones = await public.zones(tx, city_id=city_id)
    return envelope(ZoneCollection(features=[ZoneFeature.of(zone) for zone in zones]))


routes: Final[list[Any]] = [
    list_cities,
    show_city,
    list_zones,
    *area_routes.routes,
    *rules_routes.routes,
]
