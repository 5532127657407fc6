"""Cities over HTTP, for those who run the tenant: a new one, and what is written about one."""

from typing import Annotated, Any, Final
from uuid import UUID

from litestar import Response, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from tawsil.geography import public
from tawsil.geography.area_routes import CREATE, UPDATE, Slug, of_the_tenant
from tawsil.geography.views import CityView
from tawsil.kernel.http import Caller, Commands, Envelope, allow
from tawsil.kernel.places import Place
from tawsil.kernel.reach import Reach
from tawsil.kernel.text import OneLine

TAGS: Final = ["Cities"]
EXAMPLE: Final[dict[str, Any]] = {
    "name_en": "Marsa",
    "name_ar": "المرسى",
    "timezone": "Asia/Dubai",
    "centre": {"latitude": 24.121, "longitude": 53.101},
}
Name = Annotated[OneLine, Meta(min_length=1, max_length=100)]
Timezone = Annotated[
    str, Meta(max_length=60, pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$(?!\n)")
]


class _City(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is written about a city. The time zone is an IANA name."""

    name_en: Name
    name_ar: Name
    timezone: Timezone
    centre: Place


class _NewCity(_City, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it counts its money in (ISO 4217) and its short name stay for ever."""

    slug: Slug
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", examples=["AED"])]
    municipality_id: UUID | None = None


NewCityBody = Annotated[_NewCity, Meta(examples=[{**EXAMPLE, "slug": "marsa", "currency": "AED"}])]
CityBody = Annotated[_City, Meta(examples=[EXAMPLE])]


@post(
    "/v4/cities",
    opt={"rule": allow(CREATE)},
    status_code=201,
    tags=TAGS,
    summary="Open a city",
)
async def open_city(
    data: JSONBody[NewCityBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CityView]]:
    """It charges by the default rules until it has its own, and nobody delivers in it yet."""
    of_the_tenant(reach, CREATE)
    command = public.OpenCity(
        by=caller.by,
        slug=data.slug,
        name_en=data.name_en,
        name_ar=data.name_ar,
        currency=data.currency,
        timezone=data.timezone,
        centre=data.centre,
        municipality_id=data.municipality_id,
    )
    return await commands.submit(public.open_city, command, view=CityView.of, status=201)


@put(
    "/v4/cities/{city_id:uuid}",
    opt={"rule": allow(UPDATE)},
    tags=TAGS,
    summary="Change what is written about a city",
)
async def change_city(
    city_id: FromPath[UUID],
    data: JSONBody[CityBody],
    caller: NamedDependency[Caller],
    reach: NamedDependency[Reach],
    commands: NamedDependency[Commands],
) -> Response[Envelope[CityView]]:
    """Its names, its time zone and where its centre is."""
    of_the_tenant(reach, UPDATE)
    command = public.ChangeCity(
        by=caller.by,
        city_id=city_id,
        name_en=data.name_en,
        name_ar=data.name_ar,
        timezone=data.timezone,
        centre=data.centre,
    )
    return await commands.submit(public.change_city, command, view=CityView.of)


routes: Final[list[Any]] = [open_city, change_city]
