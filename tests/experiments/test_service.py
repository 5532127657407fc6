import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from experiments.conftest import CITY, EAST, WEST, Plan, drafted, scheduled
from tawsil.experiments import public, service
from tawsil.experiments.design import fingerprint
from tawsil.experiments.public import (
    Experiment,
    Observation,
    Running,
    Schedule,
    Status,
    Stop,
    StopCause,
)
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By, Refusal

OWNERS = Deadlines({"experiment": public.on_due})


async def look(tx: Tx, by: By, at: datetime) -> Running | None:
    return await public.arm_at(tx, tenant_id=by.tenant_id, city_id=CITY, at=at)


@pytest.fixture
async def running(database: Database, plan: Plan, clock: VirtualClock) -> Experiment:
    async with database.transaction() as tx:
        experiment = await scheduled(tx, plan())
    clock.set(experiment.starts_at)
    assert await OWNERS.fire(database) == 1
    async with database.transaction() as tx:
        found = await public.experiment(
            tx, tenant_id=experiment.tenant_id, experiment_id=experiment.id
        )
    assert found is not None
    assert found.status is Status.RUNNING
    return found


async def test_a_draft_comes_back_as_it_was_made(tx: Tx, plan: Plan, by: By, ids: Ids):
    made = await drafted(tx, plan())
    found = await public.experiment(tx, tenant_id=by.tenant_id, experiment_id=made.id)
    assert found == made
    assert await public.experiment(tx, tenant_id=ids(), experiment_id=made.id) is None
    assert await public.assignment(tx, experiment=made) is None
    unseeded = await drafted(tx, plan(seed=None))
    assert 0 <= unseeded.seed < 2**53


async def test_scheduling_fixes_a_table_whose_hash_is_in_the_event(tx: Tx, plan: Plan):
    experiment = await scheduled(tx, plan())
    table = await public.assignment(tx, experiment=experiment)
    assert table == service.table_of(experiment, service.lay_out(experiment))
    assert fingerprint(table) == experiment.assignment_sha256
    event = await tx.value(
        "select data ->> 'assignment_sha256' from kernel.event where type like '%scheduled%'"
    )
    assert event == experiment.assignment_sha256
    arms = Counter(line.rsplit(",", 1)[1] for line in table.splitlines()[1:])
    assert arms == {"swift@2": 24, "thrifty@1": 24}


@pytest.mark.parametrize(
    "change",
    [
        "update experiments.assignment set arm = 1 - arm",
        "delete from experiments.assignment",
    ],
)
async def test_nobody_can_change_a_table(tx: Tx, plan: Plan, change: str):
    experiment = await scheduled(tx, plan())
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        async with tx.savepoint():
            await tx.execute(change)
    assert await public.assignment(tx, experiment=experiment) is not None


async def test_a_city_has_one_experiment_at_a_time(tx: Tx, plan: Plan, by: By, ids: Ids):
    first = await scheduled(tx, plan())
    later = plan(starts_at=first.ends_at, ends_at=first.ends_at + timedelta(days=2))
    elsewhere = plan(city_id=ids())
    made = [await drafted(tx, command) for command in (plan(), later, later, elsewhere)]
    over, after, twice, other = await public.schedule(
        tx, [Schedule(by=by, experiment_id=experiment.id) for experiment in made]
    )
    assert isinstance(over, Refusal)
    assert (over.code, over.detail["experiment_id"]) == ("experiment.overlaps", first.id)
    assert isinstance(after, Experiment)
    assert isinstance(twice, Refusal)
    assert twice.detail["experiment_id"] == after.id, "the second in a batch sees the first"
    assert isinstance(other, Experiment)


async def test_another_tenants_experiment_is_neither_found_nor_in_the_way(
    tx: Tx, plan: Plan, ids: Ids, by: By
):
    stranger = By(tenant_id=ids(), correlation_id=ids())
    experiment = await scheduled(tx, plan())
    await scheduled(tx, plan(by=stranger))
    outcomes = await public.stop(
        tx, [Stop(by=stranger, experiment_id=experiment.id, cause=StopCause.HARM)]
    )
    outcomes += await public.schedule(tx, [Schedule(by=by, experiment_id=ids())])
    assert [o.status for o in outcomes] == [404, 404]


