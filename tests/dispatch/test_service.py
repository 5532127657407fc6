"""Dispatch on the real database: from asking for a courier to delivered, and otherwise."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tawsil.couriers import public as couriers
from tawsil.couriers.events import EVENTS as COURIER_EVENTS
from tawsil.couriers.events import AvailabilityChanged
from tawsil.couriers.service import EndShift, TakeBreak, end_shift, take_break
from tawsil.dispatch import public as dispatch
from tawsil.dispatch import store
from tawsil.dispatch.events import EVENTS, DeliveryAssigned
from tawsil.dispatch.model import DEFAULT_RULES
from tawsil.dispatch.public import Delivery, MoveReadyTime, Offer, Reassign, State, Withdraw
from tawsil.dispatch.service import journal
from tawsil.dispatch.service.ticking import AHEAD
from tawsil.dispatch.service.view import RECENT
from tawsil.geography.public import GreatCircle
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx, event_type
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import By, Event, Refusal
from tawsil.kernel.events import Recorded, Registry
from tawsil.tracking.events import EVENTS as TRACKING_EVENTS
from tawsil.tracking.events import GeofenceEntered

City = Any
REGISTRY = Registry((*EVENTS, *COURIER_EVENTS, *TRACKING_EVENTS))
GRACE = timedelta(seconds=1)
LADDER = [timedelta(seconds=rung.after_s) for rung in DEFAULT_RULES.ladder]
GIVE_UP_AFTER = timedelta(seconds=DEFAULT_RULES.give_up_after_s)


async def recorded(tx: Tx, cls: type[Event]) -> list[Recorded[Any]]:
    rows = await tx.rows("select * from kernel.event where type = $1 order by seq", event_type(cls))
    return [REGISTRY.recorded(row) for row in rows]


def code(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


async def left_out(tx: Tx, city: City, tick: dispatch.Tick) -> dict[str, tuple[UUID, ...]]:
    """Whom the planner was not shown, by reason."""
    assert tick.decision_id is not None
    row = await store.decision(tx, tenant_id=city.by.tenant_id, id_=tick.decision_id)
    assert row is not None
    story = journal.read(row).story
    return {x.reason: x.examples for x in story.left_out if x.job is None}


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines({"delivery": dispatch.on_due_delivery, "offer": dispatch.on_due_offer})


async def test_a_reference_is_asked_for_once(tx: Tx, city: City):
    wish = city.wish(tx)
    first, again = await dispatch.request(tx, [wish, wish])
    assert isinstance(first, Delivery)
    assert code(again) == "dispatch.already_requested"
    assert code((await dispatch.request(tx, [wish]))[0]) == "dispatch.already_requested"


async def test_a_withdrawn_delivery_waits_no_more(tx: Tx, city: City):
    (delivery,) = await city.asks(tx)
    withdrawal = Withdraw(by=city.by, reference_id=delivery.reference_id, reason="cancelled")
    (ended,) = await dispatch.withdraw(tx, [withdrawal])
    assert isinstance(ended, Delivery)
    assert ended.state is State.WITHDRAWN
    assert await dispatch.waiting(tx, tenant_id=city.by.tenant_id, city_id=city.id) == []
    assert (await city.tick(tx)).decision_id is None


async def test_another_tenant_sees_nothing(tx: Tx, city: City, ids: Ids):
    (delivery,) = await city.asks(tx)
    stranger = By(tenant_id=ids(), correlation_id=ids())
    withdrawal = Withdraw(by=stranger, reference_id=delivery.reference_id, reason="mischief")
    assert code((await dispatch.withdraw(tx, [withdrawal]))[0]) == "request.not_found"


async def test_from_asking_to_delivered(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    (delivery,) = await city.asks(tx)
    assert (await city.now(tx, delivery)).state is State.WAITING

    offer = await city.offer(tx)
    assert (offer.courier_id, offer.payload.earning_minor) == (rider, 1200)
    assert [stop.kind.value for stop in offer.payload.stops] == ["pickup", "dropoff"]
    assert 1500 < offer.payload.distance_m < 3500
    assert await city.availability(tx, rider) == ["ON_OFFER"]
    assert (await city.now(tx, delivery)).state is State.OFFERED

    await dispatch.accept(tx, [city.answer(offer)])
    assert await city.availability(tx, rider) == ["ON_JOB"]
    assigned = await city.now(tx, delivery)
    assert (assigned.state, assigned.courier_id) == (State.ASSIGNED, rider)
    (fact,) = await recorded(tx, DeliveryAssigned)
    assert fact.correlation_id == delivery.correlation_id

    step = city.step(delivery, rider)
    await dispatch.picked_up(tx, [step])
    assert await city.availability(tx, rider) == ["ON_JOB"]
    (done,) = await dispatch.delivered(tx, [step])
    assert isinstance(done, Delivery)
    assert done.state is State.DONE
    assert await city.availability(tx, rider) == ["AVAILABLE"]


async def test_steps_out_of_turn_name_the_legal_ones(tx: Tx, city: City, ids: Ids):
    await city.on_duty(tx)
    (delivery,) = await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    assigned = await city.now(tx, delivery)
    (early,) = await dispatch.delivered(tx, [city.step(delivery, assigned.courier_id)])
    assert code(early) == "dispatch.illegal_move"
    assert isinstance(early, Refusal)
    assert early.detail["legal"] == ["at_pickup", "picked_up", "waiting", "withdrawn"]
    (foreign,) = await dispatch.picked_up(tx, [city.step(delivery, ids())])
    assert code(foreign) == "dispatch.not_your_delivery"


async def test_what_nobody_takes_is_brought_back(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    (delivery,) = await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    step = city.step(delivery, rider)
    await dispatch.picked_up(tx, [step])
    await dispatch.failed(tx, [step])
    assert await city.availability(tx, rider) == ["ON_JOB"]
    await dispatch.returned(tx, [step])
    assert await city.availability(tx, rider) == ["AVAILABLE"]


async def test_a_bundle_is_one_offer_and_frees_its_courier_after_the_last_door(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    deliveries = await city.asks(tx, count=2)
    offer = await city.offer(tx)
    assert set(offer.delivery_ids) == {d.id for d in deliveries}
    assert offer.payload.earning_minor == 2400
    await dispatch.accept(tx, [city.answer(offer)])
    steps = [city.step(d, rider) for d in deliveries]
    await dispatch.picked_up(tx, steps)
    await dispatch.delivered(tx, steps[:1])
    assert await city.availability(tx, rider) == ["ON_JOB"]
    await dispatch.delivered(tx, steps[1:])
    assert await city.availability(tx, rider) == ["AVAILABLE"]


async def test_withdrawing_one_of_a_bundle_lets_the_other_wait_again(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    one, other = await city.asks(tx, count=2)
    offer = await city.offer(tx)
    withdrawal = Withdraw(by=city.by, reference_id=one.reference_id, reason="cancelled")
    await dispatch.withdraw(tx, [withdrawal])
    assert (await city.now(tx, other)).state is State.WAITING
    assert await city.availability(tx, rider) == ["AVAILABLE"]
    (late,) = await dispatch.accept(tx, [city.answer(offer)])
    assert code(late) == "dispatch.offer_withdrawn"
    assert (await city.offer(tx)).delivery_ids == (other.id,)


async def test_withdrawing_an_assigned_one_frees_the_courier_only_of_the_last(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    deliveries = await city.asks(tx, count=2)
    await city.tick(tx, auto_accept=True)
    withdrawals = [
        Withdraw(by=city.by, reference_id=d.reference_id, reason="cancelled") for d in deliveries
    ]
    await dispatch.withdraw(tx, withdrawals[:1])
    assert await city.availability(tx, rider) == ["ON_JOB"]
    await dispatch.withdraw(tx, withdrawals[1:])
    assert await city.availability(tx, rider) == ["AVAILABLE"]


async def test_what_is_collected_cannot_be_withdrawn(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    (delivery,) = await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    await dispatch.picked_up(tx, [city.step(delivery, rider)])
    withdrawal = Withdraw(by=city.by, reference_id=delivery.reference_id, reason="cancelled")
    assert code((await dispatch.withdraw(tx, [withdrawal]))[0]) == "dispatch.already_collected"


async def test_a_rejected_offer_goes_to_another_courier(tx: Tx, city: City):
    near, far = await city.on_duty(tx, count=2)
    await city.asks(tx)
    offer = await city.offer(tx)
    assert offer.courier_id == near
    await dispatch.reject(tx, [city.answer(offer)])
    assert await city.availability(tx, near, far) == ["AVAILABLE", "AVAILABLE"]
    assert (await city.offer(tx)).courier_id == far


async def test_the_second_answer_hears_how_the_first_ended(tx: Tx, city: City):
    await city.on_duty(tx)
    await city.asks(tx)
    offer = await city.offer(tx)
    answer = city.answer(offer)
    first, second = await dispatch.accept(tx, [answer, answer])
    assert isinstance(first, Offer)
    assert code(second) == "dispatch.offer_accepted"
    assert code((await dispatch.reject(tx, [answer]))[0]) == "dispatch.offer_accepted"


async def test_a_courier_on_a_break_cannot_accept(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    (delivery,) = await city.asks(tx)
    offer = await city.offer(tx)
    rest = TakeBreak(by=city.by, courier_id=rider, length=timedelta(minutes=15))
    await take_break(tx, [rest])
    (refused,) = await dispatch.accept(tx, [city.answer(offer)])
    assert code(refused) == "courier.move_not_allowed"
    assert (await city.now(tx, delivery)).state is State.WAITING
    assert await city.availability(tx, rider) == ["ON_BREAK"]


async def test_a_courier_joins_more_of_the_same_site_on_the_way(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    (first,) = await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    await city.seen(tx, rider, city.kitchen)
    await dispatch.on_geofence(tx, await recorded(tx, GeofenceEntered))
    (second,) = await city.asks(tx)
    offer = await city.offer(tx)
    assert (offer.courier_id, offer.joins, offer.delivery_ids) == (rider, True, (second.id,))
    assert await city.availability(tx, rider) == ["ON_JOB"]
    await dispatch.accept(tx, [city.answer(offer)])
    steps = [city.step(d, rider) for d in (first, second)]
    await dispatch.picked_up(tx, steps)
    await dispatch.delivered(tx, steps[:1])
    assert await city.availability(tx, rider) == ["ON_JOB"]
    await dispatch.delivered(tx, steps[1:])
    assert await city.availability(tx, rider) == ["AVAILABLE"]


async def test_declining_to_join_leaves_the_job_as_it_is(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    (first,) = await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    await city.seen(tx, rider, city.kitchen)
    await dispatch.on_geofence(tx, await recorded(tx, GeofenceEntered))
    await city.asks(tx)
    await dispatch.reject(tx, [city.answer(await city.offer(tx))])
    assert await city.availability(tx, rider) == ["ON_JOB"]
    assert (await city.now(tx, first)).state is State.AT_PICKUP


async def test_a_courier_whom_nobody_has_seen_is_left_out(tx: Tx, city: City):
    await city.on_duty(tx)
    await tx.execute("delete from tracking.live_position")
    (delivery,) = await city.asks(tx)
    assert (await city.tick(tx)).offers == ()
    why = await dispatch.explanation(tx, reference_id=delivery.reference_id)
    assert why is not None
    assert [left_out.reason for left_out in why.left_out] == ["no_position"]


async def test_who_has_not_been_heard_of_for_a_while_may_be_anywhere(tx: Tx, city: City):
    near, far = await city.on_duty(tx, count=2)
    await city.asks(tx)
    tx.now += RECENT
    await city.seen(tx, far, city.home)
    tick = await city.tick(tx, heard=False)
    assert [o.courier_id for o in tick.offers] == [far]
    assert await left_out(tx, city, tick) == {"no_recent_position": (near,)}


@pytest.mark.parametrize("why", ["in_doubt", "vehicle_unsafe"])
async def test_who_may_not_finish_what_they_have_is_not_given_more(tx: Tx, city: City, why: str):
    (rider,) = await city.on_duty(tx)
    await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    if why == "in_doubt":
        await tx.execute(
            "update dispatch.delivery set at_risk = 'courier_stalled', at_risk_since_at = $1",
            tx.now,
        )
    else:
        flat = couriers.MarkUnsafe(by=city.by, courier_id=rider, fault=couriers.Fault.TYRES)
        await couriers.mark_unsafe(tx, [flat])
    await city.asks(tx)
    tx.now += timedelta(seconds=10)  # of ticks that only hold, not all are kept
    tick = await city.tick(tx)
    assert tick.offers == ()
    assert await left_out(tx, city, tick) == {why: (rider,)}


async def test_whoever_has_just_handed_over_leaves_the_door_first(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    (delivery,) = await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    step = city.step(delivery, rider)
    await dispatch.picked_up(tx, [step])
    await dispatch.delivered(tx, [step])
    await city.asks(tx)

    async def offers(*, lead_s: float) -> int:
        tick = await dispatch.tick(
            tx,
            tenant_id=city.by.tenant_id,
            city_id=city.id,
            travel=dispatch.OnMap(GreatCircle()),
            policy=dispatch.Policy(services=dispatch.Services(dropoff_s=240), lead_s=lead_s),
        )
        return len(tick.offers)

    assert await offers(lead_s=0) == 0
    tx.now += timedelta(seconds=119)
    await city.seen(tx, rider, city.home)
    assert await offers(lead_s=0) == 0
    assert await offers(lead_s=1) == 1  # while the offer is made, they get away


async def test_what_is_ready_much_later_is_not_thought_about(tx: Tx, city: City):
    await city.on_duty(tx)
    await dispatch.request(tx, [city.wish(tx, ready_in=AHEAD + timedelta(hours=1))])
    assert (await city.tick(tx)).decision_id is None


async def test_a_later_ready_time_moves_the_ladder_and_the_route(tx: Tx, city: City):
    await city.on_duty(tx)
    (delivery,) = await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    before = await city.now(tx, delivery)
    later = tx.now + timedelta(minutes=25)
    move = MoveReadyTime(by=city.by, reference_id=delivery.reference_id, ready_at=later)
    (moved,) = await dispatch.move_ready_time(tx, [move])
    assert isinstance(moved, Delivery)
    assert before.etas is not None
    assert moved.etas is not None
    assert moved.etas.pickup_at == later
    assert moved.etas.dropoff_at > before.etas.dropoff_at


async def test_operators_move_a_delivery_by_hand(tx: Tx, city: City):
    near, far = await city.on_duty(tx, count=2)
    (delivery,) = await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    to_far = Reassign(
        by=city.by, reference_id=delivery.reference_id, courier_id=far, reason="flat tyre"
    )
    (moved,) = await dispatch.reassign(tx, [to_far])
    assert isinstance(moved, Delivery)
    assert (moved.state, moved.courier_id) == (State.ASSIGNED, far)
    assert await city.availability(tx, near, far) == ["AVAILABLE", "ON_JOB"]
    assert code((await dispatch.reassign(tx, [to_far]))[0]) == "dispatch.has_it_already"
    back = Reassign(by=city.by, reference_id=delivery.reference_id, reason="storm")
    await dispatch.reassign(tx, [back])
    assert (await city.now(tx, delivery)).state is State.WAITING
    assert await city.availability(tx, near, far) == ["AVAILABLE", "AVAILABLE"]


async def test_by_hand_from_an_offer_to_a_courier_with_another_offer(tx: Tx, city: City):
    riders = await city.on_duty(tx, count=2)
    one, other = await city.asks(tx, count=2, apart=True)
    made = {offer.delivery_ids[0]: offer for offer in (await city.tick(tx)).offers}
    chosen = made[other.id].courier_id
    command = Reassign(
        by=city.by, reference_id=one.reference_id, courier_id=chosen, reason="knows the way"
    )
    await dispatch.reassign(tx, [command])
    assert (await city.now(tx, one)).courier_id == chosen
    assert (await city.now(tx, other)).state is State.WAITING
    (left,) = set(riders) - {chosen}
    assert await city.availability(tx, chosen, left) == ["ON_JOB", "AVAILABLE"]


async def test_an_expired_offer_goes_to_another_courier(
    database: Database, clock: VirtualClock, city: City, deadlines: Deadlines
):
    async with database.transaction() as tx:
        near, far = await city.on_duty(tx, count=2)
        await city.asks(tx)
        assert (await city.offer(tx)).courier_id == near
    clock.advance(timedelta(seconds=31))
    await deadlines.fire(database)
    async with database.transaction() as tx:
        assert await city.availability(tx, near, far) == ["AVAILABLE", "AVAILABLE"]
        assert (await couriers.get_many(tx, ids=[near]))[near].missed_offers == 1
        assert (await city.offer(tx)).courier_id == far


async def test_the_ladder_is_climbed_and_given_up_at_its_end(
    database: Database, clock: VirtualClock, city: City, deadlines: Deadlines
):
    async with database.transaction() as tx:
        (delivery,) = await city.asks(tx)
    seen: list[tuple[int, State]] = []
    for after in (*LADDER, GIVE_UP_AFTER):
        clock.set(delivery.urgent_at + after)
        await deadlines.fire(database)
        async with database.transaction() as tx:
            now = await city.now(tx, delivery)
            seen.append((now.level, now.state))
    assert seen == [
        (1, State.WAITING),
        (2, State.WAITING),
        (3, State.WAITING),
        (3, State.WITHDRAWN),
    ]
    async with database.transaction() as tx:
        assert await tx.value("select count(*) from kernel.deadline") == 0


async def test_giving_up_a_bundle_under_offer_frees_its_courier(
    database: Database, clock: VirtualClock, city: City, deadlines: Deadlines
):
    async with database.transaction() as tx:
        delivery, _ = await city.asks(tx, count=2)
    for after in LADDER:
        clock.set(delivery.urgent_at + after)
        await deadlines.fire(database)
    clock.set(delivery.urgent_at + GIVE_UP_AFTER - GRACE)
    async with database.transaction() as tx:
        (rider,) = await city.on_duty(tx)
        await city.offer(tx)
    clock.advance(GRACE)
    await deadlines.fire(database)
    async with database.transaction() as tx:
        assert await city.availability(tx, rider) == ["AVAILABLE"]
        assert await tx.value("select array_agg(distinct state) from dispatch.delivery") == [
            "withdrawn"
        ]


async def test_a_courier_who_leaves_with_an_offer_gives_it_back(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    (delivery,) = await city.asks(tx)
    await city.offer(tx)
    await end_shift(tx, [EndShift(by=city.by, courier_id=rider)])
    events = await recorded(tx, AvailabilityChanged)
    await dispatch.on_courier_unavailable(tx, events)
    assert (await city.now(tx, delivery)).state is State.WAITING
    assert await city.availability(tx, rider) == ["OFFLINE"]


async def test_a_geofence_brings_the_courier_to_the_door(tx: Tx, city: City):
    (rider,) = await city.on_duty(tx)
    (delivery,) = await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    await city.seen(tx, rider, city.kitchen)
    events = await recorded(tx, GeofenceEntered)
    assert [e.event.reference_id for e in events] == [delivery.reference_id]
    await dispatch.on_geofence(tx, [*events, *events])
    assert (await city.now(tx, delivery)).state is State.AT_PICKUP


async def test_two_ticks_at_once_do_no_harm(database: Database, city: City):
    async with database.transaction() as tx:
        await city.on_duty(tx, count=3)
        await city.asks(tx, count=3, apart=True)
    async with database.transaction() as one, database.transaction() as other:
        first, second = await city.tick(one), await city.tick(other)
    assert (first.ran, len(first.offers), second.ran) == (True, 3, False)


async def test_a_quiet_city_costs_two_queries(tx: Tx, city: City, monkeypatch: pytest.MonkeyPatch):
    await city.on_duty(tx)
    asked: list[str] = []
    rows, value = tx.rows, tx.value

    async def counted_rows(sql: str, *args: object) -> Any:
        asked.append(sql)
        return await rows(sql, *args)

    async def counted_value(sql: str, *args: object) -> Any:
        asked.append(sql)
        return await value(sql, *args)

    monkeypatch.setattr(tx, "rows", counted_rows)
    monkeypatch.setattr(tx, "value", counted_value)
    await city.tick(tx, heard=False)
    assert len(asked) == 2


def test_every_event_has_its_own_name():
    names = [event_type(cls) for cls in EVENTS]
    assert len(set(names)) == len(names)
