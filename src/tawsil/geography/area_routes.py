"""Areas over HTTP: the tree that managers stand in, and where each city lies."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.geography import public
from tawsil.geography.events import Level
from tawsil.geography.model import Area, City
from tawsil.kernel.db import Database
from tawsil.kernel.http import SIGNED_IN, Caller, Commands, Envelope, Problem, allow, envelope
from tawsil.kernel.i18n import current_locale
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import OneLine

TAGS: Final = ["Areas"]
CREATE: Final = "location:create"
UPDATE: Final = "location:update"

Slug = Annotated[
    str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$(?!\n)", max_length=60, examples=["al-marsa"])
]
NameEn = Annotated[OneLine, Meta(min_length=1, max_length=100, examples=["Al Marsa"])]
NameAr = Annotated[OneLine, Meta(min_length=1, max_length=100, examples=["المرسى"])]


class CreateAreaBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Without a parent: a country. Otherwise it is one level below its parent."""

    slug: Slug
    name_en: NameEn
    name_ar: NameAr
    parent_id: UUID | None = None


class RenameAreaBody(Struct, frozen=True, forbid_unknown_fields=True):
    slug: Slug
    name_en: NameEn
    name_ar: NameAr


class MoveAreaBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The area it shall lie in."""

    parent_id: Annotated[UUID, Meta(examples=["01920000-0000-7000-8000-00000000000a"])]


class PlaceCityBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The municipality the city lies in; null: it is taken out of the tree."""

    municipality_id: Annotated[UUID, Meta(examples=["01920000-0000-7000-8000-00000000000b"])] | None


class AreaView(Struct, frozen=True, kw_only=True):
    """An area; `name` is in the language of the request, `city_ids` lie in it immediately."""

    id: UUID
    level: Level
    parent_id: UUID | None
    slug: str
    name: str
    name_en: str
    name_ar: str
    city_ids: list[UUID] = []

    @classmethod
    def of(cls, area: Area, **more: Any) -> "AreaView":
        return cls(
            id=area.id,
            level=area.level,
            parent_id=area.parent_id,
            slug=area.slug,
            name=area.name_ar if current_locale.get() == "ar" else area.name_en,
            name_en=area.name_en,
            name_ar=area.name_ar,
            **more,
        )


class PlacedView(Struct, frozen=True, kw_only=True):
    """Where a city lies."""

    city_id: UUID
    municipality_id: UUID | None

    @classmethod
    def of(cls, city: City) -> "PlacedView":
        return cls(city_id=city.id, municipality_id=city.municipality_id)


@get("/v4/areas", opt={"rule": SIGNED_IN}, tags=TAGS, summary="The tree of areas")
async def list_areas(
    caller: NamedDependency[Caller], database: NamedDependency[Database]
) -> Envelope[list[AreaView]]:
    """Country > region > district > municipality: each area comes after the one it lies in."""
    async with database.transaction() as tx:
        areas = await public.areas(tx, tenant_id=caller.tenant_id)
        cities = await public.cities(tx, tenant_id=caller.tenant_id)
    return envelope(
        [
            AreaView.of(area, city_ids=[c.id for c in cities if c.municipality_id == area.id])
            for area in areas
        ]
    )


@post("/v4/areas", opt={"rule": allow(CREATE)}, tags=TAGS, summary="Add an area")
async def create_area(
    data: JSONBody[CreateAreaBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[AreaView]]:
    of_the_tenant(reach, CREATE)
    return await commands.submit(
        public.create_area,
        public.CreateArea(
            by=caller.by,
            parent_id=data.parent_id,
            slug=data.slug,
            name_en=data.name_en,
            name_ar=data.name_ar,
        ),
        view=AreaView.of,
        status=201,
    )


@put("/v4/areas/{area_id:uuid}", opt={"rule": allow(UPDATE)}, tags=TAGS, summary="Rename an area")
async def rename_area(
    area_id: FromPath[UUID],
    data: JSONBody[RenameAreaBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[AreaView]]:
    of_the_tenant(reach, UPDATE)
    return await commands.submit(
        public.rename_area,
        public.RenameArea(
            by=caller.by,
            area_id=area_id,
            slug=data.slug,
            name_en=data.name_en,
            name_ar=data.name_ar,
        ),
        view=AreaView.of,
    )


@post(
    "/v4/areas/{area_id:uuid}/move",
    opt={"rule": allow(UPDATE)},
    status_code=200,
    tags=TAGS,
    summary="Put an area into another one",
)
async def move_area(
    area_id: FromPath[UUID],
    data: JSONBody[MoveAreaBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[AreaView]]:
    """With all that lies in it: its managers keep what they see, those above see other things."""
    of_the_tenant(reach, UPDATE)
    return await commands.submit(
        public.move_area,
        public.MoveArea(by=caller.by, area_id=area_id, parent_id=data.parent_id),
        view=AreaView.of,
    )


@put(
    "/v4/cities/{city_id:uuid}/municipality",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Say in which municipality a city lies",
)
async def place_city(
    city_id: FromPath[UUID],
    data: JSONBody[PlaceCityBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[PlacedView]]:
    of_the_tenant(reach, UPDATE)
    return await commands.submit(
        public.place_city,
        public.PlaceCity(by=caller.by, city_id=city_id, municipality_id=data.municipality_id),
        view=PlacedView.of,
    )


def of_the_tenant(reach: Reach, permission: str) -> None:
    """A courier may update their own location; the tree is for those who run the tenant."""
    if not reach.everything:
        raise Problem(403, "request.forbidden", permission=permission)


routes: Final[list[Any]] = [list_areas, create_area, rename_area, move_area, place_city]
