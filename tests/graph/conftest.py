"""A grill and its orders, asked for as a graph."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec import Struct

from ordering.conftest import CITY, TENANT, Street
from tawsil.apps import wiring
from tawsil.apps.graph import routes
from tawsil.apps.live import TRANSLATIONS
from tawsil.geography import public as geography
from tawsil.identity import public as identity
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import By
from tawsil.kernel.http.live import Hub
from tawsil.kernel.settings import Settings, load_settings
from tawsil.ordering.model import Order


class Answer(Struct):
    """An answer's parts, for tests to look at."""

    status: int
    data: Any
    errors: list[Any]
    extensions: dict[str, Any]
    headers: httpx.Headers

    @property
    def codes(self) -> list[str]:
        """Of what failed before GraphQL came into it: none."""
        return [error["extensions"]["code"] for error in self.errors if "extensions" in error]

    @property
    def problems(self) -> list[str]:
        return [error.get("extensions", error).get("problem") for error in self.errors]


class Graph(Struct):
    """A carried order, and tokens of everybody on it and of strangers."""

    client: httpx.AsyncClient
    database: Database
    street: Street
    order: Order
    tokens: dict[str, str]
    hub: Hub
    settings: Settings

    async def ask(
        self, who: str, query: str, *, locale: str = "en", key: str | None = None, **variables: Any
    ) -> Answer:
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Accept-Language": locale}
        if key is not None:
            headers["Idempotency-Key"] = key
        body = {"query": query, "variables": variables}
        answer = await self.client.post("/graphql", json=body, headers=headers)
        said = answer.json()
        return Answer(
            answer.status_code,
            said.get("data"),
            said.get("errors", []),
            said.get("extensions", {}),
            answer.headers,
        )


@pytest.fixture
async def street(by: By, ids: Ids) -> Street:
    return Street(by, ids)


async def settle(tx: Tx, street: Street) -> None:
    """The people of the street have accounts."""
    people = (
        (street.customer_id, "Layla Haddad", identity.Role.CUSTOMER),
        (street.courier_id, "Yusuf Karam", identity.Role.DELIVERY_PARTNER),
    )
    await identity.create_users(
        tx,
        users=[
            identity.NewUser(
                id=id_,
                tenant_id=TENANT,
                email=f"{role.value}@example.org",
                name=name,
                password_hash="$argon2id$none",
                roles=(role,),
                city_id=CITY,
            )
            for id_, name, role in people
        ],
    )


async def areas(tx: Tx, street: Street) -> tuple[UUID, UUID]:
    """The district that the city lies in, and another."""

    async def area(slug: str, parent_id: UUID | None) -> UUID:
        names = {"slug": slug, "name_en": slug, "name_ar": "منطقة"}
        command = geography.CreateArea(by=street.by, parent_id=parent_id, **names)
        (made,) = await geography.create_area(tx, [command])
        assert isinstance(made, geography.Area)
        return made.id

    region = await area("region", await area("country", None))
    here, elsewhere = await area("here", region), await area("elsewhere", region)
    placing = geography.PlaceCity(
        by=street.by, city_id=CITY, municipality_id=await area("municipality", here)
    )
    (placed,) = await geography.place_city(tx, [placing])
    assert isinstance(placed, geography.City)
    return here, elsewhere


@pytest.fixture
async def graph(serve: Any, database: Database, street: Street, callers: Any, ids: Ids) -> Graph:
    async with database.transaction() as tx:
        await street.open(tx)
        await settle(tx, street)
        here, elsewhere = await areas(tx, street)
        order = await street.carried(tx)
    role, other = identity.Role, {"tenant_id": ids()}

    def token(who: identity.Role, **fields: Any) -> str:
        return callers.token(who.value, *identity.permissions_of([who]), **fields)

    tokens = {
        "customer": token(role.CUSTOMER, user_id=street.customer_id),
        "merchant": token(role.MERCHANT, location_id=street.merchant_id),
        "courier": token(role.DELIVERY_PARTNER, user_id=street.courier_id),
        "support": token(role.SUPPORT_STAFF),
        "admin": token(role.ADMIN),
        "super admin": token(role.SUPER_ADMIN),
        "other customer": token(role.CUSTOMER),
        "other merchant": token(role.MERCHANT, location_id=ids()),
        "merchant of nothing": token(role.MERCHANT),
        "other courier": token(role.DELIVERY_PARTNER),
        "support elsewhere": token(role.SUPPORT_STAFF, **other),
        "super admin elsewhere": token(role.SUPER_ADMIN, **other),
        "customer elsewhere": token(role.CUSTOMER, user_id=street.customer_id, **other),
        "merchant elsewhere": token(role.MERCHANT, location_id=street.merchant_id, **other),
        "manager": token(role.DISTRICT_MANAGER, location_id=here),
        "manager of elsewhere": token(role.DISTRICT_MANAGER, location_id=elsewhere),
        "manager of nothing": token(role.REGIONAL_MANAGER),
        "nobody in particular": callers.token("customer"),
    }
    hub = Hub(database, registry=wiring.REGISTRY, translations=TRANSLATIONS)
    settings = load_settings()
    client = await serve(routes.routes, settings=settings, hub=hub)
    return Graph(client, database, street, order, tokens, hub, settings)
