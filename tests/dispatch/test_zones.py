"""How zones do: what is wanted, who is there, how long it takes; for those above them alone."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dispatch.conftest import SmallCity
from tawsil.apps.feeds import zones as zone_feed
from tawsil.apps.messages import ZoneHealthUpdated
from tawsil.dispatch.model.zones import LATE_AFTER, LONGEST_WAIT, Job, ZoneHealth, measured
from tawsil.dispatch.public import zone_health
from tawsil.dispatch.routes import zones as routes
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.places import Place

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TENANT = UUID("01900000-0000-7000-8000-000000000001")

ago = st.integers(-1_800, 3_600).map(lambda s: NOW - timedelta(seconds=s))


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    taken = draw(st.booleans())
    searched_at = NOW - timedelta(seconds=draw(st.integers(0, 3_600)))
    return Job(
        ready_at=draw(ago),
        searched_since_at=searched_at,
        assigned_at=draw(
            st.datetimes(searched_at.replace(tzinfo=None), NOW.replace(tzinfo=None))
        ).replace(tzinfo=UTC)
        if taken
        else None,
        arrival_eta_at=draw(ago) if taken else None,
        collected=taken and draw(st.booleans()),
    )


def health(of: list[Job], *, free: int = 0, busy: int = 0) -> ZoneHealth:
    zone_id = SmallCity.id
    return measured(zone_id=zone_id, city_id=zone_id, jobs=of, free=free, busy=busy, now=NOW)


def waits(*, s: int) -> Job:
    since_at = NOW - timedelta(seconds=s)
    return Job(
        ready_at=since_at,
        searched_since_at=since_at,
        assigned_at=None,
        arrival_eta_at=None,
        collected=False,
    )


@given(st.lists(jobs(), max_size=8), st.integers(0, 9), st.integers(0, 9))
def test_a_score_is_from_nought_to_one_and_more_couriers_never_lower_it(
    of: list[Job], free: int, busy: int
) -> None:
    found, better = health(of, free=free, busy=busy), health(of, free=free + 1, busy=busy)
    assert 0 <= found.score <= better.score <= 1
    assert found.waiting + found.carried == len(of)
    assert found.late <= len(of)


def test_the_ends_of_the_scale() -> None:
    assert health([]).score == 1.0
    assert health([waits(s=0)], free=1).score == 1.0
    assert health([waits(s=0)]).score == 0.6
    assert health([waits(s=int(LONGEST_WAIT.total_seconds()))] * 3).score == 0.0
    assert health([waits(s=int(LATE_AFTER.total_seconds()))]).late == 1
    assert health([waits(s=300)], free=1).score == 0.8
    taken = structs.replace(waits(s=300), assigned_at=NOW - timedelta(seconds=240))
    assert health([taken]).wait_s == 60


async def with_zones(tx: Tx, ids: Ids) -> list[geography.Zone]:
    """The city, in two halves: the kitchen lies in the southern one."""
    await geography.create_tenant(tx, tenant=geography.Tenant(id=TENANT, slug="t", name="T"))
    await geography.create_city(
        tx,
        city=geography.City(
            id=SmallCity.id,
            tenant_id=TENANT,
            slug="small",
            name_en="Small",
            name_ar="صغيرة",
            currency="AED",
            timezone="Asia/Dubai",
            centre=SmallCity.kitchen,
        ),
    )
    edges = ((25.195, 25.204), (25.204, 25.215))
    return await geography.create_zones(
        tx,
        zones=[
            geography.Zone(
                id=ids(),
                tenant_id=TENANT,
                city_id=SmallCity.id,
                slug=slug,
                name_en=slug,
                name_ar=slug,
                ring=(
                    Place(south, 55.26),
                    Place(south, 55.29),
                    Place(north, 55.29),
                    Place(north, 55.26),
                ),
            )
            for slug, (south, north) in zip(("a-south", "b-north"), edges, strict=True)
        ],
    )


async def test_jobs_count_where_they_are_collected_and_couriers_where_they_are(
    tx: Tx, city: Any, ids: Ids
) -> None:
    await with_zones(tx, ids)
    await city.asks(tx, count=2, apart=True)
    await city.on_duty(tx)
    await city.on_duty(tx, from_deg=0.009)
    south, north = await zone_health(tx, city_id=city.id)
    assert (south.waiting, south.free, south.busy) == (2, 1, 0)
    assert (north.waiting, north.free, north.busy) == (0, 1, 0)
    assert north.score == 1.0
    assert south.score < 1.0


@pytest.fixture
async def client(database: Database, serve: Any, ids: Ids) -> Any:
    async with database.transaction() as tx:
        await with_zones(tx, ids)
    return await serve(routes.routes)


async def test_only_those_above_read_it(client: Any, callers: Any, ids: Ids) -> None:
    path = f"/v4/admin/analytics/zone-health?city_id={SmallCity.id}"

    async def status(role: str, *permissions: str, at: str = path, **fields: Any) -> int:
        token = callers.token(role, *permissions, **fields)
        return (await client.get(at, headers={"Authorization": f"Bearer {token}"})).status_code

    assert (await client.get(path)).status_code == 401
    assert await status("admin", "analytics:read") == 200
    assert await status("admin", "analytics:read", at=path.replace("/v4", "/v2")) == 200
    assert await status("admin", "analytics:read", at=path.partition("?")[0]) == 200
    assert await status("admin", "order:read") == 403
    assert await status("merchant", "analytics:read:own", location_id=ids()) == 404
    assert await status("delivery_partner", "analytics:read:own") == 404
    assert await status("district_manager", "analytics:read:district", location_id=ids()) == 404
    assert await status("admin", "analytics:read", tenant_id=ids()) == 404
    assert await status("admin", "analytics:read", at=f"{path[:-1]}3") == 404


async def test_changes_are_told_and_not_too_often(
    client: Any, database: Database, clock: VirtualClock, city: Any
) -> None:
    del client
    feed = zone_feed()
    first = await feed(database)
    assert {m.event for m in first} == {"zone_health_updated"}
    assert len(first) == 2
    assert all(m.audience.city_id == city.id and m.audience.operators for m in first)
    assert set(first[0].data) == set(_fields(ZoneHealthUpdated))
    assert await feed(database) == []
    clock.advance(timedelta(seconds=15))
    assert await feed(database) == [], "nothing has changed"
    async with database.transaction() as tx:
        await city.asks(tx)
    assert await feed(database) == [], "not yet again"
    clock.advance(timedelta(seconds=15))
    (changed,) = await feed(database)
    assert changed.data["metrics"]["waiting"] == 1


def _fields(cls: type[Any]) -> tuple[str, ...]:
    return cls.__struct_encode_fields__
