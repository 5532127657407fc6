"""A courier's zones count between those who serve about as well, and leave nobody out."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from dispatch.test_planning import POLICY, TRAVEL, courier, job
from tawsil.couriers import public as couriers
from tawsil.dispatch.planning import plan, survey
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place

City = Any
HERE, THERE = UUID(int=501), UUID(int=502)


def chosen(near_prefers: set[UUID], far_prefers: set[UUID], *, far_m: float) -> UUID:
    now = courier(1).free_at
    snapshot = survey(
        now=now,
        jobs=[replace(job(1), zone=HERE)],
        couriers=[
            replace(courier(1, at=0), prefers=frozenset(near_prefers)),
            replace(courier(2, at=far_m), prefers=frozenset(far_prefers)),
        ],
        travel=TRAVEL,
    )
    (told,) = plan(snapshot, POLICY).commitments
    return told.courier


@pytest.mark.parametrize(
    ("near", "far", "far_m", "who"),
    [
        (set[UUID](), set[UUID](), 60, 1),
        ({THERE}, {HERE}, 60, 2),
        ({THERE}, set[UUID](), 60, 2),
        ({HERE, THERE}, {HERE}, 60, 1),
        ({THERE}, {HERE}, 1_500, 1),
    ],
)
def test_a_preference_decides_between_those_who_serve_as_well(
    near: set[UUID], far: set[UUID], far_m: float, who: int
):
    assert chosen(near, far, far_m=far_m) == courier(who).id


async def test_couriers_are_asked_in_their_zones_first(tx: Tx, city: City, ids: Ids):
    await geography.create_tenant(
        tx, tenant=geography.Tenant(id=city.by.tenant_id, slug="acme", name="Acme")
    )
    await geography.create_city(
        tx,
        city=geography.City(
            id=city.id,
            tenant_id=city.by.tenant_id,
            slug="small",
            name_en="Small",
            name_ar="صغيرة",
            currency="AED",
            timezone="Asia/Dubai",
            centre=city.kitchen,
        ),
    )
    zones = [_square(city, ids(), slug, longitude) for slug, longitude in (("a", 55.27), ("b", 56))]
    await geography.create_zones(tx, zones=zones)
    near, far = await city.on_duty(tx, count=2)
    wish = couriers.Prefer(by=city.by, courier_id=near, zones=frozenset({zones[1].id}))
    await couriers.prefer(tx, [wish])
    await city.asks(tx)
    offer = await city.offer(tx)
    assert offer.courier_id == far


def _square(city: City, id_: UUID, slug: str, longitude: float) -> geography.Zone:
    corners = ((-0.02, -0.02), (-0.02, 0.02), (0.02, 0.02), (0.02, -0.02))
    return geography.Zone(
        id=id_,
        tenant_id=city.by.tenant_id,
        city_id=city.id,
        slug=slug,
        name_en=slug,
        name_ar=slug,
        ring=tuple(Place(city.kitchen.latitude + a, longitude + b) for a, b in corners),
    )
