"""What is told live though no event records it: where couriers are, and how zones do."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tawsil.dispatch import public as dispatching
from tawsil.geography import public as geography
from tawsil.kernel.db import Database
from tawsil.kernel.http.live import Audience, Feed, LiveMessage
from tawsil.ordering import public as ordering
from tawsil.tracking import public as tracking

ZONES_EVERY: Final = timedelta(seconds=15)
MOST_ONE_BY_ONE: Final = 500
"""A listener who is told more in a second than it reads is dropped: operations then hear of all
couriers together only."""


def zones() -> Feed:
    """How zones do, to those above them: at most every fifteen seconds, and only what changed."""
    looked_at: datetime | None = None
    told: dict[UUID, dispatching.ZoneHealth] = {}

    async def feed(database: Database) -> Sequence[LiveMessage]:
        nonlocal looked_at
        now = database.now()
        if looked_at is not None and now - looked_at < ZONES_EVERY:
            return []
        looked_at = now
        async with database.transaction() as tx:
            cities = await geography.cities(tx)
            found = [
                (city.tenant_id, zone)
                for city in cities
                for zone in await dispatching.zone_health(tx, city_id=city.id)
            ]
        changed = [(tenant_id, z) for tenant_id, z in found if told.get(z.zone_id) != z]
        told.update((zone.zone_id, zone) for _, zone in changed)
        return [_zone_changed(zone, tenant_id=tenant_id) for tenant_id, zone in changed]

    return feed


def _zone_changed(zone: dispatching.ZoneHealth, *, tenant_id: UUID) -> LiveMessage:
    return LiveMessage(
        event="zone_health_updated",
        data={
            "zoneId": zone.zone_id,
            "cityId": zone.city_id,
            "metrics": {
                "waiting": zone.waiting,
                "late": zone.late,
                "carried": zone.carried,
                "free": zone.free,
                "busy": zone.busy,
                "wait": zone.wait_s,
                "score": zone.score,
            },
        },
        audience=Audience(tenant_id=tenant_id, city_id=zone.city_id),
    )


def positions() -> Feed:
    """Where couriers are, once a second; customer and merchant see one only while on their order.

    Operations hear of all at once. Managers see those who carry something for a city of theirs.
    """
    seen_at: datetime | None = None

    async def feed(database: Database) -> Sequence[LiveMessage]:
        nonlocal seen_at
        async with database.transaction() as tx:
            since_at = seen_at or tx.now - timedelta(seconds=2)
            moved = await tracking.moved_since(tx, since=since_at)
            carried = await ordering.carried_by(tx, courier_ids=[p.courier_id for p in moved])
            seen_at = tx.now
        few = len(moved) <= MOST_ONE_BY_ONE
        one_by_one = [
            _located(position, order, operators=first and few)
            for position in moved
            for first, order in _orders_of(carried, position.courier_id)
            if few or order is not None
        ]
        return [*one_by_one, *_together(moved, carried)]

    return feed


def _located(
    position: tracking.Position, order: ordering.Order | None, *, operators: bool
) -> LiveMessage:
    return LiveMessage(
        event="delivery_location_updated",
        data={
            "courierId": position.courier_id,
            "deliveryId": order.id if order else None,
            "location": position.place,
            "latitude": position.place.latitude,
            "longitude": position.place.longitude,
            "accuracy": position.accuracy_m,
            "at": position.at,
        },
        audience=Audience(
            tenant_id=position.tenant_id,
            city_id=order.city_id if order else None,
            user_ids=frozenset({order.customer_id} if order else ()),
            location_ids=frozenset({order.merchant_id} if order else ()),
            operators=operators,
        ),
    )


def _together(
    moved: Sequence[tracking.Position], carried: Mapping[UUID, Sequence[ordering.Order]]
) -> list[LiveMessage]:
    """One message for each city that something is carried in, and one for the idle couriers."""
    of_cities: dict[tuple[UUID, UUID | None], list[tracking.Position]] = {}
    for position in moved:
        _, order = _orders_of(carried, position.courier_id)[0]
        whose = position.tenant_id, order.city_id if order else None
        of_cities.setdefault(whose, []).append(position)
    return [
        LiveMessage(
            event="couriers_moved",
            data={
                "cityId": city_id,
                "couriers": [
                    (
                        p.courier_id,
                        round(p.place.longitude, 6),
                        round(p.place.latitude, 6),
                        round(p.accuracy_m),
                        p.at,
                    )
                    for p in positions
                ],
            },
            audience=Audience(tenant_id=tenant_id, city_id=city_id),
        )
        for (tenant_id, city_id), positions in of_cities.items()
    ]


def _orders_of(
    carried: Mapping[UUID, Sequence[ordering.Order]], courier_id: UUID
) -> list[tuple[bool, ordering.Order | None]]:
    """Each order a courier is on; operations hears with the first alone, or with none."""
    on = carried.get(courier_id) or [None]
    return [(n == 0, order) for n, order in enumerate(on)]
