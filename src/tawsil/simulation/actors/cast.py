"""Everybody in the city, put on the stage of virtual time."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from tawsil.dispatch import events as dispatched
from tawsil.identity.public import Role
from tawsil.kernel.decisions import By
from tawsil.kernel.events import Recorded
from tawsil.kernel.places import Place
from tawsil.ordering import events as ordered
from tawsil.simulation import habits
from tawsil.simulation.actors.guest import ordering
from tawsil.simulation.actors.in_process import Directory, InProcess
from tawsil.simulation.actors.kitchen import Kitchen
from tawsil.simulation.actors.port import (
    Behaviour,
    JobLost,
    Life,
    NewOrder,
    Offered,
    OrderMoved,
    Suggested,
    Town,
)
from tawsil.simulation.actors.rider import Rider
from tawsil.simulation.actors.stage import Stage
from tawsil.simulation.city import City
from tawsil.simulation.city.dice import random_for
from tawsil.simulation.city.residents import Courier
from tawsil.simulation.habits import Habits, Phone
from tawsil.simulation.seeding import Ids
from tawsil.simulation.virtual import VirtualPlatform
from tawsil.tracking import public as tracking

PING_S: Final = 15.0
_STANDING_PING_S: Final = 60.0
_SHORTEST_SHIFT_S: Final = 600.0


class _OnTheRoad(Struct):
    """A courier and the phone in the pocket."""

    user_id: UUID
    rider: Rider
    phone: Phone
    last_place: Place | None = None
    last_s: float = float("-inf")


class Cast:
    """Merchants, couriers and customers of one city, in process."""

    def __init__(
        self, platform: VirtualPlatform, stage: Stage, *, city: City, ids: Ids, ways: Habits
    ) -> None:
        self._platform = platform
        self._stage = stage
        self._city = city
        self._ids = ids
        self._ways = ways
        self._town = Town()
        self._directory = Directory(
            platform,
            merchant_ids={m.key: i for m, i in zip(city.merchants, ids.merchants, strict=True)},
        )
        self._road: list[_OnTheRoad] = []
        platform.watch(self._spread)

    def open(self, *, end_at: datetime) -> None:
        """Merchants stand in their kitchens; couriers come and go as their shifts say."""
        for merchant, merchant_id, staff_id in zip(
            self._city.merchants, self._ids.merchants, self._ids.staff, strict=True
        ):
            kitchen = Kitchen(
                merchant,
                hands=self._hands(staff_id, Role.MERCHANT, acts_as=merchant_id),
                town=self._town,
                rng=random_for(self._city.seed, "kitchen", merchant.index),
                ways=self._ways,
            )
            self._stage.enter(kitchen.live, hears=merchant_id)
        for courier, user_id in zip(self._city.couriers, self._ids.couriers, strict=True):
            self._employ(courier, user_id, end_at=end_at)

    def expect_customers(self, *, hours: float, rate_per_hour: float) -> None:
        start_at = self._platform.clock()
        rng = random_for(self._city.seed, "arrivals")
        for number, arrival in enumerate(
            habits.arrivals(
                self._city, start_at=start_at, hours=hours, rate_per_hour=rate_per_hour, rng=rng
            )
        ):
            at_s = (arrival.at - start_at).total_seconds()
            self._stage.enter(self._visit(arrival, number), at_s=at_s)

    async def ping(self) -> None:
        """What the phones of all couriers on duty say now, in one batch."""
        seconds, now = self._stage.seconds, self._platform.clock()
        sent: list[tracking.RecordPositions] = []
        for one in self._road:
            body = one.rider.body
            place = body.at(seconds)
            due = place != one.last_place or seconds - one.last_s >= _STANDING_PING_S
            if not body.on_duty or not due:
                continue
            ping = one.phone.ping(place, at=now)
            if ping is None:
                continue
            one.last_place, one.last_s = place, seconds
            by = By(
                tenant_id=self._ids.tenant,
                actor_id=one.user_id,
                role=Role.DELIVERY_PARTNER,
                correlation_id=self._platform.database.ids(),
            )
            heard = tracking.Ping(place=ping.place, at=now, accuracy_m=ping.accuracy_m)
            sent.append(tracking.RecordPositions(by=by, courier_id=one.user_id, pings=(heard,)))
        if sent:
            await self._platform.do(tracking.record, *sent)

    def _employ(self, courier: Courier, user_id: UUID, *, end_at: datetime) -> None:
        rider = Rider(
            courier,
            city=self._city,
            hands=self._hands(user_id, Role.DELIVERY_PARTNER),
            town=self._town,
            rng=random_for(self._city.seed, "rider", courier.index),
            ways=self._ways,
        )
        phone_rng = random_for(self._city.seed, "phone", courier.index)
        self._road.append(_OnTheRoad(user_id, rider, Phone(rng=phone_rng, habits=self._ways)))
        start_at = self._platform.clock()
        for begin_at, until_at in shifts_between(
            courier, zone=self._city.time_zone, start_at=start_at, end_at=end_at
        ):
            at_s = (begin_at - start_at).total_seconds()
            for_s = (until_at - begin_at).total_seconds()
            if for_s >= _SHORTEST_SHIFT_S:
                self._stage.enter(_working(rider, for_s), at_s=at_s, hears=user_id)

    def _visit(self, arrival: habits.Arrival, number: int) -> Behaviour:
        customer = self._city.customers[arrival.customer]
        rng = random_for(self._city.seed, "visit", number)

        async def visit(life: Life) -> None:
            wish = habits.wish(
                self._city, customer, at=self._platform.clock(), rng=rng, habits=self._ways
            )
            if wish is not None:
                hands = self._hands(self._ids.customers[customer.index], Role.CUSTOMER)
                await ordering(wish, hands=hands, town=self._town, rng=rng)(life)

        return visit

    def _hands(self, user_id: UUID, role: Role, *, acts_as: UUID | None = None) -> InProcess:
        return InProcess(
            self._platform,
            tenant_id=self._ids.tenant,
            user_id=user_id,
            role=role,
            directory=self._directory,
            acts_as=acts_as,
        )

    def _spread(self, recorded: Recorded[Any]) -> None:
        """Tell whom an event concerns, as the live stream would."""
        match recorded.event:
            case ordered.OrderOffered() as event:
                self._stage.tell(event.merchant_id, NewOrder(event.order_id))
            case ordered.OrderEvent() as event if event.courier_id is not None:
                self._stage.tell(event.courier_id, OrderMoved(event.order_id, event.status))
            case dispatched.OfferMade() as event:
                self._stage.tell(event.courier_id, _offered(event))
            case dispatched.MoveSuggested() as event:
                self._stage.tell(event.courier_id, Suggested(event.place))
            case dispatched.DeliveryUnassigned() as event:
                self._stage.tell(event.courier_id, JobLost(event.reference_id))
            case _:
                pass


def _working(rider: Rider, for_s: float) -> Behaviour:
    async def work(life: Life) -> None:
        await rider.work(life, for_s=for_s)

    return work


def _offered(event: dispatched.OfferMade) -> Offered:
    return Offered(
        offer_id=event.offer_id,
        order_ids=event.reference_ids,
        distance_m=event.payload.distance_m,
        pay_minor=event.payload.earning_minor,
        route=tuple(stop.place for stop in event.payload.stops),
    )


def shifts_between(
    courier: Courier, *, zone: str, start_at: datetime, end_at: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """When a courier works between two instants, in order."""
    found: list[tuple[datetime, datetime]] = []
    day: date = start_at.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    while (midnight := datetime.combine(day, time(), ZoneInfo(zone))) < end_at:
        for span in courier.shifts:
            if span.weekday == day.weekday():
                begin_at = max(start_at, midnight + timedelta(minutes=span.start_min))
                until_at = midnight + timedelta(minutes=span.end_min)
                if begin_at < min(until_at, end_at):
                    found.append((begin_at, until_at))
        day += timedelta(days=1)
    yield from sorted(found)
