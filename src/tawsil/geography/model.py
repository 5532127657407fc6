"""Tenants, areas, cities, zones and the H3 cells they are made of."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import h3.api.basic_int
from msgspec import Struct
from msgspec.structs import replace

from tawsil.geography.events import (
    AreaCreated,
    AreaMoved,
    AreaRenamed,
    CityChanged,
    CityOpened,
    CityPlaced,
    CityRulesChanged,
    Level,
    TenantOpened,
    TenantReinstated,
    TenantRenamed,
    TenantSuspended,
)
from tawsil.geography.rules import CityRules, flaw
from tawsil.kernel.decisions import Accepted, Deadline, Decision, Refusal, accept, refuse
from tawsil.kernel.places import Place

_h3: Any = h3.api.basic_int  # the library ships no types

ZONE_RESOLUTION: Final = 9  # hexagons of about 0.1 km², 200 m from side to side


class Tenant(Struct, frozen=True, kw_only=True):
    """A company that runs its own deliveries here; nobody of a suspended one comes in."""

    stream: ClassVar[str] = "tenant"
    id: UUID
    version: int = 0
    slug: str
    name: str
    suspended_at: datetime | None = None

    @property
    def tenant_id(self) -> UUID:
        return self.id

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        return None


class Area(Struct, frozen=True, kw_only=True):
    """A part of a tenant's country > region > district > municipality; a country has no parent."""

    stream: ClassVar[str] = "area"
    id: UUID
    version: int = 0
    tenant_id: UUID
    level: Level
    parent_id: UUID | None
    slug: str
    name_en: str
    name_ar: str

    @property
    def city_id(self) -> UUID | None:
        return None

    @property
    def deadline(self) -> Deadline | None:
        return None


Tree = Mapping[UUID, Area]
"""All areas of a tenant by id."""
LEVELS: Final = tuple(Level)


class City(Struct, frozen=True, kw_only=True):
    """A city of one tenant, with one currency (ISO 4217) and one time zone (IANA).

    It lies in one municipality, or has not been placed yet.
    """

    stream: ClassVar[str] = "city"
    id: UUID
    version: int = 0
    tenant_id: UUID
    slug: str
    name_en: str
    name_ar: str
    currency: str
    timezone: str
    centre: Place
    rules: CityRules = CityRules()
    municipality_id: UUID | None = None

    @property
    def city_id(self) -> UUID:
        return self.id

    @property
    def deadline(self) -> Deadline | None:
        return None


class Zone(Struct, frozen=True, kw_only=True):
    """A part of a city. The ring may or may not repeat its first place at the end.

    One that is retired has no cells any more; its name stays for what once happened in it.
    """

    stream: ClassVar[str] = "zone"
    id: UUID
    version: int = 0
    tenant_id: UUID
    city_id: UUID
    slug: str
    name_en: str
    name_ar: str
    ring: tuple[Place, ...]
    cell_count: int = 0
    retired_at: datetime | None = None

    @property
    def deadline(self) -> Deadline | None:
        return None

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


# Areas: every decision is made about the whole tree, so that it cannot break it


def create_area(tree: Tree, area: Area) -> Decision[Area]:
    """Add an area one level below its parent, or a country."""
    if refused := _misplaced(tree, area) or _slug_taken(tree, area):
        return refused
    created = AreaCreated(
        area_id=area.id, parent_id=area.parent_id, level=area.level, slug=area.slug
    )
    return accept(area, created)


def level_below(tree: Tree, parent_id: UUID | None) -> Level | Refusal:
    """The level of what lies in an area."""
    if parent_id is None:
        return Level.COUNTRY
    parent = tree.get(parent_id)
    if parent is None:
        return refuse("area.unknown", status=422)
    if parent.level is Level.MUNICIPALITY:
        return refuse("area.too_deep", status=422)
    return LEVELS[LEVELS.index(parent.level) + 1]


def rename_area(tree: Tree, area: Area, *, slug: str, name_en: str, name_ar: str) -> Decision[Area]:
    renamed = replace(area, slug=slug, name_en=name_en, name_ar=name_ar)
    if renamed == area:
        return accept(area)
    if refused := _slug_taken(tree, renamed):
        return refused
    return accept(
        renamed, AreaRenamed(area_id=area.id, slug=slug, name_en=name_en, name_ar=name_ar)
    )


