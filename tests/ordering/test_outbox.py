"""What couriers did out of reach is taken in once, in order, and nothing of it is lost."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ordering.conftest import Street
from ordering.road import DEVICE, Road
from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.service import reassignment
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal
from tawsil.ordering import asking, journey
from tawsil.ordering.events import Status
from tawsil.ordering.model import Order
from tawsil.ordering.moves import Party
from tawsil.ordering.outbox import model, service
from tawsil.ordering.outbox.model import (
    Action,
    Arrive,
    BringBack,
    CannotDeliver,
    Deliver,
    EndShift,
    GiveBack,
    PickUp,
    Result,
    Resume,
    TakeBreak,
)
from tawsil.ordering.outbox.service import Outcome, Receipt
from tawsil.ordering.steps import Acting
from tawsil.tracking.public import StopKind


class UndoneError(Exception):
    """What was done is not kept."""


@pytest.fixture
def road(tx: Tx, street: Street) -> Road:
    return Road(tx, street)


def results(outcomes: Sequence[Outcome]) -> list[tuple[Result, str | None]]:
    return [(o.result, o.refusal.code if o.refusal else None) for o in outcomes]


APPLIED = (Result.APPLIED, None)
AGAIN = (Result.ALREADY_APPLIED, None)


def whole_job(road: Road, order: Order, **shown: Any) -> list[Any]:
    return [
        road.tap(Arrive, order_id=order.id, stop=StopKind.PICKUP),
        road.tap(PickUp, order_id=order.id),
        road.tap(Arrive, order_id=order.id, stop=StopKind.DROPOFF),
        road.tap(Deliver, order_id=order.id, **shown),
    ]


async def test_a_job_done_out_of_reach(road: Road) -> None:
    (order,) = await road.open(1)
    outcomes = await road.send(*whole_job(road, order, pin=order.handover_pin))
    assert results(outcomes) == [APPLIED] * 4
    assert {o.order_status for o in outcomes} == {Status.DELIVERED}
    courier = (await couriers.get_many(road.tx, ids=[road.courier_id]))[road.courier_id]
    assert courier.availability is couriers.Availability.AVAILABLE


async def test_it_counts_from_when_it_was_done(road: Road) -> None:
    """Synced twenty minutes later: the order was delivered when it was, and nobody was late."""
    (order,) = await road.open(1)
    began = road.tx.now
    taps = whole_job(road, order, pin=order.handover_pin)
    minutes = dict(zip(taps, (1, 4, 9, 10), strict=True))
    job = [replace(tap, at=began + timedelta(minutes=after)) for tap, after in minutes.items()]
    await road.later(timedelta(minutes=30))
    assert results(await road.send(*job)) == [APPLIED] * 4
    done = await road.order(order)
    assert done.picked_up_at == began + timedelta(minutes=4)
    assert done.delivered_at == began + timedelta(minutes=10)
    rows = await road.tx.rows(
        "select data ->> 'happened_at' as at from kernel.event where type = 'delivery.done.v1'"
    )
    assert [datetime.fromisoformat(row["at"]) for row in rows] == [done.delivered_at]


@pytest.mark.parametrize("wrong", [timedelta(days=-400), timedelta(hours=7), timedelta(0)])
async def test_a_wrong_clock_is_wrong_by_as_much_when_it_sends(
    road: Road, wrong: timedelta
) -> None:
    (order,) = await road.open(1)
    began = road.tx.now
    tap = road.tap(PickUp, order_id=order.id, at=began + wrong + timedelta(minutes=3))
    await road.later(timedelta(minutes=9))
    (outcome,) = await road.send(tap, sent_at=road.tx.now + wrong)
    assert outcome.happened_at == began + timedelta(minutes=3)
    row = await road.tx.row("select said_at, happened_at from ordering.courier_action")
    assert row is not None
    assert row["said_at"] - row["happened_at"] == wrong, "both are on record"


async def test_what_cannot_be_is_moved_to_where_it_can(road: Road) -> None:
    """A clock that jumped while out of reach: nothing before the order was theirs, nor to come."""
    (order,) = await road.open(1)
    began = road.tx.now
    await road.later(timedelta(minutes=9))
    early = road.tap(PickUp, order_id=order.id, at=began - timedelta(days=3))
    future = road.tap(
        Deliver, order_id=order.id, pin=order.handover_pin, at=began + timedelta(days=3)
    )
    assert results(await road.send(early, future)) == [APPLIED] * 2
    done = await road.order(order)
    assert done.picked_up_at is not None
    assert done.accepted_at is not None
    assert done.delivered_at is not None
    assert done.accepted_at <= done.picked_up_at <= done.delivered_at <= road.tx.now


async def test_sent_again_it_is_answered_again_and_done_once(road: Road) -> None:
    (order,) = await road.open(1)
    job = whole_job(road, order, pin="0000" if order.handover_pin != "0000" else "0001")
    first = await road.send(*job)
    again = await road.send(*job)
    wrong = (Result.REFUSED, "order.wrong_pin")
    assert results(first) == [APPLIED, APPLIED, APPLIED, wrong]
    assert results(again) == [AGAIN, AGAIN, AGAIN, wrong]
    right = road.tap(Deliver, order_id=order.id, pin=order.handover_pin)
    assert results(await road.send(*job, right))[-1] == APPLIED


async def test_another_action_under_a_known_id_is_refused(road: Road) -> None:
    (order,) = await road.open(1)
    tap = road.tap(PickUp, order_id=order.id)
    await road.send(tap)
    other = Deliver(action_id=tap.action_id, seq=2, at=tap.at, order_id=order.id)
    assert results(await road.send(other)) == [(Result.REFUSED, "outbox.id_reused")]
    assert (await road.order(order)).status is Status.PICKED_UP


async def test_what_is_ahead_of_its_turn_is_held(road: Road) -> None:
    (order,) = await road.open(1)
    first, second = road.tap(PickUp, order_id=order.id), road.tap(EndShift)
    held = (Result.HELD, "outbox.out_of_turn")
    (outcome,) = await road.send(second)
    assert results([outcome]) == [held]
    assert outcome.refusal is not None
    assert outcome.refusal.detail == {"expected": 1, "seq": 2}
    assert results(await road.send(first, second)) == [APPLIED] * 2


async def test_a_phone_that_lost_its_place_begins_anew(road: Road) -> None:
    """The ids tell what was taken in already; a new device counts from one again."""
    (order,) = await road.open(1)
    first, second = whole_job(road, order)[:2]
    await road.send(first)
    anew = road.street.ids()
    moved = [replace(tap, seq=n) for n, tap in enumerate((first, second), start=1)]
    assert results(await road.send(*moved, device_id=anew)) == [AGAIN, APPLIED]


async def handed_over(road: Road, order: Order) -> UUID:
    """Operations gave what was on board to somebody else."""
    other = road.street.ids()
    newcomer = couriers.NewCourier(
        by=road.by,
        courier_id=other,
        city_id=order.city_id,
        vehicle=couriers.Vehicle.BICYCLE,
    )
    await couriers.create_couriers(road.tx, couriers=[newcomer])
    await couriers.start_shift(road.tx, [couriers.StartShift(by=road.by, courier_id=other)])
    handed = reassignment.HandOver(
        by=road.by, reference_id=order.id, courier_id=other, reason="by_hand"
    )
    (delivery,) = await reassignment.hand_over(road.tx, [handed])
    assert isinstance(delivery, dispatch.Delivery), delivery
    now = await road.order(order)
    decision = journey.model.assign_courier(now, courier_id=other, instead_of=road.courier_id)
    await road.street.after(road.tx, now, decision)
    return other


async def test_an_order_that_went_to_another_is_kept_for_operations(road: Road) -> None:
    (order,) = await road.open(1)
    pick_up = road.tap(PickUp, order_id=order.id)
    deliver = road.tap(Deliver, order_id=order.id, pin=order.handover_pin)
    await road.send(pick_up)
    other = await handed_over(road, order)
    (outcome,) = await road.send(deliver)
    assert results([outcome]) == [(Result.REFUSED, "outbox.order_with_another")]
    assert outcome.kept
    now = await road.order(order)
    assert (now.courier_id, now.status) == (other, Status.PICKED_UP)
    assert await kept(road) == [(order.id, "deliver", "outbox.order_with_another")]
    assert results(await road.send(deliver)) == results([outcome])
    assert len(await kept(road)) == 1, "told once, however often it is sent"


async def kept(road: Road) -> list[tuple[UUID, str, str]]:
    rows = await road.tx.rows(
        "select data from kernel.event where type = 'courier_action.kept.v1' order by seq"
    )
    events = [msgspec.json.decode(row["data"]) for row in rows]
    return [(UUID(e["order_id"]), e["does"], e["code"]) for e in events]


async def test_an_order_cancelled_meanwhile_is_kept_and_the_courier_told(road: Road) -> None:
    (order,) = await road.open(1)
    pick_up = road.tap(PickUp, order_id=order.id)
    called_off = journey.CancelOrder(
        by=road.by, order_id=order.id, acting=Acting(Party.OPERATOR), reason="other"
    )
    (cancelled,) = await journey.cancel(road.tx, [called_off])
    assert isinstance(cancelled, Order), cancelled
    (outcome,) = await road.send(pick_up)
    assert results([outcome]) == [(Result.REFUSED, "outbox.order_cancelled")]
    assert outcome.kept
    assert outcome.order_status is Status.CANCELLED


async def test_what_operations_did_for_the_courier_is_done(road: Road) -> None:
    (order,) = await road.open(1)
    job = whole_job(road, order, pin=order.handover_pin)
    staff = Acting(Party.OPERATOR)
    step = journey.MoveOrder(by=road.by, order_id=order.id, acting=staff)
    await journey.pick_up(road.tx, [step])
    handed = journey.DeliverOrder(by=road.by, order_id=order.id, acting=staff)
    await journey.deliver(road.tx, [handed])
    outcomes = await road.send(*job)
    assert all(o.refusal is None for o in outcomes)
    assert not await kept(road)


async def test_what_the_kitchen_handed_over_is_collected(road: Road) -> None:
    """The kitchen tapped first; the courier's own tap, from out of reach, is not a second one."""
    (order,) = await road.open(1)
    arrive, pick_up, *_ = whole_job(road, order)
    assert results(await road.send(arrive)) == [APPLIED]
    kitchen = Acting(Party.MERCHANT, order.merchant_id)
    step = journey.MoveOrder(by=road.by, order_id=order.id, acting=kitchen)
    (handed,) = await journey.pick_up(road.tx, [step])
    assert isinstance(handed, Order), handed
    await road.later(timedelta(minutes=3))
    assert results(await road.send(pick_up)) == [AGAIN]
    assert (await road.order(order)).picked_up_at == handed.picked_up_at
    assert not await kept(road)


