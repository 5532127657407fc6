"""What happens to areas and to cities in them, which changes what managers see; and to zones."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event
from tawsil.kernel.places import Place


class Level(StrEnum):
    """How large an area is; each lies in one of the level before."""

    COUNTRY = "country"
    REGION = "region"
    DISTRICT = "district"
    MUNICIPALITY = "municipality"


class AreaCreated(Event, frozen=True, tag="area.created.v1"):
    area_id: UUID
    parent_id: UUID | None
    level: Level
    slug: str


class AreaRenamed(Event, frozen=True, tag="area.renamed.v1"):
    area_id: UUID
    slug: str
    name_en: str
    name_ar: str


class AreaMoved(Event, frozen=True, tag="area.moved.v1"):
    area_id: UUID
    from_id: UUID
    to_id: UUID


class CityPlaced(Event, frozen=True, tag="city.placed.v1"):
    """Now in this municipality; in none, it is below no manager's area."""

    city_id: UUID
    from_id: UUID | None
    to_id: UUID | None


class CityRulesChanged(Event, frozen=True, tag="city.rules_changed.v1"):
    """What the city decides about these is otherwise from now on."""

    city_id: UUID
    fields: tuple[str, ...]


class ZoneDrawn(Event, frozen=True):
    """A zone is called this, has these corners, and so many cells lie in it."""

    zone_id: UUID
    city_id: UUID
    slug: str
    name_en: str
    name_ar: str
    ring: tuple[Place, ...]
    cells: int


class ZoneCreated(ZoneDrawn, frozen=True, tag="zone.created.v1"):
    pass


class ZoneChanged(ZoneDrawn, frozen=True, tag="zone.changed.v1"):
    pass


class ZoneRetired(Event, frozen=True, tag="zone.retired.v1"):
    """No place lies in it any more."""

    zone_id: UUID
    city_id: UUID


class ZoneReinstated(ZoneDrawn, frozen=True, tag="zone.reinstated.v1"):
    """It is where it was before it was retired."""


class CityOpened(Event, frozen=True, tag="city.opened.v1"):
    city_id: UUID
    slug: str
    currency: str
    timezone: str
    municipality_id: UUID | None


class CityChanged(Event, frozen=True, tag="city.changed.v1"):
    """What is written about it is otherwise from now on."""

    city_id: UUID
    fields: tuple[str, ...]


class TenantOpened(Event, frozen=True, tag="tenant.opened.v1"):
    slug: str


class TenantRenamed(Event, frozen=True, tag="tenant.renamed.v1"):
    """A company's name, which is nobody's own."""

    name: str


class TenantSuspended(Event, frozen=True, tag="tenant.suspended.v1"):
    """Nobody of it signs in."""

    slug: str


class TenantReinstated(Event, frozen=True, tag="tenant.reinstated.v1"):
    slug: str


EVENTS: Final = (
    AreaCreated,
    AreaRenamed,
    AreaMoved,
    CityPlaced,
    CityRulesChanged,
    ZoneCreated,
    ZoneChanged,
    ZoneRetired,
    ZoneReinstated,
    CityOpened,
    CityChanged,
    TenantOpened,
    TenantRenamed,
    TenantSuspended,
    TenantReinstated,
)
