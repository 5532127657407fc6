"""Short days in a small city: the same seed lives the same day, and the invariants hold."""

from datetime import timedelta

import asyncpg
import pytest

from simulation.conftest import FreshDatabase
from tawsil.apps.cli.simulate import parts
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, connect
from tawsil.kernel.jobs import HeldJobs
from tawsil.simulation import seeding
from tawsil.simulation.city import CitySize, build_city
from tawsil.simulation.city.dice import random_for
from tawsil.simulation.day import EVENING, Result, Setting, simulate

SMALL = CitySize(merchants=8, customers=60, couriers=20)


async def live(fresh_database: FreshDatabase, *, seed: int) -> Result:
    setting = Setting(seed=seed, hours=0.4, size=SMALL, rate_per_hour=16.0)
    shares: list[float] = []
    with fresh_database() as url:
        result = await simulate(url, parts=parts(), setting=setting, progress=shares.append)
        await assert_promotions_add_up(url)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    return result


async def assert_promotions_add_up(url: str) -> None:
    """Their accounts hold what was put aside and not spent; cancelled orders hold nothing."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            """
            select p.name_en, p.budget_minor, p.taken_minor, p.funded_minor, p.status,
                (select coalesce(sum(amount_minor), 0) from pricing.redemption r
                    where r.promotion_id = p.id and outcome <> 'given_back') as held_minor,
                (select coalesce(sum(amount_minor), 0) from pricing.redemption r
                    where r.promotion_id = p.id and outcome = 'spent') as spent_minor,
                (select coalesce(sum(e.amount_minor), 0) from payments.entry e
                    join payments.account a on a.id = e.account_id
                    where a.kind = 'promotion' and a.owner_id = p.id) as left_minor
            from pricing.promotion p
            """
        )
        assert {row["name_en"] for row in rows} == {"Free delivery", "Welcome"}
        for row in rows:
            assert row["taken_minor"] == row["held_minor"] <= row["budget_minor"]
            assert row["left_minor"] == row["funded_minor"] - row["spent_minor"]
        assert sum(row["taken_minor"] for row in rows) > 0, "somebody had one"
    finally:
        await connection.close()


@pytest.fixture(scope="module")
async def day(fresh_database: FreshDatabase) -> Result:
    return await live(fresh_database, seed=7)


async def test_nothing_is_lost_and_the_money_adds_up(day: Result):
    assert day.orders > 3
    assert day.delivered > 0
    assert day.without_deadline_max == 0
    assert day.ledger_sum == 0


async def test_the_platform_keeps_its_promises(day: Result):
    assert day.success_pct >= 99.5
    assert day.acceptance_pct > 50
    assert day.unassigned_pct <= 10


async def test_the_same_seed_lives_the_same_day(day: Result, fresh_database: FreshDatabase):
    assert await live(fresh_database, seed=7) == day


async def test_another_seed_lives_another_day(day: Result, fresh_database: FreshDatabase):
    assert (await live(fresh_database, seed=8)).hash != day.hash


async def everything(pool: "asyncpg.Pool[asyncpg.Record]") -> dict[str, list[asyncpg.Record]]:
    tables = [
        f'{row["schemaname"]}."{row["tablename"]}"'
        for row in await pool.fetch(
            "select schemaname, tablename from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema', 'public')"
        )
    ]
    return {t: await pool.fetch(f"select * from {t} order by 1, 2") for t in tables}  # noqa: S608 - names from the catalogue


async def test_seeding_again_changes_nothing(fresh_database: FreshDatabase, tmp_path):
    clock = VirtualClock(EVENING)
    city = build_city(7, size=SMALL)
    with fresh_database() as url:
        pool = await connect(url, most=2)
        try:
            ids = Ids(clock, random_for(7, "test"))
            database = Database(pool, now=clock, ids=ids, jobs=HeldJobs())
            first = await seeding.seed(
                database, city, password_hash="$argon2id$none", maps=tmp_path
            )
            before = await everything(pool)
            again = await seeding.seed(database, city, password_hash="$argon2id$other")
            assert again == first
            assert await everything(pool) == before
        finally:
            await pool.close()
    assert (tmp_path / f"{seeding.slug_of(city)}.geojson").stat().st_size > 10_000
    assert len(before['identity."app_user"']) == 8 + 60 + 20 + 2 + 4
    areas = {row["id"]: row["level"] for row in before['geography."area"']}
    posts = {
        row["roles"][0]: areas[row["location_id"]]
        for row in before['identity."app_user"']
        if row["location_id"] in areas
    }
    assert posts == {
        "country_distributor": "country",
        "regional_manager": "region",
        "district_manager": "district",
        "municipal_manager": "municipality",
    }
    (city_row,) = before['geography."city"']
    assert areas[city_row["municipality_id"]] == "municipality"


def test_everybody_has_an_id_of_their_own():
    ids = seeding.ids_of(build_city(7, size=SMALL))
    people = (*ids.merchants, *ids.staff, *ids.customers, *ids.couriers)
    assert len(set(people)) == len(people) == 8 + 8 + 60 + 20


def test_a_city_that_never_closes_is_open_at_night():
    city = seeding.round_the_clock(build_city(7, size=SMALL))
    night = city.local(EVENING).replace(hour=4)
    assert all(merchant.open_at(night) for merchant in city.merchants)
    assert all(courier.on_shift(night) for courier in city.couriers)


async def test_whoever_earned_something_is_paid_at_night(fresh_database: FreshDatabase):
    late = EVENING + timedelta(hours=6)
    setting = Setting(seed=7, hours=3.5, start_at=late, size=SMALL, rate_per_hour=12.0)
    with fresh_database() as url:
        result = await simulate(url, parts=parts(), setting=setting)
        pool = await connect(url)
        states = await pool.fetch(
            "select owner_kind, state, count(*) as count from payments.payout group by 1, 2"
        )
        under_way = await pool.fetchval(
            """
            select coalesce(sum(amount_minor), 0) from payments.entry e
            join payments.account a on a.id = e.account_id where a.kind = 'payout'
            """
        )
        await pool.close()
    assert result.ledger_sum == 0
    assert {(row["owner_kind"], row["state"]) for row in states} == {
        ("merchant", "paid"),
        ("courier", "paid"),
    }
    assert under_way == 0