async def test_it_starts_and_ends_by_itself(
    database: Database, running: Experiment, clock: VirtualClock, by: By
):
    async with database.transaction() as tx:
        assert await look(tx, by, running.starts_at) is not None
        assert await look(tx, by, running.ends_at) is None
    clock.set(running.ends_at)
    assert await OWNERS.fire(database) == 1
    async with database.transaction() as tx:
        ended = await public.experiment(tx, tenant_id=by.tenant_id, experiment_id=running.id)
        assert ended is not None
        assert (ended.status, ended.finished_at) == (Status.ENDED, running.ends_at)
        assert await look(tx, by, running.starts_at) is None
        types = await tx.rows("select type from kernel.event order by seq")
        assert [row["type"].split(".")[1] for row in types] == [
            "drafted",
            "scheduled",
            "started",
            "ended",
        ]
        assert await tx.value("select count(*) from kernel.deadline") == 0


async def test_the_next_starts_where_one_ends(
    database: Database, running: Experiment, plan: Plan, clock: VirtualClock, by: By
):
    async with database.transaction() as tx:
        following = await scheduled(
            tx,
            plan(starts_at=running.ends_at, ends_at=running.ends_at + timedelta(days=2)),
        )
    clock.set(running.ends_at)
    assert await OWNERS.fire(database) == 2
    async with database.transaction() as tx:
        now = await look(tx, by, clock())
    assert now is not None
    assert now.experiment_id == following.id


async def test_what_the_table_says_holds_in_each_zone(
    database: Database, running: Experiment, by: By
):
    async with database.transaction() as tx:
        table = await public.assignment(tx, experiment=running)
        assert table is not None
        for row in table.splitlines()[1:]:
            unit, starts_at, arm = row.split(",")
            begins_at = datetime.fromisoformat(starts_at)
            for at in (begins_at, begins_at + timedelta(minutes=119, seconds=59)):
                now = await look(tx, by, at)
                assert now is not None
                assert now.arm_of(UUID(unit)) == arm
                assert now.block_starts_at == begins_at
                assert now.block_ends_at == begins_at + timedelta(hours=2)
        assert now is not None
        assert {now.arm_of(WEST), now.arm_of(EAST)} == {"swift@2", "thrifty@1"}
        assert (now.arm_of(None), now.arm_of(CITY)) == (None, None)


async def test_a_city_as_one_unit_has_one_arm_everywhere(
    database: Database, plan: Plan, clock: VirtualClock, by: By
):
    async with database.transaction() as tx:
        experiment = await scheduled(tx, plan(units=()))
    clock.set(experiment.starts_at)
    await OWNERS.fire(database)
    async with database.transaction() as tx:
        now = await look(tx, by, clock())
        assert now is not None
        assert now.arm_of(None) == now.arm_of(WEST) == now.arm_of(EAST) is not None
        measured = Observation(
            tenant_id=by.tenant_id,
            city_id=CITY,
            zone_id=WEST,
            subject_id=by.correlation_id,
            started_at=clock(),
            metric="pay_minor",
            value=1.0,
        )
        assert await public.observe(tx, [measured]) == 1


@pytest.fixture
def seen(running: Experiment, ids: Ids) -> Any:
    """An observation some time after the start, in the west."""

    def make(after: timedelta, **fields: Any) -> Observation:
        return Observation(
            **{
                "tenant_id": running.tenant_id,
                "city_id": CITY,
                "zone_id": WEST,
                "subject_id": ids(),
                "started_at": running.starts_at + after,
                "metric": "door_to_door_s",
                "value": 1_800.0,
                **fields,
            }
        )

    return make


