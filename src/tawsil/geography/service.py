"""Making tenants, cities and zones, and finding what a place lies in."""

from collections.abc import Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from tawsil.geography import store
from tawsil.geography.model import ZONE_RESOLUTION, City, Tenant, Zone, cells_of
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place


async def create_tenant(tx: Tx, *, tenant: Tenant) -> Tenant:
    """Add a tenant; its slug must be free."""
    await store.insert_tenant(tx, tenant=tenant)
    return tenant


async def create_city(tx: Tx, *, city: City) -> City:
    """Add a city of an existing tenant.

    Raises:
        ZoneInfoNotFoundError: the time zone is not an IANA name.
    """
    ZoneInfo(city.timezone)
    await store.insert_city(tx, city=city)
    return city


async def create_zones(tx: Tx, *, zones: Sequence[Zone]) -> list[Zone]:
    """Add zones with the H3 cells they cover."""
    if zones:
        await store.insert_zones(tx, zones=[(zone, cells_of(zone)) for zone in zones])
    return list(zones)


async def city(tx: Tx, *, city_id: UUID) -> City | None:
    return (await store.cities_by_id(tx, ids=[city_id])).get(city_id)


async def city_of(tx: Tx, *, tenant_id: UUID, city_id: UUID) -> City | None:
    """A city, if it is the tenant's."""
    found = await city(tx, city_id=city_id)
    return found if found is not None and found.tenant_id == tenant_id else None


async def zones_of(tx: Tx, *, city_id: UUID, places: Sequence[Place]) -> list[Zone | None]:
    """The zone of each place, in order: the zone its cell belongs to."""
    cells = [place.cell(resolution=ZONE_RESOLUTION) for place in places]
    found = await store.zones_by_cell(tx, city_id=city_id, cells=cells)
    return [found.get(cell) for cell in cells]


async def zone_of(tx: Tx, *, city_id: UUID, place: Place) -> Zone | None:
    (zone,) = await zones_of(tx, city_id=city_id, places=[place])
    return zone
