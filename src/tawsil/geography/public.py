"""What others may use of geography."""

from tawsil.geography.maps import GreatCircle, TravelTimes, road_distance_m
from tawsil.geography.model import ZONE_RESOLUTION, City, CityRules, Tenant, Zone
from tawsil.geography.service import (
    city,
    city_of,
    create_city,
    create_tenant,
    create_zones,
    zone_of,
    zones_of,
)
from tawsil.geography.store import cities, cities_by_id, tenant, zones

__all__ = [
    "ZONE_RESOLUTION",
    "City",
    "CityRules",
    "GreatCircle",
    "Tenant",
    "TravelTimes",
    "Zone",
    "cities",
    "cities_by_id",
    "city",
    "city_of",
    "create_city",
    "create_tenant",
    "create_zones",
    "road_distance_m",
    "tenant",
    "zone_of",
    "zones",
    "zones_of",
]
