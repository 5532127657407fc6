"""A published day of meal delivery, lived by the platform's own services on a real database.

Each order is placed, at the minute at which its customer did, by way of a quote; the restaurant
takes it at once; the dispatcher decides once a minute, and couriers, who always say yes, move by
the rules of the instance. What is answered is what the platform recorded.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from random import Random
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

from tawsil.catalog import public as catalog
from tawsil.couriers import public as couriers
from tawsil.dispatch import events as dispatched
from tawsil.dispatch import public as dispatch
from tawsil.dispatch.planning import Policy
from tawsil.geography import public as geography
from tawsil.kernel.batches import Handle
from tawsil.kernel.clock import Ids, VirtualClock
from tawsil.kernel.db import Database, Tx, connect
from tawsil.kernel.decisions import By, Command, Refusal
from tawsil.kernel.events import Recorded
from tawsil.kernel.jobs import HeldJobs
from tawsil.kernel.places import Place
from tawsil.ordering import events as ordered
from tawsil.ordering import public as ordering
from tawsil.ordering.public import Acting, Party
from tawsil.payments import public as payments
from tawsil.pricing import public as pricing
from tawsil.simulation.day import Parts
from tawsil.simulation.mdrp import MIDNIGHT, MINUTE, Instance, Order, Solution, fitted
from tawsil.simulation.motion import Assignment, CourierMotion, Delivery, Stop
from tawsil.simulation.virtual import VirtualPlatform
from tawsil.tracking import public as tracking
from tawsil.tracking.events import StopKind

SEED: Final = 2018
LONGEST_AFTER_HOURS: Final = timedelta(hours=6)
"""By then every order has been handed over or given up."""
_ACCURACY_M: Final = 5.0
_DISH_MINOR: Final = 2_000
_BEGUN: Final = frozenset(
    {
        "order.placed.v1",
        "payment.authorised.v1",
        "order.offered.v1",
        "order.accepted.v1",
        "delivery.requested.v1",
        "order.preparation_started.v1",
        "order.ready.v1",
    }
)
_DELIVERED: Final = _BEGUN | {
    "delivery.assigned.v1",
    "order.courier_assigned.v1",
    "order.picked_up.v1",
    "delivery.picked_up.v1",
    "order.delivered.v1",
    "delivery.done.v1",
    "payment.captured.v1",
    "order.settled.v1",
}
_CANCELLED: Final = _BEGUN | {"delivery.given_up.v1", "order.cancelled.v1", "payment.voided.v1"}


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
    pool = await connect(url, most=2)
    try:
        database = Database(pool, now=clock, ids=Ids(clock, Random(SEED)), jobs=held)  # noqa: S311 - ids of a replay, not secrets
        platform = VirtualPlatform(
            database,
            clock=clock,
            held=held,
            registry=parts.registry,
            subscriptions=parts.subscriptions,
            deadlines=parts.deadlines,
            jobs={},  # cash needs no acquirer
        )
        day = _Day(platform, await _Town.settle(database, instance), policy=policy)
        await day.live(progress or _nobody)
        return await day.outcome()
    finally:
        await pool.close()


class _Town:
    """Who is who in the platform."""

    def __init__(self, instance: Instance, *, ids: Ids) -> None:
        self.instance = instance
        self.tenant_id, self.city_id = ids(), ids()
        self.merchants = {name: ids() for name in instance.restaurants}
        self.restaurants = {id_: name for name, id_ in self.merchants.items()}
        self.couriers = {ids(): shift for shift in instance.shifts if shift.on_at < shift.off_at}
        self.dishes: dict[str, UUID] = {}

    @classmethod
    async def settle(cls, database: Database, instance: Instance) -> "_Town":
        town = cls(instance, ids=database.ids)
        async with database.transaction() as tx:
            await town._settle(tx)
        return town

    def by(self, tx: Tx, *, role: str = "system", actor_id: UUID | None = None) -> By:
        return By(tenant_id=self.tenant_id, correlation_id=tx.ids(), role=role, actor_id=actor_id)

    async def _settle(self, tx: Tx) -> None:
        name = self.instance.name
        await geography.create_tenant(
            tx, tenant=geography.Tenant(id=self.tenant_id, slug=name.lower(), name=name)
        )
        await geography.create_city(tx, city=self._city())
        await catalog.create_merchants(tx, merchants=[self._merchant(r) for r in self.merchants])
        for restaurant, id_ in self.merchants.items():
            menu = await catalog.menu(tx, merchant_id=id_)
            self.dishes[restaurant] = menu.categories[0].products[0].id
        await couriers.create_couriers(
            tx,
            couriers=[
                couriers.NewCourier(
                    by=self.by(tx),
                    courier_id=id_,
                    city_id=self.city_id,
                    vehicle=couriers.Vehicle.CAR,
                )
                for id_ in self.couriers
            ],
        )

    def _city(self) -> geography.City:
        """A courier earns what the instance pays per order."""
        name = self.instance.name
        return geography.City(
            id=self.city_id,
            tenant_id=self.tenant_id,
            slug=name.lower(),
            name_en=name,
            name_ar=name,
            currency="USD",
            timezone="UTC",
            centre=next(iter(self.instance.restaurants.values())).place,
            rules=geography.CityRules(
                delivery_base_minor=round(100 * self.instance.pay_per_order),
                delivery_per_km_minor=0,
                courier_share_bp=10_000,
                small_order_fee_minor=0,
                most_delivery_distance_m=1_000_000,
                detour_factor=1.0,
            ),
        )

    def _merchant(self, restaurant: str) -> catalog.NewMerchant:
        dish = catalog.NewProduct(name_en="Meal", name_ar="وجبة", price_minor=_DISH_MINOR)
        return catalog.NewMerchant(
            id=self.merchants[restaurant],
            tenant_id=self.tenant_id,
            city_id=self.city_id,
            name_en=restaurant,
            name_ar=restaurant,
            cuisine="any",
            address_en=restaurant,
            address_ar=restaurant,
            place=self.instance.restaurants[restaurant].place,
            phone="",
            currency="USD",
            hours=catalog.ALWAYS,
            categories=(catalog.NewCategory(name_en="Menu", name_ar="قائمة", products=(dish,)),),
        )


class _Agenda(Struct):
    """What happens at one minute, whatever is decided in it."""

    shifts: list[UUID] = []
    orders: list[Order] = []
    ready: list[UUID] = []
    pings: list[tuple[UUID, Place]] = []
    handovers: list[tuple[UUID, UUID]] = []
    """Courier and order."""


class _Chronicle:
    """What the platform recorded, as far as a solution tells it."""

    def __init__(self) -> None:
        self.placed = 0
        self.ended: set[UUID] = set()
        self.assigned_at: dict[UUID, datetime] = {}
        self.picked_up: dict[UUID, tuple[UUID, datetime]] = {}
        self.delivered_at: dict[UUID, datetime] = {}

    @property
    def live(self) -> int:
        return self.placed - len(self.ended)

    def watch(self, recorded: Recorded[Any]) -> None:
        match recorded.event:
            case ordered.OrderPlaced():
                self.placed += 1
            case dispatched.DeliveryAssigned(reference_id=order_id):
                self.assigned_at[order_id] = recorded.at
            case ordered.OrderPickedUp(order_id=order_id, courier_id=courier_id):
                assert courier_id is not None, "somebody picked it up"
                self.picked_up[order_id] = courier_id, recorded.at
            case ordered.OrderDelivered(order_id=order_id):
                self.delivered_at[order_id] = recorded.at
            case (
                ordered.OrderSettled(order_id=order_id) | ordered.OrderCancelled(order_id=order_id)
            ):
                self.ended.add(order_id)
            case _:
                pass

    def bundles(self) -> list[tuple[UUID, datetime, list[UUID]]]:
        """Courier, pick-up, and what was picked up together in the order of its drop-off."""
        trips = sorted(
            (courier_id, at, self.delivered_at[order_id], order_id)
            for order_id, (courier_id, at) in self.picked_up.items()
        )
        return [
            (courier_id, at, [order_id for *_, order_id in trip])
            for (courier_id, at), trip in groupby(trips, key=lambda t: t[:2])
        ]


class _Day:
    def __init__(self, platform: VirtualPlatform, town: _Town, *, policy: Policy) -> None:
        self._platform = platform
        self._town = town
        self._instance = town.instance
        self._policy = fitted(policy, town.instance)
        self._chronicle = _Chronicle()
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
            untold = await self._untold(tx)
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
        offers = await self._kitchens_and_dispatch(placed)
        if offers:
            for offer in offers:
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

    async def _untold(self, tx: Tx) -> int:
        """How many orders' stories are not whole: from placed to settled, or to cancelled."""
        rows = await tx.rows(
            "select correlation_id as order_id, array_agg(type order by seq) as types "
            "from kernel.event where correlation_id = any($1::uuid[]) group by 1",
            list(self._orders),
        )
        stories = {row["order_id"]: row["types"] for row in rows}
        return sum(not _whole(stories.get(id_, [])) for id_ in self._orders)


async def _all(tx: Tx, handle: Handle[Any], commands: Sequence[Command]) -> list[Any]:
    """Do all of them; on a published day nothing is refused."""
    outcomes = list(await handle(tx, commands)) if commands else []
    for outcome in outcomes:
        assert not isinstance(outcome, Refusal), f"refused on a published day: {outcome}"
    return outcomes


def _whole(types: Sequence[str]) -> bool:
    """Whether a story has every chapter to its end, or tells of a cancellation that undid it."""
    if "order.cancelled.v1" in types:
        return _CANCELLED <= set(types)
    return _DELIVERED <= set(types) and types[-1] == "order.settled.v1"


def _nobody(_: float) -> None:
    """Nobody wants to know how far the day is."""
