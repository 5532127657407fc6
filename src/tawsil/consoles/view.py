"""How a picture is found: every question these pages ask of the contexts below stands here."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol
from uuid import UUID

from tawsil.catalog import public as catalog
from tawsil.consoles import rulings, situations
from tawsil.consoles import who_and_where as known
from tawsil.consoles.picture import (
    KPI_WINDOW,
    CityFacts,
    CourierMark,
    MerchantMark,
    Name,
    OrderMark,
    Picture,
    Presence,
    by_urgency,
)
from tawsil.consoles.situation import Ruling, Situation
from tawsil.consoles.story import (
    CourierStory,
    Errand,
    Story,
    Weighed,
    Why,
)
from tawsil.consoles.words import amount, entries
from tawsil.couriers import public as couriers
from tawsil.couriers.public import Availability
from tawsil.dispatch import public as dispatch
from tawsil.geography import public as geography
from tawsil.kernel.db import Database
from tawsil.kernel.events import Recorded, Registry
from tawsil.kernel.places import Place
from tawsil.ordering import public as ordering
from tawsil.ordering.public import Order
from tawsil.tracking import public as tracking

PRESENCE: Final = {
    Availability.AVAILABLE: Presence.FREE,
    Availability.ON_OFFER: Presence.OFFERED,
    Availability.ON_JOB: Presence.BUSY,
    Availability.ENDING_SHIFT: Presence.BUSY,
    Availability.ON_BREAK: Presence.BREAK,
    Availability.OFFLINE: Presence.OFF,
}


class Watch(Protocol):
    """What the pages are drawn from."""

    async def picture(self, *, tenant_id: UUID, slug: str | None = None) -> Picture | None:
        """A city now, by its slug or the tenant's first; None when there is no such city."""
        ...

    async def story(self, *, tenant_id: UUID, order_id: UUID) -> Story | None:
        """An order of the tenant from its beginning; None when there is no such order."""
        ...

    async def rider(self, *, tenant_id: UUID, courier_id: UUID) -> CourierStory | None:
        """A courier of the tenant; None when there is no such courier."""
        ...

    async def city(self, *, tenant_id: UUID, slug: str | None = None) -> CityFacts | None: ...

    async def place(self, *, city_id: UUID) -> CityFacts | None:
        """A city of any tenant: where it lies is no secret."""
        ...

    async def situation(self, *, tenant_id: UUID, slug: str | None = None) -> Situation | None:
        """A city's dispatch now; None when there is no such city."""
        ...

    async def ruling(self, *, tenant_id: UUID, decision_id: UUID) -> Ruling | None:
        """One decision explained; None when it is not there or another tenant's."""
        ...


class LiveWatch:
    """A `Watch` over the platform's own database."""

    def __init__(self, database: Database, *, registry: Registry) -> None:
        self._database = database
        self._registry = registry

    async def city(self, *, tenant_id: UUID, slug: str | None = None) -> CityFacts | None:
        async with self._database.transaction() as tx:
            return known.chosen(await known.cities(tx, tenant_id=tenant_id), slug=slug)

    async def place(self, *, city_id: UUID) -> CityFacts | None:
        async with self._database.transaction() as tx:
            city = await geography.city(tx, city_id=city_id)
            return known.facts(city) if city else None

    async def situation(self, *, tenant_id: UUID, slug: str | None = None) -> Situation | None:
        async with self._database.transaction() as tx:
            return await situations.situation(tx, tenant_id=tenant_id, slug=slug)

    async def ruling(self, *, tenant_id: UUID, decision_id: UUID) -> Ruling | None:
        async with self._database.transaction() as tx:
            return await rulings.ruling(tx, tenant_id=tenant_id, id_=decision_id)

    async def picture(self, *, tenant_id: UUID, slug: str | None = None) -> Picture | None:
        async with self._database.transaction() as tx:
            cities = await known.cities(tx, tenant_id=tenant_id)
            city = known.chosen(cities, slug=slug)
            if city is None:
                return None
            orders = await ordering.live(tx, city_id=city.id)
            on_duty = await couriers.on_duty(tx, city_id=city.id)
            names = await known.names(
                tx, tenant_id=tenant_id, ids=[*(c.id for c in on_duty), *_courier_ids(orders)]
            )
            zones = await known.zones(tx, city_id=city.id)
            seen = await tracking.latest(tx, courier_ids=[c.id for c in on_duty])
            within = await known.zones_of(
                tx, city_id=city.id, places=[*(o.pickup for o in orders), *_places(seen)]
            )
            merchants = await catalog.merchants(
                tx, tenant_id=tenant_id, ids=sorted({o.merchant_id for o in orders})
            )
            summary = await ordering.summary(tx, city_id=city.id, since=tx.now - KPI_WINDOW)
            return Picture(
                city=city,
                cities=cities,
                at=tx.now,
                orders=by_urgency(
                    [
                        _order(o, merchants=merchants, names=names, zone_id=within.get(o.pickup))
                        for o in orders
                    ]
                ),
                couriers=tuple(
                    _courier(c, names=names, seen=seen.get(c.id), within=within) for c in on_duty
                ),
                zones=zones,
                merchants=tuple(
                    MerchantMark(id=m.id, name=Name(m.name_en, m.name_ar), place=m.place)
                    for m in merchants.values()
                ),
                conditions=await known.conditions(tx, city_id=city.id, among=zones),
                delivered=summary.delivered,
                median_s=summary.median_delivery_s,
            )

    async def story(self, *, tenant_id: UUID, order_id: UUID) -> Story | None:
        async with self._database.transaction() as tx:
            found = await ordering.get_many(tx, tenant_id=tenant_id, ids=[order_id])
            order = found.get(order_id)
            if order is None:
                return None
            cities = await geography.cities_by_id(tx, ids=[order.city_id])
            city = known.facts(cities[order.city_id])
            recorded = await ordering.timeline(tx, self._registry, order_id=order_id)
            reasons = await dispatch.explanation(tx, reference_id=order_id)
            thought_of = [c.courier for c in reasons.considered] if reasons else []
            names = await known.names(
                tx, tenant_id=tenant_id, ids=[*_people(order, recorded), *thought_of]
            )
            delivery = (await dispatch.of_references(tx, reference_ids=[order_id])).get(order_id)
            merchants = await catalog.merchants(tx, tenant_id=tenant_id, ids=[order.merchant_id])
            return Story(
                city=city,
                at=tx.now,
                order=_order(order, merchants=merchants, names=names),
                entries=entries(recorded, names=names, timezone=city.timezone),
                why=_why(reasons, names) if reasons else None,
                errand=_errand(delivery) if delivery else None,
                case=await situations.case(tx, tenant_id=tenant_id, delivery=delivery)
                if delivery
                else None,
            )

    async def rider(self, *, tenant_id: UUID, courier_id: UUID) -> CourierStory | None:
        async with self._database.transaction() as tx:
            courier = (await couriers.get_many(tx, ids=[courier_id])).get(courier_id)
            if courier is None or courier.tenant_id != tenant_id:
                return None
            cities = await geography.cities_by_id(tx, ids=[courier.city_id])
            names = await known.names(tx, tenant_id=tenant_id, ids=[courier_id])
            seen = (await tracking.latest(tx, courier_ids=[courier_id])).get(courier_id)
            orders = (await ordering.carried_by(tx, courier_ids=[courier_id])).get(courier_id, [])
            merchants = await catalog.merchants(
                tx, tenant_id=tenant_id, ids=sorted({o.merchant_id for o in orders})
            )
            return CourierStory(
                city=known.facts(cities[courier.city_id]),
                at=tx.now,
                courier=_courier(courier, names=names, seen=seen, within={}),
                since_at=courier.since_at,
                rating=courier.rating,
                orders=tuple(_order(o, merchants=merchants, names=names) for o in orders),
            )


