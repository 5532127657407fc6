"""Looking for merchants and dishes over HTTP: open to everybody."""

from typing import Annotated, Any, Final, cast
from uuid import UUID

from litestar import get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from litestar.types import Scope
from msgspec.structs import replace

from tawsil.catalog import finding
from tawsil.catalog.find_store import Asked, Sort
from tawsil.catalog.views import AnswerView, MerchantView
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    PUBLIC,
    SEARCH,
    Caller,
    Envelope,
    Page,
    PageNumber,
    PageQuery,
    PageSize,
    Problem,
    envelope,
    page_envelope,
)
from tawsil.kernel.places import Place

TAGS: Final = ["Merchants"]
Latitude = Annotated[float | None, QueryParameter(ge=-90, le=90)]
Longitude = Annotated[float | None, QueryParameter(ge=-180, le=180)]


def near_of(latitude: float | None, longitude: float | None) -> Place | None:
    if latitude is None and longitude is None:
        return None
    if latitude is None or longitude is None:
        raise Problem(400, "merchant.place_incomplete")
    return Place(latitude, longitude)


async def asked_for(
    latitude: Latitude = None,
    longitude: Longitude = None,
    tenant_id: FromQuery[UUID | None] = None,
    city_id: FromQuery[UUID | None] = None,
    open_now: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter has a name
    max_distance_m: Annotated[
        int | None,
        QueryParameter(ge=1, le=100_000, description="As the crow flies; asks for a place."),
    ] = None,
    min_rating: Annotated[float | None, QueryParameter(ge=1, le=5)] = None,
    cuisine: Annotated[list[str] | None, QueryParameter(max_items=20)] = None,
    price: Annotated[
        list[int] | None, QueryParameter(max_items=3, description="Price levels, of 1 to 3.")
    ] = None,
    sort: FromQuery[Sort] = Sort.DISTANCE,
    open_first: FromQuery[bool] = False,  # noqa: FBT002 - a query parameter has a name
) -> Asked:
    near = near_of(latitude, longitude)
    if max_distance_m is not None and near is None:
        raise Problem(400, "merchant.place_incomplete")
    return Asked(
        tenant_id=tenant_id,
        city_id=city_id,
        near=near,
        open_now=open_now,
        max_distance_m=max_distance_m,
        min_rating=min_rating,
        cuisines=tuple(cuisine) if cuisine else None,
        price_levels=tuple(price) if price else None,
        sort=sort,
        open_first=open_first,
    )


ASKED: Final = {"asked": Provide(asked_for)}


@get(
    "/v4/merchants",
    opt={"rule": PUBLIC, "limit": SEARCH},
    dependencies=ASKED,
    tags=TAGS,
    summary="Merchants, nearest first",
)
async def list_merchants(
    asked: NamedDependency[Asked],
    database: NamedDependency[Database],
    q: Annotated[str | None, QueryParameter(max_length=100)] = None,
    page: PageNumber = 1,
    limit: PageSize = 20,
) -> Envelope[list[MerchantView]]:
    """Merchants around a place, or by name, with whether they take orders now.

    `sort` is one of distance, rating, price, name. Everything that is set narrows.
    """
    query = PageQuery(page=page, limit=limit)
    async with database.transaction() as tx:
        found, total = await finding.find(
            tx, asked=replace(asked, words=q), limit=query.limit, offset=query.offset
        )
    return page_envelope(Page([MerchantView.of(f) for f in found], total), query)


@get(
    "/v4/search",
    opt={"rule": PUBLIC, "limit": SEARCH},
    dependencies=ASKED,
    tags=TAGS,
    summary="Merchants and dishes by words, also mistyped ones",
)
async def search(
    asked: NamedDependency[Asked],
    database: NamedDependency[Database],
    state: State,
    scope: Scope,
    q: Annotated[
        str,
        QueryParameter(min_length=1, max_length=100, description="In English, Arabic, or both."),
    ],
    limit: PageSize = 20,
) -> Envelope[AnswerView]:
    """Words are found without case or diacritics, by their beginning, and with a mistake in them
    (two in long ones); where nothing has all of the words, what has any of them is found.

    Of your own tenant; without a session, of the one that is asked for, or of the platform's own.
    `limit` is of dishes. Open ones come first among what fits as well.
    """
    caller: Caller | None = cast("dict[str, Any]", scope).get("caller")
    tenant_id = caller.tenant_id if caller else asked.tenant_id or state.default_tenant_id
    async with database.transaction() as tx:
        answer = await finding.search_by_words(
            tx, asked=replace(asked, words=q, tenant_id=tenant_id), limit=limit
        )
    return envelope(AnswerView.of(answer))


routes: Final[list[Any]] = [list_merchants, search]