async def test_who_says_second_that_the_goods_changed_hands_is_right_too(road: Road) -> None:
    (order,) = await road.open(1)
    courier, kitchen = (Party.COURIER, road.courier_id), (Party.MERCHANT, order.merchant_id)
    customer, stranger = (Party.CUSTOMER, order.customer_id), (Party.COURIER, road.street.ids())
    says = [
        journey.MoveOrder(by=road.by, order_id=order.id, acting=Acting(*who))
        for who in (courier, kitchen, courier, customer, stranger)
    ]
    first, *again, refused, unseen = [(await asking.pick_up(road.tx, [one]))[0] for one in says]
    assert isinstance(first, Order), first
    assert [(o.status, o.version) for o in again if isinstance(o, Order)] == [
        (Status.PICKED_UP, (await road.order(order)).version)
    ] * 2
    assert [r.code for r in (refused, unseen) if isinstance(r, Refusal)] == [
        "order.illegal_move",
        "request.not_found",
    ]


async def test_a_pin_that_was_wrong_at_a_door_long_left_is_kept(road: Road) -> None:
    (order,) = await road.open(1)
    wrong = "0000" if order.handover_pin != "0000" else "0001"
    pick_up = road.tap(PickUp, order_id=order.id)
    deliver = road.tap(Deliver, order_id=order.id, pin=wrong)
    await road.later(timedelta(minutes=10))
    _, outcome = await road.send(pick_up, deliver)
    assert results([outcome]) == [(Result.REFUSED, "order.wrong_pin")]
    assert outcome.kept


