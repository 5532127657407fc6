"""From the scopes of a token to what its caller reaches."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from tawsil.kernel.http import Caller
from tawsil.kernel.http.reaches import reaching
from tawsil.kernel.reach import AREA_LEVELS, Reach

TENANT, ME, PLACE = UUID(int=1), UUID(int=2), UUID(int=3)
CITIES = frozenset({UUID(int=10), UUID(int=11)})


async def below(*, tenant_id: UUID, area_id: UUID, levels: Sequence[str]) -> frozenset[UUID]:
    """`PLACE` is a district."""
    return (
        CITIES if (tenant_id, area_id) == (TENANT, PLACE) and "district" in levels else frozenset()
    )


def caller(roles: Sequence[str], *permissions: str, location_id: UUID | None = PLACE) -> Caller:
    return Caller(
        user_id=ME,
        tenant_id=TENANT,
        session_id=ME,
        roles=tuple(roles),
        permissions=frozenset(permissions),
        location_id=location_id,
    )


@pytest.mark.parametrize(
    ("who", "reached"),
    [
        (caller(["admin"], "order:*"), {"everything": True}),
        (caller(["super_admin"], "*:*"), {"everything": True}),
        (caller(["x"], "order:read:own", "order:read"), {"everything": True}),
        (caller(["customer"], "order:read:own"), {"user_id": ME}),
        (caller(["delivery_partner"], "order:read:assigned"), {"assigned_to": ME}),
        (
            caller(["delivery_partner", "customer"], "order:read:assigned", "order:read:own"),
            {"assigned_to": ME, "user_id": ME},
        ),
        (caller(["merchant"], "order:read:assigned"), {"location_id": PLACE}),
        (caller(["merchant"], "order:read:assigned", location_id=None), {}),
        (
            caller(["customer", "merchant"], "order:read:own", "order:read:assigned"),
            {"location_id": PLACE, "user_id": ME},
        ),
        (caller(["district_manager"], "order:read:district"), {"city_ids": CITIES}),
        (caller(["regional_manager"], "order:read:region"), {"city_ids": CITIES}),
        (caller(["country_distributor"], "order:read:country"), {"city_ids": CITIES}),
        (caller(["municipal_manager"], "order:read:municipality"), {}),
        (
            caller(["x"], "order:read:municipality", "order:read:region"),
            {"city_ids": CITIES},
        ),
        (caller(["district_manager"], "order:read:district", location_id=None), {}),
        (caller(["district_manager"], "user:read:district"), {}),
        (caller(["x"], "order:read:everywhere"), {}),
    ],
)
async def test_scopes_reach_what_they_name_and_no_more(who: Caller, reached: dict[str, Any]):
    assert await reaching(below)(who, "order:read") == Reach(tenant_id=TENANT, **reached)


def test_looking_from_above_means_at_what_is_others():
    assert Reach(tenant_id=TENANT, everything=True).from_above
    assert Reach(tenant_id=TENANT, city_ids=CITIES).from_above
    assert not Reach(tenant_id=TENANT, user_id=ME, location_id=PLACE).from_above


def test_a_city_is_within_reach_or_not():
    mine, other = UUID(int=10), UUID(int=12)
    manager = Reach(tenant_id=TENANT, city_ids=CITIES)
    assert [manager.city(one) for one in (mine, other, None)] == [True, False, False]
    assert Reach(tenant_id=TENANT, everything=True).city(None)


def test_levels_run_from_the_narrowest():
    assert AREA_LEVELS == ("municipality", "district", "region", "country")
