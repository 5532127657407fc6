"""What others may use of geography."""

from tawsil.geography.events import Level
from tawsil.geography.maps import GreatCircle, TravelTimes, road_distance_m
from tawsil.geography.model import ZONE_RESOLUTION, Area, City, CityRules, Tenant, Zone
from tawsil.geography.service import (
    CitiesBelow,
    CreateArea,
    MoveArea,
    PlaceCity,
    RenameArea,
    city,
    city_of,
    create_area,
    create_city,
    create_tenant,
    create_zones,
    move_area,
    place_city,
    rename_area,
    zone_of,
    zones_of,
)
from tawsil.geography.store import areas, cities, cities_below, cities_by_id, tenant, zones

__all__ = [
    "ZONE_RESOLUTION",
    "Area",
    "CitiesBelow",
    "City",
    "CityRules",
    "CreateArea",
    "GreatCircle",
    "Level",
    "MoveArea",
    "PlaceCity",
    "RenameArea",
    "Tenant",
    "TravelTimes",
    "Zone",
    "areas",
    "cities",
    "cities_below",
    "cities_by_id",
    "city",
    "city_of",
    "create_area",
    "create_city",
    "create_tenant",
    "create_zones",
    "move_area",
    "place_city",
    "rename_area",
    "road_distance_m",
    "tenant",
    "zone_of",
    "zones",
    "zones_of",
]
