"""Zones over HTTP: drawn by operations, read by everybody."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec import Struct

from tawsil.geography import public
from tawsil.geography.public import City, Tenant
from tawsil.geography.routes import routes
from tawsil.identity import public as identity
from tawsil.identity.public import Role
from tawsil.kernel.db import Database
from tawsil.kernel.http.reaches import reaching
from tawsil.kernel.places import Place

OUTLINE = [[[53.08, 24.1], [53.12, 24.1], [53.12, 24.14], [53.08, 24.14], [53.08, 24.1]]]
INSIDE, OUTSIDE = Place(24.12, 53.1), Place(24.2, 53.1)


class Desk(Struct):
    client: httpx.AsyncClient
    callers: Any
    database: Database
    city: City

    @property
    def address(self) -> str:
        return f"/v4/cities/{self.city.id}/zones"

    async def ask(
        self, method: str, path: str, body: Any = None, *, role: Role = Role.ADMIN
    ) -> httpx.Response:
        token = self.callers.token(role.value, *identity.PERMISSIONS[role])
        headers = {"Authorization": f"Bearer {token}"}
        return await self.client.request(method, path, headers=headers, json=body)

    async def draw(self, slug: str = "old-port") -> Any:
        answer = await self.ask("POST", self.address, zone(slug))
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    async def listed(self) -> list[str]:
        answer = await self.client.get(self.address)
        return [one["properties"]["slug"] for one in answer.json()["data"]["features"]]

    async def zone_at(self, place: Place) -> str | None:
        async with self.database.transaction() as tx:
            found = await public.zone_of(tx, city_id=self.city.id, place=place)
        return found.slug if found else None


def zone(slug: str, **more: Any) -> dict[str, Any]:
    outline = {"type": "Polygon", "coordinates": OUTLINE}
    return {
        "slug": slug,
        "name_en": "Old port",
        "name_ar": "الميناء القديم",
        "geometry": outline,
        **more,
    }


@pytest.fixture
async def desk(serve: Any, callers: Any, database: Database, tenant: Tenant, city: City) -> Desk:
    async with database.transaction() as tx:
        await public.create_tenant(tx, tenant=tenant)
        await public.create_city(tx, city=city)
    below = public.CitiesBelow(database)
    client = await serve(routes, reach_of=reaching(below))
    return Desk(client, callers, database, city)


async def test_a_zone_is_drawn_moved_and_retired(desk: Desk) -> None:
    drawn = await desk.draw()
    assert drawn["geometry"]["coordinates"] == OUTLINE
    assert drawn["properties"]["cells"] > 100
    assert await desk.zone_at(INSIDE) == "old-port"

    here = f"{desk.address}/{drawn['id']}"
    renamed = zone("port", name_en="Port")
    del renamed["geometry"]
    answer = await desk.ask("PUT", here, renamed)
    assert answer.json()["data"]["properties"]["name_en"] == "Port"
    assert await desk.zone_at(INSIDE) == "port"

    north = [[[x, round(y + 0.08, 2)] for x, y in OUTLINE[0]]]
    moved = zone("port", geometry={"type": "Polygon", "coordinates": north})
    assert (await desk.ask("PUT", here, moved)).status_code == 200
    assert (await desk.zone_at(INSIDE), await desk.zone_at(OUTSIDE)) == (None, "port")

    assert (await desk.ask("DELETE", here)).status_code == 200
    assert (await desk.listed(), await desk.zone_at(OUTSIDE)) == ([], None)
    assert (await desk.ask("DELETE", here)).status_code == 404
    await desk.draw("port")
    assert await desk.listed() == ["port"]


async def test_a_retired_zone_comes_back_as_it_was(desk: Desk) -> None:
    drawn = await desk.draw()
    here = f"{desk.address}/{drawn['id']}"
    await desk.ask("DELETE", here)
    again = await desk.ask("POST", f"{here}/reinstate")
    assert (again.status_code, again.json()["data"]) == (200, drawn)
    assert await desk.zone_at(INSIDE) == "old-port"
    assert (await desk.ask("POST", f"{here}/reinstate")).json()["data"] == drawn

    await desk.ask("DELETE", here)
    other = await desk.draw()
    refused = await desk.ask("POST", f"{here}/reinstate")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (409, "zone.slug_taken")
    assert await desk.listed() == ["old-port"]
    elsewhere = f"/v4/cities/{other['id']}/zones/{drawn['id']}/reinstate"
    assert (await desk.ask("POST", elsewhere)).status_code == 404


async def test_every_change_is_recorded(desk: Desk) -> None:
    drawn = await desk.draw()
    await desk.ask("DELETE", f"{desk.address}/{drawn['id']}")
    recorded = await desk.database.pool.fetch(
        "select type, version from kernel.event where stream_id = $1 order by seq",
        UUID(drawn["id"]),
    )
    assert [tuple(one) for one in recorded] == [("zone.created.v1", 1), ("zone.retired.v1", 2)]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"geometry": {"type": "Polygon", "coordinates": [[*OUTLINE[0][:2]]]}}, 400, None),
        ({"geometry": {"type": "Polygon", "coordinates": [[[190, 1]] * 4]}}, 400, None),
        ({"geometry": {"type": "Point", "coordinates": [53.1, 24.1]}}, 400, None),
        ({"slug": "Old port"}, 400, None),
        ({"status": "live"}, 400, None),
        (
            {
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[OUTLINE[0][n] for n in (0, 2, 1, 3, 0)]],
                }
            },
            422,
            "zone.crosses_itself",
        ),
    ],
)
async def test_what_cannot_be_a_zone_is_refused(
    desk: Desk, change: dict[str, Any], status: int, code: str | None
) -> None:
    answer = await desk.ask("POST", desk.address, {**zone("x"), **change})
    assert answer.status_code == status, answer.text
    if code:
        assert answer.json()["errors"][0]["code"] == code
    assert await desk.listed() == []


async def test_only_those_who_look_after_the_tenant_draw(desk: Desk) -> None:
    drawn = await desk.draw()
    for role in (Role.CUSTOMER, Role.MERCHANT, Role.SUPPORT_STAFF, Role.MUNICIPAL_MANAGER):
        refused = await desk.ask("DELETE", f"{desk.address}/{drawn['id']}", role=role)
        assert refused.status_code == 403
    nowhere = f"/v4/cities/{drawn['id']}/zones"
    assert (await desk.ask("POST", nowhere, zone("x"))).status_code == 404