async def test_what_is_measured_counts_where_it_began_and_once(
    database: Database, running: Experiment, clock: VirtualClock, seen: Any
):
    clock.advance(timedelta(hours=5))
    first = seen(timedelta(hours=1, minutes=59), value=1_200.0)
    again = seen(timedelta(hours=2, minutes=30), subject_id=first.subject_id, value=9.0)
    async with database.transaction() as tx:
        kept = await public.observe(
            tx, [first, again, seen(timedelta(hours=1)), seen(timedelta(minutes=9, seconds=59))]
        )
        assert kept == 3
        assert await public.observe(tx, [first]) == 0
        assert await public.observe(tx, []) == 0
        (measured,) = await public.measured(tx, experiment=running)
    assert (measured.cell.unit_id, measured.cell.block, measured.n) == (WEST, 0, 2)
    assert measured.mean == 1_500.0, "what began in the washout is not counted"
    assert measured.squares == pytest.approx(2 * 300.0**2)


async def test_what_belongs_to_no_experiment_is_left_out(
    database: Database, running: Experiment, seen: Any, ids: Ids
):
    hour = timedelta(hours=1)
    async with database.transaction() as tx:
        kept = await public.observe(
            tx,
            [
                seen(hour, metric="of_no_interest"),
                seen(hour, zone_id=None),
                seen(hour, zone_id=ids()),
                seen(hour, city_id=ids()),
                seen(hour, tenant_id=ids()),
                seen(-hour),
                seen(running.ends_at - running.starts_at),
            ],
        )
    assert kept == 0


async def test_after_it_stopped_only_what_began_before_is_taken_in(
    database: Database, running: Experiment, clock: VirtualClock, seen: Any, by: By
):
    clock.advance(timedelta(hours=3))
    stop = Stop(by=by, experiment_id=running.id, cause=StopCause.HARM, note="Food went cold")
    async with database.transaction() as tx:
        stopped, again = await public.stop(tx, [stop, stop])
        assert isinstance(stopped, Experiment)
        assert isinstance(again, Refusal)
        assert again.code == "experiment.not_now"
        assert await tx.value("select count(*) from kernel.deadline") == 0
        said = await tx.value("select count(*) from kernel.event where data::text like '%cold%'")
        assert said == 0, "people's own words stay out of the log"
        assert await look(tx, by, clock()) is None
    clock.advance(timedelta(hours=1))
    async with database.transaction() as tx:
        before, after = seen(timedelta(hours=2)), seen(timedelta(hours=3))
        assert await public.observe(tx, [before, after]) == 1


async def test_lists_have_the_latest_first(tx: Tx, plan: Plan, by: By, ids: Ids):
    first = await scheduled(tx, plan())
    shift = timedelta(days=30)
    second = await drafted(
        tx, plan(city_id=ids(), starts_at=first.starts_at + shift, ends_at=first.ends_at + shift)
    )

    async def listed(**fields: Any) -> tuple[list[UUID], int]:
        asked = {"city_id": None, "status": None, "offset": 0, "limit": 20, **fields}
        found, total = await public.experiments(tx, tenant_id=by.tenant_id, **asked)
        return [experiment.id for experiment in found], total

    assert await listed() == ([second.id, first.id], 2)
    assert await listed(offset=1, limit=1) == ([first.id], 2)
    assert await listed(city_id=CITY) == ([first.id], 1)
    assert await listed(status=Status.DRAFT) == ([second.id], 1)


async def test_of_two_who_schedule_at_the_same_time_one_is_refused(
    database: Database, plan: Plan, by: By
):
    async with database.transaction() as tx:
        made = [await drafted(tx, plan()) for _ in range(4)]

    async def one(experiment: Experiment) -> Experiment | Refusal:
        async with database.transaction() as tx:
            command = Schedule(by=by, experiment_id=experiment.id)
            return (await public.schedule(tx, [command]))[0]

    outcomes = await asyncio.gather(*(one(experiment) for experiment in made))
    assert sum(isinstance(o, Experiment) for o in outcomes) == 1
    assert {o.code for o in outcomes if isinstance(o, Refusal)} == {"experiment.overlaps"}
