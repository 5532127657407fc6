"""Couriers, customers, operators, clocks and dispatchers at once, each in a transaction.

Nobody is seen on the road, so every look finds a courier who has gone silent.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from tawsil.couriers.service import Resume, TakeBreak, resume, take_break
from tawsil.dispatch import public as dispatch
from tawsil.dispatch import store
from tawsil.dispatch.model import Offering
from tawsil.dispatch.public import GiveBack, Reassign, Withdraw
from tawsil.dispatch.service import by_hand
from tawsil.dispatch.service.board import Board
from tawsil.dispatch.service.by_hand import OfferByHand
from tawsil.dispatch.service.reassignment import HandOver, UndoReassignment, hand_over, undo
from tawsil.kernel.clock import VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.deadlines import Deadlines

City = Any
Act = Callable[[Tx], Awaitable[Any]]

CONTRADICTIONS = {
    "on a job without work, or free with work": """
        select c.id from couriers.courier c where (c.availability = 'ON_JOB') <> exists (
            select from dispatch.delivery d where d.courier_id = c.id
                and d.state in ('assigned', 'at_pickup', 'picked_up', 'at_dropoff', 'failed'))
    """,
    "held without an offer": """
        select c.id from couriers.courier c where c.availability = 'ON_OFFER' and not exists (
            select from dispatch.offer o where o.courier_id = c.id and o.state = 'pending')
    """,
    "offered without a pending offer": """
        select d.id from dispatch.delivery d where d.state = 'offered' and not exists (
            select from dispatch.offer o where o.round_id = d.round_id and o.state = 'pending'
                and o.delivery_ids @> array[d.id])
    """,
    "in a pending offer but not offered": """
        select o.id from dispatch.offer o, unnest(o.delivery_ids) i join dispatch.delivery d
            on d.id = i where o.state = 'pending'
            and (d.state <> 'offered' or d.round_id <> o.round_id)
    """,
    "won twice": """
        select round_id from dispatch.offer where state = 'accepted'
        group by round_id having count(*) > 1
    """,
    "asked for what somebody has": """
        select o.id from dispatch.offer o join dispatch.delivery d on d.id = any(o.delivery_ids)
        where o.state = 'pending' and d.courier_id is not null
    """,
    "alive without a deadline": """
        select d.id from dispatch.delivery d
        where d.state not in ('done', 'returned', 'withdrawn') and not exists (
            select from kernel.deadline k where k.subject_id = d.id and k.owner = 'delivery')
    """,
    "collected by one courier, and then had by another without being handed over": """
        select d.id from dispatch.delivery d join kernel.event e on e.stream_id = d.id
        where e.type = 'delivery.picked_up.v1' and (e.data ->> 'courier_id')::uuid <> d.courier_id
            and not exists (select from kernel.event h where h.stream_id = d.id
                and h.type = 'delivery.handed_over.v1')
    """,
    "two couriers at once": """
        select stream_id from (
            select stream_id, sum(case type when 'delivery.assigned.v1' then 1 else -1 end)
                over (partition by stream_id order by version) as couriers
            from kernel.event where type in ('delivery.assigned.v1', 'delivery.unassigned.v1')
        ) taken where couriers not in (0, 1)
    """,
}


@pytest.mark.parametrize("offering", [Offering.ONE_BY_ONE, Offering.BROADCAST])
async def test_whatever_happens_at_once_nothing_contradicts(
    database: Database, city: City, clock: VirtualClock, offering: Offering
):
    dice = Random(20261120)
    deadlines = Deadlines({"delivery": dispatch.on_due_delivery, "offer": dispatch.on_due_offer})
    async with database.transaction() as tx:
        await city.follows(tx, offering=offering)
        people = await city.on_duty(tx, count=6)

    async def act(do: Act) -> None:
        async with database.transaction() as tx:
            await do(tx)

    for _ in range(25):
        async with database.transaction() as tx:
            await city.asks(tx, count=2)
            await city.asks(tx, count=1, apart=True)
            await city.tick(tx)
            offers = await pending(tx)
            waiting = await references(tx, "waiting", "offered", "assigned")
            carried = await references(tx, "assigned", "at_pickup", "picked_up")
        acts: list[Act] = [looking(city), looking(city)]
        acts += [answering(city, o, dice) for o in offers for _ in range(2)]
        acts += [withdrawing(city, r) for r in dice.sample(waiting, k=min(2, len(waiting)))]
        acts += [
            reassigning(city, r, dice.choice([None, *people]))
            for r in dice.sample(waiting, k=min(2, len(waiting)))
        ]
        acts += [driving(city, r, dice) for r in carried]
        acts += [undoing(city, r) for r in dice.sample(waiting, k=min(2, len(waiting)))]
        acts += [giving_back(city, r, dice) for r in dice.sample(carried, k=min(2, len(carried)))]
        acts += [
            handing_over(city, r, dice.choice(people))
            for r in dice.sample(carried, k=min(2, len(carried)))
        ]
        acts += [resting(city, dice.choice(people))]
        acts += [asking(city, r, dice.sample(people, k=3)) for r in waiting[:2]]
        dice.shuffle(acts)
        clock.advance(timedelta(seconds=dice.choice([5, 20, 40, 130])))
        # Timers claim their rows before their subjects, so they take turns with the rest.
        await deadlines.fire(database)
        await asyncio.gather(*[act(do) for do in acts])
        await consistent(database)
        async with database.transaction() as tx:
            await waking(tx, city, people)
    async with database.transaction() as tx:
        assert await tx.value("select count(*) from kernel.event where type like '%handed_over%'")
        lost = await tx.rows(
            "select data ->> 'reason' as why from kernel.event where type like '%unassigned%'"
        )
    assert {row["why"] for row in lost} >= {"by_hand", "undone", "courier_cancelled"}


async def consistent(database: Database) -> None:
    async with database.transaction() as tx:
        for what, sql in CONTRADICTIONS.items():
            assert await tx.rows(sql) == [], what


async def pending(tx: Tx) -> list[tuple[UUID, UUID]]:
    rows = await tx.rows("select id, courier_id from dispatch.offer where state = 'pending'")
    return [(row["id"], row["courier_id"]) for row in rows]


async def references(tx: Tx, *states: str) -> list[UUID]:
    rows = await tx.rows(
        "select reference_id from dispatch.delivery where state = any($1::text[]) order by id",
        list(states),
    )
    return [row["reference_id"] for row in rows]


def looking(city: City) -> Act:
    return lambda tx: city.tick(tx, heard=False)


def answering(city: City, offer: tuple[UUID, UUID], dice: Random) -> Act:
    say = dice.choice([dispatch.accept, dispatch.accept, dispatch.reject])
    answer = dispatch.Answer(by=city.by, offer_id=offer[0], courier_id=offer[1])
    return lambda tx: say(tx, [answer])


def withdrawing(city: City, reference_id: UUID) -> Act:
    command = Withdraw(by=city.by, reference_id=reference_id, reason="cancelled")
    return lambda tx: dispatch.withdraw(tx, [command])


def reassigning(city: City, reference_id: UUID, courier_id: UUID | None) -> Act:
    command = Reassign(
        by=city.by, reference_id=reference_id, courier_id=courier_id, reason="by hand"
    )
    return lambda tx: dispatch.reassign(tx, [command])


def asking(city: City, reference_id: UUID, people: list[UUID]) -> Act:
    command = OfferByHand(by=city.by, reference_id=reference_id, courier_ids=tuple(people))
    return lambda tx: by_hand.offer(tx, [command])


def undoing(city: City, reference_id: UUID) -> Act:
    command = UndoReassignment(by=city.by, reference_id=reference_id)
    return lambda tx: undo(tx, [command])


def handing_over(city: City, reference_id: UUID, courier_id: UUID) -> Act:
    command = HandOver(
        by=city.by, reference_id=reference_id, courier_id=courier_id, reason="by hand"
    )
    return lambda tx: hand_over(tx, [command])


def giving_back(city: City, reference_id: UUID, dice: Random) -> Act:
    whole = dice.choice([True, False])

    async def give(tx: Tx) -> None:
        known = await dispatch.of_references(tx, reference_ids=[reference_id])
        courier_id = known[reference_id].courier_id
        if courier_id is not None:
            command = GiveBack(
                by=city.by,
                courier_id=courier_id,
                reference_id=reference_id,
                reason="too far",
                whole=whole,
            )
            await dispatch.give_back(tx, [command])

    return give


def driving(city: City, reference_id: UUID, dice: Random) -> Act:
    take = dice.choice([dispatch.picked_up, dispatch.delivered])

    async def drive(tx: Tx) -> None:
        known = await dispatch.of_references(tx, reference_ids=[reference_id])
        delivery = known[reference_id]
        if delivery.courier_id is not None:
            await take(tx, [city.step(delivery, delivery.courier_id)])

    return drive


def resting(city: City, courier_id: UUID) -> Act:
    command = TakeBreak(by=city.by, courier_id=courier_id, length=timedelta(minutes=5))

    async def rest(tx: Tx) -> None:
        # With an offer on the screen this leaves the offer to a handler that hears of it later.
        (courier,) = await city.availability(tx, courier_id)
        if courier == "AVAILABLE":
            await take_break(tx, [command])

    return rest


async def waking(tx: Tx, city: City, people: list[UUID]) -> None:
    await resume(tx, [Resume(by=city.by, courier_id=id_) for id_ in people])


async def test_a_board_holds_offers_whole_though_they_changed_while_it_waited(
    database: Database, city: City
):
    async with database.transaction() as tx:
        await city.on_duty(tx)
        called_off, companion = await city.asks(tx, count=2)
        assert len((await city.offer(tx)).delivery_ids) == 2

    async def look() -> None:
        async with database.transaction() as tx:
            board = await Board.of(tx, delivery_ids=[called_off.id])
            asked = {id_ for o in board.offers.values() for id_ in o.delivery_ids}
            assert asked <= board.deliveries.keys()

    async with database.transaction() as tx:
        await store.lock_deliveries(tx, ids=[called_off.id, companion.id])
        looking = asyncio.create_task(look())
        await asyncio.sleep(0.3)
        assert not looking.done(), "it waits for the lock"
        await city.asks(tx)
        withdrawal = Withdraw(by=city.by, reference_id=called_off.reference_id, reason="test")
        await dispatch.withdraw(tx, [withdrawal])
        assert companion.id in (await city.offer(tx)).delivery_ids
    await looking
