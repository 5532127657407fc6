"""Geography over HTTP: cities and zones are open to everybody."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from tawsil.geography import area_routes, city_routes, public, rules_routes, zone_routes
from tawsil.geography.views import CityView, ZoneCollection, ZoneFeature
from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, Envelope, envelope, not_found

SLUG: Final = r"^[a-z0-9-]+$(?!\n)"


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
    *city_routes.routes,
    *area_routes.routes,
    *rules_routes.routes,
    *zone_routes.routes,
]
