"""Lists of couriers over HTTP, for those who look after them: in parts, or as a file."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from tawsil.couriers import public
from tawsil.couriers.events import Availability, Vehicle
from tawsil.couriers.views import CourierView
from tawsil.kernel.db import Database
from tawsil.kernel.http import (
    HEAVY,
    Asked,
    Envelope,
    allow,
    asked_of,
    columns,
    csv_of,
    list_envelope,
    ordered_of,
)
from tawsil.kernel.reach import Reach

LIST: Final = "courier:list"
COLUMNS: Final = columns(
    "id",
    "city_id",
    "vehicle",
    "availability",
    "reason",
    "since_at",
    "shift_ends_at",
    "break_ends_at",
    "rating",
    "missed_offers",
    "fault",
    "suspended_because",
)


async def asked_for(
    availability: FromQuery[list[Availability] | None] = None,
    city_id: FromQuery[UUID | None] = None,
    area_id: Annotated[
        UUID | None, QueryParameter(description="Only in the cities below this area.")
    ] = None,
    vehicle: FromQuery[Vehicle | None] = None,
    unsafe: FromQuery[bool | None] = None,
    suspended: FromQuery[bool | None] = None,
    least_rating: Annotated[float | None, QueryParameter(ge=1, le=5)] = None,
    q: Annotated[
        str | None,
        QueryParameter(
            min_length=1,
            max_length=100,
            description="How their name, e-mail address or telephone number begins.",
        ),
    ] = None,
) -> public.Filter:
    return public.Filter(
        availabilities=tuple(availability) if availability else None,
        city_id=city_id,
        area_id=area_id,
        vehicle=vehicle,
        unsafe=unsafe,
        suspended=suspended,
        least_rating=least_rating,
        words=q,
    )


WHICH: Final = {"which": Provide(asked_for)}


@get(
    "/v4/drivers",
    opt={"rule": allow(LIST)},
    dependencies={**WHICH, **asked_of(public.SORTS)},
    tags=["Couriers"],
    summary="List couriers",
)
async def list_couriers(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Envelope[list[CourierView]]:
    """The couriers of the tenant, or of a manager's area; by id, unless sorted otherwise."""
    async with database.transaction() as tx:
        found = await public.search(tx, reach=reach, which=which, take=asked.take(which))
    return list_envelope(found.map(CourierView.of), asked)


@get(
    "/v4/drivers.csv",
    opt={"rule": allow(LIST), "limit": HEAVY},
    dependencies={**WHICH, **ordered_of(public.SORTS)},
    tags=["Couriers"],
    summary="All couriers of a list, as a file",
    media_type="text/csv",
)
async def export_couriers(
    asked: NamedDependency[Asked],
    which: NamedDependency[public.Filter],
    reach: NamedDependency[Reach],
    database: NamedDependency[Database],
) -> Stream:
    """The same filters and order as the list; at most 100,000 rows, whole or not at all."""
    return await csv_of(
        "couriers",
        COLUMNS,
        asked.take(which),
        database=database,
        search=partial(public.search, reach=reach, which=which),
    )


routes: Final[list[Any]] = [list_couriers, export_couriers]
