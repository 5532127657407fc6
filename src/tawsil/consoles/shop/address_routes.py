"""Saying where to bring it: by the name of a place, by where one is, or on a map."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import httpx
import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Struct
from msgspec.structs import replace

from tawsil.catalog.public import folded
from tawsil.consoles.assets import Asked
from tawsil.consoles.own_api import answered, ask, ask_as_caller, refusal_of
from tawsil.consoles.pages import local_address
from tawsil.consoles.shop import kept, merchants
from tawsil.consoles.shop.addresses import MOST_WORDS, Address, addresses_of, choosing, keeping
from tawsil.consoles.shop.frame import ORDER, Visit, shop_page, visit_of
from tawsil.consoles.shop.kept import Kept
from tawsil.consoles.shop.merchants import City
from tawsil.kernel.http import PUBLIC, allow
from tawsil.kernel.i18n import current_locale, text
from tawsil.kernel.places import Place, distance_m

HERE: Final = "/address"
MOST_FOUND: Final = 8
_NAMED: Final = frozenset({"district", "street", "avenue", "corniche", "ring", "park"})


class Spot(Struct, frozen=True, kw_only=True):
    """A place with a name, on the ground of a city."""

    name_en: str
    name_ar: str
    kind: str
    place: Place
    city: str

    @property
    def named(self) -> str:
        return self.name_ar if current_locale.get() == "ar" else self.name_en


class _Properties(Struct, frozen=True):
    kind: str = ""
    name_en: str = ""
    name_ar: str = ""


class _Geometry(Struct, frozen=True):
    type: str
    coordinates: msgspec.Raw


class _Feature(Struct, frozen=True):
    properties: _Properties
    geometry: _Geometry


class _Ground(Struct, frozen=True):
    features: list[_Feature]


@get(HERE, opt={"rule": PUBLIC}, include_in_schema=False)
async def show_address(
    request: Asked,
    next: FromQuery[str | None] = None,  # noqa: A002 - the name in the address
    q: FromQuery[str | None] = None,
) -> Response[Any]:
    visit = await visit_of(request)
    return await _address_page(request, visit, after=next, sought=(q or "").strip()[:100])


@post(HERE, opt={"rule": PUBLIC}, include_in_schema=False)
async def choose(request: Asked) -> Response[Any]:
    """Remember an address and come back. Without a name it is called by what is near."""
    form = await request.form()
    after = local_address(str(form.get("next", "")), otherwise="/")
    if str(form.get("forget", "")):
        left = [one for one in addresses_of(request) if one.words != str(form.get("forget"))]
        back = f"{HERE}?{urlencode({'next': after})}"
        return Redirect(back, status_code=303, cookies=[keeping(request, left)])
    visit = await visit_of(request)
    said = {
        "words": " ".join(str(form.get("words", "")).split())[:MOST_WORDS],
        "latitude": str(form.get("latitude", "")),
        "longitude": str(form.get("longitude", "")),
    }
    if not said["words"]:
        said["words"] = await _called(request, visit, said)
    try:
        address = msgspec.convert(list(said.values()), Address, strict=False)
    except msgspec.ValidationError:
        refused = text("console.shop.address.unreadable")
        return await _address_page(request, visit, after=after, sought="", refused=refused)
    if visit.may_order:
        await kept.keep(request, address)
    return Redirect(after, status_code=303, cookies=[choosing(request, address)])


@post(f"{HERE}/kept", opt={"rule": allow(ORDER)}, include_in_schema=False, status_code=303)
async def keep_again(request: Asked) -> Response[Any]:
    """One that was forgotten by mistake, as it was."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    answer = await ask_as_caller(request, "POST", kept.ADDRESSES, json=kept.body_of(form))
    return await _after_change(request, form, answer)


