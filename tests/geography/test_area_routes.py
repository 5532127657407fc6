"""The tree of areas over HTTP."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec import Struct

from hierarchy import grow_above
from tawsil.geography import public
from tawsil.geography.public import City, Tenant
from tawsil.geography.routes import routes
from tawsil.identity import public as identity
from tawsil.identity.public import Role
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.http.reaches import reaching


class Scene(Struct):
    client: httpx.AsyncClient
    callers: Any
    areas: list[UUID]

    async def ask(
        self, role: Role, method: str, path: str, *, body: Any = None, **fields: Any
    ) -> httpx.Response:
        token = self.callers.token(role.value, *identity.PERMISSIONS[role], **fields)
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "ar"}
        return await self.client.request(method, path, headers=headers, json=body)

    async def code(self, method: str, path: str, body: Any) -> str:
        answer = await self.ask(Role.ADMIN, method, path, body=body)
        return answer.json()["errors"][0]["code"]


@pytest.fixture
async def scene(
    serve: Any, callers: Any, database: Database, tenant: Tenant, city: City, by: By
) -> Scene:
    async with database.transaction() as tx:
        await public.create_tenant(tx, tenant=tenant)
        await public.create_city(tx, city=city)
        areas = await grow_above(tx, by, city_id=city.id)
    return Scene(await serve(routes), callers, areas)


def named(slug: str, **more: Any) -> dict[str, Any]:
    return {"slug": slug, "name_en": slug.title(), "name_ar": "الشمال", **more}


async def test_the_tree_is_read_top_down_and_grows(scene: Scene, city: City) -> None:
    country, region, district, municipality = scene.areas
    made = await scene.ask(
        Role.ADMIN, "POST", "/v4/areas", body=named("north", parent_id=str(country))
    )
    assert made.status_code == 201
    assert made.json()["data"]["level"] == "region"
    tree = (await scene.ask(Role.CUSTOMER, "GET", "/v4/areas")).json()["data"]
    assert [area["level"] for area in tree] == [
        "country",
        "region",
        "region",
        "district",
        "municipality",
    ]
    assert {area["name"] for area in tree if area["slug"] == "north"} == {"الشمال"}
    assert tree[-1]["city_ids"] == [str(city.id)]
    assert {area["id"] for area in tree} >= {str(region), str(district), str(municipality)}


async def test_what_cannot_be_is_refused_with_a_reason(scene: Scene, ids: Any) -> None:
    country, region, district, municipality = scene.areas
    for body, code in [
        (named("region", parent_id=str(country)), "area.slug_taken"),
        (named("x", parent_id=str(municipality)), "area.too_deep"),
        (named("x", parent_id=str(ids())), "area.unknown"),
        (named("No Slug"), "request.invalid"),
        (named("x", level="region"), "request.invalid"),
    ]:
        assert await scene.code("POST", "/v4/areas", body) == code
    move = f"/v4/areas/{district}/move"
    assert await scene.code("POST", move, {"parent_id": str(country)}) == "area.wrong_level"
    assert await scene.code("POST", move, {"parent_id": str(district)}) == "area.wrong_level"
    into = f"/v4/areas/{country}/move"
    assert await scene.code("POST", into, {"parent_id": str(region)}) == "area.country_stays"


async def test_moves_and_names(scene: Scene, city: City, database: Database) -> None:
    country, region, district, _ = scene.areas
    answer = await scene.ask(
        Role.ADMIN, "POST", "/v4/areas", body=named("north", parent_id=str(country))
    )
    north = answer.json()["data"]["id"]
    reach_of = reaching(public.CitiesBelow(database))

    async def reaches(area_id: Any) -> frozenset[UUID]:
        granted = identity.PERMISSIONS[Role.REGIONAL_MANAGER]
        token = scene.callers.token("regional_manager", *granted, location_id=UUID(str(area_id)))
        return (await reach_of(await scene.callers(token), "order:read")).city_ids

    assert (await reaches(region), await reaches(north)) == ({city.id}, set())
    move = f"/v4/areas/{district}/move"
    moved = await scene.ask(Role.ADMIN, "POST", move, body={"parent_id": north})
    assert moved.json()["data"]["parent_id"] == north
    assert (await reaches(region), await reaches(north)) == (set(), {city.id})
    place = f"/v4/cities/{city.id}/municipality"
    for municipality_id in (None, None):
        body = {"municipality_id": municipality_id}
        assert (await scene.ask(Role.ADMIN, "PUT", place, body=body)).status_code == 200
    assert await reaches(north) == set()
    assert await scene.code("PUT", place, {"municipality_id": north}) == "area.not_a_municipality"
    renamed = await scene.ask(Role.ADMIN, "PUT", f"/v4/areas/{north}", body=named("upper"))
    assert renamed.json()["data"]["slug"] == "upper"
    assert await scene.code("PUT", f"/v4/areas/{north}", named("region")) == "area.slug_taken"


async def test_only_those_who_run_the_tenant_change_its_tree(
    scene: Scene, city: City, ids: Any
) -> None:
    country, region, *_ = scene.areas
    asked = [
        ("POST", "/v4/areas", named("mine")),
        ("PUT", f"/v4/areas/{region}", named("mine")),
        ("POST", f"/v4/areas/{region}/move", {"parent_id": str(country)}),
        ("PUT", f"/v4/cities/{city.id}/municipality", {"municipality_id": None}),
    ]
    for role in set(Role) - {Role.ADMIN, Role.SUPER_ADMIN}:
        for method, path, body in asked:
            answer = await scene.ask(role, method, path, body=body, location_id=region)
            assert answer.status_code == 403, (role, path)
    elsewhere = ids()
    for method, path, body in asked[1:]:
        answer = await scene.ask(Role.ADMIN, method, path, body=body, tenant_id=elsewhere)
        assert answer.status_code == 404, path
    seen = await scene.ask(Role.ADMIN, "GET", "/v4/areas", tenant_id=elsewhere)
    assert seen.json()["data"] == []