async def test_an_order_that_was_never_theirs_is_not_there(road: Road) -> None:
    await road.open(0)
    strange = await road.street.carried(road.tx)
    await road.street.after(
        road.tx, strange, journey.model.assign_courier(strange, courier_id=road.street.ids())
    )
    stranger = road.street.ids()
    tap = PickUp(action_id=road.street.ids(), seq=1, at=road.tx.now, order_id=strange.id)
    nothing = (Result.REFUSED, "request.not_found")
    for _ in range(2):
        (outcome,) = await road.send(tap, courier_id=stranger)
        assert results([outcome]) == [nothing]
        assert (outcome.order_status, outcome.kept) == (None, False)


async def test_of_a_break_what_is_left_is_taken(road: Road) -> None:
    await road.open(0)
    began = road.tx.now
    long, over = road.tap(TakeBreak, minutes=60), road.tap(Resume)
    await road.later(timedelta(minutes=20))
    assert results(await road.send(long)) == [APPLIED]
    courier = (await couriers.get_many(road.tx, ids=[road.courier_id]))[road.courier_id]
    assert courier.break_ends_at == began + timedelta(minutes=60)
    assert results(await road.send(over)) == [APPLIED]
    past = road.tap(TakeBreak, minutes=15)
    await road.later(timedelta(minutes=40))
    assert results(await road.send(past)) == [APPLIED]
    courier = (await couriers.get_many(road.tx, ids=[road.courier_id]))[road.courier_id]
    assert courier.availability is couriers.Availability.AVAILABLE, "it was over before"


