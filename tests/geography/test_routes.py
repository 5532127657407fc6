from typing import Any

import pytest

from tawsil.geography import public
from tawsil.geography.public import City, Tenant, Zone
from tawsil.geography.routes import routes
from tawsil.kernel.db import Database


@pytest.fixture
async def client(
    serve: Any, database: Database, tenant: Tenant, city: City, zones: list[Zone]
) -> Any:
    async with database.transaction() as tx:
        await public.create_tenant(tx, tenant=tenant)
        await public.create_city(tx, city=city)
        await public.create_zones(tx, zones=zones)
    return await serve(routes)


async def test_cities_are_named_in_the_language_asked_for(client: Any, city: City) -> None:
    english = (await client.get("/v4/cities")).json()["data"]
    arabic = (await client.get("/v4/cities?tenant=wasla", headers={"Accept-Language": "ar"})).json()
    assert [c["name"] for c in english] == [city.name_en]
    assert [c["name"] for c in arabic["data"]] == [city.name_ar]


async def test_one_city_or_none(client: Any, city: City, tenant: Tenant) -> None:
    found = await client.get(f"/v4/cities/{city.id}")
    assert found.json()["data"]["currency"] == "AED"
    assert (await client.get(f"/v4/cities/{tenant.id}")).status_code == 404
    assert (await client.get("/v4/cities?tenant=nobody")).status_code == 404
    assert (await client.get("/v4/cities?tenant=%00")).status_code == 400


async def test_zones_are_geojson_with_closed_rings(client: Any, city: City, tenant: Tenant) -> None:
    collection = (await client.get(f"/v4/cities/{city.id}/zones")).json()["data"]
    assert collection["type"] == "FeatureCollection"
    assert [f["properties"]["slug"] for f in collection["features"]] == ["east", "west"]
    for feature in collection["features"]:
        (ring,) = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1]
        assert 53 < ring[0][0] < 54, "longitude comes first in GeoJSON"
    assert (await client.get(f"/v4/cities/{tenant.id}/zones")).status_code == 404
