"""The ground that every map is drawn on: public knowledge of a city, for whoever looks at one."""

import asyncio
import re
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from litestar import Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

from tawsil.consoles import base_map
from tawsil.consoles.assets import Asked, unless_known
from tawsil.consoles.picture import CityFacts
from tawsil.consoles.view import LiveWatch, Watch
from tawsil.consoles.words import say
from tawsil.kernel.db import Database
from tawsil.kernel.http import PUBLIC, UNLIMITED, not_found

Kind = Literal["style", "tiles", "streets"]
OPEN: Final = {"rule": PUBLIC, "limit": UNLIMITED}
AN_HOUR: Final = "public, max-age=3600"
A_MINUTE: Final = "private, max-age=60"
MOST_AT_ONCE: Final = 16 * 1024 * 1024
"""Readers of a tile archive ask for a few kilobytes at a time."""
_RANGE: Final = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")


class GroundWords(Struct, frozen=True, kw_only=True):
    """What a map says of itself, in the language of the request."""

    zoom_in: str
    zoom_out: str
    attribution: str
    scroll: str
    scroll_mac: str
    two_fingers: str
    pin: str


class Ground(Struct, frozen=True, kw_only=True):
    """What a city's map is drawn from: a style of somebody's, an archive of tiles, or streets."""

    kind: Kind
    address: str
    centre: tuple[float, float]
    """[longitude, latitude], as in GeoJSON."""
    words: GroundWords


@get("/maps/{city_id:uuid}/ground.json", opt=OPEN, include_in_schema=False)
async def show_ground(
    state: State, city_id: FromPath[UUID], database: NamedDependency[Database]
) -> Response[Ground]:
    """Where the ground of a city is, and of what kind."""
    city = await _city(state, database, city_id)
    style: str | None = state.settings.map_style_url
    archive = await asyncio.to_thread(base_map.archive, city, data=state.settings.data)
    here = f"/maps/{city.id}"
    kind: Kind = "streets"
    address = f"{here}/streets.geojson"
    if style:
        kind, address = "style", style
    elif archive:
        kind, address = "tiles", f"{here}/tiles/{base_map.version(archive)}"
    words = {name: say(f"map.{name}") for name in GroundWords.__struct_fields__}
    ground = Ground(
        kind=kind,
        address=address,
        centre=(city.centre.longitude, city.centre.latitude),
        words=GroundWords(**words),
    )
    return Response(ground, headers={"Cache-Control": A_MINUTE, "Vary": "Cookie, Accept-Language"})


@get("/maps/{city_id:uuid}/streets.geojson", opt=OPEN, include_in_schema=False)
async def show_streets(
    request: Asked, state: State, city_id: FromPath[UUID], database: NamedDependency[Database]
) -> Response[bytes]:
    """Plain streets, or a grid where nobody has drawn any."""
    city = await _city(state, database, city_id)
    return unless_known(
        request,
        await base_map.of(city, data=state.settings.data),
        media_type="application/geo+json",
        cache_control=AN_HOUR,
    )


@get("/maps/{city_id:uuid}/tiles/{version:str}", opt=OPEN, include_in_schema=False)
async def show_tiles(
    request: Asked,
    state: State,
    city_id: FromPath[UUID],
    version: FromPath[str],
    database: NamedDependency[Database],
) -> Response[bytes]:
    """A part of a city's tiles (`Range`), for as long as the archive is that version of it."""
    city = await _city(state, database, city_id)
    archive = await asyncio.to_thread(base_map.archive, city, data=state.settings.data)
    if archive is None or version != base_map.version(archive):
        raise not_found()
    return await asyncio.to_thread(
        _part, archive, asked=request.headers.get("range"), etag=f'"{version}"'
    )


def _part(archive: Path, *, asked: str | None, etag: str) -> Response[bytes]:
    whole = archive.stat().st_size
    headers = {"Accept-Ranges": "bytes", "Cache-Control": AN_HOUR, "ETag": etag}
    first, last = _between(asked, whole=whole)
    if first > last:
        headers["Content-Range"] = f"bytes */{whole}"
        return Response(b"", status_code=416, headers=headers)
    with archive.open("rb") as file:
        file.seek(first)
        body = file.read(last - first + 1)
    if asked is not None:
        headers["Content-Range"] = f"bytes {first}-{last}/{whole}"
    return Response(
        body,
        status_code=200 if asked is None else 206,
        headers=headers,
        media_type="application/vnd.pmtiles",
    )


def _between(asked: str | None, *, whole: int) -> tuple[int, int]:
    """The first and the last byte of what is asked for; nothing, if that cannot be had at once."""
    if asked is None:
        return 0, whole - 1 if whole <= MOST_AT_ONCE else -1
    found = _RANGE.fullmatch(asked)
    if found is None:
        return 0, -1
    first = int(found[1])
    last = min(int(found[2] or whole), whole - 1, first + MOST_AT_ONCE - 1)
    return first, last


async def _city(state: State, database: Database, city_id: UUID) -> CityFacts:
    watch: Watch = state.get("watch") or LiveWatch(database, registry=state.registry)
    city = await watch.place(city_id=city_id)
    if city is None:
        raise not_found()
    return city


routes: Final = [show_ground, show_streets, show_tiles]