@post(
    f"{HERE}/kept/{{address_id:uuid}}",
    opt={"rule": allow(ORDER)},
    include_in_schema=False,
    status_code=303,
)
async def change_kept(request: Asked, address_id: FromPath[UUID]) -> Response[Any]:
    """Call it otherwise, make it the default, or forget it, here and in this browser."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    known = await kept.one_kept(request, address_id)
    path = f"{kept.ADDRESSES}/{address_id}"
    if "forget" not in form:
        answer = await ask_as_caller(
            request, "PUT", path, json=kept.body_of({**known.fields, **form})
        )
        return await _after_change(request, form, answer)
    answered(await ask_as_caller(request, "DELETE", path), Kept)
    left = [one for one in addresses_of(request) if one.words != known.address]
    visit = replace(await visit_of(request), addresses=left)
    shown = await _address_page(request, visit, after=form.get("next"), sought="", forgotten=known)
    shown.set_cookie(keeping(request, left))
    return shown


async def _after_change(
    request: Asked, form: dict[str, str], answer: httpx.Response
) -> Response[Any]:
    after = local_address(form.get("next"), otherwise="/")
    if answer.is_success:
        return Redirect(f"{HERE}?{urlencode({'next': after})}", status_code=303)
    refused = refusal_of(answer).message
    visit = await visit_of(request)
    return await _address_page(request, visit, after=after, sought="", refused=refused)


async def _address_page(
    request: Asked,
    visit: Visit,
    *,
    after: str | None,
    sought: str,
    refused: str | None = None,
    forgotten: Kept | None = None,
) -> Response[Any]:
    after = local_address(after, otherwise="/")
    mine = await kept.kept_of(request) if visit.may_order else []
    known = await merchants.cities(request, visit)
    return shop_page(
        request,
        visit,
        "shop/address.html",
        status=422 if refused else 200,
        here=f"{HERE}?{urlencode({'next': after})}",
        next=after,
        sought_place=sought,
        found=_matching(await _spots(request, known), sought) if sought else [],
        cities=known,
        city=(merchants.city_of(visit.address, known) if visit.address else None)
        or next(iter(known), None),
        refused=refused,
        forgotten=forgotten,
        kept=mine,
        recent=[one for one in visit.addresses if one.words not in {k.address for k in mine}],
    )


async def _called(request: Asked, visit: Visit, said: dict[str, str]) -> str:
    """What a pin or a position is called: by the nearest place with a name."""
    try:
        at = Place(float(said["latitude"]), float(said["longitude"]))
    except ValueError:
        return ""
    spots = await _spots(request, await merchants.cities(request, visit))
    near = min(spots, key=lambda spot: distance_m(spot.place, at), default=None)
    if near is None or distance_m(near.place, at) > 2_000:
        return text("console.shop.address.pin")
    return text("console.shop.address.near", params={"name": near.named})


async def _spots(request: Asked, known: Sequence[City]) -> list[Spot]:
    spots: list[Spot] = []
    for city in known:
        spots.append(
            Spot(
                name_en=city.name_en,
                name_ar=city.name_ar,
                kind="city",
                place=city.centre,
                city=city.name,
            )
        )
        ground = await ask(request, "GET", f"/maps/{city.id}/streets.geojson")
        if ground.is_success:
            spots += _named_on(ground.content, city.name)
    return spots


@lru_cache(16)
def _named_on(ground: bytes, city: str) -> tuple[Spot, ...]:
    """Each name once: of a street the middle, of a district the middle of its outline."""
    found: dict[str, Spot] = {}
    for feature in msgspec.json.decode(ground, type=_Ground).features:
        named = feature.properties
        if named.kind not in _NAMED or not (named.name_en or named.name_ar):
            continue
        points = _points(msgspec.json.decode(feature.geometry.coordinates))
        longitude, latitude = _middle(points, of_line="Line" in feature.geometry.type)
        found.setdefault(
            named.name_en or named.name_ar,
            Spot(
                name_en=named.name_en or named.name_ar,
                name_ar=named.name_ar or named.name_en,
                kind=named.kind,
                place=Place(latitude, longitude),
                city=city,
            ),
        )
    return tuple(found.values())


def _points(coordinates: Any) -> list[tuple[float, float]]:
    """The positions of a point, a line or a polygon, however deep they lie."""
    if coordinates and isinstance(coordinates[0], int | float):
        return [(float(coordinates[0]), float(coordinates[1]))]
    return [point for part in coordinates for point in _points(part)]


def _middle(points: Sequence[tuple[float, float]], *, of_line: bool) -> tuple[float, float]:
    if of_line:
        return points[len(points) // 2]
    longitudes, latitudes = zip(*points, strict=True)
    return sum(longitudes) / len(points), sum(latitudes) / len(points)


def _matching(spots: Sequence[Spot], sought: str) -> list[Spot]:
    """Places whose names have every word, those that begin so first."""
    wanted = folded(sought).split()
    named = {n: _name_with(spot, wanted) for n, spot in enumerate(spots)}
    ranked = sorted(
        (not name.startswith(wanted[0]), spots[n].kind != "district", len(name), n)
        for n, name in named.items()
        if name is not None
    )
    return [spots[n] for *_, n in ranked[:MOST_FOUND]]


def _name_with(spot: Spot, wanted: Sequence[str]) -> str | None:
    """The first of its names, as it is compared, that has all of some words."""
    names = (folded(spot.name_en), folded(spot.name_ar))
    return next((n for n in names if wanted and all(word in n for word in wanted)), None)


pages: Final = [show_address, choose, keep_again, change_kept]
