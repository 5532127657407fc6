from msgspec.structs import replace

from tawsil.geography import public
from tawsil.geography.public import City, Tenant, Zone
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place


async def test_a_city_comes_back_as_it_was_made(tx: Tx, tenant: Tenant, city: City) -> None:
    await public.create_tenant(tx, tenant=tenant)
    await public.create_city(tx, city=city)
    assert await public.tenant(tx, slug="wasla") == tenant
    assert await public.city(tx, city_id=city.id) == city
    assert await public.cities(tx, tenant_id=tenant.id) == [city]
    assert await public.cities_by_id(tx, ids=[city.id]) == {city.id: city}


async def test_cities_of_another_tenant_are_not_listed(
    tx: Tx, tenant: Tenant, city: City, ids: Ids
) -> None:
    await public.create_tenant(tx, tenant=tenant)
    await public.create_city(tx, city=city)
    assert await public.cities(tx, tenant_id=ids()) == []


async def test_a_place_lies_in_the_zone_of_its_cell(
    tx: Tx, tenant: Tenant, city: City, zones: list[Zone]
) -> None:
    await public.create_tenant(tx, tenant=tenant)
    await public.create_city(tx, city=city)
    west, east = await public.create_zones(tx, zones=zones)
    assert await public.zones(tx, city_id=city.id) == [east, west]
    assert await public.zone_of(tx, city_id=city.id, place=Place(24.12, 53.07)) == west
    places = [Place(24.12, 53.13), Place(0.0, 0.0), Place(24.12, 53.07)]
    assert await public.zones_of(tx, city_id=city.id, places=places) == [east, None, west]


async def test_where_zones_overlap_the_smaller_one_counts(
    tx: Tx, tenant: Tenant, city: City, zones: list[Zone], ids: Ids
) -> None:
    ring = tuple(Place(*corner) for corner in [(24.11, 53.06), (24.11, 53.08), (24.13, 53.07)])
    harbour = replace(zones[0], id=ids(), slug="harbour", ring=ring)
    await public.create_tenant(tx, tenant=tenant)
    await public.create_city(tx, city=city)
    made = await public.create_zones(tx, zones=[*zones, harbour])
    assert await public.zone_of(tx, city_id=city.id, place=Place(24.115, 53.07)) == made[2]
    assert await public.zone_of(tx, city_id=city.id, place=Place(24.135, 53.052)) == made[0]
