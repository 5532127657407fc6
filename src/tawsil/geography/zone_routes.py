"""Zones over HTTP: drawn, changed and retired by those who look after the whole tenant."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from litestar import Response, delete, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.geography import public
from tawsil.geography.views import ZoneFeature
from tawsil.kernel.http import Caller, Commands, Envelope, Problem, allow
from tawsil.kernel.places import Place
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import OneLine

TAGS: Final = ["Geography"]
CREATE: Final = "zone:create"
UPDATE: Final = "zone:update"
RETIRE: Final = "zone:delete"
MOST_CORNERS: Final = 200

Slug = Annotated[
    str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", max_length=60, examples=["old-port"])
]
NameEn = Annotated[OneLine, Meta(min_length=1, max_length=100, examples=["Old port"])]
NameAr = Annotated[OneLine, Meta(min_length=1, max_length=100, examples=["الميناء القديم"])]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Corner = tuple[Longitude, Latitude]
Ring = Annotated[list[Corner], Meta(min_length=3, max_length=MOST_CORNERS + 1)]
DRAWN: Final = [[[53.08, 24.1], [53.12, 24.1], [53.12, 24.14], [53.08, 24.14], [53.08, 24.1]]]


class PolygonBody(Struct, frozen=True, forbid_unknown_fields=True):
    """GeoJSON (RFC 7946): one ring of [longitude, latitude], without holes."""

    coordinates: Annotated[list[Ring], Meta(min_length=1, max_length=1, examples=[DRAWN])]
    type: Literal["Polygon"] = "Polygon"

    @property
    def ring(self) -> tuple[Place, ...]:
        return tuple(Place(latitude, longitude) for longitude, latitude in self.coordinates[0])


class CreateZoneBody(Struct, frozen=True, forbid_unknown_fields=True):
    slug: Slug
    name_en: NameEn
    name_ar: NameAr
    geometry: PolygonBody


class ChangeZoneBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is to be called; without a geometry it stays where it is."""

    slug: Slug
    name_en: NameEn
    name_ar: NameAr
    geometry: PolygonBody | None = None


@post(
    "/v4/cities/{city_id:uuid}/zones", opt={"rule": allow(CREATE)}, tags=TAGS, summary="Add a zone"
)
async def create_zone(
    city_id: FromPath[UUID],
    data: JSONBody[CreateZoneBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ZoneFeature]]:
    """A polygon that does not cross itself, near the city. Its cells are those whose middle lies
    in it; where zones overlap, a place belongs to the smaller.
    """
    _of_the_tenant(reach, CREATE)
    command = public.CreateZone(
        by=caller.by,
        city_id=city_id,
        slug=data.slug,
        name_en=data.name_en,
        name_ar=data.name_ar,
        ring=data.geometry.ring,
    )
    return await commands.submit(public.create_zone, command, view=ZoneFeature.of, status=201)


@put(
    "/v4/cities/{city_id:uuid}/zones/{zone_id:uuid}",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Rename a zone, or draw it anew",
)
async def change_zone(
    city_id: FromPath[UUID],
    zone_id: FromPath[UUID],
    data: JSONBody[ChangeZoneBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ZoneFeature]]:
    """From now on; quotes that bind already stay as they are."""
    _of_the_tenant(reach, UPDATE)
    command = public.ChangeZone(
        by=caller.by,
        city_id=city_id,
        zone_id=zone_id,
        slug=data.slug,
        name_en=data.name_en,
        name_ar=data.name_ar,
        ring=data.geometry.ring if data.geometry else None,
    )
    return await commands.submit(public.change_zone, command, view=ZoneFeature.of)


@delete(
    "/v4/cities/{city_id:uuid}/zones/{zone_id:uuid}",
    opt={"rule": allow(RETIRE)},
    status_code=200,
    tags=TAGS,
    summary="Retire a zone",
)
async def retire_zone(
    city_id: FromPath[UUID],
    zone_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ZoneFeature]]:
    """No place lies in it any more. One with a fee of its own has to lose that first."""
    _of_the_tenant(reach, RETIRE)
    command = public.RetireZone(by=caller.by, city_id=city_id, zone_id=zone_id)
    return await commands.submit(public.retire_zone, command, view=ZoneFeature.of)


@post(
    "/v4/cities/{city_id:uuid}/zones/{zone_id:uuid}/reinstate",
    opt={"rule": allow(RETIRE)},
    status_code=200,
    tags=TAGS,
    summary="Bring a retired zone back",
)
async def reinstate_zone(
    city_id: FromPath[UUID],
    zone_id: FromPath[UUID],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[ZoneFeature]]:
    """As it was when it was retired. One that was not stays as it is."""
    _of_the_tenant(reach, RETIRE)
    command = public.ReinstateZone(by=caller.by, city_id=city_id, zone_id=zone_id)
    return await commands.submit(public.reinstate_zone, command, view=ZoneFeature.of)


def _of_the_tenant(reach: Reach, permission: str) -> None:
    if not reach.everything:
        raise Problem(403, "request.forbidden", permission=permission)


routes: Final[list[Any]] = [create_zone, change_zone, retire_zone, reinstate_zone]