def _places(seen: Mapping[UUID, tracking.Position]) -> list[Place]:
    return [position.place for position in seen.values()]


def _courier(
    courier: couriers.Courier,
    *,
    names: Mapping[UUID, str],
    seen: tracking.Position | None,
    within: Mapping[Place, UUID],
) -> CourierMark:
    return CourierMark(
        id=courier.id,
        name=names.get(courier.id, ""),
        presence=PRESENCE[courier.availability],
        vehicle=courier.vehicle.value,
        place=seen.place if seen else None,
        seen_at=seen.at if seen else None,
        zone_id=within.get(seen.place) if seen else None,
    )


def _errand(delivery: dispatch.Delivery) -> Errand:
    incentive, risk = delivery.incentive_minor, delivery.risk
    return Errand(
        incentive=amount(incentive, delivery.currency) if incentive else None,
        at_risk=risk.cause.value if risk else None,
        since_at=risk.since_at if risk else None,
        ends_at=delivery.grace_ends_at,
    )


def _why(reasons: dispatch.Explanation, names: Mapping[UUID, str]) -> Why:
    chosen = reasons.told.courier if reasons.told else None
    return Why(
        decision_id=reasons.decision_id,
        at=reasons.at,
        policy=f"{reasons.policy} {reasons.policy_version}",
        weighed=tuple(
            Weighed(
                name=names.get(c.courier, ""),
                chosen=c.courier == chosen,
                pickup_at=c.pickup_at,
                cost_s=sum(c.terms.values()),
                terms=c.terms,
            )
            for c in reasons.considered
        ),
        excluded={left.reason: left.couriers for left in reasons.left_out},
        held_because=reasons.held.reason if reasons.held and not reasons.told else None,
    )


def _courier_ids(orders: Iterable[Order]) -> list[UUID]:
    return [order.courier_id for order in orders if order.courier_id is not None]


def _people(order: Order, recorded: Iterable[Recorded[Any]]) -> set[UUID]:
    """Everybody whose name the story says: who acted, and which couriers it is about."""
    people = set(_courier_ids([order]))
    for one in recorded:
        courier_id: UUID | None = getattr(one.event, "courier_id", None)
        people |= {id_ for id_ in (one.actor_id, courier_id) if id_ is not None}
    return people


def _order(
    order: Order,
    *,
    merchants: dict[UUID, catalog.Merchant],
    names: dict[UUID, str],
    zone_id: UUID | None = None,
) -> OrderMark:
    merchant, deadline = merchants.get(order.merchant_id), order.deadline
    return OrderMark(
        id=order.id,
        number=order.number,
        status=order.status.value,
        merchant=Name(merchant.name_en, merchant.name_ar) if merchant else Name("", ""),
        courier=names.get(order.courier_id) if order.courier_id else None,
        courier_id=order.courier_id,
        pickup=order.pickup,
        dropoff=order.dropoff,
        placed_at=order.placed_at,
        promised_at=order.promised_at if order.live else None,
        deadline_kind=deadline.kind if deadline else None,
        deadline_at=deadline.at if deadline else None,
        zone_id=zone_id,
    )
