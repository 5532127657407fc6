"""The whole application, for whoever runs the company; two companies with a city each."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid5

import httpx
import pytest
from msgspec import Struct

from conftest import CITY, TENANT
from tawsil.apps.platform import create_api
from tawsil.geography import public as geography
from tawsil.identity.public import PERMISSIONS, Role
from tawsil.kernel.db import Database
from tawsil.kernel.places import Place
from tawsil.kernel.settings import Settings

THEIRS = uuid5(UUID(int=0), "theirs")
THEIR_CITY = uuid5(THEIRS, "city")


class Office(Struct):
    client: httpx.AsyncClient
    callers: Any

    async def ask(
        self, method: str, path: str, json: Any = None, *, role: Role = Role.ADMIN, **fields: Any
    ) -> httpx.Response:
        token = self.callers.token(role.value, *PERMISSIONS[role], **fields)
        return await self.client.request(
            method, path, json=json, headers={"Authorization": f"Bearer {token}"}
        )

    async def do(self, method: str, path: str, json: Any = None, **fields: Any) -> Any:
        """What must succeed."""
        answer = await self.ask(method, path, json, **fields)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    async def code(self, method: str, path: str, json: Any = None, **fields: Any) -> str:
        """Why it does not."""
        answer = await self.ask(method, path, json, **fields)
        assert not answer.is_success, answer.text
        return answer.json()["errors"][0]["code"]


async def open_cities(database: Database) -> None:
    async with database.transaction() as tx:
        for tenant_id, city_id, slug in ((TENANT, CITY, "marsa"), (THEIRS, THEIR_CITY, "bahar")):
            tenant = geography.Tenant(id=tenant_id, slug=f"{slug}-co", name=slug.title())
            await geography.create_tenant(tx, tenant=tenant)
            city = geography.City(
                id=city_id,
                tenant_id=tenant_id,
                slug=slug,
                name_en=slug.title(),
                name_ar="المرسى",
                currency="AED",
                timezone="Asia/Dubai",
                centre=Place(24.1, 53.1),
            )
            await geography.create_city(tx, city=city)


@pytest.fixture
async def office(database: Database, callers: Any) -> AsyncIterator[Office]:
    await open_cities(database)
    settings = Settings(rate_limits_exempt="127.0.0.1/32")
    app = create_api(settings, database, authenticate=callers)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield Office(client, callers)
