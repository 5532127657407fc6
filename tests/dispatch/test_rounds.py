"""Several couriers are asked for the same: one wins, and the others hear of it at once."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from dispatch.test_service import recorded
from tawsil.couriers import public as couriers
from tawsil.couriers.service import TakeBreak, take_break
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.events import OfferWithdrawn, Prep
from tawsil.dispatch.model import Action, Offering, Rung
from tawsil.dispatch.public import Offer, OfferState, State, Withdraw
from tawsil.dispatch.service import by_hand
from tawsil.dispatch.service.by_hand import Asked, OfferByHand
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines
from tawsil.kernel.decisions import Refusal
from tawsil.tracking.events import GeofenceEntered

City = Any
THREE = {"offering": Offering.BATCH, "wave": 3}
ALL = {"offering": Offering.BROADCAST}


async def asked(tx: Tx, city: City) -> list[Offer]:
    return list((await city.tick(tx)).offers)


def code(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.code


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines({"delivery": dispatch.on_due_delivery, "offer": dispatch.on_due_offer})


async def test_a_wave_is_asked_at_once_and_the_first_yes_wins(tx: Tx, city: City):
    await city.follows(tx, **THREE)
    riders = await city.on_duty(tx, count=5)
    (delivery,) = await city.asks(tx)
    offers = await asked(tx, city)
    assert [o.courier_id for o in offers] == riders[:3]
    assert len({o.round_id for o in offers}) == 1
    assert await asked(tx, city) == []

    answers = [city.answer(o) for o in (offers[1], offers[0], offers[2])]
    won, *lost = await dispatch.accept(tx, answers)
    assert isinstance(won, Offer)
    assert [code(outcome) for outcome in lost] == ["dispatch.offer_taken_by_another"] * 2
    assert (await city.now(tx, delivery)).courier_id == riders[1]
    assert await city.availability(tx, *riders[:3]) == ["AVAILABLE", "ON_JOB", "AVAILABLE"]
    known = await couriers.get_many(tx, ids=riders)
    assert {c.missed_offers for c in known.values()} == {0}
    told = [r.event for r in await recorded(tx, OfferWithdrawn)]
    assert {(e.courier_id, e.reason) for e in told} == {
        (riders[0], "taken_by_another"),
        (riders[2], "taken_by_another"),
    }


async def test_the_next_wave_leaves_out_who_declined(tx: Tx, city: City):
    await city.follows(tx, **THREE)
    riders = await city.on_duty(tx, count=5)
    (delivery,) = await city.asks(tx)
    for offer in await asked(tx, city):
        assert (await city.now(tx, delivery)).state is State.OFFERED
        await dispatch.reject(tx, [city.answer(offer)])
    now = await city.now(tx, delivery)
    assert (now.state, now.declined_by) == (State.WAITING, frozenset(riders[:3]))
    assert [o.courier_id for o in await asked(tx, city)] == riders[3:]


async def test_one_no_leaves_the_others_the_choice(tx: Tx, city: City):
    await city.follows(tx, **THREE)
    riders = await city.on_duty(tx, count=3)
    (delivery,) = await city.asks(tx)
    first, second, third = await asked(tx, city)
    await dispatch.reject(tx, [city.answer(first)])
    assert await city.availability(tx, *riders) == ["AVAILABLE", "ON_OFFER", "ON_OFFER"]
    await dispatch.accept(tx, [city.answer(third)])
    now = await city.now(tx, delivery)
    assert (now.courier_id, now.declined_by) == (riders[2], frozenset({riders[0]}))
    assert code((await dispatch.reject(tx, [city.answer(second)]))[0]) == (
        "dispatch.offer_taken_by_another"
    )


async def test_whoever_missed_a_broadcast_that_nobody_took_has_missed_an_offer(
    database: Database, clock: VirtualClock, city: City, deadlines: Deadlines
):
    async with database.transaction() as tx:
        await city.follows(tx, **ALL, offer_lasts_s=20)
        riders = await city.on_duty(tx, count=4)
        (delivery,) = await city.asks(tx)
        assert len(await asked(tx, city)) == 4
    clock.advance(timedelta(seconds=21))
    await deadlines.fire(database)
    async with database.transaction() as tx:
        assert (await city.now(tx, delivery)).state is State.WAITING
        known = await couriers.get_many(tx, ids=riders)
        assert {c.missed_offers for c in known.values()} == {1}


async def test_the_share_of_yeses_is_known_by_city(tx: Tx, city: City):
    assert await dispatch.acceptance_rates(tx) == {}
    await city.on_duty(tx, count=2)
    await city.asks(tx)
    await dispatch.reject(tx, [city.answer(await city.offer(tx))])
    await dispatch.accept(tx, [city.answer(await city.offer(tx))])
    assert await dispatch.acceptance_rates(tx) == {city.id: 0.5}


async def test_rounds_share_couriers_and_ask_nobody_twice(tx: Tx, city: City):
    await city.follows(tx, offering=Offering.BROADCAST, broadcast_most=4)
    riders = await city.on_duty(tx, count=7)
    await city.asks(tx, count=2, apart=True)
    offers = await asked(tx, city)
    assert sorted(o.courier_id for o in offers) == sorted(riders)
    sizes = sorted(sum(o.round_id == r for o in offers) for r in {o.round_id for o in offers})
    assert sizes == [3, 4]


async def test_a_rung_makes_it_a_broadcast(
    database: Database, clock: VirtualClock, city: City, deadlines: Deadlines
):
    async with database.transaction() as tx:
        ladder = (Rung(after_s=60, actions=(Action.BROADCAST, Action.RAISE)),)
        await city.follows(tx, ladder=ladder, raise_bp=1_000)
        (delivery,) = await city.asks(tx)
    clock.advance(timedelta(seconds=61))
    await deadlines.fire(database)
    async with database.transaction() as tx:
        await city.on_duty(tx, count=3)
        offers = await asked(tx, city)
        assert {o.mode for o in offers} == {Offering.BROADCAST}
        assert len(offers) == 3
        payload = offers[0].payload
        assert (payload.earning_minor, payload.incentive_minor) == (1320, 120)
        assert (await city.now(tx, delivery)).state is State.OFFERED


async def test_withdrawing_a_delivery_ends_its_round(tx: Tx, city: City):
    await city.follows(tx, **ALL)
    riders = [*await city.on_duty(tx), *await city.on_duty(tx, count=2, from_deg=0.08)]
    one, other = await city.asks(tx, count=2)
    offers = await asked(tx, city)
    assert len(offers) == 3
    assert {len(o.delivery_ids) for o in offers} == {2}
    gone = Withdraw(by=city.by, reference_id=one.reference_id, reason="cancelled")
    await dispatch.withdraw(tx, [gone])
    assert set(await city.availability(tx, *riders)) == {"AVAILABLE"}
    left = await city.now(tx, other)
    assert (left.state, left.declined_by) == (State.WAITING, frozenset())
    assert len(await asked(tx, city)) == 3


async def test_a_yes_from_a_break_leaves_it_to_the_next_yes(tx: Tx, city: City):
    await city.follows(tx, **ALL)
    riders = await city.on_duty(tx, count=3)
    (delivery,) = await city.asks(tx)
    first, second, _ = await asked(tx, city)
    rest = TakeBreak(by=city.by, courier_id=first.courier_id, length=timedelta(minutes=15))
    await take_break(tx, [rest])
    unable, won = await dispatch.accept(tx, [city.answer(first), city.answer(second)])
    assert code(unable) == "courier.move_not_allowed"
    assert isinstance(won, Offer)
    assert (await city.now(tx, delivery)).courier_id == second.courier_id
    assert await city.availability(tx, *riders) == ["ON_BREAK", "ON_JOB", "AVAILABLE"]


async def test_whoever_is_at_the_site_already_is_asked_alone(tx: Tx, city: City):
    await city.follows(tx, **ALL)
    (there,) = await city.on_duty(tx)
    await city.asks(tx)
    await city.tick(tx, auto_accept=True)
    await city.seen(tx, there, city.kitchen)
    await dispatch.on_geofence(tx, await recorded(tx, GeofenceEntered))
    await city.on_duty(tx, count=2, from_deg=0.08)
    await city.asks(tx)
    (offer,) = await asked(tx, city)
    assert (offer.courier_id, offer.joins, offer.mode) == (there, True, Offering.ONE_BY_ONE)


async def test_an_offer_says_what_it_takes_to_decide(tx: Tx, city: City):
    await city.on_duty(tx)
    wish = city.wish(tx, ready_in=timedelta(minutes=1))
    await dispatch.request(tx, [wish])
    payload = (await city.offer(tx)).payload
    assert 0 < payload.to_pickup_m < payload.distance_m
    assert (payload.prep, payload.ready_at, payload.deliveries) == (
        Prep.PREPARING,
        wish.ready_at,
        1,
    )


async def by_operator(tx: Tx, city: City, reference_id: UUID, *courier_ids: UUID) -> Any:
    command = OfferByHand(by=city.by, reference_id=reference_id, courier_ids=courier_ids)
    (outcome,) = await by_hand.offer(tx, [command])
    return outcome


async def test_an_operator_asks_couriers_of_their_choice(tx: Tx, city: City):
    riders = await city.on_duty(tx, count=4)
    (delivery,) = await city.asks(tx)
    (planned,) = await asked(tx, city)
    assert planned.courier_id == riders[0]
    outcome = await by_operator(tx, city, delivery.reference_id, *riders[0:3])
    assert isinstance(outcome, Asked)
    assert ([o.courier_id for o in outcome.offers], outcome.passed_over) == (riders[:3], {})
    assert await city.availability(tx, *riders) == ["ON_OFFER"] * 3 + ["AVAILABLE"]
    (late,) = await dispatch.accept(tx, [city.answer(planned)])
    assert code(late) == "dispatch.offer_withdrawn"
    await dispatch.accept(tx, [city.answer(outcome.offers[2])])
    assert (await city.now(tx, delivery)).courier_id == riders[2]
    again = await by_operator(tx, city, delivery.reference_id, riders[0])
    assert code(again) == "dispatch.illegal_move"


async def test_who_cannot_be_asked_is_passed_over_and_nobody_changes_nothing(tx: Tx, city: City):
    free, resting = await city.on_duty(tx, count=2)
    rest = TakeBreak(by=city.by, courier_id=resting, length=timedelta(minutes=15))
    await take_break(tx, [rest])
    (delivery,) = await city.asks(tx)
    (planned,) = await asked(tx, city)
    nobody = await by_operator(tx, city, delivery.reference_id, resting)
    assert code(nobody) == "dispatch.nobody_asked"
    stored = await tx.value("select state from dispatch.offer where id = $1", planned.id)
    assert stored == OfferState.PENDING
    outcome = await by_operator(tx, city, delivery.reference_id, free, resting)
    assert [o.courier_id for o in outcome.offers] == [free]
    assert outcome.passed_over.keys() == {resting}
