"""Pages drawn from a made-up city, for an operator; and a city in the database, with a courier."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar

from consoles.front import open_front
from consoles.painted import CENTRE, PaintedWatch
from tawsil.couriers import service as courier_service
from tawsil.couriers.public import NewCourier, Vehicle, create_couriers
from tawsil.geography.public import City, Tenant, create_city, create_tenant
from tawsil.identity.public import NewUser, Role, create_users
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database
from tawsil.kernel.decisions import By
from tawsil.kernel.settings import Settings
from tawsil.tracking.public import Ping, RecordPositions, record


@pytest.fixture
def watch(clock: VirtualClock, ids: Ids) -> PaintedWatch:
    return PaintedWatch(now=clock(), ids=ids)


@pytest.fixture
def known(watch: PaintedWatch, tmp_path: Path) -> dict[str, Any]:
    """What the application's state holds for these pages."""
    return {"watch": watch, "settings": Settings(data=tmp_path)}


@pytest.fixture
def operator(callers: Any) -> str:
    return callers.token("admin", "order:*", "zone:*")


@pytest.fixture
async def city(database: Database, by: By, ids: Ids) -> City:
    city = City(
        id=ids(),
        tenant_id=by.tenant_id,
        slug="marsa",
        name_en="Marsa",
        name_ar="المرسى",
        currency="AED",
        timezone="Asia/Dubai",
        centre=CENTRE,
    )
    async with database.transaction() as tx:
        await create_tenant(tx, tenant=Tenant(id=by.tenant_id, slug="wasla", name="Wasla"))
        await create_city(tx, city=city)
    return city


@pytest.fixture
async def courier_id(database: Database, city: City, by: By, ids: Ids) -> UUID:
    """On duty and seen at the centre just now."""
    user = NewUser(
        id=ids(),
        tenant_id=by.tenant_id,
        email="grace@example.com",
        name="Grace",
        password_hash="$argon2id$",
        roles=(Role.DELIVERY_PARTNER,),
    )
    async with database.transaction() as tx:
        await create_users(tx, users=[user])
        enrol = NewCourier(by=by, courier_id=user.id, city_id=city.id, vehicle=Vehicle.BICYCLE)
        await create_couriers(tx, couriers=[enrol])
        start = courier_service.StartShift(by=by, courier_id=user.id)
        await courier_service.start_shift(tx, [start])
        ping = Ping(place=CENTRE, at=tx.now, accuracy_m=5.0)
        await record(tx, [RecordPositions(by=by, courier_id=user.id, pings=[ping])])
    return user.id


@pytest.fixture
async def front(database: Database, by: By, known: dict[str, Any]) -> Litestar:
    """The pages and the routes of identity; Reem may sign in."""
    return await open_front(database, by=by, known=known)
