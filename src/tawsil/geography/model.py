"""Tenants, cities and their rules, zones and the H3 cells they are made of."""

from typing import Annotated, Any, Final
from uuid import UUID

import h3.api.basic_int
from msgspec import Meta, Struct

from tawsil.kernel.places import Place

_h3: Any = h3.api.basic_int  # the library ships no types

ZONE_RESOLUTION: Final = 9  # hexagons of about 0.1 km², 200 m from side to side

BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]
Minor = Annotated[int, Meta(ge=0)]


class Tenant(Struct, frozen=True, kw_only=True):
    """A company that runs its own deliveries on this platform."""

    id: UUID
    slug: str
    name: str


class CityRules(Struct, frozen=True, kw_only=True):
    """What a city decides for itself; what it leaves out is as here.

    A delivery costs the base fee up to `delivery_included_m`, then so much for each kilometre more.
    """

    tax_bp: BasisPoints = 500
    commission_bp: BasisPoints = 2_000
    service_fee_bp: BasisPoints = 500
    small_order_minor: Minor = 3_000
    small_order_fee_minor: Minor = 300
    delivery_base_minor: Minor = 500
    delivery_per_km_minor: Minor = 150
    delivery_included_m: Annotated[int, Meta(ge=0)] = 1_500
    most_delivery_distance_m: Annotated[int, Meta(gt=0)] = 10_000
    courier_share_bp: BasisPoints = 8_000
    detour_factor: Annotated[float, Meta(ge=1.0, le=5.0)] = 1.35
    courier_speed_mps: Annotated[float, Meta(gt=0.0, le=60.0)] = 7.0


class City(Struct, frozen=True, kw_only=True):
    """A city of one tenant, with one currency (ISO 4217) and one time zone (IANA)."""

    id: UUID
    tenant_id: UUID
    slug: str
    name_en: str
    name_ar: str
    currency: str
    timezone: str
    centre: Place
    rules: CityRules = CityRules()


class Zone(Struct, frozen=True, kw_only=True):
    """A part of a city. The ring may or may not repeat its first place at the end."""

    id: UUID
    tenant_id: UUID
    city_id: UUID
    slug: str
    name_en: str
    name_ar: str
    ring: tuple[Place, ...]

    @property
    def closed_ring(self) -> tuple[Place, ...]:
        return self.ring if self.ring[0] == self.ring[-1] else (*self.ring, self.ring[0])


def cells_of(zone: Zone) -> list[int]:
    """The H3 cells whose centres lie in the zone, so that neighbours never share one.

    A zone too small to hold any centre gets the cells it touches.
    """
    ring = [(place.latitude, place.longitude) for place in zone.ring]
    assert len(set(ring)) >= 3, f"zone {zone.slug} needs at least three corners"
    shape = _h3.LatLngPoly(ring)
    cells = _h3.h3shape_to_cells(shape, ZONE_RESOLUTION) or (
        _h3.h3shape_to_cells_experimental(shape, ZONE_RESOLUTION, contain="overlap")
    )
    return sorted(int(cell) for cell in cells)
