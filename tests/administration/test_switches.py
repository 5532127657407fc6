"""Flags say the same each time, and modules that are off refuse and do nothing."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from administration.conftest import Office
from conftest import CITY, NOON, TENANT
from tawsil.experiments.flags.model import Flag
from tawsil.experiments.public import CityRollout, Flags, Rollout
from tawsil.identity.public import Role
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database

percents = st.integers(0, 100)


def flag(percent: int, **fields: Any) -> Flag:
    everywhere = Rollout(on=True, percent=percent)
    return Flag(
        id=CITY,
        tenant_id=TENANT,
        key="photo_proof",
        description="",
        everywhere=everywhere,
        changed_at=NOON,
        **fields,
    )


@given(percents, percents, st.uuids())
def test_who_is_in_stays_in_as_it_grows(one: int, other: int, subject: UUID):
    less, more = sorted((one, other))
    was, is_now = (flag(p).is_on(city_id=None, subject=str(subject)) for p in (less, more))
    assert is_now or not was


def test_as_many_are_in_as_it_says():
    half = flag(50)
    among = sum(half.is_on(city_id=None, subject=str(UUID(int=n))) for n in range(2_000))
    assert 900 < among < 1_100
    assert not flag(50).is_on(city_id=None, subject=None)
    assert flag(100).is_on(city_id=None, subject=None)
    assert not flag(0).is_on(city_id=None, subject="anybody")


def test_a_citys_own_word_counts_in_it_alone():
    one = flag(100, cities=(CityRollout(city_id=CITY, on=False),))
    assert not one.is_on(city_id=CITY, subject="anybody")
    assert one.is_on(city_id=TENANT, subject="anybody")


def photo(**more: Any) -> dict[str, Any]:
    return {"key": "photo_proof", "everywhere": {"on": True}, "why": "to see", **more}


async def test_a_flag_is_switched_and_asked(
    office: Office, database: Database, clock: VirtualClock
):
    flags = Flags(database)
    assert not await flags.is_on(tenant_id=TENANT, key="photo_proof")
    made = await office.do("PUT", "/v4/flags", photo())
    clock.advance(timedelta(seconds=3))
    assert await flags.is_on(tenant_id=TENANT, key="photo_proof")
    off = {"everywhere": {"on": False}, "why": "couriers are slower"}
    after = await office.do("PUT", "/v4/flags", photo(**off, seen=made["version"]))
    assert after["version"] == made["version"] + 1
    again = await office.code("PUT", "/v4/flags", photo(seen=made["version"]))
    assert again == "flag.changed_meanwhile"
    history = await office.do("GET", "/v4/flags/photo_proof/history")
    assert [change["why"] for change in history] == ["couriers are slower", "to see"]
    assert [change["everywhere"]["on"] for change in history] == [False, True]
    assert all(change["by_role"] == "admin" and change["by_id"] for change in history)


async def test_whoever_is_signed_in_asks_a_flag(office: Office):
    body = photo(cities=[{"city_id": str(CITY), "on": True, "percent": 0}])
    await office.do("PUT", "/v4/flags", body)
    path = "/v4/flags/photo_proof/for"
    asked = {"role": Role.DELIVERY_PARTNER}
    assert (await office.do("GET", path, **asked))["on"] is True
    assert (await office.do("GET", f"{path}?city_id={CITY}", **asked))["on"] is False
    assert (await office.do("GET", "/v4/flags/nobody_made_it/for", **asked))["on"] is False
    assert await office.code("PUT", "/v4/flags", photo(), **asked) == "request.forbidden"


async def test_a_module_that_is_off_is_not_there(office: Office, clock: VirtualClock):
    assert {one["module"]: one["on"] for one in await office.do("GET", "/v4/modules")} == {
        "promotions": True,
        "loyalty": True,
        "experiments": True,
    }
    for module, path in (
        ("promotions", "/v4/promotions"),
        ("loyalty", "/v4/loyalty/owed"),
        ("experiments", "/v4/experiments"),
    ):
        await office.do("GET", path)
        switched = f"/v4/modules/{module}"
        await office.do("PUT", switched, {"on": False, "why": "not yet"})
        clock.advance(timedelta(seconds=3))
        assert await office.code("GET", path) == "request.module_off"
        await office.do("PUT", switched, {"on": True, "why": "now"})
        clock.advance(timedelta(seconds=3))
        await office.do("GET", path)
