"""What bringing something somewhere would cost and take, before anything is chosen."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from tawsil.catalog import public as catalog
from tawsil.catalog.public import Merchant
from tawsil.geography import public as geography
from tawsil.geography.public import City
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import Refusal
from tawsil.kernel.money import share
from tawsil.kernel.places import Place
from tawsil.pricing.model import quote as model
from tawsil.pricing.model.conditions import CALM, Terms
from tawsil.pricing.model.fees import DeliveryFeeParts, delivery_fee_parts
from tawsil.pricing.service import climate

SLOWER_BP: Final = 2_500
"""By how much longer nine deliveries of ten may take than the usual one."""
SLOWER_AT_LEAST_S: Final = 300


class Estimate(Struct, frozen=True, kw_only=True):
    """Of one merchant, be it open or not. `refusal`: why nothing goes there."""

    merchant_id: UUID
    currency: str
    distance_m: int
    refusal: Refusal | None
    fee: DeliveryFeeParts
    free_from_minor: int | None
    usual_s: int

    @property
    def latest_s(self) -> int:
        slower_s = share(self.usual_s, basis_points=SLOWER_BP)
        return self.usual_s + max(SLOWER_AT_LEAST_S, slower_s)


async def estimate(tx: Tx, *, merchant_ids: Sequence[UUID], to: Place) -> list[Estimate]:
    """Of those merchants that exist, in order."""
    known = await catalog.merchants_shown(tx, ids=merchant_ids)
    cities = await geography.cities_by_id(tx, ids=list({m.city_id for m in known.values()}))
    conditions = await climate.conditions(tx, city_ids=cities)
    terms = {id_: conditions[id_].terms if id_ in conditions else CALM for id_ in cities}
    zones = await _zones(tx, cities=cities, terms=terms, to=to)
    return [
        _estimate(
            tx,
            merchant,
            cities[merchant.city_id],
            terms=terms[merchant.city_id],
            zone_id=zones.get(merchant.city_id),
            to=to,
        )
        for id_ in dict.fromkeys(merchant_ids)
        if (merchant := known.get(id_)) is not None
    ]


async def _zones(
    tx: Tx, *, cities: Mapping[UUID, City], terms: Mapping[UUID, Terms], to: Place
) -> dict[UUID, UUID]:
    """The zone of the place in each city whose zones matter."""
    found: dict[UUID, UUID] = {}
    for city in cities.values():
        if terms[city.id].paused_zone_ids or city.rules.delivery_zones:
            zone = await geography.zone_of(tx, city_id=city.id, place=to)
            if zone is not None:
                found[city.id] = zone.id
    return found


def _estimate(
    tx: Tx, merchant: Merchant, city: City, *, terms: Terms, zone_id: UUID | None, to: Place
) -> Estimate:
    rules = city.rules
    distance_m = round(geography.road_distance_m(merchant.place, to, rules.detour_factor))
    at_local = tx.now.astimezone(ZoneInfo(city.timezone))
    fee = partial(delivery_fee_parts, distance_m, rules=rules, zone_id=zone_id, at_local=at_local)
    return Estimate(
        merchant_id=merchant.id,
        currency=merchant.currency,
        distance_m=distance_m,
        refusal=model.check_distance(distance_m, rules=rules)
        or model.check_conditions(distance_m, zone_id=zone_id, terms=terms),
        fee=fee(surge_minor=share(fee().full_minor, basis_points=terms.surge_bp)),
        free_from_minor=rules.free_delivery_from_minor,
        usual_s=merchant.expected_prep_s
        + round(distance_m / rules.courier_speed_mps)
        + terms.extra_wait_s,
    )
