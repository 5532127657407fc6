"""Above an invented city: its municipality, district, region and country, and who manages each."""

from typing import Final
from uuid import UUID, uuid5

from msgspec import Struct

from tawsil.geography import public as geography
from tawsil.identity.public import NewUser, Role
from tawsil.kernel.db import Tx
from tawsil.kernel.decisions import By, Refusal
from tawsil.simulation.city.words import Words


class Post(Struct, frozen=True, kw_only=True):
    """An area and who manages it; areas of one slug in one parent are the same area."""

    slug: str
    name: Words
    manager: Words
    role: Role


EMAILS: Final = {
    Role.COUNTRY_DISTRIBUTOR: "manager.country@example.com",
    Role.REGIONAL_MANAGER: "manager.regional@example.com",
    Role.DISTRICT_MANAGER: "manager.district@example.com",
    Role.MUNICIPAL_MANAGER: "manager.municipal@example.com",
}
ABOVE: Final = (
    Post(
        slug="wasl",
        name=Words("Wasl", "وصل"),
        manager=Words("Omar Al Farsi", "عمر الفارسي"),
        role=Role.COUNTRY_DISTRIBUTOR,
    ),
    Post(
        slug="east-coast",
        name=Words("East Coast", "الساحل الشرقي"),
        manager=Words("Huda Al Zaabi", "هدى الزعابي"),
        role=Role.REGIONAL_MANAGER,
    ),
    Post(
        slug="bays",
        name=Words("The Bays", "الخلجان"),
        manager=Words("Salem Al Nuaimi", "سالم النعيمي"),
        role=Role.DISTRICT_MANAGER,
    ),
)


def posts(city: geography.City) -> tuple[Post, ...]:
    """From the country down to the city's municipality."""
    name = Words(f"{city.name_en} Municipality", f"بلدية {city.name_ar}")
    municipality = Post(
        slug=city.slug,
        name=name,
        manager=Words("Aisha Al Ketbi", "عائشة الكتبي"),
        role=Role.MUNICIPAL_MANAGER,
    )
    return (*ABOVE, municipality)


def area_ids(city: geography.City) -> list[UUID]:
    """The areas above the city, from the country down; other cities of the tenant share them."""
    ids = [city.tenant_id]
    for post in posts(city):
        ids.append(uuid5(ids[-1], f"area/{post.slug}"))
    return ids[1:]


async def place(tx: Tx, city: geography.City) -> None:
    """Put the city into its municipality, unless it lies in one, and grow the tree above it."""
    if city.municipality_id is not None:
        return
    by = By(tenant_id=city.tenant_id, correlation_id=tx.ids())
    there = {area.id for area in await geography.areas(tx, tenant_id=city.tenant_id)}
    parent_id: UUID | None = None
    for post, id_ in zip(posts(city), area_ids(city), strict=True):
        if id_ not in there:
            command = geography.CreateArea(
                by=by,
                area_id=id_,
                parent_id=parent_id,
                slug=post.slug,
                name_en=post.name.en,
                name_ar=post.name.ar,
            )
            (area,) = await geography.create_area(tx, [command])
            assert not isinstance(area, Refusal), area
        parent_id = id_
    await geography.place_city(
        tx, [geography.PlaceCity(by=by, city_id=city.id, municipality_id=parent_id)]
    )


def managers(city: geography.City, *, password_hash: str) -> list[NewUser]:
    """One for each area above the city. An address has one owner: of two cities, the first."""
    return [
        NewUser(
            id=uuid5(area_id, "manager"),
            tenant_id=city.tenant_id,
            email=EMAILS[post.role],
            name=post.manager.en,
            password_hash=password_hash,
            roles=(post.role,),
            location_id=area_id,
        )
        for post, area_id in zip(posts(city), area_ids(city), strict=True)
    ]