async def test_two_requests_of_one_phone_in_one_batch_follow_one_another(road: Road) -> None:
    (order,) = await road.open(1)
    job = whole_job(road, order, pin=order.handover_pin)
    first, again = await service.take_in(road.tx, [road.request(job[:3]), road.request(job)])
    assert results(first.outcomes) == [APPLIED] * 3
    assert results(again.outcomes) == [AGAIN, AGAIN, AGAIN, APPLIED]
    assert (first.next_seq, again.next_seq) == (5, 5)


KINDS = st.sampled_from(
    [
        (Arrive, {"stop": StopKind.PICKUP}),
        (PickUp, {}),
        (Arrive, {"stop": StopKind.DROPOFF}),
        (Deliver, {}),
        (CannotDeliver, {"reason": "customer_absent"}),
        (BringBack, {}),
        (GiveBack, {}),
        (TakeBreak, {"minutes": 30}),
        (Resume, {}),
        (EndShift, {}),
    ]
)
ON_DUTY = (TakeBreak, Resume, EndShift)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.lists(st.tuples(KINDS, st.integers(0, 1)), min_size=1, max_size=10),
    seed=st.integers(0, 2**32),
)
async def test_any_network_leaves_what_a_good_one_would(
    tx: Tx, street: Street, plan: list[Any], seed: int
) -> None:
    """Answers that are lost, requests that come twice or late, in pieces of any size."""
    road = Road(tx, Street(street.by, street.ids))
    async with taken_back(tx):
        orders = await road.open(2)
        taps = [
            road.tap(kind, **fields)
            if kind in ON_DUTY
            else road.tap(kind, **fields, order_id=orders[which].id)
            for (kind, fields), which in plan
        ]
        async with taken_back(tx):
            told_online = await one_by_one(road, taps)
            online = await road.standing()
        async with taken_back(tx):
            told_offline = await anyhow(road, taps, Random(seed))
            offline = await road.standing()
    assert told_offline == told_online
    assert offline == online


@asynccontextmanager
async def taken_back(tx: Tx) -> AsyncIterator[None]:
    """What is done within is not kept."""
    with suppress(UndoneError):
        async with tx.savepoint():
            yield
            _undo()


def _undo() -> None:
    raise UndoneError


def told(outcome: Outcome) -> tuple[int, bool, str | None]:
    return outcome.seq, outcome.kept, outcome.refusal.code if outcome.refusal else None


async def one_by_one(road: Road, taps: Sequence[Action]) -> list[Any]:
    return [told(outcome) for tap in taps for outcome in await road.send(tap)]


async def anyhow(road: Road, taps: Sequence[Action], chance: Random) -> list[Any]:
    """The app sends what it has no answer of; the network does as it likes."""
    waiting, sent, heard = list(taps), list[Sequence[Action]](), dict[int, Any]()
    while waiting:
        request = waiting[: chance.randint(1, 4)]
        arriving = [request] * chance.choice((0, 1, 1, 2))
        if sent and chance.random() < 0.4:
            arriving.append(chance.choice(sent))
        if arriving:
            receipts = await service.take_in(road.tx, [road.request(one) for one in arriving])
            sent += arriving
            if arriving[0] is request and chance.random() < 0.7:
                heard |= answered(receipts[0])
        waiting = [tap for tap in waiting if tap.seq not in heard]
    return [heard[seq] for seq in sorted(heard)]


def answered(receipt: Receipt) -> dict[int, Any]:
    assert not any(o.result is Result.HELD for o in receipt.outcomes)
    return {o.seq: told(o) for o in receipt.outcomes}


def test_the_same_tap_in_another_place_is_the_same_tap() -> None:
    at = datetime.fromisoformat("2026-11-20T12:00:00+00:00")
    tap = EndShift(action_id=DEVICE, seq=1, at=at)
    assert model.digest(tap) == model.digest(replace(tap, seq=9))
    assert model.digest(tap) != model.digest(replace(tap, at=at + timedelta(seconds=1)))