def move_area(tree: Tree, area: Area, *, parent_id: UUID) -> Decision[Area]:
    """Put an area, and all that lies in it, into another parent of the same level as before."""
    if area.parent_id is None:
        return refuse("area.country_stays")
    if parent_id == area.parent_id:
        return accept(area)
    moved = replace(area, parent_id=parent_id)
    if refused := _misplaced(tree, moved) or _slug_taken(tree, moved):
        return refused
    return accept(moved, AreaMoved(area_id=area.id, from_id=area.parent_id, to_id=parent_id))


def open_city(tree: Tree, city: City, *, others: Collection[City]) -> Decision[City]:
    """Add a city, placed in a municipality or not yet; `others` are the tenant's."""
    if any(other.slug == city.slug for other in others):
        return refuse("city.slug_taken", slug=city.slug)
    if refused := _no_municipality(tree, city.municipality_id) or _no_timezone(city.timezone):
        return refused
    opened = CityOpened(
        city_id=city.id,
        slug=city.slug,
        currency=city.currency,
        timezone=city.timezone,
        municipality_id=city.municipality_id,
    )
    return accept(city, opened)


def without_loyalty(city: City) -> City:
    """As if the city gave no points."""
    rules = replace(city.rules, loyalty=replace(city.rules.loyalty, on=False))
    return replace(city, rules=rules)


def change_city(city: City, *, to: City) -> Decision[City]:
    """Its names, time zone and centre. What it counts its money in stays: it has been counted."""
    fields = ("name_en", "name_ar", "timezone", "centre")
    differing = tuple(f for f in fields if getattr(to, f) != getattr(city, f))
    if not differing:
        return accept(city)
    if refused := _no_timezone(to.timezone):
        return refused
    changed = replace(city, **{field: getattr(to, field) for field in differing})
    return accept(changed, CityChanged(city_id=city.id, fields=differing))


def _no_timezone(name: str) -> Refusal | None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return refuse("city.timezone_unknown", status=422, timezone=name)
    return None


def open_tenant(tenant: Tenant) -> Accepted[Tenant]:
    return accept(tenant, TenantOpened(slug=tenant.slug))


def rename_tenant(tenant: Tenant, *, name: str) -> Decision[Tenant]:
    if name == tenant.name:
        return accept(tenant)
    return accept(replace(tenant, name=name), TenantRenamed(name=name))


def suspend_tenant(tenant: Tenant, *, at: datetime) -> Decision[Tenant]:
    if tenant.suspended_at is not None:
        return accept(tenant)
    return accept(replace(tenant, suspended_at=at), TenantSuspended(slug=tenant.slug))


def reinstate_tenant(tenant: Tenant) -> Decision[Tenant]:
    if tenant.suspended_at is None:
        return accept(tenant)
    return accept(replace(tenant, suspended_at=None), TenantReinstated(slug=tenant.slug))


def place_city(tree: Tree, city: City, *, municipality_id: UUID | None) -> Decision[City]:
    if municipality_id == city.municipality_id:
        return accept(city)
    if refused := _no_municipality(tree, municipality_id):
        return refused
    return accept(
        replace(city, municipality_id=municipality_id),
        CityPlaced(city_id=city.id, from_id=city.municipality_id, to_id=municipality_id),
    )


def _no_municipality(tree: Tree, area_id: UUID | None) -> Refusal | None:
    if area_id is None:
        return None
    area = tree.get(area_id)
    if area is None:
        return refuse("area.unknown", status=422)
    if area.level is not Level.MUNICIPALITY:
        return refuse("area.not_a_municipality", status=422, level=area.level)
    return None


def change_rules(city: City, *, to: CityRules, zone_ids: Collection[UUID]) -> Decision[City]:
    """For quotes from now on."""
    if refused := flaw(to, zone_ids=zone_ids):
        return refused
    fields = CityRules.__struct_fields__
    differing = tuple(f for f in fields if getattr(to, f) != getattr(city.rules, f))
    if not differing:
        return accept(city)
    return accept(replace(city, rules=to), CityRulesChanged(city_id=city.id, fields=differing))


def _misplaced(tree: Tree, area: Area) -> Refusal | None:
    below = level_below(tree, area.parent_id)
    if isinstance(below, Refusal):
        return below
    if below is area.level:
        return None
    above = LEVELS[LEVELS.index(area.level) - 1]
    return refuse("area.wrong_level", status=422, level=area.level, needed=above)


def _slug_taken(tree: Tree, area: Area) -> Refusal | None:
    taken = any(
        other.slug == area.slug and other.parent_id == area.parent_id and other.id != area.id
        for other in tree.values()
    )
    return refuse("area.slug_taken", slug=area.slug) if taken else None
