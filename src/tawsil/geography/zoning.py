"""Drawing, changing and retiring zones: what is decided, from the zones a city has."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from msgspec.structs import replace

from tawsil.geography import polygons
from tawsil.geography.events import ZoneChanged, ZoneCreated, ZoneReinstated, ZoneRetired
from tawsil.geography.model import City, Zone, cells_of
from tawsil.kernel.decisions import Decision, Refusal, accept, refuse
from tawsil.kernel.places import distance_m

FARTHEST_KM: Final = 50
"""From the centre of the city to a corner of a zone."""
LARGEST_KM2: Final = 1_000
"""Some ten thousand cells."""
CORNERS: Final = 3


def create(city: City, zone: Zone, *, among: Iterable[Zone]) -> Decision[Zone]:
    drawn = _drawn(city, zone)
    if isinstance(drawn, Refusal):
        return drawn
    if refused := _slug_taken(drawn, among):
        return refused
    return accept(drawn, ZoneCreated(**_said(drawn)))


def change(city: City, zone: Zone, *, to: Zone, among: Iterable[Zone]) -> Decision[Zone]:
    """What it is called, and where it is: places are asked for anew from now on."""
    if polygons.corners(to.ring) == polygons.corners(zone.ring):
        drawn = replace(to, ring=zone.ring, cell_count=zone.cell_count)
    else:
        drawn = _drawn(city, to)
        if isinstance(drawn, Refusal):
            return drawn
    if drawn == zone:
        return accept(zone)
    if refused := _slug_taken(drawn, among):
        return refused
    return accept(drawn, ZoneChanged(**_said(drawn)))


def retire(city: City, zone: Zone, *, now: datetime) -> Decision[Zone]:
    """No place lies in it any more; what happened in it keeps its name."""
    if any(fee.zone_id == zone.id for fee in city.rules.delivery_zones):
        return refuse("zone.has_fee")
    retired = replace(zone, retired_at=now)
    return accept(retired, ZoneRetired(zone_id=zone.id, city_id=zone.city_id))


def reinstate(zone: Zone, *, among: Iterable[Zone]) -> Decision[Zone]:
    """As it was; unless its name has been given to another since."""
    if zone.retired_at is None:
        return accept(zone)
    if refused := _slug_taken(zone, among):
        return refused
    back = replace(zone, retired_at=None)
    return accept(back, ZoneReinstated(**_said(back)))


def _drawn(city: City, zone: Zone) -> Zone | Refusal:
    """The zone with its corners, each once, and the number of its cells."""
    ring = polygons.corners(zone.ring)
    if len(set(ring)) < CORNERS:
        return refuse("zone.too_few_corners", status=422)
    if any(distance_m(city.centre, corner) > FARTHEST_KM * 1_000 for corner in ring):
        return refuse("zone.outside_city", status=422, km=FARTHEST_KM)
    if polygons.crosses_itself(ring):
        return refuse("zone.crosses_itself", status=422)
    if polygons.area_km2(ring) > LARGEST_KM2:
        return refuse("zone.too_large", status=422, km2=LARGEST_KM2)
    drawn = replace(zone, ring=ring)
    return replace(drawn, cell_count=len(cells_of(drawn)))


def _slug_taken(zone: Zone, among: Iterable[Zone]) -> Refusal | None:
    taken = any(other.slug == zone.slug and other.id != zone.id for other in among)
    return refuse("zone.slug_taken", slug=zone.slug) if taken else None


def _said(zone: Zone) -> dict[str, Any]:
    return {
        "zone_id": zone.id,
        "city_id": zone.city_id,
        "slug": zone.slug,
        "name_en": zone.name_en,
        "name_ar": zone.name_ar,
        "ring": zone.ring,
        "cells": zone.cell_count,
    }
