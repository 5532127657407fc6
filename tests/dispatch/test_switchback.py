"""Two policies take turns over the same couriers, and what came of it is measured."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from tawsil.apps import wiring
from tawsil.dispatch import public as dispatch
from tawsil.dispatch import store
from tawsil.dispatch.model.policies import LIVE_POLICY, Metrics
from tawsil.dispatch.service import policies, switchback
from tawsil.dispatch.service.policies import AskForTrial, CreatePolicy
from tawsil.dispatch.service.switchback import BeginSwitchback, Named
from tawsil.experiments import public as experiments
from tawsil.geography import public as geography
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By, Refusal
from tawsil.kernel.events import Subscription
from tawsil.kernel.places import Place

City = Any
HOUR = timedelta(hours=1)
DEFAULT = Named(LIVE_POLICY.name, LIVE_POLICY.version)
CANDIDATE = Named("early", 1)
WEEK = Metrics(
    orders=1000,
    delivered=1000,
    click_to_door_min=30.0,
    click_to_door_p90_min=45.0,
    ready_to_pickup_min=2.0,
    courier_wait_min=2.0,
    unassigned_pct=0.0,
    time_to_assign_p95_s=5.0,
    acceptance_pct=85.0,
    km_per_order=3.0,
    pay_per_order_minor=1100.0,
    orders_per_trip=1.1,
)
WEST, EAST = UUID(int=71), UUID(int=72)
WEST_KITCHEN, EAST_KITCHEN = Place(25.2000, 55.2650), Place(25.2000, 55.2750)


def square(west: float, east: float) -> tuple[Place, ...]:
    return (Place(25.18, west), Place(25.18, east), Place(25.22, east), Place(25.22, west))


async def settle(tx: Tx, by: By, city: City) -> None:
    """A city of two halves, and a policy that was tried there."""
    await geography.create_tenant(
        tx, tenant=geography.Tenant(id=by.tenant_id, slug="wasla", name="Wasla")
    )
    await geography.create_city(
        tx,
        city=geography.City(
            id=city.id,
            tenant_id=by.tenant_id,
            slug="halves",
            name_en="Halves",
            name_ar="نصفان",
            currency="AED",
            timezone="UTC",
            centre=city.kitchen,
        ),
    )
    halves = {WEST: (55.25, 55.27), EAST: (55.27, 55.29)}
    await geography.create_zones(
        tx,
        zones=[
            geography.Zone(
                id=id_,
                tenant_id=by.tenant_id,
                city_id=city.id,
                slug=f"half-{id_.int}",
                name_en="Half",
                name_ar="نصف",
                ring=square(*ends),
            )
            for id_, ends in halves.items()
        ],
    )
    await policies.create(tx, [CreatePolicy(by=by, name="early", weights={"lead_s": 120})])


async def passes(tx: Tx, by: By, city: City) -> None:
    ask = AskForTrial(by=by, name="early", number=1, city_id=city.id, seed=7)
    trial = await dispatch.begin_trial(tx, ask)
    assert not isinstance(trial, Refusal)
    task = await dispatch.trial_task(tx, trial_id=trial.id)
    assert task is not None
    await dispatch.finish_trial(tx, task=task, candidate=WEEK, live=WEEK)


def wish(tx: Tx, by: By, city: City) -> BeginSwitchback:
    return BeginSwitchback(
        by=by,
        city_id=city.id,
        name="told earlier?",
        control=DEFAULT,
        candidate=CANDIDATE,
        zone_ids=(WEST, EAST),
        block_min=60,
        washout_s=0,
        starts_at=tx.now + HOUR,
        ends_at=tx.now + 25 * HOUR,
    )


async def begun(tx: Tx, command: BeginSwitchback) -> Any:
    (outcome,) = await switchback.begin(tx, [command])
    return outcome


async def test_only_what_has_proved_itself_may_take_part(tx: Tx, by: By, city: City):
    await settle(tx, by, city)
    untried = await begun(tx, wish(tx, by, city))
    assert untried.code == "dispatch.policy_not_tried"
    await passes(tx, by, city)
    unknown = await begun(tx, replace(wish(tx, by, city), candidate=Named("early", 9)))
    assert unknown.code == "dispatch.no_such_policy"
    astray = await begun(tx, replace(wish(tx, by, city), zone_ids=(UUID(int=9),)))
    assert astray.code == "dispatch.zone_of_another_city"
    stranger = replace(wish(tx, by, city), by=By(tenant_id=UUID(int=4), correlation_id=tx.ids()))
    assert (await begun(tx, stranger)).code == "request.not_found"
    experiment = await begun(tx, wish(tx, by, city))
    assert isinstance(experiment, experiments.Experiment), experiment
    assert experiment.arms == (DEFAULT.arm, CANDIDATE.arm)


@pytest.fixture
async def running(database: Database, clock: VirtualClock, by: By, city: City) -> UUID:
    """The experiment, in its first block."""
    async with database.transaction() as tx:
        await settle(tx, by, city)
        await passes(tx, by, city)
        experiment = await begun(tx, wish(tx, by, city))
        assert isinstance(experiment, experiments.Experiment), experiment
    clock.advance(HOUR)
    await Deadlines({"experiment": experiments.on_due}).fire(database)
    return experiment.id


async def asks(tx: Tx, city: City, kitchen: Place) -> dispatch.Delivery:
    (delivery,) = await dispatch.request(tx, [city.wish(tx, site_id=tx.ids(), pickup=kitchen)])
    assert isinstance(delivery, dispatch.Delivery)
    return delivery


async def test_each_half_is_decided_by_its_arm_and_nobody_is_asked_twice(
    database: Database, by: By, city: City, running: UUID
):
    async with database.transaction() as tx:
        await city.on_duty(tx, count=3)
        west = [await asks(tx, city, WEST_KITCHEN) for _ in range(2)]
        east = [await asks(tx, city, EAST_KITCHEN)]
        tick = await city.tick(tx)
        now = await experiments.arm_at(tx, tenant_id=by.tenant_id, city_id=city.id, at=tx.now)
        assert now is not None
        assert now.experiment_id == running
        assert now.arm_of(WEST) != now.arm_of(EAST), "zones in pairs run opposite arms"
        for delivery, zone in [(west[0], WEST), (west[1], WEST), (east[0], EAST)]:
            rows, _ = await store.decisions_about(tx, delivery_id=delivery.id, limit=5, offset=0)
            assert [f"{r.policy}:{r.policy_version}" for r in rows] == [now.arm_of(zone)]
    assert len(tick.offers) == 3
    assert len({o.courier_id for o in tick.offers}) == 3


async def test_what_came_of_it_is_measured(
    database: Database, clock: VirtualClock, by: By, city: City, running: UUID
):
    hearing = Subscription(
        name="dispatch",
        handlers={dispatch_event: handlers[0] for dispatch_event, handlers in HEARD.items()},
        registry=wiring.REGISTRY,
    )
    async with database.transaction() as tx:
        (rider,) = await city.on_duty(tx)
        delivery = await asks(tx, city, WEST_KITCHEN)
        await city.tick(tx, auto_accept=True)
    clock.advance(timedelta(minutes=5))
    async with database.transaction() as tx:
        await dispatch.picked_up(tx, [city.step(delivery, rider)])
    clock.advance(timedelta(minutes=10))
    async with database.transaction() as tx:
        await dispatch.delivered(tx, [city.step(delivery, rider)])
    while await hearing.advance(database):
        pass
    async with database.transaction() as tx:
        experiment = await experiments.experiment(tx, tenant_id=by.tenant_id, experiment_id=running)
        assert experiment is not None
        found = await experiments.measured(tx, experiment=experiment)
    means = {m.metric: (m.n, m.mean) for m in found}
    assert means == {"door_s": (1, 900.0), "lost": (1, 0.0), "to_assign_s": (1, 0.0)}


HEARD = {
    event: [h for h in handlers if h.__module__.startswith("tawsil.dispatch")]
    for event, handlers in wiring.HANDLERS.items()
    if any(h.__module__.startswith("tawsil.dispatch") for h in handlers)
}
