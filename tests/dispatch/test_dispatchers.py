"""Two dispatchers started by mistake, killed in the middle and started again: nothing is lost,
nothing is offered twice, and nobody has what somebody else has.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from dispatch.test_races import consistent, pending
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.model import Offering
from tawsil.geography import public as geography
from tawsil.kernel.clock import Ids, VirtualClock, system_now
from tawsil.kernel.db import Database, connect
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.jobs import HeldJobs

City = Any
KILLED = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.AdminShutdownError)

TOLD_TWICE = """
    select o.stream_id from kernel.event o join kernel.event a on a.stream_id = o.stream_id
    where o.type = 'delivery.offered.v1' and a.type = 'delivery.assigned.v1'
        and o.version > a.version
        and not exists (select from kernel.event u where u.stream_id = o.stream_id
            and u.type = 'delivery.unassigned.v1'
            and u.version between a.version and o.version)
"""


@pytest.fixture
async def dispatchers(postgres_url: str, clock: VirtualClock) -> AsyncIterator[list[Database]]:
    """Two processes' worth: each with connections and ids of its own, on the same database."""
    async with AsyncExitStack() as opened:
        pools = [
            await opened.enter_async_context(await connect(postgres_url, most=2)) for _ in range(2)
        ]
        yield [
            Database(pool, now=clock, ids=Ids(clock, Random(n)), jobs=HeldJobs())
            for n, pool in enumerate(pools, start=100)
        ]


async def look(dispatcher: Database, city: City, dice: Random, killer: Database) -> str:
    """One tick, which may be killed before it could commit."""
    dies = dice.random() < 0.3
    try:
        async with dispatcher.transaction() as tx:
            tick = await city.tick(tx, heard=False)
            await asyncio.sleep(dice.random() * 0.01)
            if dies:
                pid = await tx.value("select pg_backend_pid()")
                await killer.pool.execute("select pg_terminate_backend($1)", pid)
                await asyncio.sleep(0.01)
                await tx.value("select 1")
    except KILLED:
        return "killed"
    return "ran" if tick.ran else "left it to the other"


async def answer(database: Database, city: City, dice: Random) -> None:
    """Couriers look at their screens; most say yes, and some twice."""
    async with database.transaction() as tx:
        seen = await pending(tx)
    for offer_id, courier_id in dice.sample(seen, k=len(seen)):
        say = dispatch.accept if dice.random() < 0.8 else dispatch.reject
        reply = dispatch.Answer(by=city.by, offer_id=offer_id, courier_id=courier_id)
        async with database.transaction() as tx:
            await say(tx, [reply] * dice.choice([1, 1, 2]))


async def finish(database: Database, city: City) -> None:
    """Couriers hand over what they have."""
    async with database.transaction() as tx:
        rows = await tx.rows(
            "select reference_id, courier_id from dispatch.delivery where state = 'assigned'"
        )
        steps = [
            dispatch.Step(
                by=city.by, reference_id=row["reference_id"], courier_id=row["courier_id"]
            )
            for row in rows
        ]
        if steps:
            await dispatch.picked_up(tx, steps)
            await dispatch.delivered(tx, steps)


async def left(database: Database) -> int:
    """How many deliveries are not done yet."""
    async with database.transaction() as tx:
        return await tx.value("select count(*) from dispatch.delivery where state <> 'done'")


@pytest.mark.parametrize("offering", [Offering.ONE_BY_ONE, Offering.BROADCAST])
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_whatever_becomes_of_dispatchers_every_job_is_done_once(
    dispatchers: list[Database],
    database: Database,
    city: City,
    clock: VirtualClock,
    seed: int,
    offering: Offering,
):
    dice, heard = Random(seed), set[str]()
    deadlines = Deadlines({"delivery": dispatch.on_due_delivery, "offer": dispatch.on_due_offer})
    async with database.transaction() as tx:
        await city.follows(tx, offering=offering, offer_lasts_s=5)
        people = await city.on_duty(tx, count=5)
    wanted: list[UUID] = []
    for turn in range(40):
        async with database.transaction() as tx:
            for id_ in people:
                await city.seen(tx, id_, city.home)
            if turn < 6:
                asked = await city.asks(tx, count=2, apart=dice.random() < 0.5)
                wanted += [delivery.id for delivery in asked]
        looks = [look(d, city, dice, database) for d in dispatchers for _ in range(2)]
        heard |= {*await asyncio.gather(*looks, answer(database, city, dice))} - {None}
        await consistent(database)
        if dice.random() < 0.8:  # or else they miss what is on their screens
            await answer(database, city, dice)
        clock.advance(timedelta(seconds=dice.choice([1, 3, 6]) if turn < 10 else 30))
        await deadlines.fire(database)
        await finish(database, city)
        if turn >= 6 and not await left(database):
            break
    assert heard == {"ran", "killed", "left it to the other"}
    async with database.transaction() as tx:
        rows = await tx.rows("select id, state from dispatch.delivery")
        assert {row["id"]: row["state"] for row in rows} == dict.fromkeys(wanted, "done")
        assert await tx.rows(TOLD_TWICE) == []
        assert set(await city.availability(tx, *people)) <= {"AVAILABLE", "ON_BREAK"}


@asynccontextmanager
async def started(url: str) -> AsyncGenerator["asyncio.subprocess.Process", None]:
    """A dispatcher as it runs in production; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tawsil.apps.worker", "dispatcher"),
        env={**os.environ, "DATABASE_URL": url, "TAWSIL_DISPATCH_TICK_S": "0.1"},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def serve_until_done(database: Database, city: City, people: list[UUID], *, s: float) -> None:
    """Couriers answer and deliver until nothing is left to do."""
    dice = Random(5)
    async with asyncio.timeout(s):
        while True:
            async with database.transaction() as tx:
                for id_ in people:
                    await city.seen(tx, id_, city.home)
            await answer(database, city, dice)
            await finish(database, city)
            if not await left(database):
                return
            await asyncio.sleep(0.1)


async def test_a_killed_dispatcher_is_started_again_and_no_job_is_lost(
    postgres_url: str, database: Database, city: City
):
    live = Database(database.pool, now=system_now, ids=Ids(system_now), jobs=HeldJobs())
    async with live.transaction() as tx:
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
        await city.follows(tx, offering=Offering.BROADCAST, offer_lasts_s=300)
        people = await city.on_duty(tx, count=4)
        await city.asks(tx, count=3, apart=True)
    async with started(postgres_url) as first, started(postgres_url):
        await serve_until_done(live, city, people, s=40)
        async with live.transaction() as tx:
            await city.asks(tx, count=3, apart=True)
        first.kill()
        await first.wait()
        async with started(postgres_url):
            await serve_until_done(live, city, people, s=40)
    await consistent(live)
    async with live.transaction() as tx:
        assert await tx.rows(TOLD_TWICE) == []
        assert await tx.value("select count(*) from dispatch.delivery where state = 'done'") == 6
