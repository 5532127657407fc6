"""Cities, people and orders by name, as every page needs them."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from tawsil.catalog import public as catalog
from tawsil.consoles.picture import STEPS, CityFacts, Conditions, Name, ZoneMark
from tawsil.consoles.situation import Subject
from tawsil.geography import public as geography
from tawsil.geography.public import City
from tawsil.identity import public as identity
from tawsil.kernel.db import Tx
from tawsil.kernel.places import Place
from tawsil.ordering import public as ordering
from tawsil.pricing import public as pricing


async def cities(tx: Tx, *, tenant_id: UUID) -> tuple[CityFacts, ...]:
    return tuple(facts(city) for city in await geography.cities(tx, tenant_id=tenant_id))


def chosen(known: Sequence[CityFacts], *, slug: str | None) -> CityFacts | None:
    """A city by its slug, or the first; None when there is no such city."""
    return next((city for city in known if slug in {None, city.slug}), None)


def facts(city: City) -> CityFacts:
    return CityFacts(
        id=city.id,
        slug=city.slug,
        name=Name(city.name_en, city.name_ar),
        timezone=city.timezone,
        centre=city.centre,
    )


async def names(tx: Tx, *, tenant_id: UUID, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    wanted = {id_ for id_ in ids if id_ is not None}
    users = await identity.get_many(tx, tenant_id=tenant_id, ids=wanted)
    return {user_id: user.name for user_id, user in users.items()}


async def zones(tx: Tx, *, city_id: UUID) -> tuple[ZoneMark, ...]:
    found = await geography.zones(tx, city_id=city_id)
    return tuple(ZoneMark(zone.id, Name(zone.name_en, zone.name_ar)) for zone in found)


async def zones_of(tx: Tx, *, city_id: UUID, places: Sequence[Place]) -> dict[Place, UUID]:
    """The zone of each place that lies in one."""
    found = await geography.zones_of(tx, city_id=city_id, places=places)
    return {place: zone.id for place, zone in zip(places, found, strict=True) if zone}


async def conditions(tx: Tx, *, city_id: UUID, among: Sequence[ZoneMark]) -> Conditions:
    """What customers of a city meet; `among` are its zones."""
    now = (await pricing.conditions(tx, city_ids=[city_id])).get(city_id)
    if now is None:
        return Conditions()
    return Conditions(
        step=STEPS[now.pressure],
        extra_wait_s=now.terms.extra_wait_s,
        surge_bp=now.terms.surge_bp,
        reach_m=now.terms.reach_m,
        paused=tuple(zone for zone in among if zone.id in now.terms.paused_zone_ids),
        since_at=now.since_at,
        held=now.held,
        held_until_at=now.held_until_at,
        reason=now.reason,
    )


async def subjects(
    tx: Tx, *, tenant_id: UUID, reference_ids: Iterable[UUID]
) -> Mapping[UUID, Subject]:
    """What deliveries are for, by what their owners call them; never lacking one."""
    ids = list(reference_ids)
    orders = await ordering.get_many(tx, tenant_id=tenant_id, ids=ids)
    merchants = await catalog.merchants(
        tx, tenant_id=tenant_id, ids=sorted({o.merchant_id for o in orders.values()})
    )
    known = {id_: Subject(reference_id=id_) for id_ in ids}
    for order in orders.values():
        merchant = merchants.get(order.merchant_id)
        known[order.id] = Subject(
            reference_id=order.id,
            number=order.number,
            merchant=Name(merchant.name_en, merchant.name_ar) if merchant else None,
        )
    return known
