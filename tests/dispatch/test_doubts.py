"""Couriers who stop coming: what puts a job at risk, and what becomes of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dispatch.street import FAR, SITE, Street, code, counted, recorded
from tawsil.couriers import public as couriers
from tawsil.couriers.events import VehicleMarkedSafe, VehicleMarkedUnsafe
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.events import Cause, DeliveryUnassigned
from tawsil.dispatch.model import LOOK_EVERY, Graces, Rules
from tawsil.dispatch.public import GiveBack, State
from tawsil.dispatch.service.reassignment import (
    CarryOn,
    carry_on,
)
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.places import Place


@pytest.fixture
def street(database: Database, clock: VirtualClock, city: Any) -> Street:
    return Street(database, clock, city)


async def test_who_is_not_seen_any_more_loses_the_job_after_a_grace(street: Street):
    before = counted(Cause.COURIER_OFFLINE, "found")
    await street.begin()
    await street.passes(timedelta(minutes=2, seconds=30))
    assert await street.told() == []
    await street.passes(timedelta(seconds=30))
    doubtful = await street.now()
    assert doubtful.state is State.ASSIGNED
    assert doubtful.risk is not None
    assert doubtful.risk.cause is Cause.COURIER_OFFLINE
    assert doubtful.grace_ends_at == street.clock() + timedelta(seconds=60)
    await street.passes(timedelta(seconds=59))
    assert await street.told() == ["at_risk"]
    await street.passes(timedelta(seconds=1))
    assert await street.told() == ["at_risk", "unassigned"]
    lost = await street.now()
    assert (lost.state, lost.searched_since_at) == (State.WAITING, street.clock())
    assert lost.lost_because is Cause.COURIER_OFFLINE
    assert await street.availability(street.rider) == ["AVAILABLE"]
    tick = await street.do(lambda tx: street.city.tick(tx, auto_accept=True))
    (offer,) = tick.offers
    assert offer.courier_id not in {None, street.rider}
    assert counted(Cause.COURIER_OFFLINE, "found") == before + 1


async def test_who_lost_it_is_not_asked_again_even_on_a_higher_rung(street: Street):
    await street.begin(riders=1)
    await street.passes(timedelta(minutes=4))
    assert (await street.now()).state is State.WAITING
    await street.passes(timedelta(minutes=3))
    climbed = await street.now()
    assert (climbed.level, climbed.declined_by) == (1, {street.rider})
    await street.seen(SITE)
    assert (await street.do(street.city.tick)).offers == ()


async def test_who_comes_back_in_time_keeps_it(street: Street):
    await street.begin()
    await street.passes(timedelta(minutes=3))
    await street.passes(timedelta(seconds=59))
    await street.seen(street.city.home)
    await street.passes(timedelta(minutes=1))
    assert await street.told() == ["at_risk", "recovered"]
    kept = await street.now()
    assert (kept.risk, kept.courier_id) == (None, street.rider)


async def test_who_comes_no_nearer_stalls(street: Street):
    await street.begin()
    await street.passes(timedelta(minutes=5), at=FAR)
    stalled = await street.now()
    assert stalled.risk is not None
    assert stalled.risk.cause is Cause.COURIER_STALLED
    await street.passes(timedelta(minutes=2), at=FAR)
    assert await street.told() == ["at_risk", "unassigned"]
    (fact,) = await street.do(lambda tx: recorded(tx, DeliveryUnassigned))
    assert fact.event.reason == "courier_stalled"


async def test_coming_nearer_ends_the_stall(street: Street):
    await street.begin(rules=Rules(late_after_s=3600))
    await street.passes(timedelta(minutes=5), at=FAR)
    nearer = Place(FAR.latitude + 0.001, 55.27)
    await street.passes(timedelta(minutes=4), at=nearer)
    assert await street.told() == ["at_risk", "recovered"]
    await street.passes(timedelta(minutes=2), at=nearer)
    assert await street.told() == ["at_risk", "recovered", "at_risk"]


async def test_who_can_still_be_in_time_may_rest_on_the_way(street: Street):
    await street.begin(ready_in=timedelta(minutes=40))
    near = Place(SITE.latitude - 0.005, SITE.longitude)
    await street.passes(timedelta(minutes=20), at=near)
    assert await street.told() == []


async def test_standing_at_the_kitchen_is_arriving(street: Street):
    await street.begin()
    await street.passes(timedelta(minutes=20), at=SITE)
    assert await street.told() == ["arrived"]


async def test_who_would_come_much_too_late_loses_it(street: Street):
    await street.begin(rules=Rules(stalled_after_s=86_400, late_after_s=60))
    await street.passes(timedelta(minutes=1), at=FAR)
    late = await street.now()
    assert late.risk is not None
    assert late.risk.cause is Cause.TOO_LATE
    await street.passes(timedelta(minutes=5), at=FAR)
    assert await street.told() == ["at_risk", "unassigned"]


async def test_the_courier_gives_one_of_two_back(street: Street, ids: Ids):
    await street.begin(count=2, riders=1)
    one, other = await street.now(0), await street.now(1)
    assert one.courier_id == other.courier_id == street.rider

    async def give(tx: Tx, who: UUID, *, whole: bool = False) -> Any:
        command = GiveBack(
            by=street.city.by,
            courier_id=who,
            reference_id=one.reference_id,
            reason="a flat tyre",
            whole=whole,
        )
        return (await dispatch.give_back(tx, [command]))[0]

    assert code(await street.do(lambda tx: give(tx, ids()))) == "request.not_found"
    given = await street.do(lambda tx: give(tx, street.rider))
    assert (given.state, given.courier_id) == (State.WAITING, None)
    assert (await street.now(1)).courier_id == street.rider
    assert await street.availability(street.rider) == ["ON_JOB"]
    assert await street.told() == ["at_risk", "unassigned"]
    words = await street.do(lambda tx: tx.value("select words from dispatch.remark"))
    assert words == "a flat tyre"


async def test_the_courier_gives_the_whole_job_back(street: Street):
    await street.begin(count=2, riders=1)
    command = GiveBack(
        by=street.city.by,
        courier_id=street.rider,
        reference_id=street.delivery.reference_id,
        reason="an accident",
        whole=True,
    )
    await street.do(lambda tx: dispatch.give_back(tx, [command]))
    assert [(await street.now(n)).state for n in (0, 1)] == [State.WAITING, State.WAITING]
    assert await street.availability(street.rider) == ["AVAILABLE"]


async def test_what_is_collected_cannot_be_given_back(street: Street):
    await street.begin()
    step = street.city.step(street.delivery, street.rider)
    await street.do(lambda tx: dispatch.picked_up(tx, [step]))
    command = GiveBack(
        by=street.city.by,
        courier_id=street.rider,
        reference_id=street.delivery.reference_id,
        reason="too far",
    )
    (refused,) = await street.do(lambda tx: dispatch.give_back(tx, [command]))
    assert code(refused) == "dispatch.already_collected"


async def marked_unsafe(street: Street) -> None:
    async def mark(tx: Tx) -> None:
        command = couriers.MarkUnsafe(
            by=street.city.by, courier_id=street.rider, fault=couriers.Fault.BRAKES
        )
        await couriers.mark_unsafe(tx, [command])
        await dispatch.on_vehicle_unsafe(tx, await recorded(tx, VehicleMarkedUnsafe))

    await street.do(mark)


async def test_an_unsafe_vehicle_fetches_nothing_more(street: Street):
    await street.begin()
    await marked_unsafe(street)
    assert await street.told() == ["at_risk", "unassigned"]
    assert await street.availability(street.rider) == ["OFFLINE"]


async def test_a_vehicle_that_is_safe_again_within_the_grace_goes_on(street: Street):
    await street.begin(rules=Rules(graces=Graces(vehicle_unsafe_s=600)))
    await marked_unsafe(street)
    assert await street.told() == ["at_risk"]

    async def mend(tx: Tx) -> None:
        command = couriers.MarkSafe(by=street.city.by, courier_id=street.rider)
        await couriers.mark_safe(tx, [command])
        await dispatch.on_vehicle_safe(tx, await recorded(tx, VehicleMarkedSafe))

    await street.do(mend)
    assert await street.told() == ["at_risk", "recovered"]


async def test_food_on_board_is_never_taken_away(street: Street):
    await street.begin(count=2, riders=1)
    step = street.city.step(street.delivery, street.rider)
    await street.do(lambda tx: dispatch.picked_up(tx, [step]))
    await street.passes(timedelta(minutes=10))
    assert (await street.now(1)).courier_id != street.rider
    carried = await street.now(0)
    assert (carried.state, carried.courier_id) == (State.PICKED_UP, street.rider)
    assert carried.stranded == {Cause.COURIER_OFFLINE}
    assert await street.told() == ["picked_up", "at_risk", "stranded"]
    assert await street.availability(street.rider) == ["ON_JOB"]
    await street.passes(timedelta(minutes=2), at=street.city.home)
    assert await street.told() == ["picked_up", "at_risk", "stranded", "recovered"]
    await street.passes(timedelta(minutes=20))
    assert (await street.told()).count("stranded") == 2


async def test_an_operator_leaves_it_with_its_courier(street: Street):
    await street.begin()

    async def go_on(tx: Tx) -> Any:
        command = CarryOn(by=street.city.by, reference_id=street.delivery.reference_id, reason="ok")
        return (await carry_on(tx, [command]))[0]

    assert code(await street.do(go_on)) == "dispatch.not_at_risk"
    await street.passes(timedelta(minutes=3))
    assert (await street.do(go_on)).risk is None
    await street.passes(timedelta(minutes=2))
    assert await street.told() == ["at_risk", "recovered"]


async def test_a_quiet_look_leaves_no_trace_but_its_deadline(street: Street):
    await street.begin()
    before = await street.now()
    await street.passes(LOOK_EVERY, at=street.city.home)
    after = await street.now()
    assert after.version == before.version
    assert after.watch is not None
    assert after.watch.looked_at == street.clock()
    due_at = await street.do(
        lambda tx: tx.value(
            "select due_at from kernel.deadline where subject_id = $1", street.delivery.id
        )
    )
    assert after.deadline is not None
    assert due_at == after.deadline.at == street.clock() + LOOK_EVERY
