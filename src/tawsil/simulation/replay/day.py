"""A published day of meal delivery, lived by the platform's own services on a real database.

Each order is placed, at the minute at which its customer did, by way of a quote; the restaurant
takes it at once; the dispatcher decides once a minute, and couriers, who always say yes, move by
the rules of the instance. What is answered is what the platform recorded.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.planning import Policy
from tawsil.kernel.batches import Handle
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx
from tawsil.kernel.decisions import Command, Refusal
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.places import Place
from tawsil.ordering import public as ordering
from tawsil.ordering.public import Acting, Party
from tawsil.payments import public as payments
from tawsil.pricing import public as pricing
from tawsil.simulation.day import Parts
from tawsil.simulation.mdrp import MIDNIGHT, MINUTE, Instance, Order, Solution, fitted
from tawsil.simulation.motion import Assignment, CourierMotion, Delivery, Stop
from tawsil.simulation.replay.chronicle import Chronicle, count_untold
from tawsil.simulation.replay.town import Town
from tawsil.simulation.virtual import VirtualPlatform, throwaway_pool
from tawsil.tracking import public as tracking
from tawsil.tracking.events import StopKind

SEED: Final = 2018
LONGEST_AFTER_HOURS: Final = timedelta(hours=6)
"""By then every order has been handed over or given up."""
_ACCURACY_M: Final = 5.0


class Replayed(Struct, frozen=True, kw_only=True):
    """What came of a day. `ledger_sum` is by how much the books are out of balance: 0.

    `untold` are orders whose story in the event log is not whole: none.
    """

    orders: int
    delivered: int
    ledger_sum: int
    untold: int
    solution: Solution


async def replay(
    url: str,
    *,
    instance: Instance,
    policy: Policy,
    parts: Parts,
    progress: Callable[[float], None] | None = None,
) -> Replayed:
    """Live through a day on an empty, migrated database; `progress` hears shares of one."""
    clock, held = VirtualClock(MIDNIGHT), HeldJobs()
    pool = await throwaway_pool(url)
    try:
        database = Database(pool, now=clock, ids=Ids(clock, Random(SEED)), jobs=held)
        platform = VirtualPlatform(
            database,
            clock=clock,
            held=held,
            registry=parts.registry,
            subscriptions=parts.subscriptions,
            deadlines=parts.deadlines,
            jobs={},  # cash needs no acquirer
        )
        day = _Day(platform, await Town.settle(database, instance), policy=policy)
        await day.live(progress or _nobody)
        return await day.outcome()
    finally:
        await pool.close()


class _Agenda(Struct):
    """What happens at one minute, whatever is decided in it."""

    shifts: list[UUID] = []
    orders: list[Order] = []
    ready: list[UUID] = []
    pings: list[tuple[UUID, Place]] = []
    handovers: list[tuple[UUID, UUID]] = []
    """Courier and order."""


class _Day:
    def __init__(self, platform: VirtualPlatform, town: Town, *, policy: Policy) -> None:
        self._platform = platform
        self._town = town
        self._instance = town.instance
        self._policy = fitted(policy, town.instance)
        self._chronicle = Chronicle()
        self._agenda: defaultdict[datetime, _Agenda] = defaultdict(_Agenda)
        self._orders: dict[UUID, Order] = {}
        self._ids: dict[str, UUID] = {}
        self._delivery_order: dict[UUID, UUID] = {}
        self._collecting: set[UUID] = set()
        self._motions = {
            id_: CourierMotion(
                name=shift.courier,
                place=shift.place,
                on_at=shift.on_at,
                services=self._instance.services,
                travel=self._instance.travel,
            )
            for id_, shift in town.couriers.items()
        }
        platform.watch(self._chronicle.watch)
        for order in self._instance.orders:
            self._agenda[order.placed_at].orders.append(order)
        for id_, shift in town.couriers.items():
            self._agenda[shift.on_at].shifts.append(id_)
            self._agenda[shift.on_at].pings.append((id_, shift.place))

    async def live(self, progress: Callable[[float], None]) -> None:
        """Minute by minute, until every order has ended."""
        now = min(self._agenda, default=MIDNIGHT)
        first, last = now, max(self._agenda, default=MIDNIGHT)
        while self._agenda or self._chronicle.live:
            assert now <= last + LONGEST_AFTER_HOURS, "every order ends some time"
            await self._platform.run_until(now)
            await self._minute(now)
            progress(min(1.0, (now - first + MINUTE) / (last - first + MINUTE)))
            now += MINUTE
        await self._platform.settle()
        assert not self._chronicle.live, "nothing happens after the end"

    async def outcome(self) -> Replayed:
        async with self._platform.database.transaction() as tx:
            imbalance = await payments.imbalance(tx)
            untold = await count_untold(tx, order_ids=list(self._orders))
        return Replayed(
            orders=self._chronicle.placed,
            delivered=len(self._chronicle.delivered_at),
            ledger_sum=sum(imbalance.values()),
            untold=untold,
            solution=self._solution(),
        )

    # One minute

    async def _minute(self, now: datetime) -> None:
        agenda = self._agenda.pop(now, None)
        placed: list[UUID] = []
        if agenda is not None:
            placed = await self._outside(agenda)
            await self._platform.settle()
        if placed or self._chronicle.waiting:
            for offer in await self._kitchens_and_dispatch(placed):
                self._set_off(offer, now)
            await self._platform.settle()
        await self._collect(now)

    async def _outside(self, agenda: _Agenda) -> list[UUID]:
        """What people do of themselves, in one transaction; the orders that were placed."""
        town = self._town
        async with self._platform.database.transaction() as tx:
            await _all(
                tx,
                couriers.start_shift,
                [
                    couriers.StartShift(
                        by=town.by(tx), courier_id=id_, until=town.couriers[id_].off_at
                    )
                    for id_ in agenda.shifts
                ],
            )
            await self._ping(tx, agenda.pings)
            await self._ready(tx, agenda.ready)
            await _all(
                tx,
                ordering.deliver,
                [
                    ordering.DeliverOrder(
                        by=town.by(tx, role="delivery_partner", actor_id=courier_id),
                        order_id=order_id,
                        acting=Acting(Party.COURIER, courier_id),
                    )
                    for courier_id, order_id in agenda.handovers
                ],
            )
            return await self._place(tx, agenda.orders)

    async def _place(self, tx: Tx, orders: Sequence[Order]) -> list[UUID]:
        town = self._town
        customers = [tx.ids() for _ in orders]
        by = [town.by(tx, role="customer", actor_id=id_) for id_ in customers]
        quotes = await _all(
            tx,
            pricing.issue,
            [
                pricing.IssueQuote(
                    by=by_,
                    customer_id=customer_id,
                    merchant_id=town.merchants[order.restaurant],
                    lines=(catalog.Line(product_id=town.dishes[order.restaurant], quantity=1),),
                    dropoff=order.place,
                    address=order.id,
                )
                for order, customer_id, by_ in zip(orders, customers, by, strict=True)
            ],
        )
        placed = await _all(
            tx,
            ordering.place,
            [
                ordering.PlaceOrder(
                    by=by_,
                    customer_id=customer_id,
                    quote_id=quote.id,
                    paid_by=ordering.PaidBy.CASH,
                )
                for quote, customer_id, by_ in zip(quotes, customers, by, strict=True)
            ],
        )
        ids: list[UUID] = [order.id for order in placed]
        self._orders |= zip(ids, orders, strict=True)
        self._ids |= zip([order.id for order in orders], ids, strict=True)
        return ids

    async def _kitchens_and_dispatch(self, placed: Sequence[UUID]) -> Sequence[dispatch.Offer]:
        """Restaurants take what was just placed, and the dispatcher decides, knowing of it."""
        town = self._town
        async with self._platform.database.transaction() as tx:
            await self._accept(tx, placed)
            tick = await dispatch.tick(
                tx,
                tenant_id=town.tenant_id,
                city_id=town.city_id,
                travel=self._instance.travel,
                policy=self._policy,
                auto_accept=True,
            )
        assert tick.ran, "there is one dispatcher"
        return tick.offers

    async def _accept(self, tx: Tx, placed: Sequence[UUID]) -> None:
        ready_at = {id_: max(tx.now, self._orders[id_].ready_at) for id_ in placed}
        await _all(
            tx,
            ordering.accept_order,
            [
                ordering.AcceptOrder(
                    by=self._town.by(tx, role="merchant"),
                    order_id=id_,
                    acting=self._kitchen(id_),
                    prep_time_s=round((ready_at[id_] - tx.now).total_seconds()),
                )
                for id_ in placed
            ],
        )
        await _all(tx, ordering.start_preparing, self._steps(tx, placed))
        await self._ready(tx, [id_ for id_ in placed if ready_at[id_] == tx.now])
        for id_ in placed:
            if ready_at[id_] > tx.now:
                self._agenda[ready_at[id_]].ready.append(id_)

    async def _ready(self, tx: Tx, ready: Sequence[UUID]) -> None:
        await _all(tx, ordering.mark_ready, self._steps(tx, ready))

    def _steps(self, tx: Tx, ids: Sequence[UUID]) -> list[ordering.MoveOrder]:
        return [
            ordering.MoveOrder(
                by=self._town.by(tx, role="merchant"), order_id=id_, acting=self._kitchen(id_)
            )
            for id_ in ids
        ]

    def _kitchen(self, order_id: UUID) -> Acting:
        return Acting(Party.MERCHANT, self._town.merchants[self._orders[order_id].restaurant])

    # Couriers

    def _set_off(self, offer: dispatch.Offer, now: datetime) -> None:
        """Drive to the restaurant, or, when on the way there or waiting, expect more."""
        motion = self._motions[offer.courier_id]
        self._delivery_order |= zip(offer.delivery_ids, offer.reference_ids, strict=True)
        route = [
            self._delivery_order[delivery_id]
            for stop in offer.payload.stops
            if stop.kind is StopKind.DROPOFF
            for delivery_id in stop.delivery_ids
        ]
        orders = [self._orders[id_] for id_ in route]
        if offer.courier_id not in self._collecting:
            restaurant = self._instance.restaurants[orders[0].restaurant]
            motion.send(to=restaurant.id, place=restaurant.place, now=now)
            arrives_at = max(now, motion.free_at)
            self._agenda[arrives_at].pings.append((offer.courier_id, restaurant.place))
            self._collecting.add(offer.courier_id)
        stops = [
            Stop(name=order.id, place=order.place, ready_at=order.ready_at) for order in orders
        ]
        motion.expect(stops, now=now)

    async def _collect(self, now: datetime) -> None:
        """Pick up whatever can be picked up now."""
        due = [id_ for id_ in self._motions if id_ in self._collecting]
        due = [id_ for id_ in due if self._motions[id_].pickup_at <= now]
        agenda = self._agenda.pop(now, None)
        if not due and agenda is None:
            return
        async with self._platform.database.transaction() as tx:
            if agenda is not None:
                await self._ping(tx, agenda.pings)
            await _all(
                tx,
                ordering.pick_up,
                [
                    ordering.MoveOrder(
                        by=self._town.by(tx, role="delivery_partner", actor_id=courier_id),
                        order_id=self._ids[stop.name],
                        acting=Acting(Party.COURIER, courier_id),
                    )
                    for courier_id in due
                    for stop in self._motions[courier_id].stops
                ],
            )
        for courier_id in due:
            assert self._motions[courier_id].pickup_at == now, "nobody waits without reason"
            self._carry(courier_id)

    def _carry(self, courier_id: UUID) -> None:
        """Note when the courier will be at each door, and hand over."""
        motion = self._motions[courier_id]
        places = {stop.name: stop.place for stop in motion.stops}
        at_door = timedelta(seconds=self._instance.services.dropoff_s / 2)
        motion.collect()
        for delivery in motion.deliveries[-len(places) :]:
            arrives_at = delivery.dropped_off_at - at_door
            self._agenda[arrives_at].pings.append((courier_id, places[delivery.order]))
            self._agenda[delivery.dropped_off_at].handovers.append(
                (courier_id, self._ids[delivery.order])
            )
        self._collecting.remove(courier_id)

    async def _ping(self, tx: Tx, pings: Sequence[tuple[UUID, Place]]) -> None:
        if pings:
            await tracking.record(
                tx,
                [
                    tracking.RecordPositions(
                        by=self._town.by(tx, role="delivery_partner", actor_id=courier_id),
                        courier_id=courier_id,
                        pings=[tracking.Ping(place=place, at=tx.now, accuracy_m=_ACCURACY_M)],
                    )
                    for courier_id, place in pings
                ],
            )

    # What came of it

    def _solution(self) -> Solution:
        """As recorded; only the ways couriers went are known from themselves."""
        names = {id_: shift.courier for id_, shift in self._town.couriers.items()}
        told, seen = self._orders, self._chronicle
        return Solution(
            assignments=tuple(
                Assignment(
                    courier=names[courier_id],
                    orders=tuple(told[id_].id for id_ in ids),
                    assigned_at=max(seen.assigned_at[id_] for id_ in ids),
                    picked_up_at=at,
                )
                for courier_id, at, ids in seen.bundles()
            ),
            deliveries=tuple(
                Delivery(
                    order=told[id_].id,
                    courier=names[seen.picked_up[id_][0]],
                    picked_up_at=seen.picked_up[id_][1],
                    dropped_off_at=at,
                )
                for id_, at in seen.delivered_at.items()
            ),
            moves=tuple(move for motion in self._motions.values() for move in motion.moves),
        )


async def _all(tx: Tx, handle: Handle[Any], commands: Sequence[Command]) -> list[Any]:
    """Do all of them; on a published day nothing is refused."""
    outcomes = list(await handle(tx, commands)) if commands else []
    for outcome in outcomes:
        assert not isinstance(outcome, Refusal), f"refused on a published day: {outcome}"
    return outcomes


def _nobody(_: float) -> None:
    """Nobody wants to know how far the day is."""
