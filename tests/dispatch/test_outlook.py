"""Where work is expected, and couriers who are told of it: seldom, and not while they are asked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.test_service import recorded
from tawsil.dispatch import public as dispatch
from tawsil.dispatch import store
from tawsil.dispatch.events import MoveSuggested
from tawsil.dispatch.model import SUGGESTION_LASTS
from tawsil.dispatch.public import LIVE_POLICY, Outlooks, Tick
from tawsil.dispatch.routes import routes
from tawsil.dispatch.service import journal, outlook
from tawsil.dispatch.store import Asked
from tawsil.geography.public import GreatCircle
from tawsil.kernel.clock import Ids
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.places import Place

City = Any
SITES = [UUID(int=n) for n in range(3)]
HERE = Place(25.2, 55.27)


async def tick(tx: Tx, city: City, outlooks: Outlooks | None) -> Tick:
    return await dispatch.tick(
        tx,
        tenant_id=city.by.tenant_id,
        city_id=city.id,
        travel=dispatch.OnMap(GreatCircle()),
        policy=LIVE_POLICY,
        outlooks=outlooks,
    )


async def a_busy_kitchen(tx: Tx, city: City) -> None:
    """Nine deliveries of late, ready at once and over by now."""
    for delivery in await city.asks(tx, count=9):
        ended = dispatch.Withdraw(by=city.by, reference_id=delivery.reference_id, reason="over")
        await dispatch.withdraw(tx, [ended])
    await tx.execute(
        """
        update dispatch.delivery set requested_at = requested_at - interval '20 minutes',
            ready_at = ready_at - interval '20 minutes'
        """
    )


@given(st.lists(st.floats(0, 5_400), min_size=1, max_size=20), st.integers(0, 60))
def test_what_is_newer_counts_for_more(ages_s: list[float], sooner_s: int):
    def rate(ages: list[float]) -> float:
        site = Asked(site_id=SITES[0], place=HERE, ages_s=tuple(ages), notices_s=(), earlier=())
        return outlook.expected([site]).demand[0].jobs_per_hour

    assert rate([max(0.0, age_s - sooner_s) for age_s in ages_s]) >= rate(ages_s) > 0
    assert rate([*ages_s, 5_400.0]) > rate(ages_s)


def test_a_steady_stream_is_expected_to_go_on():
    every_minute = tuple(60.0 * n + 30 for n in range(90))
    steady = Asked(
        site_id=SITES[0], place=HERE, ages_s=every_minute, notices_s=(600.0,) * 90, earlier=()
    )
    expected = outlook.expected([steady])
    assert expected.demand[0].jobs_per_hour == pytest.approx(60, rel=0.02)
    assert set(expected.notice_s) == {600.0}
    assert len(expected.notice_s) <= outlook.SAMPLE_MAX


def test_earlier_days_count_for_half():
    new = Asked(site_id=SITES[0], place=HERE, ages_s=(), notices_s=(), earlier=(2, 2, 3, 3))
    old = Asked(site_id=SITES[1], place=HERE, ages_s=(), notices_s=(), earlier=(2,))
    demand = {d.site: d.jobs_per_hour for d in outlook.expected([new, old]).demand}
    assert demand == {SITES[0]: 1.0, SITES[1]: 0.25}


async def test_an_idle_courier_is_told_where_to_wait_once(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx, from_deg=0.02)
    await a_busy_kitchen(tx, city)
    outlooks = Outlooks()
    (suggestion,) = (await tick(tx, city, outlooks)).suggestions
    assert (suggestion.courier_id, suggestion.site_id) == (rider, city.site)
    (told,) = await recorded(tx, MoveSuggested)
    assert (told.event.place, told.event.until_at) == (city.kitchen, tx.now + SUGGESTION_LASTS)
    assert await city.availability(tx, rider) == ["AVAILABLE"]

    tx.now += timedelta(minutes=2)
    await city.seen(tx, rider, Place(25.22, 55.27))
    assert (await tick(tx, city, outlooks)).suggestions == ()
    tx.now += SUGGESTION_LASTS
    await city.seen(tx, rider, Place(25.22, 55.27))
    assert len((await tick(tx, city, outlooks)).suggestions) == 1
    assert await tx.value("select count(*) from dispatch.suggestion") == 1


async def test_who_is_asked_is_not_sent_away(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx, from_deg=0.02)
    await a_busy_kitchen(tx, city)
    await city.asks(tx)
    decided = await tick(tx, city, Outlooks())
    assert [o.courier_id for o in decided.offers] == [rider]
    assert decided.suggestions == ()


async def test_who_knows_the_way_already_is_left_in_peace(tx: Tx, city: City):
    await city.on_duty(tx)
    await tx.execute("update tracking.live_position set latitude = $1", city.kitchen.latitude)
    await a_busy_kitchen(tx, city)
    assert (await tick(tx, city, Outlooks())).suggestions == ()


async def test_it_is_looked_up_once_a_minute(tx: Tx, city: City, monkeypatch: pytest.MonkeyPatch):
    await a_busy_kitchen(tx, city)
    looked: list[str] = []
    rows = tx.rows

    async def counted(sql: str, *args: object) -> Any:
        looked.append(sql)
        return await rows(sql, *args)

    monkeypatch.setattr(tx, "rows", counted)
    outlooks = Outlooks()
    for _ in range(6):
        tx.now += timedelta(seconds=20)
        await tick(tx, city, outlooks)
    assert sum("requested_at" in sql and "w.from_at" in sql for sql in looked) == 2


async def test_a_tick_with_an_outlook_can_be_planned_again(tx: Tx, city: City):
    await city.on_duty(tx, from_deg=0.02)
    await a_busy_kitchen(tx, city)
    decided = await tick(tx, city, Outlooks())
    assert decided.suggestions
    assert decided.decision_id is not None
    row = await store.decision(tx, tenant_id=city.by.tenant_id, id_=decided.decision_id)
    assert row is not None
    assert journal.read(row).inputs.demand
    assert journal.reproduces(row)


async def test_a_courier_reads_the_suggestion(
    serve: Any, database: Database, city: City, callers: Any, ids: Ids
):
    client = await serve(routes)
    async with database.transaction() as tx:
        (rider,) = await city.on_duty(tx, from_deg=0.02)
        await a_busy_kitchen(tx, city)
        await tick(tx, city, Outlooks())
    path = f"/v4/drivers/{rider}/suggestion"

    def signed_in(id_: UUID) -> dict[str, str]:
        token = callers.token("delivery_partner", "courier:read:own", user_id=id_)
        return {"Authorization": f"Bearer {token}"}

    shown = (await client.get(path, headers=signed_in(rider))).json()["data"]
    assert (shown["site_id"], shown["courier_id"]) == (str(city.site), str(rider))
    assert (await client.get(path, headers=signed_in(ids()))).status_code == 404
