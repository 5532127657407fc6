"""The ground under every map: a file where there is one, a plain grid otherwise."""

import asyncio
from hashlib import sha256
from math import cos, radians
from pathlib import Path
from typing import Any, Final

import msgspec

from tawsil.consoles.picture import CityFacts

LINES: Final = 13
SPACING_M: Final = 500.0
METRES_PER_DEGREE: Final = 111_195.0


async def of(city: CityFacts, *, data: Path) -> bytes:
    """A GeoJSON FeatureCollection whose features have `kind`, `name_en` and `name_ar`."""
    return await asyncio.to_thread(_read, data / "maps" / f"{city.slug}.geojson", city)


def archive(city: CityFacts, *, data: Path) -> Path | None:
    """The city's vector tiles (PMTiles), if there are any."""
    path = data / "maps" / f"{city.slug}.pmtiles"
    return path if _within_maps(path) else None


def version(archive: Path) -> str:
    """Otherwise once the archive is another: a browser must not mix the parts of two."""
    known = archive.stat()
    return sha256(f"{known.st_size} {known.st_mtime_ns}".encode()).hexdigest()[:12]


def _read(path: Path, city: CityFacts) -> bytes:
    return path.read_bytes() if _within_maps(path) else msgspec.json.encode(grid(city))


def _within_maps(path: Path) -> bool:
    # A slug comes from our own tables, but a file outside `maps` must never be reached.
    return path.parent.name == "maps" and path.is_file()


def grid(city: CityFacts) -> dict[str, Any]:
    """Lines every 500 m around the centre, every fourth an avenue, so that distances show."""
    lat, lon = city.centre.latitude, city.centre.longitude
    step_lat = SPACING_M / METRES_PER_DEGREE
    step_lon = step_lat / max(cos(radians(lat)), 0.01)
    half = LINES // 2
    features: list[dict[str, Any]] = []
    for n in range(-half, half + 1):
        across = [
            [lon - half * step_lon, lat + n * step_lat],
            [lon + half * step_lon, lat + n * step_lat],
        ]
        along = [
            [lon + n * step_lon, lat - half * step_lat],
            [lon + n * step_lon, lat + half * step_lat],
        ]
        kind = "avenue" if n % 4 == 0 else "street"
        features += [_line(across, kind), _line(along, kind)]
    return {"type": "FeatureCollection", "features": features}


def _line(points: list[list[float]], kind: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"kind": kind, "name_en": "", "name_ar": ""},
        "geometry": {"type": "LineString", "coordinates": points},
    }
