"""What happens to areas, and to cities in them: it changes what managers see."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from tawsil.kernel.decisions import Event


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


EVENTS: Final = (AreaCreated, AreaRenamed, AreaMoved, CityPlaced, CityRulesChanged)
